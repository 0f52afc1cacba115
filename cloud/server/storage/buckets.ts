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
  const energyWs = isPower(series.field) ? (meanOf(aggregate) * windowMs) / 1_000 : 0;
  return bucketOf(series, startMs, aggregate, meanOf(aggregate), energyWs);
}

/** One or more windows; the mean is that of ColumnFiller, so that no two answers differ. */
export function rollupBucket(series: SeriesName, rollup: Rollup, windowMs: number): Bucket {
  const { energyWs, windowCount } = rollup;
  const mean = isPower(series.field) ? energyWs / (windowMs / 1_000) / windowCount : meanOf(rollup);
  return bucketOf(series, rollup.startMs, rollup, mean, energyWs);
}

function bucketOf({ household, device, field }: SeriesName, startMs: number, aggregate: Aggregate, mean: number, energyWs: number): Bucket {
  const { count, min, max, first, last } = aggregate;
  const energyKwh = isPower(field) ? kwhFromWattSeconds(energyWs) : null;
  return { household, device, field, startMs, count, mean, min, max, first, last, energyKwh };
}
