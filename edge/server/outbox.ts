/**
 * The durable queue of closed parts and declared gaps. Reading deletes nothing; a row is deleted only when it is acked
 * and old, or acked and the quota is reached (counted). Every method that writes is to be called inside `write`.
 */
import type Database from 'better-sqlite3';
import type { Part, SeqRange, ShippedRow } from '../../common/messages.ts';
import { type NewRow, NOT_IN_RUN, type SourceLedger } from '../../common/protocol/edge-ledger.ts';
import type { HeldRow, HeldRows } from '../../common/protocol/hello-rules.ts';
import { missingFromAll, type SeqIntervals } from '../../common/protocol/seq-intervals.ts';
import { sourceKey } from '../../common/ids.ts';
import { ROW_STATE } from './outbox-schema.ts';

/** A row as it is shipped. */
export interface QueuedRow {
  id: number;
  sourceId: number;
  row: ShippedRow;
  bytes: number;
}

interface Stored {
  id: number;
  state: number;
  source_id: number;
  from_seq: number;
  to_seq: number;
  window_start_ms: number | null;
  body: string;
}

/** The quota is reached, or the disk is full: nothing was written. Acks and trimming make room, so it is tried again. */
export class OutboxFull extends Error {
  override readonly name = 'OutboxFull';
  readonly retryable = true;
}

const COLUMNS = 'id, state, source_id, from_seq, to_seq, window_start_ms, body';

export class Outbox implements HeldRows {
  private readonly database: Database.Database;
  private readonly pageBytes: number;
  private readonly quotaPages: number;
  private readonly statements: ReturnType<typeof prepare>;
  /** Row id of a source, by household/device/src. */
  private readonly sourceIds = new Map<string, number>();
  private readonly sourceRanges = new Map<number, Omit<SourceRow, 'id'>>();
  /** Rows not acked, by source id. */
  readonly unackedBySource = new Map<number, number>();
  ackedCount = 0;

  constructor(database: Database.Database, quotaBytes: number) {
    this.database = database;
    this.pageBytes = database.pragma('page_size', { simple: true }) as number;
    this.quotaPages = Math.floor(quotaBytes / this.pageBytes);
    this.statements = prepare(database);
  }

  /** Counts what is held. Called at start, and after a transaction failed. */
  load(): void {
    this.sourceIds.clear();
    this.unackedBySource.clear();
    for (const source of this.database.prepare('SELECT id, household, device, src FROM sources').all() as never as SourceRow[])
      this.knowSource(source);
    for (const [id, count] of this.statements.countUnacked.raw().all() as [number, number][]) this.unackedBySource.set(id, count);
    this.ackedCount = (this.statements.countAll.pluck().get() as number) - this.unackedCount;
  }

