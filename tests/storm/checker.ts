/**
 * What must be true when a storm is over and everything has drained. Shares no code with edge, cloud or protocol: the
 * truth is computed from the readings as they were made.
 */
import type { Bucket, HouseholdRow } from '../../cloud/server/storage/series-store.ts';
import type { EdgeStatus, Reading, SeqRange } from '../../common/messages.ts';
import { type HeldSource, seqsOf } from './cloud-file.ts';

export interface Evidence {
  windowMs: number;
  /** All readings in the topic. */
  readings: readonly Reading[];
  /** Declared as skipped by the run. */
  notInRun: readonly SeqRange[];
  /** Unreadable in the topic. */
  damaged: readonly SeqRange[];
  /** Last seq of each source. */
  last: readonly { household: string; device: string; src: string; seq: number }[];
  /** What the cloud holds, by household/device/src. */
  sources: ReadonlyMap<string, HeldSource>;
  /** What the cloud answers, by length of the bucket. */
  buckets: readonly { lengthMs: number; buckets: readonly Bucket[] }[];
  households: readonly HouseholdRow[];
  edge: EdgeStatus;
  /** The topic began anew in between: what it says was skipped may have been declared as missing before it said so again. */
  isLogReplaced: boolean;
}

interface TrueBucket {
  count: number;
  sum: number;
  min: number;
  max: number;
  first: Reading;
  last: Reading;
  /** The cloud has told of it. */
  isSeen: boolean;
}

/** Sums are added in another order. */
const TOLERANCE = 1e-9;
const NOT_IN_RUN = 'not in run';

/** What is wrong, in sentences; empty when all is well. */
export function check(evidence: Evidence): string[] {
  if (evidence.readings.length === 0) return ['there was nothing to check'];
  return [
    ...checkSeqs(evidence),
    ...evidence.buckets.flatMap(({ lengthMs, buckets }) => checkBuckets(evidence.readings, lengthMs, buckets)),
    ...checkHouseholds(evidence),
    ...checkEdge(evidence.edge),
  ];
}

/** Every seq of every source is stored, or declared for the right reason, and not both. */
function checkSeqs({ readings, notInRun, damaged, last, sources, isLogReplaced }: Evidence): string[] {
  const findings: string[] = [];
  const wanted = new Map<string, Map<number, string>>();
  const want = (range: { household: string; device: string; src: string }, seq: number, what: string) => {
    const key = `${range.household}/${range.device}/${range.src}`;
    if (!wanted.has(key)) wanted.set(key, new Map());
    wanted.get(key)?.set(seq, what);
  };
  for (const range of notInRun) for (const seq of seqsOf([range.fromSeq, range.toSeq])) want(range, seq, NOT_IN_RUN);
  for (const range of damaged) for (const seq of seqsOf([range.fromSeq, range.toSeq])) want(range, seq, 'missing');
  for (const reading of readings) want(reading, reading.seq, 'stored');
  for (const { household, device, src, seq } of last) {
    const known = wanted.get(`${household}/${device}/${src}`)?.size ?? 0;
    if (known !== seq) findings.push(`the storm itself lost count of ${household}/${device}/${src}: ${known} seqs, last ${seq}`);
  }
  for (const key of sources.keys()) if (!wanted.has(key)) findings.push(`${key}: nobody made such a source`);
  for (const [key, seqs] of wanted) findings.push(...checkSource(key, seqs, sources.get(key), isLogReplaced));
  return findings;
}

function checkSource(key: string, wanted: ReadonlyMap<number, string>, held: HeldSource | undefined, isLogReplaced: boolean): string[] {
  const findings: string[] = [];
  const what = new Map<number, string>();
  for (const range of held?.covered ?? []) for (const seq of seqsOf(range)) what.set(seq, 'stored');
  for (const { from, to, reason } of held?.declared ?? []) {
    for (const seq of seqsOf([from, to])) {
      if (what.has(seq)) findings.push(`${key}: seq ${seq} is ${what.get(seq)} and declared`);
      what.set(seq, reason === NOT_IN_RUN ? NOT_IN_RUN : 'missing');
    }
  }
  const wrong = new Map<string, number[]>();
  for (const seq of new Set([...wanted.keys(), ...what.keys()])) {
    const [is, shouldBe] = [what.get(seq) ?? 'unknown', wanted.get(seq) ?? 'nothing'];
    if (is === shouldBe || (isLogReplaced && is === 'missing' && shouldBe === NOT_IN_RUN)) continue;
    const kind = `${is} and should be ${shouldBe}`;
    wrong.set(kind, [...(wrong.get(kind) ?? []), seq]);
  }
  for (const [kind, seqs] of wrong) findings.push(`${key}: ${seqs.length} seqs are ${kind}: ${seqs.slice(0, 10).join(' ')}`);
  const stored = [...wanted.values()].filter((should) => should === 'stored').length;
  if (held !== undefined && held.readings !== stored) findings.push(`${key}: counted ${held.readings} readings, there are ${stored}`);
  return findings;
}

