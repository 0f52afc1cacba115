/**
 * What an edge remembers of its sources, and the rules of intake over it (R1–R3, R5, R10), pure: nothing here reads a clock,
 * a disk or a socket. The shell (edge/server/intake.ts) writes what changed in one transaction, and loads the ledger
 * anew when that transaction fails, so memory is never ahead of the disk.
 */
import { deviceKey, sourceKey } from '../ids.ts';
import { type Gap, type Mark, type Reading, type RowOfRange, rangeOf, type SeqRange, type ShippedRow } from '../messages.ts';
import { addDigest, type Digest, digestFromHex, textDigest } from './digest.ts';
import { missingFromAll, SeqIntervals } from './seq-intervals.ts';
import { addReading, belongsTo, closePart, cutIntoParts, type OpenPart, openPart } from './window.ts';

/** One source's seqs, by what is known of them. */
export interface SourceLedger {
  household: string;
  device: string;
  src: string;
  /** Taken in: in the open part, in the outbox, or stored. */
  seen: SeqIntervals;
  /** Stored at the cloud, by its last hello and its acks since. */
  covered: SeqIntervals;
  /** Declared missing at the cloud. */
  declared: SeqIntervals;
  /** In gap rows of the outbox that are not acknowledged. */
  gapped: SeqIntervals;
  /** R7: what ever became part of a row of the outbox here, each reading once, however often it is cut anew; never shrinks. */
  kept: SeqIntervals;
  /** Sum of the hashes of `kept`: running totals for the audit. */
  keptDigest: Digest;
}

/** Where the first reading of a part lies in the topic. */
export interface Position {
  partition: number;
  offset: number;
}

export interface OpenEntry extends Position {
  part: OpenPart;
}

/** A row for the outbox. */
export type NewRow = ShippedRow & Position;

/** A reading found in the log, with where. */
export interface FoundReading extends Position {
  reading: Reading;
}

export const NOT_IN_RUN = 'not in run';
export const MISSING_IN_LOG = 'missing in the log';

export type IntakeStep =
  /** Taken, or known already; `rows` are for the outbox. */
  | { kind: 'taken'; rows: readonly NewRow[]; fresh: boolean }
  /** R5: no generation for the household: hello first, nothing changed. */
  | { kind: 'waits'; household: string }
  /** R2: seqs are missing; search the log, call fillHole with what is there, then take the message again. Nothing changed. */
  | { kind: 'search'; holes: Hole[] };

/** Most readings close nothing. */
const NO_ROWS: readonly NewRow[] = [];
const KNOWN: IntakeStep = { kind: 'taken', rows: NO_ROWS, fresh: false };
const TAKEN: IntakeStep = { kind: 'taken', rows: NO_ROWS, fresh: true };

export interface Hole {
  source: SourceLedger;
  missing: [number, number][];
}

/** A source with its keys: they are needed several times for each reading. */
interface SourcePlace {
  device: string;
  src: string;
  sourceKey: string;
  deviceKey: string;
  digest: Digest;
  source: SourceLedger;
}

export class EdgeLedger {
  readonly windowMs: number;
  /** By household/device/src. One that is there stays, and stays the same object. */
  readonly sources = new Map<string, SourceLedger>();
  /** Those that were asked for, by household: it has a few. */
  private readonly places = new Map<string, SourcePlace[]>();
  /** Open parts by partition, then by household/device. */
  readonly open = new Map<number, Map<string, OpenEntry>>();
  /** Generation held, by household. */
  readonly generations = new Map<string, number>();
  /** Reason why nothing of the household is shipped, by household. */
  readonly parked = new Map<string, string>();
  /** What changed since the shell last wrote: source keys, and device keys by partition. */
  readonly changedSources = new Set<string>();
  readonly changedOpen = new Map<string, number>();

  constructor(windowMs: number) {
    this.windowMs = windowMs;
  }

  source(range: { household: string; device: string; src: string }): SourceLedger {
    const { source, sourceKey: key } = this.placeOf(range);
    this.changedSources.add(key);
    return source;
  }

  openIn(partition: number): Map<string, OpenEntry> {
    let entries = this.open.get(partition);
    if (entries === undefined) this.open.set(partition, (entries = new Map()));
    return entries;
  }

  openOf(household: string, device: string): OpenEntry | undefined {
    const key = deviceKey(household, device);
    for (const entries of this.open.values()) {
      const entry = entries.get(key);
      if (entry !== undefined) return entry;
    }
    return undefined;
  }

