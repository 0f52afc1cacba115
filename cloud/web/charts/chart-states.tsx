/** A chart that can't be drawn: why, and what to do. */
import type { Refused } from '../data/request.ts';
import type { SeriesTable } from '../data/series.ts';
import { dataEnds } from '../live/data-ends.ts';
import { problemTold } from '../live/problem-words.ts';
import { DEFAULT_FROM, DEFAULT_TO } from '../range-address.ts';
import { Icon } from '../shell/icons.tsx';
import { useLocale } from '../shell/locale.ts';
import { chooseRange, usePageRange } from '../shell/page-range.ts';
import { useStore } from '../shell/store.ts';
import { ToldText } from '../shell/told-text.tsx';

/** Also for what is no chart: any part of a page whose data could not be loaded. */
export function Failure({ failure, retry }: { failure: Refused; retry: () => void }) {
  const locale = useLocale();
  const { t } = locale;
  return (
    <div class="empty" role="alert">
      <Icon name="warning" />
      <p>
        <strong>{t('chart.failed')}</strong> <ToldText told={problemTold(failure.problem, locale)} />
      </p>
      <button type="button" class="primary" onClick={retry}>
        {t('shell.tryAgain')}
      </button>
    </div>
  );
}

/** Nothing in the range: where the data is, and a way there. */
export function Emptiness({ table }: { table: Pick<SeriesTable, 'fromMs' | 'toMs'> }) {
  const { t, f } = useLocale();
  const { firstMs, latestMs } = useStore(dataEnds);
  const { range } = usePageRange();
  const isAfter = latestMs !== null && table.fromMs >= latestMs;
  return (
    <div class="empty">
      <p>
        <strong>{t('chart.empty')}</strong>{' '}
        {latestMs === null
          ? t('chart.emptyNone')
          : firstMs === null
            ? ''
            : t('chart.emptyKnown', { first: f.minute(firstMs), last: f.minute(latestMs) })}
      </p>
      {latestMs !== null && (
        <button type="button" class="primary" onClick={() => chooseRange({ ...range, ...nearest(table, firstMs, latestMs, isAfter) })}>
          {t(isAfter || firstMs === null ? 'chart.toLatest' : 'chart.toNearest')}
        </button>
      )}
    </div>
  );
}

/** As long as the range was, at the end of the data that is nearer. */
function nearest(table: Pick<SeriesTable, 'fromMs' | 'toMs'>, firstMs: number | null, latestMs: number, isAfter: boolean) {
  if (isAfter || firstMs === null || table.toMs > firstMs) return { from: DEFAULT_FROM, to: DEFAULT_TO };
  const lengthMs = Math.min(table.toMs - table.fromMs, latestMs - firstMs);
  return { from: new Date(firstMs).toISOString(), to: new Date(firstMs + lengthMs).toISOString() };
}
