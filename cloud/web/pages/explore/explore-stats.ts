/** Pure: the line under the chart for each series: how much is there, extremes, mean, 95th percentile, energy. */
import { MS_PER_HOUR } from '../../../../common/units.ts';
import { endMs, meantShare } from '../../data/series.ts';
import { isAddable, type Stat } from './choice.ts';
import { columnOf, type ExploreSeries, type ExploreTable, isThere, valueAt } from './explore-table.ts';

export interface SeriesStats {
  /** Points with a value. */
  n: number;
  /** Points of the range. */
  of: number;
  /** Share of the range's time that has data. */
  coverage: number;
  /** Of single readings where they are known, otherwise of the points. */
  min: number | null;
  mean: number | null;
  max: number | null;
  /** 95 of 100 points are not greater. */
  p95: number | null;
  energyKwh: number | null;
}

const P95 = 0.95;
const W_PER_KW = 1_000;
/** Amounts of a bucket: each counts as one. Values of a moment count by the time that they stand for. */
const AMOUNTS: ReadonlySet<Stat> = new Set(['sum', 'count', 'energy']);

export function statsOf(table: ExploreTable, series: ExploreSeries, stat: Stat): SeriesStats {
  const values: number[] = [];
  let weight = 0;
  let weighted = 0;
  let thereMs = 0;
  const name = columnOf(stat);
  for (const [index, startMs] of table.startsMs.entries()) {
    const lengthMs = endMs(table, index) - startMs;
    thereMs += (valueAt(series, 'coverage', index) ?? 0) * lengthMs;
    const value = valueAt(series, name, index);
    if (value === null) continue;
    const its = AMOUNTS.has(stat) ? 1 : meantMs(series, index, lengthMs);
    values.push(value);
    weight += its;
    weighted += value * its;
  }
  const sorted = values.toSorted((a, b) => a - b);
  return {
    n: values.length,
    of: table.startsMs.length,
    coverage: Math.min(1, thereMs / Math.max(1, table.toMs - table.fromMs)),
    min: stat === 'mean' ? (extreme(series.columns.min, Math.min) ?? sorted[0] ?? null) : (sorted[0] ?? null),
    mean: weight === 0 ? null : weighted / weight,
    max: stat === 'mean' ? (extreme(series.columns.max, Math.max) ?? sorted.at(-1) ?? null) : (sorted.at(-1) ?? null),
    p95: sorted[Math.max(0, Math.ceil(P95 * sorted.length) - 1)] ?? null,
    energyKwh: energyOf(table, series),
  };
}

export interface Totals {
  mean: number | null;
  energyKwh: number | null;
  coverage: number;
}

/** Of all series together; undefined where a sum of them would mean nothing. */
export function totalsOf(table: ExploreTable, rows: readonly SeriesStats[], stat: Stat): Totals | undefined {
  if (
    !isAddable(
      table.series.map(({ ref }) => ref),
      stat,
    )
  )
    return undefined;
  return {
    mean: sumOf(rows.map(({ mean }) => mean)),
    energyKwh: sumOf(rows.map(({ energyKwh }) => energyKwh)),
    coverage: rows.reduce((sum, { coverage }) => sum + coverage, 0) / Math.max(1, rows.length),
  };
}

/** Time of a bucket that its mean stands for: what the store divided by. */
function meantMs({ columns, told }: ExploreSeries, index: number, lengthMs: number): number {
  return meantShare({ coverage: columns.coverage, told }, index) * lengthMs;
}

/** As the API counts it, or where only means were asked for: mean × time that it stands for. */
function energyOf(table: ExploreTable, series: ExploreSeries): number | null {
  const { energyKwh, mean, coverage } = series.columns;
  if (energyKwh !== undefined) return sumOf(energyKwh);
  if (mean === undefined || coverage === undefined || series.unit !== 'W') return null;
  const wattHours = mean.map((watts, index) => {
    if (watts === null || !isThere(series, index)) return null;
    const hours = meantMs(series, index, endMs(table, index) - (table.startsMs[index] ?? 0)) / MS_PER_HOUR;
    return (watts * hours) / W_PER_KW;
  });
  return sumOf(wattHours);
}

function sumOf(values: readonly (number | null)[]): number | null {
  const there = values.filter((value) => value !== null);
  return there.length === 0 ? null : there.reduce((sum, value) => sum + value, 0);
}

function extreme(values: readonly (number | null)[] | undefined, of: (a: number, b: number) => number): number | null {
  let found: number | null = null;
  for (const value of values ?? []) if (value !== null) found = found === null ? value : of(found, value);
  return found;
}
