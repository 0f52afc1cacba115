/**
 * The durable queue of closed parts and declared gaps. Reading deletes nothing; a row is deleted only when it is acked
 * and old, or acked and the quota is reached (counted). Every method that writes is to be called inside `write`.
 */
import type Database from 'better-sqlite3';
import type { SeqRange } from '../../common/messages.ts';
import type { NewRow, SourceLedger } from '../../common/protocol/edge-ledger.ts';
import type { HeldRow, HeldRows } from '../../common/protocol/hello-rules.ts';
import { missingFromAll, type SeqIntervals } from '../../common/protocol/seq-intervals.ts';
import { sourceKey } from '../../common/ids.ts';
import type { RowToShip } from '../../common/wire.ts';
import {
  type HeadRow,
  parsedFields,
  resultOf,
  SEAL,
  sealOf,
  type SourceRow,
  STATS,
  type StoredRange,
  type StoredRow,
  toHeld,
  type Unacked,
  WINDOW,
} from './outbox-rows.ts';
import { ROW_STATE } from './outbox-schema.ts';
import { prepareOutbox } from './outbox-statements.ts';
import { type Order, orderSteps } from './row-order.ts';

/** A row as it is shipped. */
export interface QueuedRow {
  id: number;
  sourceId: number;
  row: RowToShip;
  /** About what it takes in a request. */
  bytes: number;
}

/** The quota is reached, or the disk is full: nothing was written. Acks and trimming make room, so it is tried again. */
export class OutboxFull extends Error {
  override readonly name = 'OutboxFull';
  readonly retryable = true;
}

/** A window cut by late readings is rarely cut more often. */
export const NEWEST_LOOKED_AT_ROWS = 8;
/** Rows read in one step of a hello, a few ms: well below the deadline of a heartbeat, and of R11. */
export const LOOK_ROWS = 500;
/** Of a row in a request beside its statistics. */
const ROW_BYTES = 60;

export class Outbox implements HeldRows {
  private readonly database: Database.Database;
  private readonly pageBytes: number;
  private readonly quotaPages: number;
  private readonly statements: ReturnType<typeof prepareOutbox>;
  /** Row id of a source, by household/device/src. */
  private readonly sourceIds = new Map<string, number>();
  private readonly sourceRanges = new Map<number, Omit<SourceRow, 'id'>>();
  private readonly fieldSets = new Map<string, readonly string[]>();
  /** By source id; a source without rows that are not acked is not in it. */
  private unackedBySource = new Map<number, Unacked>();
  /** Rows met that are not as they were written, with what is wrong. Nothing is made of them; `setAsideDamaged` takes them out. */
  private readonly damaged = new Map<number, string>();
  ackedCount = 0;

  constructor(database: Database.Database, quotaBytes: number) {
    this.database = database;
    this.pageBytes = database.pragma('page_size', { simple: true }) as number;
    this.quotaPages = Math.floor(quotaBytes / this.pageBytes);
    this.statements = prepareOutbox(database);
  }

  /** Counts what is held, by looking at every row. Called at start. */
  load(): void {
    this.loadSources();
    this.unackedBySource.clear();
    for (const [id, rows, fromSeq, lastSeq] of this.statements.countUnacked.all() as [number, number, number, number][]) {
      this.unackedBySource.set(id, { rows, fromSeq, lastSeq, last: undefined });
      resultOf(this.orderSteps(id));
    }
    this.ackedCount = (this.statements.countAll.get() as number) - this.unackedCount;
    for (const id of this.statements.strange.all() as number[]) this.damaged.set(id, 'its state is none');
  }

  /** Looks at some rows from the one after `afterId` on. @returns where the next step goes on; undefined at the end */
  checkStep(afterId: number, limit: number): number | undefined {
    const rows = this.statements.rowsAbove.all(afterId, limit) as StoredRow[];
    this.soundOf(rows, 'all');
    return rows.length < limit ? undefined : rows.at(-1)?.[0];
  }

  get hasDamaged(): boolean {
    return this.damaged.size > 0;
  }

  /**
   * Takes the damaged rows out of the queue, and keeps them byte for byte in a table of their own. What they held is searched in the log
   * after the next hello, and declared missing where it is not there (R9).
   */
  setAsideDamaged(): string[] {
    const found: string[] = [];
    for (const [id, what] of this.damaged) {
      const row = this.statements.whose.get(id) as { state: number; sourceId: number } | undefined;
      if (row === undefined) continue;
      this.statements.keepDamaged.run(id);
      this.remove(id);
      if (row.state < ROW_STATE.acked) this.removeUnacked(row.sourceId);
      else this.ackedCount--;
      found.push(`row ${id} of ${this.householdOf(row.sourceId)}: ${what}`);
    }
    this.damaged.clear();
    return found;
  }

