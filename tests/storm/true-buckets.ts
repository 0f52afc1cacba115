/** The truth of a storm, computed from the readings as they were made: what each series has in each bucket, in columns. */

const FIRST_READINGS = 1_024;

/** One field of a device, with all its readings in any order, in columns of which the first `count` numbers are used. */
export class TrueSeries {
  readonly field: string;
  count = 0;
  timeMs = new Float64Array(FIRST_READINGS);
  seq = new Float64Array(FIRST_READINGS);
  values = new Float64Array(FIRST_READINGS);

  constructor(field: string) {
    this.field = field;
  }

  add(timeMs: number, seq: number, value: number): void {
    if (this.count === this.values.length)
      [this.timeMs, this.seq, this.values] = [longer(this.timeMs), longer(this.seq), longer(this.values)];
    this.timeMs[this.count] = timeMs;
    this.seq[this.count] = seq;
    this.values[this.count++] = value;
  }
}

function longer(numbers: Float64Array) {
  const twice = new Float64Array(2 * numbers.length);
  twice.set(numbers);
  return twice;
}

/** Buckets of one length, by their number from the first that has a reading; a storm spans a day or a few. */
export class TrueBuckets {
  readonly lengthMs: number;
  /** Number of the first since 1970. */
  readonly base: number;
  /** Readings; 0 where there is no bucket. */
  readonly count: Int32Array;
  readonly sum: Float64Array;
  readonly min: Float64Array;
  readonly max: Float64Array;
  /** Place of the first reading in its series, by time, then by seq; sources of one device do not overlap in time. */
  readonly first: Int32Array;
  readonly last: Int32Array;
  /** 1 when the cloud has told of it. */
  readonly isSeen: Uint8Array;

  constructor(series: TrueSeries, lengthMs: number) {
    const { timeMs, seq, values } = series;
    this.lengthMs = lengthMs;
    let lowest = Number.POSITIVE_INFINITY;
    let highest = Number.NEGATIVE_INFINITY;
    for (let i = 0; i < series.count; i++) {
      const ms = timeMs[i] as number;
      if (ms < lowest) lowest = ms;
      if (ms > highest) highest = ms;
    }
    this.base = Math.floor(lowest / lengthMs);
    const length = Math.floor(highest / lengthMs) - this.base + 1;
    const numbers = () => new Float64Array(length);
    [this.sum, this.min, this.max] = [numbers(), numbers(), numbers()];
    [this.count, this.first, this.last] = [new Int32Array(length), new Int32Array(length), new Int32Array(length)];
    this.isSeen = new Uint8Array(length);
    const isBefore = (a: number, b: number) => {
      const apartMs = (timeMs[a] as number) - (timeMs[b] as number);
      return apartMs < 0 || (apartMs === 0 && (seq[a] as number) < (seq[b] as number));
    };
    const { base, count, sum, min, max, first, last } = this;
    for (let i = 0; i < series.count; i++) {
      const at = Math.floor((timeMs[i] as number) / lengthMs) - base;
      const value = values[i] as number;
      if (count[at] === 0) {
        count[at] = 1;
        sum[at] = min[at] = max[at] = value;
        first[at] = last[at] = i;
        continue;
      }
      count[at] = (count[at] as number) + 1;
      sum[at] = (sum[at] as number) + value;
      if (value < (min[at] as number)) min[at] = value;
      if (value > (max[at] as number)) max[at] = value;
      if (isBefore(i, first[at] as number)) first[at] = i;
      if (isBefore(last[at] as number, i)) last[at] = i;
    }
  }

  startMs(at: number): number {
    return (this.base + at) * this.lengthMs;
  }

  /** Of the bucket that begins there, -1 for none. */
  placeOf(startMs: number): number {
    const at = startMs / this.lengthMs - this.base;
    return (this.count[at] ?? 0) > 0 ? at : -1;
  }
}

/**
 * The mean of each bucket. A power lasts: each window that has a reading weighs the same, however many it has. What is no power weighs by
 * readings.
 * @param windows of the series
 */
export function trueMeans({ field }: TrueSeries, windows: TrueBuckets, its: TrueBuckets): Float64Array {
  const means = new Float64Array(its.count.length);
  if (its === windows || !/^power\d*$/.test(field)) {
    for (let at = 0; at < means.length; at++) means[at] = (its.sum[at] as number) / (its.count[at] as number);
    return means;
  }
  const counted = new Int32Array(its.count.length);
  for (let at = 0; at < windows.count.length; at++) {
    const count = windows.count[at] as number;
    if (count === 0) continue;
    const bucket = Math.floor(windows.startMs(at) / its.lengthMs) - its.base;
    means[bucket] = (means[bucket] as number) + (windows.sum[at] as number) / count;
    counted[bucket] = (counted[bucket] as number) + 1;
  }
  for (let at = 0; at < means.length; at++) means[at] = (means[at] as number) / (counted[at] as number);
  return means;
}
