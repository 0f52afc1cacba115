/** What stands in for the figures before the first window: what is being waited for. */
import type { Freshness } from '../../live/page-state.ts';
import { useFreshness } from '../../live/use-freshness.ts';
import { type Locale, useLocale } from '../../shell/locale.ts';

export function Waiting() {
  const locale = useLocale();
  const [title, note] = wordsOf(useFreshness(), locale);
  return (
    <div class="waiting" id="waiting">
      <p class="waiting-title" id="waiting-title">
        {title}
      </p>
      <p class="waiting-note" id="waiting-note">
        {note}
      </p>
    </div>
  );
}

function wordsOf(fresh: Freshness, { t, f }: Locale): [title: string, note: string] {
  if (fresh.kind === 'connecting') return [t('overview.connecting'), t('overview.connectingNote')];
  if (fresh.kind === 'cut') return [t('overview.noConnection'), t('overview.noConnectionNote')];
  if (fresh.kind !== 'waiting') return [t('overview.waitReading'), ''];
  if (fresh.firstWindowInSeconds !== null) {
    return [t('overview.firstIn', { age: f.duration(fresh.firstWindowInSeconds) }), t('overview.firstInNote')];
  }
  if (fresh.edges === 0) return [t('overview.waitEdge'), t('overview.waitEdgeNote')];
  return [t('overview.waitReading'), t('overview.waitReadingNote', { n: fresh.edges })];
}