  private loadSources(): void {
    this.sourceIds.clear();
    for (const source of this.database.prepare('SELECT id, household, device, src FROM sources').all() as never as SourceRow[])
      this.knowSource(source);
  }

  get unackedCount(): number {
    let count = 0;
    for (const { rows } of this.unackedBySource.values()) count += rows;
    return count;
  }

  /** Ids of the sources with rows that are not acked. */
  unackedSources(): number[] {
    return [...this.unackedBySource.keys()];
  }

  knowSource(source: SourceRow): void {
    this.sourceIds.set(sourceKey(source.household, source.device, source.src), source.id);
    this.sourceRanges.set(source.id, { household: source.household, device: source.device, src: source.src });
  }

  /** Ids of the sources with rows that are not acked, by household/device/src. */
  queuedSources(): Map<string, number> {
    const queued = new Map<string, number>();
    for (const id of this.unackedBySource.keys()) {
      const range = this.sourceRanges.get(id);
      if (range !== undefined) queued.set(sourceKey(range.household, range.device, range.src), id);
    }
    return queued;
  }

  householdOf(sourceId: number): string {
    return this.sourceRanges.get(sourceId)?.household ?? '';
  }

  /**
   * One durable transaction. When it throws, nothing was written and the counts are as before.
   * @param grows true for a transaction that adds rows: it is refused at the quota
   * @throws OutboxFull
   */
  write(grows: boolean, change: () => void): void {
    const { ackedCount } = this;
    const unackedBefore = new Map([...this.unackedBySource].map(([id, unacked]) => [id, { ...unacked }]));
    try {
      this.database
        .transaction(() => {
          change();
          if (grows && this.usedPages() > this.quotaPages) throw new OutboxFull('the outbox has reached its quota');
        })
        .immediate();
    } catch (error) {
      this.loadSources();
      this.unackedBySource = unackedBefore;
      this.ackedCount = ackedCount;
      if ((error as { code?: string }).code === 'SQLITE_FULL') throw new OutboxFull((error as Error).message, { cause: error });
      throw error;
    }
  }

  insert(row: NewRow, nowMs: number): void {
    const range: SeqRange = row.kind === 'part' ? row.part : row.gap;
    const sourceId = this.sourceIdOf(range);
    const windowStartMs = row.kind === 'part' ? row.part.windowStartMs : null;
    const { insert, insertGapBody, insertPartBody } = this.statements;
    const { fromSeq, toSeq } = range;
    const id = insert.run(ROW_STATE.queued, nowMs, sourceId, fromSeq, toSeq, windowStartMs, row.partition, row.offset).lastInsertRowid;
    if (row.kind === 'gap') {
      const { reason } = row.gap;
      insertGapBody.run(id, reason, sealOf(range, [0, 0, fromSeq, toSeq, null, reason, null, null, null, null, null, 0]));
    } else {
      const { fields, stats, firstMs, lastMs, digest } = row.part;
      const [names, numbers] = [this.fieldSetText(fields), JSON.stringify(stats)];
      const seal = sealOf(range, [0, 0, fromSeq, toSeq, windowStartMs, null, names, numbers, firstMs, lastMs, digest, 0]);
      insertPartBody.run(id, names, numbers, firstMs, lastMs, digest, seal);
    }
    this.addUnacked(sourceId, 1, fromSeq, fromSeq);
    const unacked = this.unackedBySource.get(sourceId) as Unacked;
    const { last } = unacked;
    const isInOrder = unacked.rows === 1 || (last !== undefined && last.seq < fromSeq && last.offset <= row.offset);
    unacked.last = isInOrder ? { seq: fromSeq, offset: row.offset } : undefined;
  }

  /** The next rows of one source, lowest seq first, from `fromSeq` on. */
  queuedOf(sourceId: number, fromSeq: number, limit: number): QueuedRow[] {
    const unacked = this.unackedBySource.get(sourceId);
    if (unacked === undefined) return [];
    const rows = this.soundOf(
      this.statements.queued.all(sourceId, Math.max(fromSeq, unacked.fromSeq), limit) as StoredRow[],
      'up to damage',
    );
    if (fromSeq <= unacked.fromSeq && rows[0] !== undefined) unacked.fromSeq = rows[0][2];
    return rows.map((stored) => ({ id: stored[0], sourceId, row: this.toShip(stored), bytes: (stored[7]?.length ?? 0) + ROW_BYTES }));
  }

