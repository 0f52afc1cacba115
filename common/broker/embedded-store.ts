/**
 * The statements of the embedded broker: topics, appends, reads, commits. Synchronous and without waiting: SQLite's own
 * errors go up, `isBusy` among them.
 *
 * What does not happen: no cursor stays open after a call, so no reader keeps the WAL from being reused; no batch is given out
 * whose seal does not hold; offsets are counted in the same transaction as the rows, so they have no gaps.
 */
import assert from 'node:assert/strict';
import type { Statement, Transaction } from 'better-sqlite3';
import { BATCH_RECORDS_MAX, type LogState, type StartOffset, type StoredRecord, type TopicSettings } from './broker.ts';
import { damaged, type SqliteDatabase } from './embedded-database.ts';
import { EmbeddedTables } from './embedded-tables.ts';
import { BATCH_BYTES_MAX, DamagedBatch, decodeBatch, type EncodedBatch, sealOf } from './record-batch.ts';

/** One partition's log. */
export interface LogHandle {
  id: number;
  logId: string;
  topic: string;
  partition: number;
}

export interface TopicHandle {
  id: number;
  name: string;
  /** By partition number. */
  logs: readonly LogHandle[];
}

export interface PendingAppend {
  log: LogHandle;
  batches: readonly EncodedBatch[];
}

interface OffsetsRow {
  earliest_offset: number;
  end_offset: number;
}

interface BatchRow {
  base_offset: number;
  count: number;
  appended_ms: number;
  seal: number;
  bytes: Buffer;
}

interface Wanted {
  from: number;
  to: number;
  limit: number;
  isDelivery: boolean;
}

export class EmbeddedStore {
  private readonly database: SqliteDatabase;
  private readonly folder: string;
  private readonly topics = new Map<string, TopicHandle>();
  private readonly offsetsOf: Statement<[number], OffsetsRow>;
  private readonly advance: Statement<[number, number], number>;
  private readonly insertBatch: Statement<[number, number, number, number, number, Buffer]>;
  private readonly baseAt: Statement<[number, number], number>;
  private readonly batchSizes: Statement<[number, number], { base_offset: number; count: number }>;
  private readonly batchRows: Statement<[number, number, number], BatchRow>;
  private readonly changes: Statement<[], number>;
  private readonly insertCommitted: Statement<[number, string, number, number]>;
  private readonly appendAll: Transaction<(appends: readonly PendingAppend[], nowMs: number) => number[]>;
  private readonly readAll: Transaction<(log: LogHandle, wanted: Wanted) => StoredRecord[]>;

  constructor(database: SqliteDatabase, folder: string) {
    this.database = database;
    this.folder = folder;
    this.offsetsOf = database.prepare<[number], OffsetsRow>('SELECT earliest_offset, end_offset FROM log WHERE id = ?');
    this.advance = database
      .prepare<[number, number], number>('UPDATE log SET end_offset = end_offset + ? WHERE id = ? RETURNING end_offset')
      .pluck();
    this.insertBatch = database.prepare('INSERT INTO batch (log, base_offset, count, appended_ms, seal, bytes) VALUES (?, ?, ?, ?, ?, ?)');
    this.baseAt = database
      .prepare<[number, number], number>('SELECT max(base_offset) FROM batch WHERE log = ? AND base_offset <= ?')
      .pluck();
    this.batchSizes = database.prepare('SELECT base_offset, count FROM batch WHERE log = ? AND base_offset >= ? ORDER BY base_offset');
    this.batchRows = database.prepare(
      `SELECT base_offset, count, appended_ms, seal, bytes FROM batch
       WHERE log = ? AND base_offset BETWEEN ? AND ? ORDER BY base_offset`,
    );
    this.changes = database.prepare<[], number>('PRAGMA data_version').pluck();
    this.insertCommitted = database.prepare(
      `INSERT INTO committed (topic_id, consumer_group, partition, next_offset) VALUES (?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET next_offset = excluded.next_offset`,
    );
    this.appendAll = database.transaction((appends, nowMs) => this.appendInside(appends, nowMs));
    this.readAll = database.transaction((log, wanted) => this.readInside(log, wanted));
  }

  /** Another number than before means that another connection has written. */
  changesSeen(): number {
    return this.changes.get() as number;
  }

