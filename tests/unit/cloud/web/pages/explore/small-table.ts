/** A small table of the explorer for its unit tests. */
import type { ColumnName, ExploreSeries, ExploreTable } from '../../../../../../cloud/web/pages/explore/explore-table.ts';
import { COLUMNS } from '../../../../../../cloud/web/pages/explore/explore-table.ts';

export const HOUR_MS = 3_600_000;

type Columns = Partial<Record<ColumnName, (number | null)[]>>;

/** Buckets of an hour. The coverage is whole where there is a value, unless it is given. */
export function smallTable(series: Readonly<Record<string, Columns>>, fromMs = 0, tz = 'Europe/Berlin'): ExploreTable {
  const made = Object.entries(series).map(([ref, columns]): ExploreSeries => {
    const [first = []] = Object.values(columns);
    const coverage = first.map((value) => (value === null ? 0 : 1));
    return { ref, unit: ref.endsWith('power') ? 'W' : 'kWh', isUnknown: false, columns: { coverage, ...columns } };
  });
  const [one] = made;
  const startsMs = (one?.columns.coverage ?? []).map((_, index) => fromMs + index * HOUR_MS);
  const columns = COLUMNS.filter((name) => one?.columns[name] !== undefined);
  const toMs = fromMs + startsMs.length * HOUR_MS;
  return { fromMs, toMs, tz, resolution: '1h', windowSeconds: 5, dataLabel: 'synthetic', startsMs, columns, series: made };
}
