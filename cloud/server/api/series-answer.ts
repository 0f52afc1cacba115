/**
 * A range query answered, whatever the form that it is sent in: every bucket of the range, rounded once, so that JSON, CSV, NDJSON
 * and gRPC have the same numbers.
 */
import { FIELD_UNITS } from '../../../common/units.ts';
import { yieldToEventLoop } from '../../../common/clock.ts';
import {
  BUCKET_RESOLUTIONS,
  type BucketResolution,
  bucketEdges,
  type EdgeQuery,
  resolutionForPoints,
  resolutionKept,
  usualLengthMs,
} from '../analytics/bucket-edges.ts';
import { COVERAGE_DECIMALS, ENERGY_DECIMALS, rounded, shownDecimals } from '../analytics/shown-number.ts';
import { readSums, type SummedSeries } from './read-sums.ts';
import type { SeriesKey } from '../storage/series-store.ts';
import type { ApiParts } from './api-parts.ts';
import { PROBLEM_DETAILS } from './problem-details.ts';
import { badParameter } from './query.ts';
import { COLUMNS } from './schemas/series.ts';
import type { SeriesRef } from './series-ref.ts';
import { checkStored } from './unknown-series.ts';

/** Series of one request: a chart with more lines is not read by anybody. */
export const SERIES_MAX = 100;
/** Buckets of each series in one answer: a year of hours, half a day of windows. */
export const SERIES_BUCKETS_MAX = 10_000;
/** Buckets that `points` may ask for: a line of a wide screen, twice. */
export const POINTS_MAX = 2_000;
export const POINTS_DEFAULT = 500;
/** Numbers in one answer: 100 series of 500 buckets with all eight columns; some 4 MB as JSON. */
export const CELLS_MAX = 400_000;
export type Column = (typeof COLUMNS)[number];
export interface AskedSeries {
  /** As it was asked for. */
  text: string;
  ref: SeriesRef;
}

export interface SeriesAnswer {
  resolution: BucketResolution;
  /** Start of each bucket and the end of the last. */
  edges: number[];
  series: AnsweredSeries[];
}

export interface AnsweredSeries extends AskedSeries {
  unit: string;
  /** Series of single devices in it. */
  members: number;
  /** Households in it. */
  households: number;
  /** A number or null per bucket, only of the columns asked for, in the order of COLUMNS. */
  columns: ReadonlyMap<Column, (number | null)[]>;
}

export interface SeriesQuery {
  series: readonly AskedSeries[];
  fromMs: number;
  toMs: number;
  timeZone: string;
  /** Either of the two. */
  resolution?: BucketResolution | undefined;
  points?: number | undefined;
  columns: readonly Column[];
  /** What becomes of a series that is not stored: a problem that names all of them, or nulls in its columns. */
  unknown?: 'refuse' | 'null' | undefined;
  signal?: AbortSignal;
}

/** @throws Problem 400 beyond the limits, 404 for what is not stored */
export async function answerSeries(parts: ApiParts, query: SeriesQuery): Promise<SeriesAnswer> {
  const { windowMs } = parts.settings;
  const resolution = await resolutionOf(parts, query);
  const edges = seriesEdges({ resolution, fromMs: query.fromMs, toMs: query.toMs, timeZone: query.timeZone, windowMs });
  const buckets = Math.max(0, edges.length - 1);
  checkCells(query, buckets);
  const keys = await keysOf(parts, query.series);
  // Without a bucket there is nothing to read, but whether the series is known is told all the same.
  const sums = await readSums(parts, keys, buckets === 0 ? [0, windowMs] : edges, query.signal, onlySums(query.columns));
  if (query.unknown !== 'null') checkStored(query.series, sums, await parts.store.fields());
  const series: AnsweredSeries[] = [];
  for (const [i, asked] of query.series.entries()) {
    series.push(answered(asked, sums[i] as SummedSeries, { edges, windowMs, columns: query.columns, buckets }));
    await yieldToEventLoop();
  }
  return { resolution, edges, series };
}

/** Extremes and the newest reading are read only for who asks for them. */
function onlySums(columns: readonly Column[]): 'sums' | undefined {
  return columns.some((its) => its === 'min' || its === 'max' || its === 'last') ? undefined : 'sums';
}

/** The finest that gives no more than `points` buckets and is still kept since the begin of the range. */
async function resolutionOf(parts: ApiParts, { resolution, points, ...query }: SeriesQuery): Promise<BucketResolution> {
  const { settings, store } = parts;
  if (resolution !== undefined) return resolution;
  const range = { fromMs: query.fromMs, toMs: query.toMs, timeZone: query.timeZone, windowMs: settings.windowMs };
  return resolutionKept(
    resolutionForPoints(points ?? POINTS_DEFAULT, range, intervalResolution(parts, query.series)),
    range,
    await store.kept(),
  );
}