  ensureTopic(name: string, settings: TopicSettings, newLogId: () => string): void {
    const topic = this.database.prepare<[string], { id: number; retention_ms: number }>(
      'SELECT id, retention_ms FROM topic WHERE name = ?',
    );
    if (topic.get(name)?.retention_ms === settings.retentionMs) return;
    const make = this.database.transaction(() => {
      const existing = topic.get(name);
      if (existing !== undefined) {
        this.database.prepare('UPDATE topic SET retention_ms = ? WHERE id = ?').run(settings.retentionMs, existing.id);
        return;
      }
      // Not known is not yet missing: the index may not lead to it.
      new EmbeddedTables(this.database, this.folder).check();
      const { lastInsertRowid } = this.database
        .prepare('INSERT INTO topic (name, partitions, retention_ms) VALUES (?, ?, ?)')
        .run(name, settings.partitions, settings.retentionMs);
      const insertLog = this.database.prepare('INSERT INTO log (topic_id, partition, log_id) VALUES (?, ?, ?)');
      for (let partition = 0; partition < settings.partitions; partition++) insertLog.run(lastInsertRowid, partition, newLogId());
    });
    make.immediate();
  }

  /** Undefined when there is no such topic. */
  topic(name: string): TopicHandle | undefined {
    let handle = this.topics.get(name);
    if (handle === undefined) {
      const rows = this.database
        .prepare<[string], { topic_id: number; id: number; log_id: string; partition: number }>(
          'SELECT topic_id, log.id, log_id, partition FROM log JOIN topic ON topic.id = topic_id WHERE name = ? ORDER BY partition',
        )
        .all(name);
      const first = rows[0];
      if (first === undefined) return undefined;
      handle = { id: first.topic_id, name, logs: rows.map(({ id, log_id, partition }) => ({ id, logId: log_id, topic: name, partition })) };
      this.topics.set(name, handle);
    }
    return handle;
  }

  logState(log: LogHandle): LogState {
    const { earliest_offset, end_offset } = this.offsetsOf.get(log.id) as OffsetsRow;
    return { logId: log.logId, earliestOffset: earliest_offset, endOffset: end_offset };
  }

  /** All appends in one transaction; gives the first offset of each. Durable when it returns. */
  append(appends: readonly PendingAppend[], nowMs: number): number[] {
    return this.appendAll.immediate(appends, nowMs);
  }

  private appendInside(appends: readonly PendingAppend[], nowMs: number): number[] {
    return appends.map(({ log, batches }) => {
      let firstOffset = -1;
      for (const { count, bytes, bytesChecksum } of batches) {
        const baseOffset = (this.advance.get(count, log.id) as number) - count;
        if (firstOffset < 0) firstOffset = baseOffset;
        const seal = sealOf(bytesChecksum, { logId: log.logId, baseOffset, count, appendedMs: nowMs });
        this.insertBatch.run(log.id, baseOffset, count, nowMs, seal, bytes);
      }
      return firstOffset;
    });
  }

  /**
   * What a consumer gets next: the records from `from` on, or from the earliest where that is above. Ends between two appended
   * batches, so that none is read twice, and before damage: the next call meets it. Empty when there is nothing yet.
   * @throws OperatingError BROKER_DAMAGED naming topic, partition and offset
   */
  readBatch(log: LogHandle, from: number): StoredRecord[] {
    return this.readAll.deferred(log, { from, to: Infinity, limit: BATCH_RECORDS_MAX, isDelivery: true });
  }

  /**
   * All records with from ≤ offset < to, at most `limit`.
   * @throws OperatingError BROKER_DAMAGED naming topic, partition and offset
   */
  read(log: LogHandle, from: number, to: number, limit: number): StoredRecord[] {
    return this.readAll.deferred(log, { from, to, limit, isDelivery: false });
  }

  private readInside(log: LogHandle, wanted: Wanted): StoredRecord[] {
    const { earliest_offset, end_offset } = this.offsetsOf.get(log.id) as OffsetsRow;
    const start = Math.max(wanted.from, earliest_offset);
    const end = Math.min(wanted.to, end_offset, start + wanted.limit);
    const records: StoredRecord[] = [];
    if (start >= end) return records;
    const firstBase = this.baseAt.get(log.id, start) ?? undefined;
    if (firstBase === undefined) throw this.damageAt(log, start, 'the record is missing');
    const lastBase = this.lastBase(log, firstBase, start, end, wanted.isDelivery);
    let bytesRead = 0;
    for (const row of this.batchRows.iterate(log.id, firstBase, lastBase)) {
      const sound = records.length;
      try {
        this.decode(log, row, start + sound, end, records);
      } catch (error) {
        records.length = sound;
        if (wanted.isDelivery && sound > 0) break;
        throw error;
      }
      bytesRead += row.bytes.length;
      if (wanted.isDelivery && bytesRead >= BATCH_BYTES_MAX) break;
    }
    const isShort = records.length === 0 || (!wanted.isDelivery && records.length < end - start);
    if (isShort) throw this.damageAt(log, start + records.length, 'the record is missing');
    return records;
  }

