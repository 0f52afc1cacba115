/** A household without data in the range: why, and the way to the nearest data that it has. */
import type { GapReply, GapsReply, HouseholdDetailReply } from '../../../server/api/api-types.ts';
import { getJson } from '../../data/request.ts';
import { metaStore } from '../../data/meta.ts';
import { useData } from '../../data/use-data.ts';
import { withSpan } from '../../range.ts';
import { useLocale } from '../../shell/locale.ts';
import { chooseRange, usePageRange } from '../../shell/page-range.ts';
import { useStore } from '../../shell/store.ts';
import { fixedRange, nearestSpan } from './fixed-range.ts';

export function NoDataHere({ reply }: { reply: HouseholdDetailReply }) {
  const { t, f } = useLocale();
  const { range, span } = usePageRange();
  const windowMs = (useStore(metaStore)?.windowSeconds ?? 5) * 1_000;
  const gap = useGap(reply.household.household);
  const { firstAt, lastAt } = reply.household;
  if (firstAt === null || lastAt === null) {
    return (
      <div class="empty" id="no-data">
        <p>
          <strong>{t('households.nothing')}</strong> {t('households.nothingNote')}
        </p>
      </div>
    );
  }
  // The windows that hold the first and the last reading.
  const startOf = (at: string) => Math.floor(Date.parse(at) / windowMs) * windowMs;
  const data = { firstMs: startOf(firstAt), lastMs: startOf(lastAt) + windowMs };
  const known = t('households.dataFromTo', { first: f.dateTime(data.firstMs), last: f.dateTime(data.lastMs) });
  const inGap =
    gap === undefined ? '' : t('households.inGap', { from: f.dateTime(gap.fromMs), to: f.dateTime(gap.toMs), reason: gap.reason });
  return (
    <div class="empty" id="no-data">
      <p>
        <strong>{t('chart.empty')}</strong> {inGap} {known}
      </p>
      {span !== null && (
        <button type="button" class="primary" onClick={() => chooseRange(withSpan(range, nearestSpan(span, data, gap)))}>
          {t('chart.toNearest')}
        </button>
      )}
    </div>
  );
}

interface Gap {
  fromMs: number;
  toMs: number;
  reason: string;
}

/** The gap that holds the range. */
function useGap(household: string): Gap | undefined {
  const { t } = useLocale();
  const { range, span } = usePageRange();
  const fixed = fixedRange(range, span);
  const address =
    fixed === null ? null : `/api/v1/households/${encodeURIComponent(household)}/gaps?${new URLSearchParams({ ...fixed, limit: '1' })}`;
  const { value } = useData(address, (signal) => getJson<GapsReply>(address ?? '', signal));
  const gap: GapReply | undefined = value?.gaps[0];
  if (gap === undefined || span === null) return undefined;
  const its = { fromMs: Date.parse(gap.from), toMs: Date.parse(gap.to) };
  const reason = gap.reason === 'no readings' ? t('households.noReadings') : gap.reason;
  return its.fromMs <= span.fromMs && its.toMs >= span.toMs ? { ...its, reason } : undefined;
}