  /** Of each source the un-acked row with the lowest seq, with the lowest offset of them all: what turned up late lies behind it. */
  heads(): { partition: number; offset: number; windowStartMs: number | null }[] {
    return [...this.unackedBySource].map(([sourceId, unacked]) => {
      const head = this.headOf(sourceId, unacked);
      return unacked.last === undefined ? { ...head, offset: this.statements.lowestOffset.get(sourceId) as number } : head;
    });
  }

  /** Start of the oldest window among them, null when no part waits. Looks at one row of each source. */
  oldestUnackedMs(): number | null {
    const startsMs = [...this.unackedBySource].flatMap(([sourceId, unacked]) => this.headOf(sourceId, unacked).windowStartMs ?? []);
    return startsMs.length === 0 ? null : startsMs.reduce((oldest, startMs) => Math.min(oldest, startMs));
  }

  private headOf(sourceId: number, unacked: Unacked): HeadRow {
    const head = this.statements.head.get(sourceId, unacked.fromSeq) as HeadRow;
    unacked.fromSeq = head.fromSeq;
    return head;
  }

  /** Sources with so many rows that are not acked, and where their rows end. */
  backlogs(rowsMin: number): { sourceId: number; lastSeq: number }[] {
    const backlogs: { sourceId: number; lastSeq: number }[] = [];
    for (const [sourceId, { rows, lastSeq }] of this.unackedBySource) if (rows >= rowsMin) backlogs.push({ sourceId, lastSeq });
    return backlogs;
  }

  /** The parts of the source's newest closed window, acked ones too, among its last rows: late readings lie between. */
  newestWindow(sourceId: number): RowToShip[] {
    const last = this.soundOf(this.statements.lastRows.all(sourceId, NEWEST_LOOKED_AT_ROWS) as StoredRow[], 'all');
    const parts = last.map((stored) => this.toShip(stored)).filter((row) => row.kind === 'part');
    const newestMs = parts.reduce((newest, { part }) => Math.max(newest, part.windowStartMs), Number.NEGATIVE_INFINITY);
    return parts.filter(({ part }) => part.windowStartMs === newestMs);
  }

  markSent(ids: readonly number[], nowMs: number): void {
    for (const id of ids) this.statements.setState.run(ROW_STATE.sent, nowMs, id);
  }

  acknowledge(ids: readonly { id: number; sourceId: number }[], nowMs: number): void {
    for (const { id, sourceId } of ids) {
      if (this.statements.setStateUnacked.run(ROW_STATE.acked, nowMs, id).changes === 0) continue;
      this.removeUnacked(sourceId);
      this.ackedCount++;
    }
  }

  /** Acked ones. Until `orderSteps` was taken, the lowest offset of the source is looked for among all of its rows. */
  requeue(sourceId: number, ids: readonly number[], nowMs: number): void {
    for (const id of ids) this.statements.setState.run(ROW_STATE.queued, nowMs, id);
    this.ackedCount -= ids.length;
    if (ids.length === 0) return;
    this.addUnacked(sourceId, ids.length, 0, 0);
    (this.unackedBySource.get(sourceId) as Unacked).last = undefined;
  }

  /** Looks, in steps, whether offsets grow with the seqs among the source's rows that are not acked. Nothing may change them meanwhile. */
  *orderSteps(sourceId: number): Generator<void, void> {
    const unacked = this.unackedBySource.get(sourceId);
    if (unacked === undefined) return;
    const look = (fromSeq: number, limit: number) => this.statements.orderOf.get(sourceId, fromSeq, limit) as Order;
    unacked.last = yield* orderSteps(unacked.fromSeq, look);
  }

  /** The partition's log was replaced: offsets in the old one say nothing any more. */
  setOffsets(partition: number, offset: number): void {
    this.statements.setOffsets.run(offset, partition);
  }

  drop(sourceId: number, ids: readonly number[]): void {
    for (const id of ids) {
      const state = this.statements.stateOf.get(id) as number;
      this.remove(id);
      if (state < ROW_STATE.acked) this.removeUnacked(sourceId);
      else this.ackedCount--;
    }
  }

  unacked(source: SourceLedger): HeldRow[] {
    return resultOf(this.unackedSteps(source, Number.MAX_SAFE_INTEGER));
  }

  ackedOutside(source: SourceLedger, covered: SeqIntervals, declared: SeqIntervals): HeldRow[] {
    return resultOf(this.ackedOutsideSteps(source, covered, declared));
  }

