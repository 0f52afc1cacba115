/**
 * The durable queue of closed parts and declared gaps. Reading deletes nothing; a row is deleted only when it is acked
 * and old, or acked and the quota is reached (counted). Every method that writes is to be called inside `write`.
 */
import { crc32 } from 'node:zlib';
import type Database from 'better-sqlite3';
import type { SeqRange } from '../../common/messages.ts';
import { type NewRow, NOT_IN_RUN, type SourceLedger } from '../../common/protocol/edge-ledger.ts';
import type { HeldRow, HeldRows } from '../../common/protocol/hello-rules.ts';
import { missingFromAll, type SeqIntervals } from '../../common/protocol/seq-intervals.ts';
import { sourceKey } from '../../common/ids.ts';
import type { RowToShip } from '../../common/wire.ts';
import { ROW_STATE } from './outbox-schema.ts';

/** A row as it is shipped. */
export interface QueuedRow {
  id: number;
  sourceId: number;
  row: RowToShip;
  /** About what it takes in a request. */
  bytes: number;
}

/** Raw rows: shipping reads every one. */
type Stored = [
  id: number,
  sourceId: number,
  fromSeq: number,
  toSeq: number,
  windowStartMs: number | null,
  reason: string | null,
  fields: string | null,
  stats: string | null,
  firstMs: number | null,
  lastMs: number | null,
  digest: string | null,
  seal: number | null,
];

type StoredRange = [id: number, fromSeq: number, toSeq: number, windowStartMs: number | null, reason: string | null];

/** What is known of a source without looking into the file. */
interface Unacked {
  rows: number;
  /** No row that is not acked begins below it. */
  fromSeq: number;
  /** No row begins above it. */
  lastSeq: number;
  /** Offset of the row that was inserted last, while offsets grow with the seqs; undefined where a later row may lie further ahead. */
  last: { seq: number; offset: number } | undefined;
}

/** The quota is reached, or the disk is full: nothing was written. Acks and trimming make room, so it is tried again. */
export class OutboxFull extends Error {
  override readonly name = 'OutboxFull';
  readonly retryable = true;
}

const COLUMNS = 'id, source_id, from_seq, to_seq, window_start_ms, reason, fields, stats, first_ms, last_ms, digest, seal';
/** A window cut by late readings is rarely cut more often. */
export const NEWEST_LOOKED_AT_ROWS = 8;
/** Of a row in a request beside its statistics. */
const ROW_BYTES = 60;

