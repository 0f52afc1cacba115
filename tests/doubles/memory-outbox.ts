/** The rows of an outbox in memory. Room is counted in bytes as they would lie in a file, about. */
import type { Part } from '../../common/messages.ts';
import { type NewRow, NOT_IN_RUN, type SourceLedger } from '../../common/protocol/edge-ledger.ts';
import type { HeldRow } from '../../common/protocol/hello-rules.ts';
import { missingFromAll, type SeqIntervals } from '../../common/protocol/seq-intervals.ts';
import { sourceKey } from '../../common/ids.ts';
import type { RowToShip } from '../../common/wire.ts';
import type { OutboxContract } from '../../edge/server/edge-file.ts';
import { NEWEST_LOOKED_AT_ROWS, OutboxFull, type QueuedRow } from '../../edge/server/outbox.ts';
import type { SourceRow } from '../../edge/server/outbox-rows.ts';
import { ROW_STATE } from '../../edge/server/outbox-schema.ts';
import type { MemoryEdgeFile, MemoryRow } from './memory-edge-tables.ts';

const ROW_BYTES = 60;
/** Of a row in the file. */
const ROW_FILE_BYTES = 300;
/** Of an empty file: its quota must hold that too. */
const EMPTY_BYTES = 14 * 8_192;

export class MemoryOutbox implements OutboxContract {
  private readonly file: MemoryEdgeFile;
  private readonly quotaBytes: number;
  ackedCount = 0;
  unackedCount = 0;
  /** By source: rows that are not acked, a place in `rowsBySource` below which all are, and whether offsets may not grow with the seqs. */
  private readonly unackedBySource = new Map<number, { rows: number; from: number; isMixed: boolean }>();

  constructor(file: MemoryEdgeFile, quotaBytes: number) {
    this.file = file;
    this.quotaBytes = quotaBytes;
  }

  load(): void {
    this.unackedBySource.clear();
    this.ackedCount = 0;
    this.unackedCount = 0;
    for (const { state, sourceId } of this.file.rows.values()) {
      if (state === ROW_STATE.acked) this.ackedCount++;
      else this.countUnacked(sourceId, 1);
    }
    for (const [sourceId, unacked] of this.unackedBySource) unacked.isMixed = this.isMixed(sourceId);
  }

  private isMixed(sourceId: number): boolean {
    const rows = this.rowsOf(sourceId);
    return rows.some(({ offset }, at) => at > 0 && (rows[at - 1] as MemoryRow).offset > offset);
  }

  /** Memory is not damaged. */
  readonly hasDamaged = false;

  checkStep(): undefined {
    return undefined;
  }

  setAsideDamaged(): string[] {
    return [];
  }

  unackedSources(): number[] {
    return [...this.unackedBySource.keys()];
  }

  knowSource(_source: SourceRow): void {
    // The file knows all of them.
  }

  queuedSources(): Map<string, number> {
    const queued = new Map<string, number>();
    for (const [key, { id }] of this.file.sources) if (this.unackedBySource.has(id)) queued.set(key, id);
    return queued;
  }

  householdOf(sourceId: number): string {
    for (const { id, household } of this.file.sources.values()) if (id === sourceId) return household;
    return '';
  }

  write(grows: boolean, change: () => void): void {
    try {
      this.file.transaction(() => {
        change();
        if (grows && this.usedBytes() > this.quotaBytes) throw new OutboxFull('the outbox has reached its quota');
      });
    } catch (error) {
      this.load();
      if ((error as { code?: string }).code === 'SQLITE_FULL') throw new OutboxFull((error as Error).message, { cause: error });
      throw error;
    }
  }

  insert(row: NewRow, nowMs: number): void {
    const { file } = this;
    const range = row.kind === 'part' ? row.part : row.gap;
    const { fromSeq, toSeq } = range;
    const sourceId = file.sourceId(range);
    const id = ++file.rowsMade;
    const held: MemoryRow = {
      id,
      sourceId,
      state: ROW_STATE.queued,
      changedMs: nowMs,
      fromSeq,
      toSeq,
      windowStartMs: row.kind === 'part' ? row.part.windowStartMs : null,
      partition: row.partition,
      offset: row.offset,
      row: toShip(row),
    };
    file.rows.set(id, held);
    const rows = this.rowsOf(sourceId);
    const at = placeOf(rows, fromSeq);
    rows.splice(at, 0, held);
    file.usedBytes += ROW_FILE_BYTES;
    file.grew = true;
    file.did(() => this.takeOut(held));
    this.countUnacked(sourceId, 1, at);
    const before = rows[at - 1]?.offset ?? row.offset;
    const after = rows[at + 1]?.offset ?? row.offset;
    if (before > row.offset || after < row.offset) (this.unackedBySource.get(sourceId) as { isMixed: boolean }).isMixed = true;
  }