  /** Base of the last row to read, looked up in the index alone, so that no row is fetched in vain. */
  private lastBase(log: LogHandle, firstBase: number, start: number, end: number, isDelivery: boolean): number {
    let last = firstBase;
    for (const { base_offset, count } of this.batchSizes.iterate(log.id, firstBase)) {
      if (base_offset >= end) break;
      if (isDelivery && base_offset > start && base_offset + count > end) break;
      last = base_offset;
    }
    return last;
  }

  /** Adds the row's records from `next` on, which must be in it. */
  private decode(log: LogHandle, row: BatchRow, next: number, end: number, into: StoredRecord[]): void {
    const place = { logId: log.logId, baseOffset: row.base_offset, count: row.count, appendedMs: row.appended_ms };
    if (next < row.base_offset || next >= row.base_offset + row.count) throw this.damageAt(log, next, 'the record is missing');
    try {
      if (!Buffer.isBuffer(row.bytes)) throw new DamagedBatch(row.base_offset, 'the row holds no bytes');
      decodeBatch(row.bytes, row.seal, place, next, end, into);
    } catch (error) {
      if (!(error instanceof DamagedBatch)) throw error;
      throw this.damageAt(log, error.offset, error.message, error);
    }
  }

  private damageAt(log: LogHandle, offset: number, reason: string, cause?: unknown): Error {
    return damaged(`topic ${log.topic}, partition ${log.partition}, offset ${offset}: ${reason}`, this.folder, cause);
  }

  /**
   * Looks whether every log's rows reach from its earliest to its end offset.
   * @throws OperatingError BROKER_DAMAGED
   */
  checkEnds(): void {
    const ends = this.database.prepare<
      [],
      OffsetsRow & { id: number; name: string; partition: number; log_id: string; first: number | null; next: number | null }
    >(
      `SELECT log.id, name, partition, log_id, earliest_offset, end_offset,
         (SELECT min(base_offset) FROM batch WHERE log = log.id) AS first,
         (SELECT base_offset + count FROM batch WHERE log = log.id ORDER BY base_offset DESC LIMIT 1) AS next
       FROM log NOT INDEXED JOIN topic ON topic.id = topic_id`,
    );
    for (const row of ends.all()) {
      const log = { id: row.id, logId: row.log_id, topic: row.name, partition: row.partition };
      if ((row.first ?? row.end_offset) !== row.earliest_offset)
        throw this.damageAt(log, row.earliest_offset, 'the oldest record is missing');
      if ((row.next ?? row.end_offset) !== row.end_offset) throw this.damageAt(log, row.next ?? 0, 'the newest records are missing');
    }
  }

  commit(topic: TopicHandle, group: string, offsets: readonly StartOffset[]): void {
    const commitAll = this.database.transaction(() => {
      for (const { partition, offset } of offsets) {
        const log = topic.logs[partition];
        assert(log !== undefined, `topic ${topic.name} has no partition ${partition}`);
        const { end_offset } = this.offsetsOf.get(log.id) as OffsetsRow;
        assert(offset <= end_offset, `commit of offset ${offset} in ${topic.name}/${partition}, which ends at ${end_offset}`);
        this.insertCommitted.run(topic.id, group, partition, offset);
      }
    });
    commitAll.immediate();
  }

  /** Never below the earliest offset: what is deleted is done. A commit above the end is none (damage): it is left out. */
  committed(topic: TopicHandle, group: string): StartOffset[] {
    const rows = this.database.prepare<[number, string], StartOffset>(
      `SELECT log.partition, max(next_offset, earliest_offset) AS offset
       FROM committed JOIN log ON log.topic_id = committed.topic_id AND log.partition = committed.partition
       WHERE committed.topic_id = ? AND consumer_group = ? AND next_offset BETWEEN 0 AND end_offset ORDER BY log.partition`,
    );
    return rows.all(topic.id, group);
  }
}
