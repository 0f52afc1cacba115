/** Pure: GET /api/v1/series with the columns that the explorer shows. What is not there is null, never 0 and never left out. */
import type { SeriesReply } from '../../../server/api/api-types.ts';
import {
  type Column,
  endMs,
  oneSeries,
  type SeriesQuestion,
  type SeriesTable,
  seriesAddress,
  type Told,
  toldOf,
  withHouseholds,
} from '../../data/series.ts';
import type { Span } from '../../zone-time.ts';
import type { Stat } from './choice.ts';

/** In the order in which the API writes them. */
export const COLUMNS = ['mean', 'min', 'max', 'last', 'sum', 'count', 'energyKwh', 'coverage'] as const;
export type ColumnName = (typeof COLUMNS)[number];

export interface ExploreSeries {
  ref: string;
  unit: string;
  /** Nobody measures it: a household that is gone, a slip in a link. Its columns are null. */
  isUnknown: boolean;
  told?: Told | undefined;
  /** One number or null for each of the table's starts. */
  columns: Readonly<Partial<Record<ColumnName, Column>>>;
}

export interface ExploreTable extends Omit<SeriesTable, 'series'> {
  /** Those that every series has, in the order of COLUMNS. */
  columns: readonly ColumnName[];
  series: readonly ExploreSeries[];
}

/** Up to here least, greatest and energy are asked for too: a band around each of more lines is a blur, and doubles the reply. */
export const DETAILED_SERIES_MAX = 8;

/** What is asked of each bucket: only what is drawn or listed. */
export function statsFor(stat: Stat, count: number): string[] {
  if (count > DETAILED_SERIES_MAX) return [stat, 'coverage'];
  const detailed = stat === 'mean' ? ['mean', 'min', 'max', 'energy'] : stat === 'energy' ? ['energy'] : [stat, 'energy'];
  return [...detailed, 'coverage'];
}

export function columnOf(stat: Stat): ColumnName {
  return stat === 'energy' ? 'energyKwh' : stat;
}

export function exploreAddress(question: SeriesQuestion, stats: readonly string[], more: Readonly<Record<string, string>> = {}): string {
  return seriesAddress(question, { stats: stats.join(','), ...more });
}

/** A saved link may name what is gone: the others are answered all the same. */
export function savedAddress(question: SeriesQuestion, stats: readonly string[]): string {
  return exploreAddress(question, withHouseholds(stats, question.refs), UNKNOWN_AS_NULL);
}

export const UNKNOWN_AS_NULL = { unknown: 'null' } as const;

export function exploreTableOf(reply: SeriesReply): ExploreTable {
  const { tz, resolution, windowSeconds, dataLabel } = reply;
  const series = reply.series.map((its) => ({
    ref: its.series,
    unit: its.unit,
    isUnknown: isUnknown(its),
    told: toldOf(its),
    columns: its.columns as ExploreSeries['columns'],
  }));
  return {
    fromMs: Date.parse(reply.from),
    toMs: Date.parse(reply.to),
    tz,
    resolution,
    windowSeconds,
    dataLabel,
    startsMs: reply.starts.map((start) => Date.parse(start)),
    columns: COLUMNS.filter((name) => series[0]?.columns[name] !== undefined),
    series,
  };
}

/** The power of a state or of all is nobody's slip: nothing has come from there yet. */
function isUnknown({ members, household, field }: SeriesReply['series'][number]): boolean {
  return members === 0 && (household !== null || field !== 'power');
}

export function valueAt(series: ExploreSeries, name: ColumnName, index: number): number | null {
  return series.columns[name]?.[index] ?? null;
}

/** True where any of the bucket's windows is there. */
export function isThere(series: ExploreSeries, index: number): boolean {
  return (valueAt(series, 'coverage', index) ?? 0) > 0;
}

/** Not one reading in the whole span. */
export function isEmpty(table: ExploreTable): boolean {
  return table.startsMs.every((_, index) => table.series.every((series) => !isThere(series, index)));
}

export function onlyShown(table: ExploreTable, hidden: ReadonlySet<string>): ExploreTable {
  return { ...table, series: table.series.filter(({ ref }) => !hidden.has(ref)) };
}

/** Spans in which none of the series has data, inside what is recorded: before it and after it nothing is missing. */
export function gapsIn(table: ExploreTable, recorded: Span): Span[] {
  const gaps: Span[] = [];
  if (table.series.length === 0) return gaps;
  for (const [index, startMs] of table.startsMs.entries()) {
    const toMs = Math.min(endMs(table, index), recorded.toMs);
    if (toMs <= startMs || toMs <= recorded.fromMs || table.series.some((series) => isThere(series, index))) continue;
    const last = gaps.at(-1);
    if (last !== undefined && last.toMs === startMs) last.toMs = toMs;
    else gaps.push({ fromMs: startMs, toMs });
  }
  return gaps;
}

/** The table with newer buckets in place of its own from the tail's first on; buckets that end before `fromMs` go. */
export function withNewer(table: ExploreTable, tail: ExploreTable, fromMs: number): ExploreTable {
  const [joinMs] = tail.startsMs;
  if (joinMs === undefined || tail.resolution !== table.resolution) return table;
  const kept = table.startsMs.map((startMs, index) => startMs < joinMs && endMs(table, index) > fromMs);
  const isKept = (_: unknown, index: number) => kept[index] === true;
  const series = table.series.map((its) => {
    const added = tail.series.find(({ ref }) => ref === its.ref);
    if (added === undefined) return its;
    const columns = table.columns.map((name) => [name, [...(its.columns[name] ?? []).filter(isKept), ...(added.columns[name] ?? [])]]);
    const told = its.told &&
      added.told && { households: added.told.households, have: [...its.told.have.filter(isKept), ...added.told.have] };
    return { ...its, isUnknown: added.isUnknown, told, columns: Object.fromEntries(columns) as ExploreSeries['columns'] };
  });
  const startsMs = [...table.startsMs.filter(isKept), ...tail.startsMs];
  return { ...table, fromMs: startsMs[0] ?? fromMs, toMs: tail.toMs, startsMs, series };
}

/** For what reads the charts' own tables; columns that were not asked for are null throughout. */
export function asSeriesTable({ fromMs, toMs, tz, resolution, windowSeconds, dataLabel, startsMs, series }: ExploreTable): SeriesTable {
  const head = { fromMs, toMs, tz, resolution, windowSeconds, dataLabel, startsMs };
  return { ...head, series: series.map(({ ref, unit, columns }) => oneSeries(ref, unit, columns, head.startsMs.length)) };
}
