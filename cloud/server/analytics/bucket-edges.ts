/**
 * Where buckets begin and end, pure. Up to a quarter of an hour they follow UTC, which is what the clocks of every zone of today show at
 * whole quarters; longer ones follow the clocks: an hour that the clocks show twice is two buckets, one that they leave out is none, and
 * a bucket of several hours that holds a change of the clocks is an hour longer or shorter.
 */
import { MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE } from '../../../common/units.ts';
import { type CalendarUnit, nextUnit, offsetMs, startOfUnit } from './local-time.ts';

/** Shortest first. `raw` is the window. */
export const BUCKET_RESOLUTIONS = ['raw', '10s', '1m', '5m', '15m', '30m', '1h', '3h', '6h', '1d', '1w', '1M', '1y'] as const;

export type BucketResolution = (typeof BUCKET_RESOLUTIONS)[number];

/** An answer has no more: a year of 5 minutes. */
export const BUCKETS_MAX = 106_000;

const UTC_WIDTHS_MS: Partial<Record<BucketResolution, number>> = {
  '10s': 10_000,
  '1m': MS_PER_MINUTE,
  '5m': 5 * MS_PER_MINUTE,
  '15m': 15 * MS_PER_MINUTE,
};
const CLOCK_WIDTHS_MS: Partial<Record<BucketResolution, number>> = {
  '30m': 30 * MS_PER_MINUTE,
  '1h': MS_PER_HOUR,
  '3h': 3 * MS_PER_HOUR,
  '6h': 6 * MS_PER_HOUR,
};
const UNITS: Partial<Record<BucketResolution, CalendarUnit>> = { '1d': 'day', '1w': 'week', '1M': 'month', '1y': 'year' };
const UNIT_LENGTHS_MS: Record<CalendarUnit, number> = {
  day: MS_PER_DAY,
  week: 7 * MS_PER_DAY,
  month: 30.5 * MS_PER_DAY,
  year: 365.25 * MS_PER_DAY,
};

export interface EdgeQuery {
  resolution: BucketResolution;
  fromMs: number;
  toMs: number;
  timeZone: string;
  windowMs: number;
}

/** What a bucket of the resolution usually lasts. */
export function usualLengthMs(resolution: BucketResolution, windowMs: number): number {
  const unit = UNITS[resolution];
  if (unit !== undefined) return UNIT_LENGTHS_MS[unit];
  return UTC_WIDTHS_MS[resolution] ?? CLOCK_WIDTHS_MS[resolution] ?? windowMs;
}

/** False for buckets that would not be whole windows. */
export function isWholeWindows(resolution: BucketResolution, windowMs: number): boolean {
  const lengthMs = UTC_WIDTHS_MS[resolution] ?? CLOCK_WIDTHS_MS[resolution] ?? (resolution === 'raw' ? windowMs : 15 * MS_PER_MINUTE);
  return lengthMs % windowMs === 0;
}

/**
 * The start of every bucket that reaches into fromMs ≤ t < toMs, whole, and the end of the last one. Empty when toMs ≤ fromMs; undefined
 * when there would be more than BUCKETS_MAX.
 */
export function bucketEdges({ resolution, fromMs, toMs, timeZone, windowMs }: EdgeQuery): number[] | undefined {
  if (toMs <= fromMs) return [];
  if ((toMs - fromMs) / usualLengthMs(resolution, windowMs) > BUCKETS_MAX) return undefined;
  const unit = UNITS[resolution];
  if (unit !== undefined) return unitEdges(unit, fromMs, toMs, timeZone);
  const clockMs = CLOCK_WIDTHS_MS[resolution];
  if (clockMs !== undefined) return clockEdges(clockMs, fromMs, toMs, timeZone);
  return utcEdges(UTC_WIDTHS_MS[resolution] ?? windowMs, fromMs, toMs);
}

