/**
 * How readings add up, pure. An aggregate is a sum over readings that does not depend on how they were cut into parts or in
 * which order the parts came (but for the rounding of float sums); so late parts and repeated passes need no special case.
 */
import { type Part, STAT, STATS_PER_FIELD } from '../../../common/messages.ts';
import { FIELD_UNITS } from '../../../common/units.ts';

const WS_PER_KWH = 3_600_000;

/** Readings of one field. `first` and `last` go by (time, source, seq); sources are numbered in the order of their first part. */
export interface Aggregate {
  count: number;
  sum: number;
  min: number;
  max: number;
  first: number;
  firstMs: number;
  firstSource: number;
  firstSeq: number;
  last: number;
  lastMs: number;
  lastSource: number;
  lastSeq: number;
}

/** Windows of one series, or one window, in a bucket. */
export interface Rollup extends Aggregate {
  /** Start of the bucket. */
  startMs: number;
  /** Σ over the windows of mean × window length; 0 for fields that are not a power. */
  energyWs: number;
  /** Windows with at least one reading. */
  windowCount: number;
}

/** Bucket lengths kept beside the windows, each a multiple of the one before. Days are built of the 15-minute ones when read. */
export const ROLLUP_LEVELS_MS = [60_000, 900_000, 3_600_000] as const;

/** True for fields whose mean times a length of time is an energy. */
export function isPower(field: string): boolean {
  return FIELD_UNITS[field] === 'W';
}

/** One field of a part, not yet counted as a window. All its readings lie between its first and last seq, and first and last time. */
export function rollupOf(part: Part, fieldIndex: number, source: number): Rollup {
  return readRollup(emptyRollup(), part, fieldIndex, source);
}

/** Of nothing; its numbers mean nothing before something was read into it. */
export function emptyRollup(): Rollup {
  return {
    startMs: 0,
    count: 0,
    sum: 0,
    min: 0,
    max: 0,
    first: 0,
    firstMs: 0,
    firstSource: 0,
    firstSeq: 0,
    last: 0,
    lastMs: 0,
    lastSource: 0,
    lastSeq: 0,
    energyWs: 0,
    windowCount: 0,
  };
}

/** As rollupOf, into one that is there: a request has thousands. */
export function readRollup(into: Rollup, part: Part, fieldIndex: number, source: number): Rollup {
  const { stats } = part;
  const at = fieldIndex * STATS_PER_FIELD;
  into.startMs = part.windowStartMs;
  into.count = part.count;
  into.sum = stats[at + STAT.sum] as number;
  into.min = stats[at + STAT.min] as number;
  into.max = stats[at + STAT.max] as number;
  into.first = stats[at + STAT.first] as number;
  into.firstMs = part.firstMs;
  into.firstSource = source;
  into.firstSeq = part.fromSeq;
  into.last = stats[at + STAT.last] as number;
  into.lastMs = part.lastMs;
  into.lastSource = source;
  into.lastSeq = part.toSeq;
  into.energyWs = 0;
  into.windowCount = 0;
  return into;
}

/** into += other. Parts of a source are disjoint ranges, so any seq of a range orders equal times. */
export function addAggregate(into: Aggregate, other: Aggregate): void {
  into.count += other.count;
  into.sum += other.sum;
  if (other.min < into.min) into.min = other.min;
  if (other.max > into.max) into.max = other.max;
  if (order(other.firstMs, other.firstSource, other.firstSeq, into.firstMs, into.firstSource, into.firstSeq) < 0) {
    into.first = other.first;
    into.firstMs = other.firstMs;
    into.firstSource = other.firstSource;
    into.firstSeq = other.firstSeq;
  }
  if (order(other.lastMs, other.lastSource, other.lastSeq, into.lastMs, into.lastSource, into.lastSeq) > 0) {
    into.last = other.last;
    into.lastMs = other.lastMs;
    into.lastSource = other.lastSource;
    into.lastSeq = other.lastSeq;
  }
}

function order(ms: number, source: number, seq: number, otherMs: number, otherSource: number, otherSeq: number): number {
  return ms - otherMs || source - otherSource || seq - otherSeq;
}

/** into += other, of the same bucket. The windows of the two must be different ones. */
export function addRollup(into: Rollup, other: Rollup): void {
  addAggregate(into, other);
  into.energyWs += other.energyWs;
  into.windowCount += other.windowCount;
}

/**
 * Makes `added`, the readings added to a window, what they change in the buckets it lies in. A window that was there already
 * changes the energy by the difference of its means and is not counted again.
 */
export function countWindow(added: Rollup, before: Aggregate | undefined, windowMs: number, power: boolean): void {
  const seconds = power ? windowMs / 1_000 : 0;
  if (before === undefined) {
    added.energyWs = meanOf(added) * seconds;
    added.windowCount = 1;
    return;
  }
  const meanAfter = (before.sum + added.sum) / (before.count + added.count);
  added.energyWs = (meanAfter - meanOf(before)) * seconds;
}

/**
 * Adds changes of finer buckets up to buckets of `levelMs`, in place: the first change of each bucket becomes the bucket.
 * Few buckets, mostly in order of time, so they are searched from the end.
 */
export function addUp(changes: readonly Rollup[], levelMs: number): Rollup[] {
  const buckets: Rollup[] = [];
  for (const change of changes) {
    const startMs = bucketStartMs(change.startMs, levelMs);
    const bucket = bucketAt(buckets, startMs);
    if (bucket !== undefined) addRollup(bucket, change);
    else {
      change.startMs = startMs;
      buckets.push(change);
    }
  }
  return buckets;
}

/** Adds one change to the buckets, as addUp does; the change stays as it is, and may be used for the next. */
export function addToBuckets(buckets: Rollup[], change: Rollup, levelMs: number): void {
  const startMs = bucketStartMs(change.startMs, levelMs);
  const bucket = bucketAt(buckets, startMs);
  if (bucket !== undefined) addRollup(bucket, change);
  else buckets.push({ ...change, startMs });
}

function bucketAt(buckets: readonly Rollup[], startMs: number): Rollup | undefined {
  for (let at = buckets.length - 1; at >= 0; at--) if ((buckets[at] as Rollup).startMs === startMs) return buckets[at];
  return undefined;
}

export function meanOf(aggregate: { sum: number; count: number }): number {
  return aggregate.sum / aggregate.count;
}

export function bucketStartMs(windowStartMs: number, levelMs: number): number {
  return Math.floor(windowStartMs / levelMs) * levelMs;
}

export function kwhFromWattSeconds(wattSeconds: number): number {
  return wattSeconds / WS_PER_KWH;
}
