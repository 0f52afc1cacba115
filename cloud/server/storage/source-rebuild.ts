/** What is known of a source, made anew from its parts. Pure. */
import { addDigest, type Digest } from '../../../common/protocol/digest.ts';
import { type Interval, SeqIntervals } from '../../../common/protocol/seq-intervals.ts';

/** Running totals of a source. */
export interface SourceTotals {
  covered: SeqIntervals;
  digest: Digest;
  readings: number;
  firstMs: number | undefined;
  greatestMs: number | undefined;
}

/** What of the totals is of parts that were deleted, and can't be read from parts any more. */
export interface ForgottenParts {
  seqs: readonly Interval[];
  high: number;
  low: number;
  firstMs: number | null;
  greatestMs: number | null;
}

export const NOTHING_FORGOTTEN: ForgottenParts = { seqs: [], high: 0, low: 0, firstMs: null, greatestMs: null };

export interface SealedPart {
  fromSeq: number;
  toSeq: number;
  firstMs: number;
  lastMs: number;
  digest: Digest;
  isDamaged: boolean;
}

/** Why a source can't be made anew. */
export interface Unmendable {
  why: string;
}

export function emptyTotals(): SourceTotals {
  return { covered: new SeqIntervals(), digest: { high: 0, low: 0 }, readings: 0, firstMs: undefined, greatestMs: undefined };
}

export function addToTotals(totals: SourceTotals, { fromSeq, toSeq, firstMs, lastMs, digest }: Omit<SealedPart, 'isDamaged'>): void {
  totals.covered.add(fromSeq, toSeq);
  addDigest(totals.digest, digest.high, digest.low);
  totals.readings += toSeq - fromSeq + 1;
  if (totals.firstMs === undefined || firstMs < totals.firstMs) totals.firstMs = firstMs;
  if (totals.greatestMs === undefined || lastMs > totals.greatestMs) totals.greatestMs = lastMs;
}

/** What was forgotten and what is in the parts, and nothing else: a seq that no sound row vouches for is never covered. */
export function rebuildSource(forgotten: ForgottenParts, parts: Iterable<SealedPart>): SourceTotals | Unmendable {
  const totals = totalsOf(forgotten);
  for (const part of parts) {
    const { fromSeq, toSeq } = part;
    if (part.isDamaged) return { why: `its part of seqs ${fromSeq} to ${toSeq} is damaged too` };
    if (totals.covered.overlaps(fromSeq, toSeq)) return { why: `its part of seqs ${fromSeq} to ${toSeq} overlaps another` };
    addToTotals(totals, part);
  }
  return totals;
}

export function totalsOf({ seqs, high, low, firstMs, greatestMs }: ForgottenParts): SourceTotals {
  const covered = SeqIntervals.of(seqs);
  return { covered, digest: { high, low }, readings: covered.size, firstMs: firstMs ?? undefined, greatestMs: greatestMs ?? undefined };
}

export function forgottenOf({ covered, digest, firstMs, greatestMs }: SourceTotals): ForgottenParts {
  const { high, low } = digest;
  return { seqs: covered.ranges(), high, low, firstMs: firstMs ?? null, greatestMs: greatestMs ?? null };
}

/** The newest reading of all that was forgotten; undefined where nothing was. */
export function newestForgottenMs(all: Iterable<ForgottenParts>): number | undefined {
  let newest: number | undefined;
  for (const { greatestMs } of all) if (greatestMs !== null && (newest === undefined || greatestMs > newest)) newest = greatestMs;
  return newest;
}