function checkBuckets(readings: readonly Reading[], lengthMs: number, buckets: readonly Bucket[]): string[] {
  const findings: string[] = [];
  const truth = trueBuckets(readings, lengthMs);
  const nameOf = (series: string, startMs: number) => `${series} ${startMs}+${lengthMs}`;
  for (const bucket of buckets) {
    const series = `${bucket.household}/${bucket.device}/${bucket.field}`;
    const key = nameOf(series, bucket.startMs);
    const want = truth.get(series)?.get(bucket.startMs);
    if (want === undefined) {
      findings.push(`${key}: has no reading`);
      continue;
    }
    if (want.isSeen) findings.push(`${key}: is there twice`);
    want.isSeen = true;
    const { field } = bucket;
    const pairs: [string, number, number | undefined][] = [
      ['count', bucket.count, want.count],
      ['sum', bucket.mean * bucket.count, want.sum],
      ['min', bucket.min, want.min],
      ['max', bucket.max, want.max],
      ['first', bucket.first, want.first.values[field]],
      ['last', bucket.last, want.last.values[field]],
    ];
    for (const [name, is, should] of pairs) {
      if (should === undefined || !isClose(is, should, want)) findings.push(`${key}: ${name} is ${is}, should be ${should}`);
    }
  }
  for (const [series, starts] of truth) {
    for (const [startMs, { isSeen }] of starts) if (!isSeen) findings.push(`${nameOf(series, startMs)}: is missing`);
  }
  return findings;
}

/** A sum of both signs can be far smaller than what was added up. */
function isClose(is: number, should: number, { count, min, max }: TrueBucket): boolean {
  return Math.abs(is - should) <= TOLERANCE * Math.max(1, Math.abs(min) * count, Math.abs(max) * count);
}

/** By series, then by start. */
function trueBuckets(readings: readonly Reading[], lengthMs: number): Map<string, Map<number, TrueBucket>> {
  const truth = new Map<string, Map<number, TrueBucket>>();
  for (const reading of readings) {
    const startMs = Math.floor(reading.timeMs / lengthMs) * lengthMs;
    for (const field in reading.values) {
      const value = reading.values[field] as number;
      const series = `${reading.household}/${reading.device}/${field}`;
      let starts = truth.get(series);
      if (starts === undefined) truth.set(series, (starts = new Map()));
      const bucket = starts.get(startMs);
      if (bucket === undefined) {
        starts.set(startMs, { count: 1, sum: value, min: value, max: value, first: reading, last: reading, isSeen: false });
        continue;
      }
      bucket.count++;
      bucket.sum += value;
      if (value < bucket.min) bucket.min = value;
      if (value > bucket.max) bucket.max = value;
      if (isBefore(reading, bucket.first)) bucket.first = reading;
      if (isBefore(bucket.last, reading)) bucket.last = reading;
    }
  }
  return truth;
}

/** By time, then by seq. Sources of one device do not overlap in time. */
function isBefore(a: Reading, b: Reading): boolean {
  return a.timeMs < b.timeMs || (a.timeMs === b.timeMs && a.seq < b.seq);
}

function checkHouseholds({ households, readings }: Evidence): string[] {
  const counts = new Map<string, number>();
  for (const { household } of readings) counts.set(household, (counts.get(household) ?? 0) + 1);
  return households.flatMap(({ household, readings: held }) => {
    const should = counts.get(household) ?? 0;
    return held === should ? [] : [`${household}: the cloud says ${held} readings, there are ${should}`];
  });
}

function checkEdge(edge: EdgeStatus): string[] {
  const findings: string[] = [];
  if (edge.queued + edge.sent > 0) findings.push(`the outbox holds ${edge.queued} queued and ${edge.sent} sent rows`);
  for (const { household, reason } of edge.parked) findings.push(`${household} is parked: ${reason}`);
  if (edge.waitingFor.length > 0) findings.push(`the edge waits for ${edge.waitingFor.join(' ')}`);
  if (edge.runs.length === 0) findings.push('the edge saw no end of the run');
  for (const { run, ended, done } of edge.runs) if (!ended || !done) findings.push(`run ${run}: ended ${ended}, done ${done}`);
  return findings;
}