  takeReading(reading: Reading, position: Position): IntakeStep {
    if (!this.generations.has(reading.household)) return { kind: 'waits', household: reading.household };
    const place = this.placeOf(reading);
    const { source } = place;
    this.changedSources.add(place.sourceKey);
    const { seq } = reading;
    if (source.seen.has(seq) || source.covered.has(seq)) return KNOWN;
    const missing = this.missingBelow(source, seq);
    if (missing.length > 0) return { kind: 'search', holes: [{ source, missing }] };
    source.seen.add(seq, seq);
    const rows = this.addToOpen(place, reading, position);
    return rows === NO_ROWS ? TAKEN : { kind: 'taken', rows, fresh: true };
  }

  /** Closes what ends by the mark. The end mark closes every open part of the partition and finds what is missing of the run. */
  takeMark(mark: Mark, partition: number): IntakeStep {
    const holes: Hole[] = [];
    for (const last of mark.last) {
      if (!this.generations.has(last.household)) return { kind: 'waits', household: last.household };
      const source = this.source(last);
      const missing = this.missingBelow(source, last.seq + 1);
      if (missing.length > 0) holes.push({ source, missing });
    }
    if (holes.length > 0) return { kind: 'search', holes };
    const rows: NewRow[] = [];
    // A map bears that entries are deleted while it is walked through.
    for (const entry of this.openIn(partition).values()) {
      if (mark.end || entry.part.windowStartMs + this.windowMs <= mark.timeMs) rows.push(this.close(entry));
    }
    return { kind: 'taken', rows, fresh: true };
  }

  takeSkip(range: SeqRange, position: Position): IntakeStep {
    if (!this.generations.has(range.household)) return { kind: 'waits', household: range.household };
    const source = this.source(range);
    const rows = missingFromAll(range.fromSeq, range.toSeq, knownOf(source)).map(([from, to]) =>
      this.gapRow(source, from, to, NOT_IN_RUN, position),
    );
    return { kind: 'taken', rows, fresh: rows.length > 0 };
  }

  /**
   * Rows for seqs that were missing: a part of its own for what the log still holds, a declared gap for the rest.
   * @param found readings of this source in the log, by seq
   * @param skipped seqs that the log says are not in the run
   */
  fillHole(hole: Hole, found: ReadonlyMap<number, FoundReading>, skipped: SeqIntervals, position: Position): NewRow[] {
    const { source } = hole;
    this.changedSources.add(sourceKey(source.household, source.device, source.src));
    const rows: NewRow[] = [];
    const wanted = SeqIntervals.of(hole.missing);
    // By what was found: a hole below a damaged seq may be astronomical.
    const readings = [...found.values()].map(({ reading }) => reading).filter(({ seq }) => wanted.has(seq));
    readings.sort((a, b) => a.seq - b.seq);
    // Cut also where what was kept before begins and ends, so that each part is counted whole or not at all.
    const [again, first] = [readings.filter(({ seq }) => source.kept.has(seq)), readings.filter(({ seq }) => !source.kept.has(seq))];
    const parts = [...cutIntoParts(again, this.windowMs), ...cutIntoParts(first, this.windowMs)];
    for (const part of parts.sort((a, b) => a.fromSeq - b.fromSeq)) {
      const { partition, offset } = found.get(part.fromSeq) as FoundReading;
      source.seen.add(part.fromSeq, part.toSeq);
      keep(source, part, digestFromHex(part.digest));
      rows.push({ kind: 'part', part, partition, offset });
    }
    for (const [from, to] of hole.missing) {
      for (const [gapFrom, gapTo] of source.seen.missing(from, to)) {
        const unskipped = skipped.missing(gapFrom, gapTo);
        for (const [a, b] of unskipped) rows.push(this.gapRow(source, a, b, MISSING_IN_LOG, position));
        for (const [a, b] of SeqIntervals.of(unskipped).missing(gapFrom, gapTo)) rows.push(this.gapRow(source, a, b, NOT_IN_RUN, position));
      }
    }
    return rows;
  }

  /** Closes the open part and takes it out of the ledger. */
  close(entry: OpenEntry): NewRow {
    const { part, partition, offset } = entry;
    const place = this.placeOf(part);
    this.openIn(partition).delete(place.deviceKey);
    this.changedOpen.set(place.deviceKey, partition);
    this.changedSources.add(place.sourceKey);
    keep(place.source, part, part.digest);
    return { kind: 'part', part: closePart(part), partition, offset };
  }

  forgetOpen(entry: OpenEntry): void {
    const key = deviceKey(entry.part.household, entry.part.device);
    this.openIn(entry.partition).delete(key);
    this.changedOpen.set(key, entry.partition);
  }

  /** Seqs below `seq` of which nothing is known. */
  private missingBelow(source: SourceLedger, seq: number): [number, number][] {
    // The usual case: everything below was seen.
    if (seq === 1 || source.seen.containsAll(1, seq - 1)) return [];
    return missingFromAll(1, seq - 1, knownOf(source));
  }

