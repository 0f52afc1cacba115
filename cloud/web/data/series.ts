/** Pure: GET /api/v1/series as the charts use it. What is not there is null, never 0 and never left out. */
import type { SeriesReply } from '../../server/api/api-types.ts';

/** Statistics of a bucket that are drawn, listed and exported. */
export const STATISTICS = ['mean', 'min', 'max', 'energy', 'coverage'] as const;

/** Buckets wanted where the page's resolution is `auto`. */
export const POINTS = 500;

export interface SeriesQuestion {
  /** Series references: `HOUSEHOLD.FIELD`, `HOUSEHOLD/DEVICE.FIELD`, `state:DE-BB.FIELD`, `all.FIELD`. */
  refs: readonly string[];
  /** As the API takes them: `latest-24h`, ISO-8601, epoch ms. */
  from: string;
  to: string;
  tz: string;
  /** A resolution, or how many points are wanted. */
  grain: { resolution: string } | { points: number };
}

export type Column = readonly (number | null)[];

/** Of a sum over households. */
export interface Told {
  /** Households that it is made of. */
  households: number;
  /** How many of them have data in each bucket. */
  have: Column;
}

export interface OneSeries {
  ref: string;
  unit: string;
  mean: Column;
  /** Null in sums of several series coarser than a window: their extremes can't be known. */
  min: Column;
  max: Column;
  energyKwh: Column;
  coverage: Column;
  told?: Told | undefined;
}

/** Buckets of some series: one row per start in every column. */
export interface SeriesTable {
  fromMs: number;
  toMs: number;
  tz: string;
  resolution: string;
  windowSeconds: number;
  dataLabel: string;
  startsMs: readonly number[];
  series: readonly OneSeries[];
}

export function seriesAddress({ refs, from, to, tz, grain }: SeriesQuestion, more: Readonly<Record<string, string>> = {}): string {
  const query = new URLSearchParams({ series: refs.join(','), from, to, tz });
  if ('resolution' in grain) query.set('resolution', grain.resolution);
  else query.set('points', String(grain.points));
  query.set('stats', STATISTICS.join(','));
  for (const [name, value] of Object.entries(more)) query.set(name, value);
  const text = query.toString().replaceAll('%3A', ':').replaceAll('%2F', '/').replaceAll('%2C', ',');
  return `/api/v1/series?${text}`;
}

/** Of sums over households it is asked too how many have data: one of three hundred is nothing to the coverage. */
export function withHouseholds(stats: readonly string[], refs: readonly string[]): readonly string[] {
  return refs.some(isSumOfHouseholds) ? [...stats, 'households'] : stats;
}

/** What a page draws. */
export function drawnAddress(question: SeriesQuestion): string {
  return seriesAddress(question, { stats: withHouseholds(STATISTICS, question.refs).join(',') });
}

/** The reply, as far as the pages read it. */
export type ReadReply = Omit<SeriesReply, 'series'> & {
  series: readonly (Pick<SeriesReply['series'][number], 'series' | 'unit' | 'columns'> & { households?: number })[];
};

export function tableOf(reply: ReadReply): SeriesTable {
  const startsMs = reply.starts.map((start) => Date.parse(start));
  const series = reply.series.map((its): OneSeries => {
    return { ...oneSeries(its.series, its.unit, its.columns, startsMs.length), told: toldOf(its) };
  });
  const { tz, resolution, windowSeconds, dataLabel } = reply;
  return { fromMs: Date.parse(reply.from), toMs: Date.parse(reply.to), tz, resolution, windowSeconds, dataLabel, startsMs, series };
}

export function toldOf({ series, columns, households = 0 }: ReadReply['series'][number]): Told | undefined {
  return isSumOfHouseholds(series) && columns.households !== undefined ? { households, have: columns.households } : undefined;
}

/** More than a window or two are missing of the bucket, or a household has nothing in it. */
export function isPart(coverage: Column, told: Told | undefined, index: number): boolean {
  const have = told?.have[index];
  return !isWhole(coverage[index]) || (typeof have === 'number' && have < (told?.households ?? 0));
}

/** A window or two late at an edge of a bucket is nothing worth showing. */
const WHOLE_SHARE = 0.995;

export function isWhole(coverage: number | null | undefined): boolean {
  return (coverage ?? 1) >= WHOLE_SHARE;
}

/**
 * Share of a bucket's time that its mean stands for. A sum's mean stands for the time of those that have data, however few they are: a half
 * of the households all the time is the whole time, and half of its coverage.
 */
export function meantShare({ coverage, told }: { coverage: Column | undefined; told?: Told | undefined }, index: number): number {
  const there = coverage?.[index] ?? 0;
  const have = told?.have[index] ?? 0;
  return have === 0 || told === undefined ? there : Math.min(1, (there * told.households) / have);
}

type OneColumns = Omit<OneSeries, 'ref' | 'unit' | 'told'>;

