/** What should be there: the rows of one household's file as readings of a source, and what any of them add up to. Pure. */
import { sourceKey } from '../common/ids.ts';
import type { Digest } from '../common/protocol/digest.ts';
import type { Interval } from '../common/protocol/seq-intervals.ts';
import { addStats, type FieldStats, oneReading } from './window-stats.ts';
import { METER, SourceDigests, type SourceRows, srcOf } from './source-rows.ts';

/** The run that the state belongs to, and how far it went. */
export interface RunSpan {
  t0Ms: number;
  startMs: number;
  /** True when the end of the run was marked. */
  ended: boolean;
  /** Where it ends, if the mark is still there. */
  endMs: number | undefined;
  /** Last seq by household/device/src, where only the edge remembers the mark. */
  lastSeqs: ReadonlyMap<string, number> | undefined;
  /** Length of a pass of a looped run. */
  passMs: number | undefined;
}

/** Passes of a loop that are looked through for a source's name. */
const PASSES_MAX = 10_000;
/** Seqs of one source stay below; later sources of a device order after earlier ones. */
export const SEQS_PER_SOURCE = 2 ** 42;

export interface TruthSource {
  household: string;
  device: string;
  src: string;
  rows: SourceRows;
  shiftMs: number;
  digests: SourceDigests;
  /** Seqs of the run; empty when from > to. */
  from: number;
  to: number;
}

/** Undefined when the file has no reading, or no pass of it has this name. */
export function truthOf(rows: SourceRows, src: string, span: RunSpan): TruthSource | undefined {
  const { firstLine, household } = rows;
  if (firstLine === undefined) return undefined;
  const passes = span.passMs === undefined ? 1 : PASSES_MAX;
  for (let pass = 0; pass < passes; pass++) {
    if (srcOf(household, firstLine, pass) !== src) continue;
    const shiftMs = pass * (span.passMs ?? 0);
    const range = runSeqs(rows, shiftMs, span);
    const lastSeq = span.lastSeqs?.get(sourceKey(household, METER, src));
    if (span.lastSeqs !== undefined) range.to = Math.min(range.to, lastSeq ?? 0);
    return { household, device: METER, src, rows, shiftMs, digests: new SourceDigests(rows, src, shiftMs), ...range };
  }
  return undefined;
}

/** @param lastSeq of the run's end mark, where there is one */
export function truthOfModel(rows: SourceRows, src: string, lastSeq: number | undefined): TruthSource {
  const { household, device, count } = rows;
  return { household, device, src, rows, shiftMs: 0, digests: new SourceDigests(rows, src, 0), from: 1, to: lastSeq ?? count };
}

/** R10: T only grows along the file, so a run is a range of seqs. */
function runSeqs(rows: SourceRows, shiftMs: number, { t0Ms, startMs, endMs = Infinity, passMs = Infinity }: RunSpan) {
  const below = (limitMs: number) => {
    let [low, high] = [0, rows.count];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((rows.reachedMs[middle] as number) + shiftMs < limitMs) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  return { from: below(startMs) + 1, to: Math.min(below(endMs), below(t0Ms + passMs + shiftMs)) };
}

export function timeOf(truth: TruthSource, seq: number): number {
  return (truth.rows.timesMs[seq - 1] as number) + truth.shiftMs;
}

/** Start of the window that the seq lies in; undefined for one that the file has not. */
export function windowOf(truth: TruthSource, seq: number, windowMs: number): number | undefined {
  return seq > truth.rows.count ? undefined : Math.floor(timeOf(truth, seq) / windowMs) * windowMs;
}

/** Statistics of a window, or of a part, in the order of the source's fields. */
export type Stats = FieldStats[];

export function partStats(truth: TruthSource, fromSeq: number, toSeq: number, rank = 0): Stats {
  const stats = readingStats(truth, fromSeq, rank);
  for (let seq = fromSeq + 1; seq <= toSeq; seq++) addAll(stats, readingStats(truth, seq, rank));
  return stats;
}

/** Smallest and greatest event time of the seqs, as far as the file has them; undefined where it has none of them. */
export function timesOf(truth: TruthSource, seqs: Iterable<Interval>): { firstMs: number; lastMs: number } | undefined {
  const times = { firstMs: Infinity, lastMs: -Infinity };
  for (const [from, to] of seqs) {
    for (let seq = from; seq <= Math.min(to, truth.rows.count); seq++) {
      const timeMs = timeOf(truth, seq);
      times.firstMs = Math.min(times.firstMs, timeMs);
      times.lastMs = Math.max(times.lastMs, timeMs);
    }
  }
  return times.firstMs > times.lastMs ? undefined : times;
}

/** Adds the readings of the seqs to their windows. */
export function addWindows(
  windows: Map<number, Stats>,
  truth: TruthSource,
  seqs: Iterable<Interval>,
  rank: number,
  windowMs: number,
): void {
  for (const [from, to] of seqs) {
    for (let seq = from; seq <= Math.min(to, truth.rows.count); seq++) {
      const startMs = Math.floor(timeOf(truth, seq) / windowMs) * windowMs;
      const window = windows.get(startMs);
      if (window === undefined) windows.set(startMs, readingStats(truth, seq, rank));
      else addAll(window, readingStats(truth, seq, rank));
    }
  }
}

export function addAll(into: Stats, other: Stats): void {
  other.forEach((stats, i) => addStats(into[i] as FieldStats, stats));
}

function readingStats(truth: TruthSource, seq: number, rank: number): Stats {
  const timeMs = timeOf(truth, seq);
  return truth.rows.fields.map((_, i) => oneReading(truth.rows.values[i]?.[seq - 1] as number, timeMs, rank * SEQS_PER_SOURCE + seq));
}

export function sameDigest(a: Digest, b: Digest): boolean {
  return a.high >>> 0 === b.high >>> 0 && a.low >>> 0 === b.low >>> 0;
}