  /**
   * Both, for a hello, in steps of LOOK_ROWS rows read: an outage of a day is 17,000 of each source, and heartbeats go out between two.
   * Un-acked parts above all that the cloud has, one behind the other, come as one: nothing is done with them but to know their seqs.
   */
  *held(source: SourceLedger, covered: SeqIntervals, declared: SeqIntervals): Generator<void, HeldRows> {
    const acked = yield* this.ackedOutsideSteps(source, covered, declared);
    const unacked = yield* this.unackedSteps(source, covered.max);
    return { unacked: () => unacked, ackedOutside: () => acked };
  }

  private *unackedSteps(source: SourceLedger, joinAbove: number): Generator<void, HeldRow[]> {
    const sourceId = this.sourceIdOf(source);
    const fromSeq = this.unackedBySource.get(sourceId)?.fromSeq;
    if (fromSeq === undefined) return [];
    const held: HeldRow[] = [];
    let run: HeldRow | undefined;
    let lastSeq = 0;
    let after: StoredRange = [0, fromSeq, 0, null];
    for (;;) {
      const rows = this.statements.unackedRanges.all({ sourceId, id: after[0], from: after[1], limit: LOOK_ROWS }) as StoredRange[];
      for (const [id, from, to, windowStartMs] of rows) {
        const isRange = Number.isSafeInteger(from) && Number.isSafeInteger(to) && from > lastSeq && from <= to;
        // Those of which the range says nothing strange are looked at when they are shipped.
        if (windowStartMs === null || !isRange || !source.seen.containsAll(from, to)) {
          held.push(...this.soundOf(this.statements.oneRow.all(id) as StoredRow[], 'all').map(toHeld));
          run = undefined;
          continue;
        }
        lastSeq = to;
        if (run !== undefined && run.toSeq + 1 === from) run.toSeq = to;
        else {
          const row: HeldRow = { id, kind: 'part', fromSeq: from, toSeq: to };
          held.push(row);
          run = from > joinAbove ? row : undefined;
        }
      }
      if (rows.length < LOOK_ROWS) return held;
      after = rows.at(-1) as StoredRange;
      yield;
    }
  }

  private *ackedOutsideSteps(source: SourceLedger, covered: SeqIntervals, declared: SeqIntervals): Generator<void, HeldRow[]> {
    const sourceId = this.sourceIdOf(source);
    const outside = new Map<number, HeldRow>();
    for (const [first, to] of covered.missing(1, Number.MAX_SAFE_INTEGER)) {
      for (let from = first; ; yield) {
        const rows = this.statements.ackedOverlapping.all({ sourceId, from, to, limit: LOOK_ROWS }) as StoredRow[];
        for (const stored of this.soundOf(rows, 'all')) {
          const row = toHeld(stored);
          if (row.kind === 'part' || missingFromAll(row.fromSeq, row.toSeq, [covered, declared]).length > 0) outside.set(row.id, row);
        }
        if (rows.length < LOOK_ROWS) break;
        // The last one is read again where it reaches on: rows may be damaged, so its end is not trusted.
        from = Math.max(from, (rows.at(-1) as StoredRow)[2]) + 1;
      }
    }
    return [...outside.values()];
  }

  /** Parts above the id, in id order, as records of the averages topic: the saved body as it is, behind whose it is. */
  partsAbove(id: number, limit: number): { id: number; household: string; record: Buffer }[] {
    return this.soundOf(this.statements.partsAbove.all(id, limit) as StoredRow[], 'all').map((stored) => {
      const [partId, sourceId, fromSeq, toSeq, windowStartMs, , fields, stats, firstMs, lastMs, digest] = stored;
      const { household, device, src } = this.sourceRanges.get(sourceId) as Omit<SourceRow, 'id'>;
      // Ids need no escaping (ids.ts).
      const record =
        `{"v":1,"household":"${household}","device":"${device}","src":"${src}","fromSeq":${fromSeq},"toSeq":${toSeq},` +
        `"windowStartMs":${windowStartMs},"count":${toSeq - fromSeq + 1},"fields":${fields},"stats":${stats},` +
        `"firstMs":${firstMs},"lastMs":${lastMs},"digest":"${digest}"}`;
      return { id: partId, household, record: Buffer.from(record) };
    });
  }

  highestId(): number {
    return (this.statements.highestId.get() as number | null) ?? 0;
  }