/** A column that was not asked for is null throughout. */
export function oneSeries(
  ref: string,
  unit: string,
  columns: { [Name in keyof OneColumns]?: Column | undefined },
  rows: number,
): OneSeries {
  const nothing: Column = Array.from({ length: rows }, () => null);
  const { mean = nothing, min = nothing, max = nothing, energyKwh = nothing, coverage = nothing } = columns;
  return { ref, unit, mean, min, max, energyKwh, coverage };
}

/** By its reference: of all households or of a state's. */
export function isSumOfHouseholds(ref: string): boolean {
  return /^(all\.|state:)/.test(ref);
}

/** End of a bucket: the start of the next, the end of the range for the last. */
export function endMs({ startsMs, toMs }: Pick<SeriesTable, 'startsMs' | 'toMs'>, index: number): number {
  return startsMs[index + 1] ?? toMs;
}

/**
 * The table with newer buckets at its end: the tail's buckets stand in place of those from its first start on.
 * @param from the range's begin; one that moves on with the data (`latest-…`) lets go of what has left it
 */
export function withTail(table: SeriesTable, tail: SeriesTable, from: string): SeriesTable {
  const [joinMs] = tail.startsMs;
  const fromMs = from.startsWith('latest') ? table.fromMs + tail.toMs - table.toMs : table.fromMs;
  if (joinMs === undefined || tail.resolution !== table.resolution) return table;
  const kept = table.startsMs.findIndex((startMs, index) => endMs(table, index) > fromMs && startMs < joinMs);
  const join = table.startsMs.findIndex((startMs) => startMs >= joinMs);
  const upTo = join < 0 ? table.startsMs.length : join;
  const first = kept < 0 ? upTo : kept;
  const cut = (old: Column, added: Column): Column => [...old.slice(first, upTo), ...added];
  const series = table.series.map((its) => {
    const added = tail.series.find(({ ref }) => ref === its.ref);
    if (added === undefined) return its;
    return {
      ...its,
      mean: cut(its.mean, added.mean),
      min: cut(its.min, added.min),
      max: cut(its.max, added.max),
      energyKwh: cut(its.energyKwh, added.energyKwh),
      coverage: cut(its.coverage, added.coverage),
      told: its.told && added.told && { households: added.told.households, have: cut(its.told.have, added.told.have) },
    };
  });
  return { ...table, fromMs, toMs: tail.toMs, startsMs: [...table.startsMs.slice(first, upTo), ...tail.startsMs], series };
}

export interface Totals {
  mean: number | null;
  min: number | null;
  max: number | null;
  energyKwh: number | null;
  /** Share of the range's time that has data. */
  coverage: number;
}

/** Of a whole series, buckets weighted by the time that they tell of. Extremes of means where those of readings can't be known. */
export function totalsOf(table: SeriesTable, series: OneSeries): Totals {
  let weightSeconds = 0;
  let weighted = 0;
  let thereSeconds = 0;
  let min = Infinity;
  let max = -Infinity;
  let energyKwh: number | null = null;
  for (const [index, mean] of series.mean.entries()) {
    if (mean === null) continue;
    const lengthMs = endMs(table, index) - (table.startsMs[index] ?? 0);
    const seconds = meantShare(series, index) * lengthMs;
    thereSeconds += (series.coverage[index] ?? 0) * lengthMs;
    weightSeconds += seconds;
    weighted += mean * seconds;
    min = Math.min(min, series.min[index] ?? mean);
    max = Math.max(max, series.max[index] ?? mean);
    const energy = series.energyKwh[index];
    if (typeof energy === 'number') energyKwh = (energyKwh ?? 0) + energy;
  }
  if (min === Infinity) return { mean: null, min: null, max: null, energyKwh: null, coverage: 0 };
  const mean = weightSeconds === 0 ? null : weighted / weightSeconds;
  return { mean, min, max, energyKwh, coverage: Math.min(1, thereSeconds / Math.max(1, table.toMs - table.fromMs)) };
}

/** Spans without any data in all of these series; nothing is missing before `sinceMs`, where data begins, and after `untilMs`. */
export function gapsOf(
  table: SeriesTable,
  series: readonly OneSeries[],
  sinceMs: number,
  untilMs: number,
): { fromMs: number; toMs: number }[] {
  const gaps: { fromMs: number; toMs: number }[] = [];
  for (const [index, startMs] of table.startsMs.entries()) {
    const isOutside = startMs >= untilMs || endMs(table, index) <= sinceMs;
    if (isOutside || series.some(({ mean }) => mean[index] !== null)) continue;
    const toMs = Math.min(endMs(table, index), untilMs);
    const last = gaps.at(-1);
    if (last !== undefined && last.toMs === startMs) last.toMs = toMs;
    else gaps.push({ fromMs: startMs, toMs });
  }
  return gaps;
}