export class Outbox implements HeldRows {
  private readonly database: Database.Database;
  private readonly pageBytes: number;
  private readonly quotaPages: number;
  private readonly statements: ReturnType<typeof prepare>;
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
    this.statements = prepare(database);
  }

  /** Counts what is held, by looking at every row. Called at start. */
  load(): void {
    this.loadSources();
    this.unackedBySource.clear();
    for (const [id, rows, fromSeq, lastSeq] of this.statements.countUnacked.all() as [number, number, number, number][])
      this.unackedBySource.set(id, { rows, fromSeq, lastSeq, last: this.lastInOrder(id) });
    this.ackedCount = (this.statements.countAll.get() as number) - this.unackedCount;
    for (const id of this.statements.strange.all() as number[]) this.damaged.set(id, 'its state is none');
  }

  /** Looks at some rows from the one after `afterId` on. @returns where the next step goes on; undefined at the end */
  checkStep(afterId: number, limit: number): number | undefined {
    const rows = this.statements.rowsAbove.all(afterId, limit) as Stored[];
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
    const rows = this.soundOf(this.statements.queued.all(sourceId, Math.max(fromSeq, unacked.fromSeq), limit) as Stored[], 'up to damage');
    if (fromSeq <= unacked.fromSeq && rows[0] !== undefined) unacked.fromSeq = rows[0][2];
    return rows.map((stored) => ({ id: stored[0], sourceId, row: this.toShip(stored), bytes: (stored[7]?.length ?? 0) + ROW_BYTES }));
  }

  /** Of each source the un-acked row with the lowest seq, with the lowest offset of them all: what turned up late lies behind it. */
  heads(): { partition: number; offset: number; windowStartMs: number | null }[] {
    return [...this.unackedBySource].map(([sourceId, unacked]) => {
      const head = this.statements.head.get(sourceId, unacked.fromSeq) as {
        fromSeq: number;
        partition: number;
        offset: number;
        windowStartMs: number | null;
      };
      unacked.fromSeq = head.fromSeq;
      return unacked.last === undefined ? { ...head, offset: this.statements.lowestOffset.get(sourceId) as number } : head;
    });
  }

  /** Sources with so many rows that are not acked, and where their rows end. */
  backlogs(rowsMin: number): { sourceId: number; lastSeq: number }[] {
    const backlogs: { sourceId: number; lastSeq: number }[] = [];
    for (const [sourceId, { rows, lastSeq }] of this.unackedBySource) if (rows >= rowsMin) backlogs.push({ sourceId, lastSeq });
    return backlogs;
  }

  /** The parts of the source's newest closed window, acked ones too, among its last rows: late readings lie between. */
  newestWindow(sourceId: number): RowToShip[] {
    const last = this.soundOf(this.statements.lastRows.all(sourceId, NEWEST_LOOKED_AT_ROWS) as Stored[], 'all');
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

  requeue(sourceId: number, ids: readonly number[], nowMs: number): void {
    for (const id of ids) this.statements.setState.run(ROW_STATE.queued, nowMs, id);
    this.ackedCount -= ids.length;
    if (ids.length === 0) return;
    this.addUnacked(sourceId, ids.length, 0, 0);
    (this.unackedBySource.get(sourceId) as Unacked).last = this.lastInOrder(sourceId);
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
    const sourceId = this.sourceIdOf(source);
    const fromSeq = this.unackedBySource.get(sourceId)?.fromSeq;
    if (fromSeq === undefined) return [];
    // A day without the link is 17,000 rows a source: their bodies stay where they are, and are looked at when they are shipped.
    return (this.statements.unackedRanges.all(sourceId, fromSeq) as StoredRange[]).map(heldOf);
  }

  ackedOutside(source: SourceLedger, covered: SeqIntervals, declared: SeqIntervals): HeldRow[] {
    const sourceId = this.sourceIdOf(source);
    const outside = new Map<number, HeldRow>();
    for (const [from, to] of covered.missing(1, Number.MAX_SAFE_INTEGER)) {
      for (const stored of this.soundOf(this.statements.ackedOverlapping.all({ sourceId, from, to }) as Stored[], 'all')) {
        const row = toHeld(stored);
        if (row.kind === 'part' || missingFromAll(row.fromSeq, row.toSeq, [covered, declared]).length > 0) outside.set(row.id, row);
      }
    }
    return [...outside.values()];
  }

  /** Parts above the id, in id order, as records of the averages topic: the saved body as it is, behind whose it is. */
  partsAbove(id: number, limit: number): { id: number; household: string; record: Buffer }[] {
    return this.soundOf(this.statements.partsAbove.all(id, limit) as Stored[], 'all').map((stored) => {
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

  /** Of a source's un-acked rows, by looking at each. */
  private lastInOrder(sourceId: number): Unacked['last'] {
    const [isInOrder, seq, offset] = this.statements.orderOf.get(sourceId) as [number, number, number];
    return isInOrder === 1 ? { seq, offset } : undefined;
  }

  private removeUnacked(sourceId: number): void {
    const unacked = this.unackedBySource.get(sourceId) as Unacked;
    if (--unacked.rows === 0) this.unackedBySource.delete(sourceId);
  }

  /** Without the damaged ones, which are noted. What comes behind one may not be shipped before it is found again. */
  private soundOf(rows: readonly Stored[], which: 'all' | 'up to damage'): Stored[] {
    const sound: Stored[] = [];
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

  private toShip(stored: Stored): RowToShip {
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

export interface SourceRow {
  id: number;
  household: string;
  device: string;
  src: string;
}

/** Places in a stored row. */
const [WINDOW, STATS, SEAL] = [4, 7, 11] as const;

/** CRC-32 of all that a row says, and of whose it is. Its state is not in it: that changes with every ack. */
function sealOf({ household, device, src }: Omit<SourceRow, 'id'>, row: Stored): number {
  const [, , fromSeq, toSeq, windowStartMs, reason, fields, stats, firstMs, lastMs, digest] = row;
  return crc32(
    `${household}/${device}/${src} ${fromSeq} ${toSeq} ${windowStartMs} ${firstMs} ${lastMs} ${digest} ${fields} ${stats} ${reason}`,
  );
}

/** Damaged ones are none: the cloud refuses such a row, and its household parks. */
function parsedFields(text: string): string[] {
  try {
    return JSON.parse(text) as string[];
  } catch {
    return [];
  }
}

function toHeld([id, , fromSeq, toSeq, windowStartMs, reason]: Stored): HeldRow {
  return heldOf([id, fromSeq, toSeq, windowStartMs, reason]);
}

function heldOf([id, fromSeq, toSeq, windowStartMs, reason]: StoredRange): HeldRow {
  if (windowStartMs !== null) return { id, kind: 'part', fromSeq, toSeq };
  return { id, kind: 'gap', fromSeq, toSeq, isSkip: reason === NOT_IN_RUN };
}

function prepare(database: Database.Database) {
  const { acked } = ROW_STATE;
  // A row whose body is gone is a damaged one, not none.
  const rows = 'outbox LEFT JOIN outbox_bodies USING (id)';
  return {
    countUnacked: database
      .prepare(`SELECT source_id, count(*), min(from_seq), max(from_seq) FROM outbox WHERE state < ${acked} GROUP BY source_id`)
      .raw(),
    countAll: database.prepare('SELECT count(*) FROM outbox').pluck(),
    insertSource: database
      .prepare(
        // The ledger may have saved the source before it had its first row.
        `INSERT INTO sources (household, device, src, seen, covered, declared, gapped) VALUES (?, ?, ?, '[]', '[]', '[]', '[]')
         ON CONFLICT (household, device, src) DO UPDATE SET src = excluded.src RETURNING id`,
      )
      .pluck(),
    insert: database.prepare(
      `INSERT INTO outbox (state, changed_ms, source_id, from_seq, to_seq, window_start_ms, partition, "offset")
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    insertPartBody: database.prepare(
      'INSERT INTO outbox_bodies (id, fields, stats, first_ms, last_ms, digest, seal) VALUES (?, ?, ?, ?, ?, ?, ?)',
    ),
    insertGapBody: database.prepare('INSERT INTO outbox_bodies (id, reason, seal) VALUES (?, ?, ?)'),
    queued: database
      .prepare(`SELECT ${COLUMNS} FROM ${rows} WHERE state < ${acked} AND source_id = ? AND from_seq >= ? ORDER BY from_seq LIMIT ?`)
      .raw(),
    unackedRanges: database
      .prepare(
        `SELECT id, from_seq, to_seq, window_start_ms,
           CASE WHEN window_start_ms IS NULL THEN (SELECT reason FROM outbox_bodies WHERE outbox_bodies.id = outbox.id) END
         FROM outbox WHERE state < ${acked} AND source_id = ? AND from_seq >= ? ORDER BY from_seq`,
      )
      .raw(),
    lastRows: database.prepare(`SELECT ${COLUMNS} FROM ${rows} WHERE source_id = ? ORDER BY from_seq DESC LIMIT ?`).raw(),
    head: database.prepare(
      `SELECT from_seq AS fromSeq, partition, "offset", window_start_ms AS windowStartMs
       FROM outbox WHERE state < ${acked} AND source_id = ? AND from_seq >= ? ORDER BY from_seq LIMIT 1`,
    ),
    lowestOffset: database.prepare(`SELECT min("offset") FROM outbox WHERE state < ${acked} AND source_id = ?`).pluck(),
    orderOf: database
      .prepare(
        `SELECT ifnull(min("offset" >= before), 1), max(from_seq), max("offset")
         FROM (SELECT from_seq, "offset", lag("offset") OVER (ORDER BY from_seq) AS before
               FROM outbox WHERE state < ${acked} AND source_id = ?)`,
      )
      .raw(),
    setState: database.prepare('UPDATE outbox SET state = ?, changed_ms = ? WHERE id = ?'),
    setStateUnacked: database.prepare(`UPDATE outbox SET state = ?, changed_ms = ? WHERE id = ? AND state < ${acked}`),
    setOffsets: database.prepare('UPDATE outbox SET "offset" = ? WHERE partition = ?'),
    stateOf: database.prepare('SELECT state FROM outbox WHERE id = ?').pluck(),
    strange: database
      .prepare(`SELECT id FROM outbox WHERE typeof(state) != 'integer' OR state NOT BETWEEN ${ROW_STATE.queued} AND ${acked}`)
      .pluck(),
    whose: database.prepare('SELECT state, source_id AS sourceId FROM outbox WHERE id = ?'),
    keepDamaged: database.prepare(
      `INSERT INTO damaged (place, row)
       SELECT 'outbox', CAST(concat_ws(',', quote(outbox.id), quote(state), quote(source_id), quote(from_seq), quote(to_seq),
         quote(window_start_ms), quote(reason), quote(fields), quote(stats), quote(first_ms), quote(last_ms), quote(digest),
         quote(seal)) AS BLOB) FROM ${rows} WHERE outbox.id = ?`,
    ),
    remove: database.prepare('DELETE FROM outbox WHERE id = ?'),
    removeBody: database.prepare('DELETE FROM outbox_bodies WHERE id = ?'),
    // Rows of a source do not overlap, so only the last one that begins at or before the range can reach into it.
    ackedOverlapping: database
      .prepare(
        `SELECT ${COLUMNS} FROM ${rows} WHERE state = ${acked} AND source_id = @sourceId AND from_seq <= @to AND to_seq >= @from
           AND from_seq >= COALESCE((SELECT max(from_seq) FROM outbox WHERE source_id = @sourceId AND from_seq <= @from), 0)`,
      )
      .raw(),
    partsAbove: database.prepare(`SELECT ${COLUMNS} FROM ${rows} WHERE id > ? AND window_start_ms IS NOT NULL ORDER BY id LIMIT ?`).raw(),
    rowsAbove: database.prepare(`SELECT ${COLUMNS} FROM ${rows} WHERE outbox.id > ? ORDER BY outbox.id LIMIT ?`).raw(),
    highestId: database.prepare('SELECT max(id) FROM outbox').pluck(),
    trimCandidates: database.prepare('SELECT id, state, changed_ms FROM outbox WHERE id > ? AND id <= ? ORDER BY id LIMIT ?'),
  };
}
