/** The series of a chart as buttons that show and hide them; left out where there is only one. */
import type { SeriesTable } from '../data/series.ts';
import { useLocale } from '../shell/locale.ts';
import { usePageRange } from '../shell/page-range.ts';
import { SERIES_COLOURS } from './colours.ts';
import { comparedKey } from './time-points.ts';

interface LegendProps {
  table: SeriesTable;
  comparison: SeriesTable | undefined;
  label: (ref: string) => string;
  hidden: ReadonlySet<string>;
  setHidden: (hidden: ReadonlySet<string>) => void;
}

export function Legend({ table, comparison, label, hidden, setHidden }: LegendProps) {
  const { t } = useLocale();
  const { range } = usePageRange();
  const entries = table.series.map(({ ref }, index) => ({ key: ref, words: label(ref), index, isCompared: false }));
  const compared = (comparison?.series ?? []).map(({ ref }, index) => ({
    key: comparedKey(ref),
    words: t(range.compare === 'year' ? 'chart.lastYear' : 'chart.previous', { label: label(ref) }),
    index,
    isCompared: true,
  }));
  const all = [...entries, ...compared];
  if (all.length < 2) return null;
  const toggle = (key: string) => {
    const next = new Set(hidden);
    if (!next.delete(key)) next.add(key);
    setHidden(next);
  };
  return (
    <div class="legend" role="group" aria-label={t('chart.legend')}>
      {all.map(({ key, words, index, isCompared }) => (
        <button
          key={key}
          type="button"
          class={`series-${(index % SERIES_COLOURS) + 1}`}
          data-compared={isCompared}
          aria-pressed={!hidden.has(key)}
          onClick={() => toggle(key)}
        >
          <i aria-hidden="true" />
          {words}
        </button>
      ))}
    </div>
  );
}