  queuedOf(sourceId: number, fromSeq: number, limit: number): QueuedRow[] {
    return this.unackedFrom(sourceId, fromSeq, limit).map(({ id, row }) => ({ id, sourceId, row, bytes: bytesOf(row) }));
  }

  heads(): { partition: number; offset: number; windowStartMs: number | null }[] {
    return [...this.unackedBySource].map(([sourceId, { isMixed }]) => {
      const { partition, offset, windowStartMs } = this.unackedFrom(sourceId, 0, 1)[0] as MemoryRow;
      if (!isMixed) return { partition, offset, windowStartMs };
      return { partition, windowStartMs, offset: Math.min(...this.unackedFrom(sourceId, 0, -1).map((row) => row.offset)) };
    });
  }

  backlogs(rowsMin: number): { sourceId: number; lastSeq: number }[] {
    const deep = [...this.unackedBySource].filter(([, { rows }]) => rows >= rowsMin);
    return deep.map(([sourceId]) => ({ sourceId, lastSeq: (this.unackedFrom(sourceId, 0, -1).at(-1) as MemoryRow).fromSeq }));
  }

  newestWindow(sourceId: number): RowToShip[] {
    const parts = this.rowsOf(sourceId)
      .slice(-NEWEST_LOOKED_AT_ROWS)
      .reverse()
      .map(({ row }) => row)
      .filter((row) => row.kind === 'part');
    const newestMs = Math.max(...parts.map(({ part }) => part.windowStartMs));
    return parts.filter(({ part }) => part.windowStartMs === newestMs);
  }

  markSent(ids: readonly number[], nowMs: number): void {
    for (const id of ids) this.setState(id, ROW_STATE.sent, nowMs);
  }

  acknowledge(ids: readonly { id: number; sourceId: number }[], nowMs: number): void {
    for (const { id, sourceId } of ids) {
      const row = this.file.rows.get(id);
      if (row === undefined || row.state === ROW_STATE.acked) continue;
      this.setState(id, ROW_STATE.acked, nowMs);
      this.countUnacked(sourceId, -1);
      this.ackedCount++;
    }
  }

  requeue(sourceId: number, ids: readonly number[], nowMs: number): void {
    for (const id of ids) this.setState(id, ROW_STATE.queued, nowMs);
    this.ackedCount -= ids.length;
    if (ids.length === 0) return;
    this.countUnacked(sourceId, ids.length, 0);
    (this.unackedBySource.get(sourceId) as { isMixed: boolean }).isMixed = this.isMixed(sourceId);
  }

  setOffsets(partition: number, offset: number): void {
    for (const row of this.file.rows.values()) {
      if (row.partition !== partition) continue;
      const before = row.offset;
      row.offset = offset;
      this.file.did(() => void (row.offset = before));
    }
  }

  drop(sourceId: number, ids: readonly number[]): void {
    for (const id of ids) {
      const { state } = this.file.rows.get(id) as MemoryRow;
      this.remove(id);
      if (state === ROW_STATE.acked) this.ackedCount--;
      else this.countUnacked(sourceId, -1);
    }
  }

  unacked(source: SourceLedger): HeldRow[] {
    return this.unackedFrom(this.sourceIdOf(source), 0, -1).map(toHeld);
  }

  ackedOutside(source: SourceLedger, covered: SeqIntervals, declared: SeqIntervals): HeldRow[] {
    const rows = this.rowsOf(this.sourceIdOf(source));
    const outside = rows.filter(({ state, windowStartMs, fromSeq, toSeq }) => {
      if (state !== ROW_STATE.acked) return false;
      return missingFromAll(fromSeq, toSeq, windowStartMs === null ? [covered, declared] : [covered]).length > 0;
    });
    return outside.map(toHeld);
  }

  partsAbove(id: number, limit: number): { id: number; household: string; record: Buffer }[] {
    const found: { id: number; household: string; record: Buffer }[] = [];
    for (let next = id + 1; next <= this.file.rowsMade && found.length < limit; next++) {
      const row = this.file.rows.get(next)?.row;
      if (row?.kind !== 'part') continue;
      const { household, ...rest } = row.part;
      const part = { v: 1, household, ...rest, stats: JSON.parse(row.part.stats as string) };
      found.push({ id: next, household, record: Buffer.from(JSON.stringify(part)) });
    }
    return found;
  }

  highestId(): number {
    return [...this.file.rows.keys()].at(-1) ?? 0;
  }

  trimStep(afterId: number, untilId: number, beforeMs: number, limit: number): { deleted: number; nextAfterId: number | undefined } {
    let deleted = 0;
    let looked = 0;
    let lastId: number | undefined;
    for (const [id, { state, changedMs }] of this.file.rows) {
      if (id <= afterId) continue;
      if (id > untilId || looked === limit) break;
      looked++;
      lastId = id;
      if (state !== ROW_STATE.acked) continue;
      if (changedMs >= beforeMs) return { deleted, nextAfterId: undefined };
      this.remove(id);
      this.ackedCount--;
      deleted++;
    }
    return { deleted, nextAfterId: looked < limit ? undefined : lastId };
  }