  private addToOpen(place: SourcePlace, reading: Reading, { partition, offset }: Position): readonly NewRow[] {
    const { source, deviceKey: key } = place;
    const entries = this.openIn(partition);
    const entry = entries.get(key);
    this.changedOpen.set(key, partition);
    if (
      entry !== undefined &&
      belongsTo(entry.part, reading, this.windowMs) &&
      isKept(source, reading.seq) === isKept(source, entry.part.fromSeq)
    ) {
      addReading(entry.part, reading, place.digest);
      return NO_ROWS;
    }
    const rows = entry === undefined ? NO_ROWS : [this.close(entry)];
    entries.set(key, { part: openPart(reading, this.windowMs, place.digest), partition, offset });
    return rows;
  }

  private placeOf(range: { household: string; device: string; src: string }): SourcePlace {
    const places = this.places.get(range.household);
    if (places !== undefined) for (const place of places) if (place.src === range.src && place.device === range.device) return place;
    return this.addPlace(range, places);
  }

  private addPlace(
    { household, device, src }: { household: string; device: string; src: string },
    places: SourcePlace[] = [],
  ): SourcePlace {
    const key = sourceKey(household, device, src);
    let source = this.sources.get(key);
    if (source === undefined) {
      const empty = () => new SeqIntervals();
      const sets = { seen: empty(), covered: empty(), declared: empty(), gapped: empty(), kept: empty() };
      source = { household, device, src, ...sets, keptDigest: { high: 0, low: 0 } };
      this.sources.set(key, source);
    }
    const place = { device, src, sourceKey: key, deviceKey: deviceKey(household, device), digest: textDigest(key), source };
    places.push(place);
    this.places.set(household, places);
    return place;
  }

  private gapRow(source: SourceLedger, fromSeq: number, toSeq: number, reason: string, position: Position): NewRow {
    source.gapped.add(fromSeq, toSeq);
    const { household, device, src } = source;
    const gap: Gap = { household, device, src, fromSeq, toSeq, reason };
    return { kind: 'gap', gap, ...position };
  }
}

/** Adds a part to the running totals; one that was kept before (cut anew for a cloud that lost it) is in them already. */
function keep(source: SourceLedger, range: { fromSeq: number; toSeq: number }, digest: Digest): void {
  if (isKept(source, range.fromSeq)) return;
  source.kept.add(range.fromSeq, range.toSeq);
  addDigest(source.keptDigest, digest.high, digest.low);
}

function isKept({ kept }: SourceLedger, seq: number): boolean {
  // The usual reading is above all that was kept.
  return seq <= kept.max && kept.has(seq);
}

function knownOf(source: SourceLedger): SeqIntervals[] {
  return [source.seen, source.covered, source.declared, source.gapped];
}

interface RowRange {
  kind: 'part' | 'gap';
  range: SeqRange;
}

/** Applies an ack (`stored` or `duplicate`) of one row to its source. */
export function applyAck(ledger: EdgeLedger, row: RowRange): void {
  const { fromSeq, toSeq } = row.range;
  const source = ledger.source(row.range);
  if (row.kind === 'part') {
    source.covered.add(fromSeq, toSeq);
    source.declared.remove(fromSeq, toSeq);
    return;
  }
  source.gapped.remove(fromSeq, toSeq);
  for (const [from, to] of source.covered.missing(fromSeq, toSeq)) source.declared.add(from, to);
}

/** As applyAck of each row, in their order; rows of a source that lie side by side, as most do, are one range. */
export function applyAcks(ledger: EdgeLedger, rows: readonly RowOfRange[]): void {
  for (let at = 0; at < rows.length; ) {
    const first = rows[at] as RowOfRange;
    const { kind } = first;
    const range = rangeOf(first);
    let { toSeq } = range;
    for (at++; at < rows.length; at++) {
      const next = rows[at] as RowOfRange;
      if (next.kind !== kind || !isNext(range, toSeq, rangeOf(next))) break;
      toSeq = rangeOf(next).toSeq;
    }
    applyAck(ledger, { kind, range: toSeq === range.toSeq ? range : { ...range, toSeq } });
  }
}

function isNext({ household, device, src }: SeqRange, toSeq: number, next: SeqRange): boolean {
  return next.fromSeq === toSeq + 1 && next.household === household && next.device === device && next.src === src;
}

/** R10: every seq of the run up to `lastSeq` is stored or declared. */
export function isRunComplete(source: SourceLedger | undefined, lastSeq: number): boolean {
  if (source === undefined) return lastSeq === 0;
  return missingFromAll(1, lastSeq, [source.covered, source.declared]).length === 0;
}
