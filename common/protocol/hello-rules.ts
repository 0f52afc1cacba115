/**
 * R9, pure: what an edge does with the answer to a hello, source by source. Afterwards every seq that the edge ever knew is
 * stored, declared, held in the outbox or the open part, or named in `missing` (to be searched in the log).
 */
import type { OpenEntry, SourceLedger } from './edge-ledger.ts';
import { missingFromAll, SeqIntervals } from './seq-intervals.ts';

export interface HeldRow {
  id: number;
  kind: 'part' | 'gap';
  fromSeq: number;
  toSeq: number;
  /** A gap that the log itself declared: the record that said so may be gone when it is searched again. */
  isSkip?: boolean;
}

/** What the outbox holds of one source. */
export interface HeldRows {
  unacked(source: SourceLedger): HeldRow[];
  /** Acked part rows not wholly inside `covered`, and acked gap rows not wholly inside `covered` ∪ `declared`. */
  ackedOutside(source: SourceLedger, covered: SeqIntervals, declared: SeqIntervals): HeldRow[];
}

export interface Reconciliation {
  /** Acked rows that the cloud has not (restored from a backup): queued again. */
  requeue: number[];
  /** Un-acked rows that the cloud has: the ack was lost. */
  acknowledge: number[];
  /** Rows that overlap what the cloud has, and gap rows, which are searched anew - but for skips of which nothing ever turned up. */
  drop: number[];
  /** What becomes of the device's open part. */
  open: 'keep' | 'drop' | 'close';
  /** Seqs neither stored, declared nor held. */
  missing: [number, number][];
}

/**
 * Takes over what the cloud told and says what must change. Changes the source's sets; the caller changes rows and open part.
 * @param open the device's open part, if it is of this source
 */
export function reconcileSource(
  source: SourceLedger,
  open: OpenEntry | undefined,
  told: { covered: SeqIntervals; declared: SeqIntervals },
  rows: HeldRows,
): Reconciliation {
  const highest = Math.max(source.seen.max, source.covered.max, source.declared.max, source.gapped.max, told.covered.max);
  const result: Reconciliation = { requeue: [], acknowledge: [], drop: [], open: 'keep', missing: [] };
  const held = new SeqIntervals();
  const skipped = new SeqIntervals();
  const mayStay = ({ kind, isSkip, fromSeq, toSeq }: HeldRow) =>
    (kind === 'part' ? [told.covered] : [told.covered, source.seen, source.covered]).every((set) => !set.overlaps(fromSeq, toSeq)) &&
    (kind === 'part' || isSkip === true);
  const hold = ({ kind, fromSeq, toSeq }: HeldRow) => (kind === 'part' ? held : skipped).add(fromSeq, toSeq);

  for (const row of rows.ackedOutside(source, told.covered, told.declared)) {
    if (!mayStay(row)) result.drop.push(row.id);
    else {
      result.requeue.push(row.id);
      hold(row);
    }
  }
  for (const row of rows.unacked(source)) {
    const inside = row.kind === 'part' ? [told.covered] : [told.covered, told.declared];
    if (missingFromAll(row.fromSeq, row.toSeq, inside).length === 0) result.acknowledge.push(row.id);
    else if (!mayStay(row)) result.drop.push(row.id);
    else hold(row);
  }
  const highestRow = Math.max(held.max, skipped.max);
  if (open !== undefined) {
    if (told.covered.overlaps(open.part.fromSeq, open.part.toSeq)) result.open = 'drop';
    else held.add(open.part.fromSeq, open.part.toSeq);
  }

  // What was declared and taken in here all the same was there: it is searched again.
  const gone = told.declared.clone();
  for (const taken of [source.seen, source.covered]) for (const [from, to] of taken.ranges()) gone.remove(from, to);
  result.missing = missingFromAll(1, highest, [told.covered, gone, held, skipped]);
  const highestMissing = result.missing.at(-1)?.[1] ?? 0;
  // A row above the open part would be shipped before it, and refused until it closes.
  if (open !== undefined && result.open === 'keep' && Math.max(highestMissing, highestRow) > open.part.toSeq) result.open = 'close';

  source.covered = told.covered;
  source.declared = told.declared;
  source.gapped = skipped;
  source.seen = held;
  source.seen.addAll(told.covered);
  return result;
}
