/** What a storm's readings say must be held, looked at once: columns of each series, seqs of each source, readings of each household. */
import type { Bucket } from '../../cloud/server/storage/series-store.ts';
import type { Reading } from '../../common/messages.ts';
import { SeqStates } from './seq-states.ts';
import { TrueBuckets, trueMeans, TrueSeries } from './true-buckets.ts';

/** Means are of sums that are added in another order. */
const TOLERANCE = 1e-9;
const NONE: readonly string[] = [];

/** What is looked up once for all readings of a device's source that follow each other. */
interface Place {
  household: string;
  device: string;
  src: string;
  seqs: SeqStates;
  series: Map<string, TrueSeries>;
}

export class Truth {
  readonly series = new Map<string, TrueSeries>();
  /** By household/device/src. */
  readonly seqs = new Map<string, SeqStates>();
  /** Readings, by household. */
  readonly counts = new Map<string, number>();
  private readonly windows = new Map<string, TrueBuckets>();

  /** @param state of a seq that has a reading */
  constructor(readings: Iterable<Reading>, windowMs: number, state: number) {
    let place: Place | undefined;
    let count = 0;
    for (const { household, device, src, seq, timeMs, values } of readings) {
      if (place === undefined || household !== place.household || device !== place.device || src !== place.src) {
        if (place !== undefined) this.count(place.household, count);
        count = 0;
        place = this.placeOf(household, device, src);
      }
      count++;
      place.seqs.set(seq, state);
      for (const field in values) {
        const series = place.series.get(field) ?? this.addField(place, field);
        series.add(timeMs, seq, values[field] as number);
      }
    }
    if (place !== undefined) this.count(place.household, count);
    for (const [name, series] of this.series) this.windows.set(name, new TrueBuckets(series, windowMs));
  }

  seqsOf(key: string): SeqStates {
    let seqs = this.seqs.get(key);
    if (seqs === undefined) this.seqs.set(key, (seqs = new SeqStates()));
    return seqs;
  }

  bucketCheck(lengthMs: number): BucketCheck {
    const truths = [...this.series].map(([name, series]): [string, SeriesTruth] => {
      const windows = this.windows.get(name) as TrueBuckets;
      const its = lengthMs === windows.lengthMs ? windows : new TrueBuckets(series, lengthMs);
      return [name, { series, its, means: trueMeans(series, windows, its) }];
    });
    return new BucketCheck(lengthMs, new Map(truths));
  }

  private count(household: string, count: number): void {
    this.counts.set(household, (this.counts.get(household) ?? 0) + count);
  }

  private placeOf(household: string, device: string, src: string): Place {
    const seqs = this.seqsOf(`${household}/${device}/${src}`);
    return { household, device, src, seqs, series: new Map() };
  }

  private addField({ household, device, series }: Place, field: string): TrueSeries {
    const name = `${household}/${device}/${field}`;
    const its = this.series.get(name) ?? new TrueSeries(field);
    this.series.set(name, its);
    series.set(field, its);
    return its;
  }
}

interface SeriesTruth {
  series: TrueSeries;
  its: TrueBuckets;
  means: Float64Array;
}

/** Compares what the cloud tells, bucket after bucket, with what there must be of one length. */
export class BucketCheck {
  private readonly lengthMs: number;
  private readonly truths: ReadonlyMap<string, SeriesTruth>;
  private readonly found: string[] = [];
  /** Of the bucket before: buckets of a series come one after the other. */
  private before: { household: string; device: string; field: string; truth: SeriesTruth | undefined } | undefined;

  constructor(lengthMs: number, truths: ReadonlyMap<string, SeriesTruth>) {
    this.lengthMs = lengthMs;
    this.truths = truths;
  }

  look(bucket: Bucket): void {
    const truth = this.truthOf(bucket);
    const at = truth?.its.placeOf(bucket.startMs) ?? -1;
    if (truth === undefined || at < 0) return this.tell(bucket, ['has no reading']);
    const { isSeen } = truth.its;
    if (isSeen[at] === 1) this.tell(bucket, ['is there twice']);
    isSeen[at] = 1;
    this.tell(bucket, differences(bucket, truth, at));
  }

  /** When all were looked at. */
  findings(): string[] {
    const missing: string[] = [];
    for (const [name, { its }] of this.truths)
      for (let at = 0; at < its.count.length; at++)
        if (its.count[at] !== 0 && its.isSeen[at] === 0) missing.push(`${name} ${its.startMs(at)}+${this.lengthMs}: is missing`);
    return [...this.found, ...missing];
  }

  private truthOf({ household, device, field }: Bucket): SeriesTruth | undefined {
    const { before } = this;
    if (before !== undefined && before.household === household && before.device === device && before.field === field) return before.truth;
    const truth = this.truths.get(`${household}/${device}/${field}`);
    this.before = { household, device, field, truth };
    return truth;
  }

  private tell({ household, device, field, startMs }: Bucket, wrong: readonly string[]): void {
    for (const what of wrong) this.found.push(`${household}/${device}/${field} ${startMs}+${this.lengthMs}: ${what}`);
  }
}

function differences(bucket: Bucket, { series: { values }, its, means }: SeriesTruth, at: number): readonly string[] {
  const count = its.count[at] as number;
  const min = its.min[at] as number;
  const max = its.max[at] as number;
  const mean = means[at] as number;
  // A mean of both signs can be far smaller than what was added up.
  const near = TOLERANCE * Math.max(1, Math.abs(min), Math.abs(max));
  const first = values[its.first[at] as number] as number;
  const last = values[its.last[at] as number] as number;
  const isRight =
    isClose(bucket.count, count, near) &&
    isClose(bucket.mean, mean, near) &&
    isClose(bucket.min, min, near) &&
    isClose(bucket.max, max, near) &&
    isClose(bucket.first, first, near) &&
    isClose(bucket.last, last, near);
  if (isRight) return NONE;
  const pairs: [string, number, number][] = [
    ['count', bucket.count, count],
    ['mean', bucket.mean, mean],
    ['min', bucket.min, min],
    ['max', bucket.max, max],
    ['first', bucket.first, first],
    ['last', bucket.last, last],
  ];
  return pairs.filter(([, is, should]) => !isClose(is, should, near)).map(([name, is, should]) => `${name} is ${is}, should be ${should}`);
}

function isClose(is: number, should: number, near: number): boolean {
  return Math.abs(is - should) <= near;
}