  /**
   * One small step of trimming from the row after `afterId` on: deletes what is acked and was acked before `beforeMs`.
   * @returns rows deleted, and where the next step goes on; undefined at the end or at the first row that is still too young
   */
  trimStep(afterId: number, untilId: number, beforeMs: number, limit: number): { deleted: number; nextAfterId: number | undefined } {
    const rows = this.statements.trimCandidates.all(afterId, untilId, limit) as { id: number; state: number; changed_ms: number }[];
    let deleted = 0;
    for (const { id, state, changed_ms } of rows) {
      if (state !== ROW_STATE.acked) continue;
      if (changed_ms >= beforeMs) return { deleted, nextAfterId: undefined };
      this.remove(id);
      this.ackedCount--;
      deleted++;
    }
    return { deleted, nextAfterId: rows.length < limit ? undefined : rows.at(-1)?.id };
  }

  /** Gives free pages back to the disk, a few at a time. */
  shrink(): void {
    this.database.pragma('incremental_vacuum(256)');
  }

  /** Bytes that rows may still fill before the quota. */
  freeBytes(): number {
    return Math.max(0, this.quotaPages - this.usedPages()) * this.pageBytes;
  }

  /** What is filled of the quota, 1 = all of it. */
  usedShare(): number {
    return this.usedPages() / this.quotaPages;
  }

  private usedPages(): number {
    return (
      (this.database.pragma('page_count', { simple: true }) as number) -
      (this.database.pragma('freelist_count', { simple: true }) as number)
    );
  }

  sourceIdOf(range: { household: string; device: string; src: string }): number {
    const key = sourceKey(range.household, range.device, range.src);
    const known = this.sourceIds.get(key);
    if (known !== undefined) return known;
    const id = this.statements.insertSource.get(range.household, range.device, range.src) as number;
    this.knowSource({ id, household: range.household, device: range.device, src: range.src });
    return id;
  }

  private remove(id: number): void {
    this.statements.remove.run(id);
    this.statements.removeBody.run(id);
  }

  private addUnacked(sourceId: number, rows: number, fromSeq: number, lastSeq: number): void {
    const unacked = this.unackedBySource.get(sourceId);
    if (unacked === undefined) {
      this.unackedBySource.set(sourceId, { rows, fromSeq, lastSeq, last: undefined });
      return;
    }
    unacked.rows += rows;
    if (fromSeq < unacked.fromSeq) unacked.fromSeq = fromSeq;
    if (lastSeq > unacked.lastSeq) unacked.lastSeq = lastSeq;
  }

  private removeUnacked(sourceId: number): void {
    const unacked = this.unackedBySource.get(sourceId) as Unacked;
    if (--unacked.rows === 0) this.unackedBySource.delete(sourceId);
  }

  /** Without the damaged ones, which are noted. What comes behind one may not be shipped before it is found again. */
  private soundOf(rows: readonly StoredRow[], which: 'all' | 'up to damage'): StoredRow[] {
    const sound: StoredRow[] = [];
    for (const row of rows) {
      const range = this.sourceRanges.get(row[1]);
      const seal = row[SEAL];
      const isSound = range !== undefined && (seal === null ? row[WINDOW] === null || row[STATS] !== null : seal === sealOf(range, row));
      if (isSound) sound.push(row);
      else {
        this.damaged.set(row[0], 'its checksum does not hold');
        if (which === 'up to damage') break;
      }
    }
    return sound;
  }

  /** Sets of fields are few: each is written and read as JSON once. */
  private fieldSetText(fields: readonly string[]): string {
    const text = JSON.stringify(fields);
    this.fieldSets.set(text, fields);
    return text;
  }

  private fieldSet(text: string): readonly string[] {
    let fields = this.fieldSets.get(text);
    if (fields === undefined) this.fieldSets.set(text, (fields = parsedFields(text)));
    return fields;
  }

  private toShip(stored: StoredRow): RowToShip {
    const [id, sourceId, fromSeq, toSeq, windowStartMs, reason, fields, stats, firstMs, lastMs, digest] = stored;
    const source = this.sourceRanges.get(sourceId);
    if (source === undefined) throw new Error(`outbox row ${id} names no source`);
    const { household, device, src } = source;
    if (windowStartMs === null) return { kind: 'gap', gap: { household, device, src, fromSeq, toSeq, reason: reason as string } };
    const part = {
      household,
      device,
      src,
      fromSeq,
      toSeq,
      windowStartMs,
      count: toSeq - fromSeq + 1,
      fields: this.fieldSet(fields as string),
      stats: stats as string,
      firstMs: firstMs as number,
      lastMs: lastMs as number,
      digest: digest as string,
    };
    return { kind: 'part', part };
  }
}