  shrink(): void {
    // Room is free at once.
  }

  freeBytes(): number {
    return Math.max(0, this.quotaBytes - this.usedBytes());
  }

  usedShare(): number {
    return this.usedBytes() / this.quotaBytes;
  }

  sourceIdOf(range: { household: string; device: string; src: string }): number {
    return this.file.sources.get(sourceKey(range.household, range.device, range.src))?.id ?? this.file.sourceId(range);
  }

  private usedBytes(): number {
    return EMPTY_BYTES + this.file.usedBytes;
  }

  private rowsOf(sourceId: number): MemoryRow[] {
    let rows = this.file.rowsBySource.get(sourceId);
    if (rows === undefined) this.file.rowsBySource.set(sourceId, (rows = []));
    return rows;
  }

  /** In order of seq, from `fromSeq` on. */
  private unackedFrom(sourceId: number, fromSeq: number, limit: number): MemoryRow[] {
    const unacked = this.unackedBySource.get(sourceId);
    if (unacked === undefined) return [];
    const rows = this.rowsOf(sourceId);
    while (rows[unacked.from]?.state === ROW_STATE.acked) unacked.from++;
    const found: MemoryRow[] = [];
    for (let at = Math.max(unacked.from, placeOf(rows, fromSeq)); at < rows.length && found.length !== limit; at++) {
      const row = rows[at] as MemoryRow;
      if (row.state !== ROW_STATE.acked) found.push(row);
    }
    return found;
  }

  private setState(id: number, state: number, nowMs: number): void {
    const row = this.file.rows.get(id);
    if (row === undefined) return;
    const before = { state: row.state, changedMs: row.changedMs };
    row.state = state;
    row.changedMs = nowMs;
    this.file.did(() => void Object.assign(row, before));
  }

  private remove(id: number): void {
    const row = this.file.rows.get(id) as MemoryRow;
    this.takeOut(row);
    this.file.did(() => {
      this.file.rows.set(id, row);
      // Ids are the order of the rows.
      this.file.rows = new Map([...this.file.rows].sort(([a], [b]) => a - b));
      const rows = this.rowsOf(row.sourceId);
      rows.splice(placeOf(rows, row.fromSeq), 0, row);
      this.file.usedBytes += ROW_FILE_BYTES;
    });
  }

  private takeOut(row: MemoryRow): void {
    this.file.rows.delete(row.id);
    const rows = this.rowsOf(row.sourceId);
    const at = rows.indexOf(row, Math.max(0, placeOf(rows, row.fromSeq)));
    rows.splice(at, 1);
    this.file.usedBytes -= ROW_FILE_BYTES;
    const unacked = this.unackedBySource.get(row.sourceId);
    if (unacked !== undefined && at < unacked.from) unacked.from--;
  }

  /** @param at place of a row that may lie below where the un-acked ones began */
  private countUnacked(sourceId: number, rows: number, at = 0): void {
    this.unackedCount += rows;
    const unacked = this.unackedBySource.get(sourceId);
    if (unacked === undefined) this.unackedBySource.set(sourceId, { rows, from: 0, isMixed: false });
    else {
      unacked.rows += rows;
      if (rows > 0 && at < unacked.from) unacked.from = at;
      if (unacked.rows === 0) this.unackedBySource.delete(sourceId);
    }
  }
}

/** Place of the first row at or above the seq. */
function placeOf(rows: readonly MemoryRow[], fromSeq: number): number {
  let low = 0;
  let high = rows.length;
  if (high > 0 && (rows[high - 1] as MemoryRow).fromSeq < fromSeq) return high;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((rows[middle] as MemoryRow).fromSeq < fromSeq) low = middle + 1;
    else high = middle;
  }
  return low;
}

function toShip(row: NewRow): RowToShip {
  if (row.kind === 'gap') return { kind: 'gap', gap: { ...row.gap } };
  const { household, device, src, fromSeq, toSeq, windowStartMs, count, fields, stats, firstMs, lastMs, digest } = row.part as Part;
  const range = { household, device, src, fromSeq, toSeq, windowStartMs, count };
  return { kind: 'part', part: { ...range, fields: [...fields], stats: JSON.stringify(stats), firstMs, lastMs, digest } };
}

function bytesOf(row: RowToShip): number {
  return (row.kind === 'part' ? (row.part.stats as string).length : 0) + ROW_BYTES;
}

function toHeld({ id, row, fromSeq, toSeq }: MemoryRow): HeldRow {
  if (row.kind === 'part') return { id, kind: 'part', fromSeq, toSeq };
  return { id, kind: 'gap', fromSeq, toSeq, isSkip: row.gap.reason === NOT_IN_RUN };
}