/** The shortest resolution, not shorter than `atLeast`, that needs no more than so many buckets; `1y` when each needs more. */
export function resolutionForPoints(
  points: number,
  query: Omit<EdgeQuery, 'resolution'>,
  atLeast: BucketResolution = 'raw',
): BucketResolution {
  const { fromMs, toMs, windowMs } = query;
  for (const resolution of BUCKET_RESOLUTIONS.slice(BUCKET_RESOLUTIONS.indexOf(atLeast))) {
    if (!isWholeWindows(resolution, windowMs)) continue;
    // No bucket is more than an eighth longer than usual, but the few at a change of the clocks.
    if ((toMs - fromMs) / usualLengthMs(resolution, windowMs) > points * 1.125 + 2) continue;
    const edges = bucketEdges({ resolution, ...query });
    if (edges !== undefined && edges.length - 1 <= points) return resolution;
  }
  return '1y';
}

/**
 * The shortest resolution, not shorter than `atLeast`, of which nothing was forgotten since fromMs.
 * @param kept as the store tells it: shortest first
 */
export function resolutionKept(
  atLeast: BucketResolution,
  { fromMs, timeZone, windowMs }: Omit<EdgeQuery, 'resolution' | 'toMs'>,
  kept: readonly { levelMs: number; fromMs: number }[],
): BucketResolution {
  for (const resolution of BUCKET_RESOLUTIONS.slice(BUCKET_RESOLUTIONS.indexOf(atLeast))) {
    const edges = bucketEdges({ resolution, fromMs, toMs: fromMs + 1, timeZone, windowMs });
    if (edges?.length !== 2) continue;
    const level = kept.findLast(({ levelMs }) => edges.every((edge) => edge % levelMs === 0));
    if (level !== undefined && (edges[0] as number) >= level.fromMs) return resolution;
  }
  return '1y';
}

function utcEdges(widthMs: number, fromMs: number, toMs: number): number[] {
  const edges: number[] = [];
  let edgeMs = Math.floor(fromMs / widthMs) * widthMs;
  for (; edgeMs < toMs; edgeMs += widthMs) edges.push(edgeMs);
  edges.push(edgeMs);
  return edges;
}

function unitEdges(unit: CalendarUnit, fromMs: number, toMs: number, timeZone: string): number[] {
  const edges: number[] = [];
  let edgeMs = startOfUnit(timeZone, unit, fromMs);
  for (; edgeMs < toMs; edgeMs = nextUnit(timeZone, unit, edgeMs)) edges.push(edgeMs);
  edges.push(edgeMs);
  return edges;
}

function clockEdges(widthMs: number, fromMs: number, toMs: number, timeZone: string): number[] {
  const edges: number[] = [];
  let dayMs = startOfUnit(timeZone, 'day', fromMs);
  while (edges.length === 0 || (edges.at(-1) as number) < toMs) {
    const nextMs = nextUnit(timeZone, 'day', dayMs);
    for (const edgeMs of edgesOfDay(dayMs, nextMs, widthMs, timeZone)) {
      if (edgeMs <= fromMs) edges[0] = edgeMs;
      else if (edges.length === 0 || (edges.at(-1) as number) < toMs) edges.push(edgeMs);
    }
    dayMs = nextMs;
  }
  return edges;
}

/** Starts of the buckets of one day: where the clocks show a multiple of the width. */
function edgesOfDay(dayMs: number, nextMs: number, widthMs: number, timeZone: string): number[] {
  const edges: number[] = [];
  const offset = (timeMs: number) => offsetMs(timeZone, timeMs);
  const isChanged = nextMs - dayMs !== MS_PER_DAY;
  for (let edgeMs = dayMs; edgeMs < nextMs; ) {
    edges.push(edgeMs);
    if (!isChanged) {
      edgeMs += widthMs;
      continue;
    }
    const soonMs = edgeMs + widthMs;
    const wrongMs = (((soonMs + offset(soonMs)) % widthMs) + widthMs) % widthMs;
    // The clocks were changed in it by another time than a multiple of the width: on to where they show one again.
    if (wrongMs === 0) edgeMs = soonMs;
    else edgeMs = soonMs - wrongMs > edgeMs && wrongMs < widthMs / 2 ? soonMs - wrongMs : soonMs - wrongMs + widthMs;
  }
  return edges;
}
