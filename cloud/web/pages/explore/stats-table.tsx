/** What can be said of each series as a whole, and of all together where that means something. */
import { useMemo } from 'preact/hooks';
import { DataTable, type Row } from '../../shell/data-table.tsx';
import { type Locale, useLocale } from '../../shell/locale.ts';
import type { Choice } from './choice.ts';
import { type SeriesStats, statsOf, totalsOf } from './explore-stats.ts';
import type { ExploreTable } from './explore-table.ts';
import { amountText } from './explore-words.ts';
import type { LabelOf } from './series-label.ts';

interface StatsProps {
  /** Without what is hidden. */
  table: ExploreTable;
  comparison: ExploreTable | undefined;
  stat: Choice['stat'];
  label: LabelOf;
  comparedLabel: (label: string) => string;
}

export function StatsTable({ table, comparison, stat, label, comparedLabel }: StatsProps) {
  const locale = useLocale();
  const { t, f } = locale;
  const rowOf = (its: ExploreTable, series: ExploreTable['series'][number], name: string, key: string) => {
    const stats = statsOf(its, series, stat);
    return { stats, row: { key, cells: [name, ...cellsOf(stats, series.unit, stat, locale)] } satisfies Row };
  };
  // Typing in the search draws the page anew, and sorting the points of a hundred series would be felt.
  const rows = useMemo(
    () => table.series.map((series) => rowOf(table, series, label(series.ref), series.ref)),
    [table, stat, label, locale],
  );
  const totals = totalsOf(
    table,
    rows.map(({ stats }) => stats),
    stat,
  );
  const shown = new Set(table.series.map(({ ref }) => ref));
  const compared = (comparison?.series ?? []).filter(({ ref }) => shown.has(ref));
  const before =
    comparison === undefined ? [] : compared.map((its) => rowOf(comparison, its, comparedLabel(label(its.ref)), `compared:${its.ref}`).row);
  const unit = table.series[0]?.unit ?? '';
  const total: Row[] =
    totals === undefined
      ? []
      : [
          {
            key: 'total',
            state: 'total',
            cells: [
              t('explore.total', { n: rows.length }),
              '',
              f.percent(totals.coverage),
              '',
              amountText(totals.mean, unit, stat, locale),
              '',
              '',
              f.energy(totals.energyKwh),
            ],
          },
        ];
  const columns = [
    { title: t('explore.series') },
    { title: t('explore.points'), isNumber: true },
    { title: t('chart.coverage'), isNumber: true },
    { title: t('chart.min'), isNumber: true },
    { title: t('chart.mean'), isNumber: true },
    { title: t('chart.max'), isNumber: true },
    { title: t('explore.p95'), isNumber: true },
    { title: t('chart.energy'), isNumber: true },
  ];
  return (
    <section class="card explore-stats">
      <div class="card-head">
        <div>
          <h2>{t('explore.statistics')}</h2>
          <p class="lead">{t('explore.statisticsNote', { statistic: t(`explore.stat.${stat}`) })}</p>
        </div>
      </div>
      <DataTable id="explore-stats" columns={columns} rows={[...rows.map(({ row }) => row), ...total, ...before]} />
    </section>
  );
}

function cellsOf(stats: SeriesStats, unit: string, stat: Choice['stat'], locale: Locale): string[] {
  const { f } = locale;
  const amount = (value: number | null) => amountText(value, unit, stat, locale);
  const { n, of, coverage, min, mean, max, p95, energyKwh } = stats;
  return [
    `${f.number(n)} / ${f.number(of)}`,
    f.percent(coverage),
    amount(min),
    amount(mean),
    amount(max),
    amount(p95),
    f.energy(energyKwh),
  ];
}
