/** R4 and R5 at the receiver, pure: who owns a household, and what becomes of one shipped row. */
import { rangeOf, type ShippedRow, type Verdict } from '../messages.ts';
import { missingFromAll, type SeqIntervals } from './seq-intervals.ts';

/** What the cloud holds of one source. */
export interface SourceView {
  covered: SeqIntervals;
  declared: SeqIntervals;
  /** Digest of the stored part with exactly this range. */
  digestOf(fromSeq: number, toSeq: number): string | undefined;
  /** Greatest event time of the device's sources that were known before this one; looked at only while nothing of it is covered. */
  otherGreatestMs: number | undefined;
}

export const SECOND_SOURCE = 'second source: a new source of a device must begin later than the earlier one ended';

/**
 * R5: the generation that a hello gets. The same claim keeps its generation, so a repeated hello changes nothing;
 * another claim gets a higher one than anybody has held.
 * @param knownGeneration the highest generation that the edge itself remembers (a restored cloud may have forgotten it)
 */
export function claimHousehold(current: { generation: number; claim: string } | undefined, claim: string, knownGeneration: number): number {
  if (current !== undefined && current.claim === claim) return current.generation;
  return Math.max(current?.generation ?? 0, knownGeneration) + 1;
}

/** R4, in its order. Changes nothing. */
export function judgeRow(view: SourceView, row: ShippedRow): Verdict {
  const { fromSeq, toSeq } = rangeOf(row);
  if (row.kind === 'part') {
    const held = view.digestOf(fromSeq, toSeq);
    if (held !== undefined && held !== row.part.digest) return 'conflict';
    if (view.covered.containsAll(fromSeq, toSeq)) return 'duplicate';
    if (isSecondSource(view, row.part.firstMs)) return 'rejected';
  } else if (missingFromAll(fromSeq, toSeq, [view.covered, view.declared]).length === 0) return 'duplicate';
  if (!isKnownBelow(view, fromSeq)) return 'gap';
  if (row.kind === 'part' && view.covered.overlaps(fromSeq, toSeq)) return 'overlap';
  return 'stored';
}

/** Every seq below is stored or declared. */
function isKnownBelow({ covered, declared }: SourceView, fromSeq: number): boolean {
  // The usual case: all of it is stored.
  if (fromSeq === 1 || covered.containsAll(1, fromSeq - 1)) return true;
  if (declared.isEmpty) return false;
  return missingFromAll(1, fromSeq - 1, [covered, declared]).length === 0;
}

function isSecondSource(view: SourceView, firstMs: number): boolean {
  return view.covered.isEmpty && view.otherGreatestMs !== undefined && firstMs <= view.otherGreatestMs;
}

/** What 'stored' does to the source: a part covers its seqs and takes them out of declared; a gap declares what is not covered. */
export function applyStored(view: Pick<SourceView, 'covered' | 'declared'>, row: ShippedRow): void {
  const { fromSeq, toSeq } = rangeOf(row);
  if (row.kind === 'part') {
    view.covered.add(fromSeq, toSeq);
    view.declared.remove(fromSeq, toSeq);
    return;
  }
  for (const [from, to] of view.covered.missing(fromSeq, toSeq)) view.declared.add(from, to);
}