  get unackedCount(): number {
    let count = 0;
    for (const rows of this.unackedBySource.values()) count += rows;
    return count;
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
   * One durable transaction. When it throws, nothing was written and the counts are loaded anew.
   * @param grows true for a transaction that adds rows: it is refused at the quota
   * @throws OutboxFull
   */
  write(grows: boolean, change: () => void): void {
    try {
      this.database
        .transaction(() => {
          change();
          if (grows && this.usedPages() > this.quotaPages) throw new OutboxFull('the outbox has reached its quota');
        })
        .immediate();
    } catch (error) {
      this.load();
      if ((error as { code?: string }).code === 'SQLITE_FULL') throw new OutboxFull((error as Error).message, { cause: error });
      throw error;
    }
  }

  insert(row: NewRow, nowMs: number): void {
    const range: SeqRange = row.kind === 'part' ? row.part : row.gap;
    const sourceId = this.sourceIdOf(range);
    const windowStartMs = row.kind === 'part' ? row.part.windowStartMs : null;
    const { insert } = this.statements;
    insert.run(ROW_STATE.queued, nowMs, sourceId, range.fromSeq, range.toSeq, windowStartMs, row.partition, row.offset, bodyOf(row));
    this.countUnacked(sourceId, 1);
  }

  /** The next rows of one source, lowest seq first, from `fromSeq` on. */
  queuedOf(sourceId: number, fromSeq: number, limit: number): QueuedRow[] {
    return (this.statements.queued.all(sourceId, fromSeq, limit) as Stored[]).map((stored) => ({
      id: stored.id,
      sourceId,
      row: this.toShipped(stored),
      bytes: stored.body.length,
    }));
  }

  /** The un-acked row with the lowest seq of each source. Offsets and windows grow with the seq, but for late readings. */
  heads(): { partition: number; offset: number; windowStartMs: number | null }[] {
    return [...this.unackedBySource.keys()].map((sourceId) => this.statements.head.get(sourceId) as never);
  }

  markSent(ids: readonly number[], nowMs: number): void {
    for (const id of ids) this.statements.setState.run(ROW_STATE.sent, nowMs, id);
  }

  acknowledge(ids: readonly { id: number; sourceId: number }[], nowMs: number): void {
    for (const { id, sourceId } of ids) {
      if (this.statements.setStateUnacked.run(ROW_STATE.acked, nowMs, id).changes === 0) continue;
      this.countUnacked(sourceId, -1);
      this.ackedCount++;
    }
  }

  requeue(sourceId: number, ids: readonly number[], nowMs: number): void {
    for (const id of ids) this.statements.setState.run(ROW_STATE.queued, nowMs, id);
    this.countUnacked(sourceId, ids.length);
    this.ackedCount -= ids.length;
  }

  /** The partition's log was replaced: offsets in the old one say nothing any more. */
  setOffsets(partition: number, offset: number): void {
    this.statements.setOffsets.run(offset, partition);
  }

  drop(sourceId: number, ids: readonly number[]): void {
    for (const id of ids) {
      const state = this.statements.stateOf.pluck().get(id) as number;
      this.statements.remove.run(id);
      if (state < ROW_STATE.acked) this.countUnacked(sourceId, -1);
      else this.ackedCount--;
    }
  }

  unacked(source: SourceLedger): HeldRow[] {
    const sourceId = this.sourceIdOf(source);
    return (this.statements.allUnacked.all(sourceId) as Stored[]).map(toHeld);
  }

  ackedOutside(source: SourceLedger, covered: SeqIntervals, declared: SeqIntervals): HeldRow[] {
    const sourceId = this.sourceIdOf(source);
    const outside = new Map<number, HeldRow>();
    for (const [from, to] of covered.missing(1, Number.MAX_SAFE_INTEGER)) {
      for (const stored of this.statements.ackedOverlapping.all({ sourceId, from, to }) as Stored[]) {
        const row = toHeld(stored);
        if (row.kind === 'part' || missingFromAll(row.fromSeq, row.toSeq, [covered, declared]).length > 0) outside.set(row.id, row);
      }
    }
    return [...outside.values()];
  }

  /** Parts above the id, in id order, as records of the averages topic: the saved body as it is, behind whose it is. */
  partsAbove(id: number, limit: number): { id: number; household: string; record: Buffer }[] {
    return (this.statements.partsAbove.all(id, limit) as Stored[]).map((stored) => {
      const { household, device, src } = this.sourceRanges.get(stored.source_id) as Omit<SourceRow, 'id'>;
      const { from_seq: fromSeq, to_seq: toSeq, window_start_ms: windowStartMs } = stored;
      const head = JSON.stringify({ v: 1, household, device, src, fromSeq, toSeq, windowStartMs, count: toSeq - fromSeq + 1 });
      return { id: stored.id, household, record: Buffer.from(`${head.slice(0, -1)},${stored.body.slice(1)}`) };
    });
  }

  highestId(): number {
    return (this.statements.highestId.pluck().get() as number | null) ?? 0;
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
      this.statements.remove.run(id);
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
    const id = this.statements.insertSource.pluck().get(range.household, range.device, range.src) as number;
    this.knowSource({ id, household: range.household, device: range.device, src: range.src });
    return id;
  }

  private countUnacked(sourceId: number, change: number): void {
    const count = (this.unackedBySource.get(sourceId) ?? 0) + change;
    if (count === 0) this.unackedBySource.delete(sourceId);
    else this.unackedBySource.set(sourceId, count);
  }

  private toShipped(stored: Stored): ShippedRow {
    const source = this.sourceRanges.get(stored.source_id);
    if (source === undefined) throw new Error(`outbox row ${stored.id} names no source`);
    const range = { ...source, fromSeq: stored.from_seq, toSeq: stored.to_seq };
    const body = JSON.parse(stored.body) as Record<string, never>;
    if (stored.window_start_ms === null) return { kind: 'gap', gap: { ...range, reason: body['reason'] as never } };
    const part = { ...range, windowStartMs: stored.window_start_ms, count: range.toSeq - range.fromSeq + 1, ...(body as object) };
    return { kind: 'part', part: part as unknown as Part };
  }
}

export interface SourceRow {
  id: number;
  household: string;
  device: string;
  src: string;
}

function toHeld({ id, window_start_ms, from_seq: fromSeq, to_seq: toSeq, body }: Stored): HeldRow {
  if (window_start_ms !== null) return { id, kind: 'part', fromSeq, toSeq };
  return { id, kind: 'gap', fromSeq, toSeq, isSkip: (JSON.parse(body) as { reason: string }).reason === NOT_IN_RUN };
}

function bodyOf(row: NewRow): string {
  if (row.kind === 'gap') return JSON.stringify({ reason: row.gap.reason });
  const { fields, stats, firstMs, lastMs, digest } = row.part;
  return JSON.stringify({ fields, stats, firstMs, lastMs, digest });
}

function prepare(database: Database.Database) {
  const { acked } = ROW_STATE;
  return {
    countUnacked: database.prepare(`SELECT source_id, count(*) FROM outbox WHERE state < ${acked} GROUP BY source_id`),
    countAll: database.prepare('SELECT count(*) FROM outbox'),
    insertSource: database.prepare(
      // The ledger may have saved the source before it had its first row.
      `INSERT INTO sources (household, device, src, seen, covered, declared, gapped) VALUES (?, ?, ?, '[]', '[]', '[]', '[]')
       ON CONFLICT (household, device, src) DO UPDATE SET src = excluded.src RETURNING id`,
    ),
    insert: database.prepare(
      `INSERT INTO outbox (state, changed_ms, source_id, from_seq, to_seq, window_start_ms, partition, "offset", body)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    queued: database.prepare(
      `SELECT ${COLUMNS} FROM outbox WHERE state < ${acked} AND source_id = ? AND from_seq >= ? ORDER BY from_seq LIMIT ?`,
    ),
    head: database.prepare(
      `SELECT partition, "offset", window_start_ms AS windowStartMs
       FROM outbox WHERE state < ${acked} AND source_id = ? ORDER BY from_seq LIMIT 1`,
    ),
    setState: database.prepare('UPDATE outbox SET state = ?, changed_ms = ? WHERE id = ?'),
    setStateUnacked: database.prepare(`UPDATE outbox SET state = ?, changed_ms = ? WHERE id = ? AND state < ${acked}`),
    setOffsets: database.prepare('UPDATE outbox SET "offset" = ? WHERE partition = ?'),
    stateOf: database.prepare('SELECT state FROM outbox WHERE id = ?'),
    remove: database.prepare('DELETE FROM outbox WHERE id = ?'),
    allUnacked: database.prepare(`SELECT ${COLUMNS} FROM outbox WHERE state < ${acked} AND source_id = ? ORDER BY from_seq`),
    // Rows of a source do not overlap, so only the last one that begins at or before the range can reach into it.
    ackedOverlapping: database.prepare(
      `SELECT ${COLUMNS} FROM outbox WHERE state = ${acked} AND source_id = @sourceId AND from_seq <= @to AND to_seq >= @from
         AND from_seq >= COALESCE((SELECT max(from_seq) FROM outbox WHERE source_id = @sourceId AND from_seq <= @from), 0)`,
    ),
    partsAbove: database.prepare(`SELECT ${COLUMNS} FROM outbox WHERE id > ? AND window_start_ms IS NOT NULL ORDER BY id LIMIT ?`),
    highestId: database.prepare('SELECT max(id) FROM outbox'),
    trimCandidates: database.prepare('SELECT id, state, changed_ms FROM outbox WHERE id > ? AND id <= ? ORDER BY id LIMIT ?'),
  };
}
