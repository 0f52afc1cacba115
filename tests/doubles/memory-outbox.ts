/** The rows of an outbox in memory. Room is counted in bytes as they would lie in a file, about. */
import { type NewRow, NOT_IN_RUN, type SourceLedger } from '../../common/protocol/edge-ledger.ts';
import type { HeldRow, HeldRows } from '../../common/protocol/hello-rules.ts';
import { missingFromAll, type SeqIntervals } from '../../common/protocol/seq-intervals.ts';
import { sourceKey } from '../../common/ids.ts';
import type { RowToShip } from '../../common/wire.ts';
import type { OutboxContract } from '../../edge/server/edge-file.ts';
import { NEWEST_LOOKED_AT_ROWS, OutboxFull, type QueuedRow } from '../../edge/server/outbox.ts';
import type { SourceRow } from '../../edge/server/outbox-rows.ts';
import { ROW_STATE } from '../../edge/server/outbox-schema.ts';
import type { MemoryEdgeFile } from './memory-edge-tables.ts';

type SourceNames = MemoryEdgeFile['names'][number];

const ROW_BYTES = 60;
/** Of a statistic in a request, at most about. */
const NUMBER_BYTES = 18;
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
    const { rows } = this.file;
    for (let id = 1; id <= rows.made; id++) {
      if (!rows.has(id)) continue;
      if (rows.state[id] === ROW_STATE.acked) this.ackedCount++;
      else this.countUnacked(rows.sourceId[id] as number, 1);
    }
    for (const [sourceId, unacked] of this.unackedBySource) unacked.isMixed = this.isMixed(sourceId);
  }

  private isMixed(sourceId: number): boolean {
    const { offset } = this.file.rows;
    const ids = this.file.rowsOf(sourceId);
    return ids.some((id, at) => at > 0 && (offset[ids[at - 1] as number] as number) > (offset[id] as number));
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
    return this.file.names[sourceId]?.household ?? '';
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
    const sourceId = file.sourceId(range);
    const at = file.putIn(row, sourceId, nowMs);
    this.countUnacked(sourceId, 1, at);
    const { offset } = file.rows;
    const ids = file.rowsOf(sourceId);
    const before = at === 0 ? row.offset : (offset[ids[at - 1] as number] as number);
    const after = at + 1 === ids.length ? row.offset : (offset[ids[at + 1] as number] as number);
    if (before > row.offset || after < row.offset) (this.unackedBySource.get(sourceId) as { isMixed: boolean }).isMixed = true;
  }

  queuedOf(sourceId: number, fromSeq: number, limit: number): QueuedRow[] {
    const { rows, names } = this.file;
    const source = names[sourceId] as SourceNames;
    return this.unackedFrom(sourceId, fromSeq, limit).map((id) => ({
      id,
      sourceId,
      row: rows.row(id, source),
      bytes: rows.statsCount(id) * NUMBER_BYTES + ROW_BYTES,
    }));
  }

  heads(): { partition: number; offset: number; windowStartMs: number | null }[] {
    const { rows } = this.file;
    return [...this.unackedBySource].map(([sourceId, { isMixed }]) => {
      const [id] = this.unackedFrom(sourceId, 0, 1) as [number];
      const head = { partition: rows.partition[id] as number, windowStartMs: rows.windowStartOf(id) };
      if (!isMixed) return { ...head, offset: rows.offset[id] as number };
      return { ...head, offset: Math.min(...this.unackedFrom(sourceId, 0, -1).map((its) => rows.offset[its] as number)) };
    });
  }

  backlogs(rowsMin: number): { sourceId: number; lastSeq: number }[] {
    const deep = [...this.unackedBySource].filter(([, { rows }]) => rows >= rowsMin);
    const { state, fromSeq } = this.file.rows;
    return deep.map(([sourceId]) => {
      const last = this.file.rowsOf(sourceId).findLast((id) => state[id] !== ROW_STATE.acked) as number;
      return { sourceId, lastSeq: fromSeq[last] as number };
    });
  }

  newestWindow(sourceId: number): RowToShip[] {
    const { rows, names } = this.file;
    const newest = this.file.rowsOf(sourceId).slice(-NEWEST_LOOKED_AT_ROWS).reverse();
    const parts = newest.filter((id) => rows.isPart(id));
    const newestMs = Math.max(...parts.map((id) => rows.windowStartOf(id) as number));
    return parts.filter((id) => rows.windowStartOf(id) === newestMs).map((id) => rows.row(id, names[sourceId] as SourceNames));
  }

  markSent(ids: readonly number[], nowMs: number): void {
    this.setState(ids, ROW_STATE.sent, nowMs);
  }

  acknowledge(ids: readonly { id: number; sourceId: number }[], nowMs: number): void {
    const changed = this.setState(
      ids.map(({ id }) => id),
      ROW_STATE.acked,
      nowMs,
    );
    const { sourceId } = this.file.rows;
    this.ackedCount += changed.length;
    // Those of a source lie side by side.
    for (let at = 0; at < changed.length; ) {
      const its = sourceId[changed[at] as number] as number;
      const from = at;
      while (at < changed.length && sourceId[changed[at] as number] === its) at++;
      this.countUnacked(its, from - at);
    }
  }

  requeue(sourceId: number, ids: readonly number[], nowMs: number): void {
    if (ids.length === 0) return;
    this.setState(ids, ROW_STATE.queued, nowMs);
    this.ackedCount -= ids.length;
    this.countUnacked(sourceId, ids.length, 0);
    (this.unackedBySource.get(sourceId) as { isMixed: boolean }).isMixed = true;
  }

  *orderSteps(sourceId: number): Generator<void, void> {
    const unacked = this.unackedBySource.get(sourceId);
    yield;
    if (unacked !== undefined) unacked.isMixed = this.isMixed(sourceId);
  }

  oldestUnackedMs(): number | null {
    const startsMs = this.heads().flatMap(({ windowStartMs }) => (windowStartMs === null ? [] : [windowStartMs]));
    return startsMs.length === 0 ? null : startsMs.reduce((oldest, startMs) => Math.min(oldest, startMs));
  }

  setOffsets(partition: number, offset: number): void {
    const { rows } = this.file;
    for (let id = 1; id <= rows.made; id++) {
      if (!rows.has(id) || rows.partition[id] !== partition) continue;
      const before = rows.offset[id] as number;
      rows.offset[id] = offset;
      this.file.did(() => void (rows.offset[id] = before));
    }
  }

  drop(sourceId: number, ids: readonly number[]): void {
    for (const id of ids) {
      const state = this.file.rows.state[id];
      this.remove(id);
      if (state === ROW_STATE.acked) this.ackedCount--;
      else this.countUnacked(sourceId, -1);
    }
  }

  unacked(source: SourceLedger): HeldRow[] {
    return this.unackedFrom(this.sourceIdOf(source), 0, -1).map((id) => this.toHeld(id));
  }

  *held(source: SourceLedger, covered: SeqIntervals, declared: SeqIntervals): Generator<void, HeldRows> {
    const acked = this.ackedOutside(source, covered, declared);
    yield;
    const unacked = this.unacked(source);
    return { unacked: () => unacked, ackedOutside: () => acked };
  }

  ackedOutside(source: SourceLedger, covered: SeqIntervals, declared: SeqIntervals): HeldRow[] {
    const { rows } = this.file;
    const outside = this.file.rowsOf(this.sourceIdOf(source)).filter((id) => {
      if (rows.state[id] !== ROW_STATE.acked) return false;
      const sets = rows.isPart(id) ? [covered] : [covered, declared];
      return missingFromAll(rows.fromSeq[id] as number, rows.toSeq[id] as number, sets).length > 0;
    });
    return outside.map((id) => this.toHeld(id));
  }

  partsAbove(id: number, limit: number): { id: number; household: string; record: Buffer }[] {
    const found: { id: number; household: string; record: Buffer }[] = [];
    const { rows, names } = this.file;
    for (let next = id + 1; next <= rows.made && found.length < limit; next++) {
      if (!rows.has(next)) continue;
      const row = rows.row(next, names[rows.sourceId[next] as number] as SourceNames);
      if (row.kind !== 'part') continue;
      found.push({ id: next, household: row.part.household, record: Buffer.from(JSON.stringify({ v: 1, ...row.part })) });
    }
    return found;
  }

  highestId(): number {
    const { rows } = this.file;
    let id = rows.made;
    while (id > 0 && !rows.has(id)) id--;
    return id;
  }

  trimStep(afterId: number, untilId: number, beforeMs: number, limit: number): { deleted: number; nextAfterId: number | undefined } {
    let deleted = 0;
    let looked = 0;
    let lastId: number | undefined;
    const { rows } = this.file;
    for (let id = afterId + 1; id <= rows.made; id++) {
      if (!rows.has(id)) continue;
      if (id > untilId || looked === limit) break;
      looked++;
      lastId = id;
      if (rows.state[id] !== ROW_STATE.acked) continue;
      if ((rows.changedMs[id] as number) >= beforeMs) return { deleted, nextAfterId: undefined };
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

  /** Ids in order of seq, from `fromSeq` on. */
  private unackedFrom(sourceId: number, fromSeq: number, limit: number): number[] {
    const unacked = this.unackedBySource.get(sourceId);
    if (unacked === undefined) return [];
    const { state } = this.file.rows;
    const ids = this.file.rowsOf(sourceId);
    while (unacked.from < ids.length && state[ids[unacked.from] as number] === ROW_STATE.acked) unacked.from++;
    const found: number[] = [];
    for (let at = Math.max(unacked.from, this.file.placeOf(ids, fromSeq)); at < ids.length && found.length !== limit; at++) {
      const id = ids[at] as number;
      if (state[id] !== ROW_STATE.acked) found.push(id);
    }
    return found;
  }

  /** @returns those that were in another state */
  private setState(ids: readonly number[], state: number, nowMs: number): Int32Array {
    const { rows } = this.file;
    const changed = new Int32Array(ids.length);
    const [stateBefore, changedMsBefore] = [new Uint8Array(ids.length), new Float64Array(ids.length)];
    let count = 0;
    for (const id of ids) {
      if (!rows.has(id) || rows.state[id] === state) continue;
      stateBefore[count] = rows.state[id] as number;
      changedMsBefore[count] = rows.changedMs[id] as number;
      changed[count++] = id;
      rows.state[id] = state;
      rows.changedMs[id] = nowMs;
    }
    this.file.did(() => {
      for (let i = 0; i < count; i++) {
        const id = changed[i] as number;
        rows.state[id] = stateBefore[i] as number;
        rows.changedMs[id] = changedMsBefore[i] as number;
      }
    });
    return changed.subarray(0, count);
  }

  private remove(id: number): void {
    const at = this.file.remove(id);
    const unacked = this.unackedBySource.get(this.file.rows.sourceId[id] as number);
    if (unacked !== undefined && at < unacked.from) unacked.from--;
  }

  private toHeld(id: number): HeldRow {
    const { rows } = this.file;
    const range = { id, fromSeq: rows.fromSeq[id] as number, toSeq: rows.toSeq[id] as number };
    if (rows.isPart(id)) return { ...range, kind: 'part' };
    return { ...range, kind: 'gap', isSkip: rows.gapOf(id).reason === NOT_IN_RUN };
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
