/**
 * The span of wall clock that the page is about. The range in the header is of event time, mostly of another year: outages of an edge
 * are not in it, so the page has a choice of its own, in the address as `wall=`.
 */
import { useLocale } from '../../shell/locale.ts';
import { goToQuery, placeStore } from '../../shell/place.ts';
import { Choice } from '../../shell/settings-dialog.tsx';
import { useStore } from '../../shell/store.ts';

const SPANS = ['1h', '24h', '7d'] as const;
type WallSpan = (typeof SPANS)[number];
const DEFAULT_SPAN: WallSpan = '24h';

export function useWallSpan(): WallSpan {
  const { query } = useStore(placeStore);
  const asked = new URLSearchParams(query).get('wall');
  return SPANS.find((span) => span === asked) ?? DEFAULT_SPAN;
}

export function WallSpanChoice() {
  const { t } = useLocale();
  return (
    <Choice
      name="wall-span"
      title={t('fleet.span')}
      isTitleHidden
      options={SPANS.map((value) => ({ value, words: t(`fleet.span.${value}`) }))}
      value={useWallSpan()}
      onChoose={(value) => goToQuery({ wall: value === DEFAULT_SPAN ? '' : value })}
    />
  );
}