/** Buckets shorter than the interval of a reading would be holes between single points. */
function intervalResolution({ settings, intervalMsOf }: ApiParts, series: readonly AskedSeries[]): BucketResolution {
  const intervals = series.map(({ ref }) => (ref.kind === 'household' || ref.kind === 'device' ? intervalMsOf(ref.household) : 0));
  const longest = Math.max(...intervals);
  return BUCKET_RESOLUTIONS.find((resolution) => usualLengthMs(resolution, settings.windowMs) >= longest) ?? 'raw';
}

/** @throws Problem 400 */
export function seriesEdges(query: EdgeQuery): number[] {
  // Counted by their usual length first: to lay out a century of hours would take seconds.
  const edges = isTooMany(query) ? undefined : bucketEdges(query);
  if (edges !== undefined && edges.length - 1 <= SERIES_BUCKETS_MAX) {
    checkWhole(edges, query);
    return edges;
  }
  const coarser = BUCKET_RESOLUTIONS.find((resolution) => !isTooMany({ ...query, resolution }));
  const values = { parameter: 'resolution', resolution: query.resolution, most: SERIES_BUCKETS_MAX, coarser: coarser ?? '1y' };
  throw badParameter(PROBLEM_DETAILS.worded('too-many-buckets', values));
}

/** Zones had odd seconds before they were made by law, and a window need not go into every width. */
function checkWhole(edges: readonly number[], { windowMs, timeZone }: EdgeQuery): void {
  if (edges.every((edge) => edge % windowMs === 0)) return;
  const values = { parameter: 'resolution', seconds: windowMs / 1_000, zone: timeZone };
  throw badParameter(PROBLEM_DETAILS.worded('not-whole-windows', values));
}

function isTooMany({ resolution, fromMs, toMs, windowMs }: EdgeQuery): boolean {
  return (toMs - fromMs) / usualLengthMs(resolution, windowMs) > SERIES_BUCKETS_MAX;
}

function checkCells({ series, columns }: SeriesQuery, buckets: number): void {
  const cells = series.length * columns.length * buckets;
  if (cells <= CELLS_MAX) return;
  throw badParameter(PROBLEM_DETAILS.worded('too-many-numbers', { parameter: 'series', n: cells, most: CELLS_MAX }));
}

/** What the store is asked for each series: one household's, or all of a state's or of everybody. */
async function keysOf(parts: ApiParts, asked: readonly AskedSeries[]): Promise<SeriesKey[][]> {
  const { households } = await parts.overview.current();
  return asked.map(({ ref }): SeriesKey[] => {
    if (ref.kind === 'device') return [{ household: ref.household, device: ref.device, field: ref.field }];
    if (ref.kind === 'household') return [{ household: ref.household, field: ref.field }];
    const { field } = ref;
    const members = [...households.values()].filter(({ state }) => ref.kind === 'all' || state === ref.state);
    return members.map(({ household }) => ({ household, field }));
  });
}

interface Shape {
  edges: readonly number[];
  windowMs: number;
  columns: readonly Column[];
  buckets: number;
}

function answered(asked: AskedSeries, sum: SummedSeries, { edges, windowMs, columns, buckets }: Shape): AnsweredSeries {
  const { ref } = asked;
  const isOneWindow = (i: number) => (edges[i + 1] as number) - (edges[i] as number) === windowMs;
  const unit = FIELD_UNITS[ref.field] ?? '';
  const coverage = coverageOf(sum.devices, sum.windows, edges, windowMs);
  // Of several devices the newest reading of a long bucket would be a sum of different instants.
  const isSum = sum.devices > 1;
  const its: Record<Column, Float64Array> = {
    mean: sum.mean,
    min: sum.min,
    max: sum.max,
    last: isSum ? sum.last.map((value, i) => (isOneWindow(i) ? value : Number.NaN)) : sum.last,
    sum: sum.sum,
    // The store counts 0 readings where there is no window; nothing was counted there.
    count: sum.count.map((count, i) => (sum.windows[i] === 0 ? Number.NaN : count)),
    energyKwh: sum.energyKwh,
    coverage,
    households: sum.householdsTold,
  };
  const rounded = COLUMNS.filter((column) => columns.includes(column)).map(
    (column) => [column, numbersOf(its[column], buckets, decimalsOf(column, unit))] as const,
  );
  return { ...asked, unit, members: sum.devices, households: sum.households, columns: new Map(rounded) };
}

/** Of a sum: the share of the windows of all devices in it. NaN without a device. */
function coverageOf(devices: number, windows: Float64Array, edges: readonly number[], windowMs: number): Float64Array {
  return windows.map((there, i) => {
    const most = devices * (((edges[i + 1] as number) - (edges[i] as number)) / windowMs);
    return most === 0 ? Number.NaN : there / most;
  });
}

function decimalsOf(column: Column, unit: string): number {
  if (column === 'coverage') return COVERAGE_DECIMALS;
  return column === 'energyKwh' ? ENERGY_DECIMALS : shownDecimals(unit);
}

/** NaN, which the store has where there is no window, becomes null. */
function numbersOf(values: Float64Array, buckets: number, decimals: number): (number | null)[] {
  return Array.from({ length: buckets }, (_, i) => {
    const value = values[i] as number;
    return Number.isNaN(value) ? null : rounded(value, decimals);
  });
}
