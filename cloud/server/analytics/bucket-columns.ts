/** Buckets of one series as columns of numbers, pure: filled from windows or from stored buckets, in order of time. */
import type { Aggregate, Rollup } from './rollup.ts';
import { isPower, kwhFromWattSeconds } from './rollup.ts';

const COLUMNS = ['windows', 'toldWindows', 'count', 'mean', 'sum', 'min', 'max', 'last', 'lastMs', 'energyKwh'] as const;

/** See SeriesBuckets in storage/series-store.ts. */
export type BucketColumns = Record<(typeof COLUMNS)[number], Float64Array>;

/** All without data. */
export function emptyColumns(length: number): BucketColumns {
  const column = (value: number) => new Float64Array(length).fill(value);
  const [windows, toldWindows, count] = [column(0), column(0), column(0)];
  const [mean, sum, min, max] = [column(Number.NaN), column(Number.NaN), column(Number.NaN), column(Number.NaN)];
  const [last, lastMs, energyKwh] = [column(Number.NaN), column(Number.NaN), column(Number.NaN)];
  return { windows, toldWindows, count, mean, sum, min, max, last, lastMs, energyKwh };
}

/** Gathers one series. What is added to a bucket must come in order of time. */
export class ColumnFiller {
  private readonly columns: BucketColumns;
  private readonly windowSeconds: number;
  private readonly power: boolean;

  constructor(field: string, length: number, windowMs: number) {
    this.columns = emptyColumns(length);
    this.windowSeconds = windowMs / 1_000;
    this.power = isPower(field);
  }

  /** A whole window. */
  addWindow(bucket: number, { count, sum, min, max, last, lastMs }: Aggregate): void {
    this.add(bucket, 1, count, this.power ? sum / count : sum, min, max, last, lastMs);
  }

  addRollup(bucket: number, { windowCount, count, sum, energyWs, min, max, last, lastMs }: Rollup): void {
    this.addStored(bucket, windowCount, count, sum, energyWs, min, max, last, lastMs);
  }

  /** A stored bucket, by its numbers. */
  addStored(
    bucket: number,
    windows: number,
    count: number,
    sum: number,
    energyWs: number,
    min: number,
    max: number,
    last: number,
    lastMs: number,
  ): void {
    // Σ mean × window length is stored of a power: it holds the sum of the means.
    this.add(bucket, windows, count, this.power ? energyWs / this.windowSeconds : sum, min, max, last, lastMs);
  }

  /**
   * Stored buckets by their sums: extremes and newest reading stay unknown.
   * @param amount of a power the sum of its windows' means, else of its readings
   */
  addSums(bucket: number, windows: number, count: number, amount: number): void {
    const { columns } = this;
    if (windows === 0) return;
    const isFirst = columns.windows[bucket] === 0;
    columns.windows[bucket] = (columns.windows[bucket] as number) + windows;
    columns.count[bucket] = (columns.count[bucket] as number) + count;
    columns.sum[bucket] = isFirst ? amount : (columns.sum[bucket] as number) + amount;
  }

  /** To be called once, when everything was added. */
  finish(): BucketColumns {
    const { windows, toldWindows, count, mean, sum, energyKwh } = this.columns;
    toldWindows.set(windows);
    for (let i = 0; i < windows.length; i++) {
      if (windows[i] === 0) continue;
      // Until now `sum` holds the sum of window means of a power, the sum of readings of other fields.
      const gathered = sum[i] as number;
      mean[i] = gathered / (this.power ? (windows[i] as number) : (count[i] as number));
      sum[i] = this.power ? gathered : (mean[i] as number) * (windows[i] as number);
      if (this.power) energyKwh[i] = kwhFromWattSeconds(gathered * this.windowSeconds);
    }
    return this.columns;
  }

  private add(
    bucket: number,
    windows: number,
    count: number,
    weighted: number,
    min: number,
    max: number,
    last: number,
    lastMs: number,
  ): void {
    const { columns } = this;
    const isFirst = columns.windows[bucket] === 0;
    columns.windows[bucket] = (columns.windows[bucket] as number) + windows;
    columns.count[bucket] = (columns.count[bucket] as number) + count;
    columns.sum[bucket] = isFirst ? weighted : (columns.sum[bucket] as number) + weighted;
    if (isFirst || min < (columns.min[bucket] as number)) columns.min[bucket] = min;
    if (isFirst || max > (columns.max[bucket] as number)) columns.max[bucket] = max;
    if (isFirst || lastMs >= (columns.lastMs[bucket] as number)) {
      columns.last[bucket] = last;
      columns.lastMs[bucket] = lastMs;
    }
  }
}
