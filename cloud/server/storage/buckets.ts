/** Aggregates as the buckets that the contract gives out. */
import { type Aggregate, isPower, kwhFromWattSeconds, meanOf, type Rollup } from '../analytics/rollup.ts';
import type { Bucket } from './series-store.ts';

export interface SeriesName {
  household: string;
  device: string;
  field: string;
}

/** One whole window. */
export function windowBucket(series: SeriesName, startMs: number, aggregate: Aggregate, windowMs: number): Bucket {
  return readWindow(emptyBucket(series), startMs, aggregate, windowMs);
}

/** Of nothing; its numbers mean nothing before something was read into it. */
export function emptyBucket({ household, device, field }: SeriesName): Bucket {
  return { household, device, field, startMs: 0, count: 0, mean: 0, min: 0, max: 0, first: 0, last: 0, energyKwh: null };
}

/** As windowBucket, into one of its series that is there: a day has thousands. */
export function readWindow(into: Bucket, startMs: number, aggregate: Aggregate, windowMs: number): Bucket {
  const mean = meanOf(aggregate);
  return readBucket(into, startMs, aggregate, mean, (mean * windowMs) / 1_000);
}

/** One or more windows; the mean is that of ColumnFiller, so that no two answers differ. */
export function rollupBucket(series: SeriesName, rollup: Rollup, windowMs: number): Bucket {
  const { energyWs, windowCount } = rollup;
  const mean = isPower(series.field) ? energyWs / (windowMs / 1_000) / windowCount : meanOf(rollup);
  return readBucket(emptyBucket(series), rollup.startMs, rollup, mean, energyWs);
}

/** @param energyWs of a power; of what is none nobody looks at it */
function readBucket(into: Bucket, startMs: number, aggregate: Aggregate, mean: number, energyWs: number): Bucket {
  into.startMs = startMs;
  into.count = aggregate.count;
  into.mean = mean;
  into.min = aggregate.min;
  into.max = aggregate.max;
  into.first = aggregate.first;
  into.last = aggregate.last;
  into.energyKwh = isPower(into.field) ? kwhFromWattSeconds(energyWs) : null;
  return into;
}
