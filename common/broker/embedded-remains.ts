/**
 * What a damaged file of the embedded broker still holds: its topics, and every batch whose seal holds. Looks through a connection that
 * can't write, and goes on beside what can't be read.
 *
 * What does not happen: no batch is given out whose seal does not hold, none twice, none behind a later one of its log; a log whose topic
 * can't be told is put under no other.
 */
import { crc32 } from 'node:zlib';
import Database from 'better-sqlite3';
import { AVERAGES_TOPIC, POWER_TOPIC, type TopicSettings } from './broker.ts';
import { isUnreadable, type SqliteDatabase } from './embedded-database.ts';
import { NAME_INDEX } from './embedded-tables.ts';
import { type BatchPlace, DamagedBatch, decodeBatch, type EncodedBatch, sealOf } from './record-batch.ts';

/** Ids looked for behind the last that is known, where nothing tells how far the table goes. */
const IDS_BEHIND = 10_000;
/** Ids looked for at all; a damaged index may tell of any. */
const IDS_TRIED_MAX = 1_000_000;
const PARTITIONS_MAX = 1_024;
/** Until a part says how long it wants its records kept. */
const FOR_EVER_MS = Number.MAX_SAFE_INTEGER;
const TOPIC_NAME = /^[A-Za-z0-9._-]{1,249}$/;

export interface RemainingBatch extends EncodedBatch {
  topic: string;
  partition: number;
  appendedMs: number;
}

interface Place {
  topic: string;
  partition: number;
}

interface Log extends Place {
  id: number;
  logId: string;
  /** Its batches are given out up to here. */
  nextOffset: number;
}

interface TopicRow {
  id: number;
  name: unknown;
  partitions: unknown;
  retention_ms: unknown;
}

interface LogEntry {
  id: number;
  topic_id: unknown;
  partition: unknown;
}

interface LogRow extends LogEntry {
  log_id: unknown;
}

interface BatchRow {
  log: unknown;
  base_offset: number;
  count: number;
  appended_ms: number;
  seal: number;
  bytes: unknown;
}

/** Rows as far as they can be read from either end. */
interface Scan<T> {
  fromFront: T[];
  /** The last row first; empty when all were read from the front. */
  fromBack: T[];
  isWhole: boolean;
}

export class EmbeddedRemains {
  private readonly database: SqliteDatabase;
  private readonly topicRows: readonly TopicRow[];
  private readonly topicNames: ReadonlyMap<unknown, string>;
  private readonly logRows: readonly LogRow[];
  private readonly logEntries: readonly LogEntry[];
  private readonly logs: readonly Log[];
  /** Batches that the file tells of and that were not given out. */
  lost = 0;
  /** False where neither the table nor its index tells how many there were. */
  isCounted = false;

  /** @param file of one byte at least: SQLite deletes what lies beside an empty one */
  constructor(file: string) {
    this.database = new Database(file, { readonly: true });
    // So that a file which is shorter than it says, and a definition that can't be read, hide nothing else.
    this.database.unsafeMode();
    this.database.pragma('writable_schema = ON');
    this.topicRows = this.rows<TopicRow>(
      (order) => `SELECT id, name, partitions, retention_ms FROM topic NOT INDEXED ORDER BY id ${order}`,
    );
    this.topicNames = this.namesOfTopics();
    this.logRows = this.rows<LogRow>((order) => `SELECT id, topic_id, partition, log_id FROM log NOT INDEXED ORDER BY id ${order}`);
    this.logEntries = this.rows<LogEntry>(
      (order) => `SELECT id, topic_id, partition FROM log INDEXED BY sqlite_autoindex_log_1 ORDER BY topic_id ${order}, partition ${order}`,
    );
    this.logs = this.toldLogs();
  }

  close(): void {
    this.database.close();
  }

  /** Topics of which at least one log can be told. */
  topics(): Map<string, TopicSettings> {
    const topics = new Map<string, TopicSettings>();
    for (const name of new Set(this.logs.map(({ topic }) => topic))) {
      const row = this.topicRows.find((its) => its.name === name);
      const partitions = this.partitionsOf(name);
      topics.set(name, { partitions, retentionMs: isCount(row?.retention_ms, FOR_EVER_MS) ? row.retention_ms : FOR_EVER_MS });
    }
    return topics;
  }

  /** Those that are sound, in the order in which they were appended. */
  *batches(): Generator<RemainingBatch> {
    const { known, tried } = this.ids();
    const sql = 'SELECT log, base_offset, count, appended_ms, seal, bytes FROM batch WHERE id = ?';
    const fetch = readable(() => this.database.prepare<[number], BatchRow>(sql));
    for (const id of tried) {
      const row = readable(() => fetch?.get(id));
      const batch = row === undefined ? undefined : this.soundBatch(row);
      if (batch !== undefined) yield batch;
      else if (row !== undefined || known.has(id)) this.lost++;
    }
  }

  private soundBatch({
    log: id,
    base_offset: baseOffset,
    count,
    appended_ms: appendedMs,
    seal,
    bytes,
  }: BatchRow): RemainingBatch | undefined {
    if (!Buffer.isBuffer(bytes)) return undefined;
    const bytesChecksum = crc32(bytes);
    const placeIn = ({ logId }: Log): BatchPlace => ({ logId, baseOffset, count, appendedMs });
    // The seal also says of which log it is, whatever the row says.
    const own = this.logs.filter((its) => its.id === id);
    const log = [...own, ...this.logs].find((its) => sealOf(bytesChecksum, placeIn(its)) === seal);
    if (log === undefined || baseOffset < log.nextOffset || !isReadable(bytes, seal, placeIn(log))) return undefined;
    log.nextOffset = baseOffset + count;
    return { topic: log.topic, partition: log.partition, count, appendedMs, bytes, bytesChecksum };
  }

  /** Ids of which table or index tell, in order, and those that may lie where the table can't be read. */
  private ids(): { known: ReadonlySet<number>; tried: readonly number[] } {
    const table = this.scan<{ id: number }>((order) => `SELECT id FROM batch NOT INDEXED ORDER BY id ${order}`);
    const index = this.scan<{ id: number }>(
      (order) => `SELECT id FROM batch INDEXED BY batch_offsets ORDER BY log ${order}, base_offset ${order}`,
    );
    const known = new Set<number>();
    this.isCounted = table.isWhole || index.isWhole;
    for (const rows of [table.fromFront, table.fromBack, index.fromFront, index.fromBack]) for (const { id } of rows) known.add(id);
    const tried = new Set(known);
    if (!table.isWhole) {
      const last = table.fromFront.at(-1)?.id ?? 0;
      let behind = table.fromBack.at(-1)?.id ?? last + IDS_BEHIND;
      for (const id of known) behind = Math.max(behind, id);
      for (let id = last + 1; id <= behind && tried.size < IDS_TRIED_MAX; id++) tried.add(id);
    }
    return { known, tried: [...tried].sort((a, b) => a - b) };
  }

  /** By id, from the table and from the index over the names. Where these differ it is the one that a part asks for, or none. */
  private namesOfTopics(): Map<unknown, string> {
    const indexed = this.rows<{ id: number; name: unknown }>(
      (order) => `SELECT id, name FROM topic INDEXED BY ${NAME_INDEX} ORDER BY name ${order}`,
    );
    const byId = new Map<number, Set<string>>();
    for (const { id, name } of [...this.topicRows, ...indexed]) {
      if (typeof name !== 'string' || !TOPIC_NAME.test(name)) continue;
      byId.set(id, (byId.get(id) ?? new Set()).add(name));
    }
    const names = new Map<unknown, string>();
    for (const [id, said] of byId) {
      const ours = [POWER_TOPIC, AVERAGES_TOPIC].filter((name) => said.has(name));
      const [name, other] = ours.length > 0 ? ours : said;
      if (name !== undefined && other === undefined) names.set(id, name);
    }
    return names;
  }

  private placeOf({ topic_id: id, partition }: LogEntry): Place[] {
    const topic = this.topicNames.get(id);
    return topic === undefined || !isCount(partition, PARTITIONS_MAX - 1) ? [] : [{ topic, partition }];
  }

  /** As two say of the topic's row, the table of the logs and the index over it: one may be damaged. Where no two agree, the most. */
  private partitionsOf(name: string): number {
    const row = this.topicRows.find((its) => its.name === name);
    const said = isCount(row?.partitions, PARTITIONS_MAX) ? row.partitions : 0;
    const counts = [said, this.partitionsIn(this.logRows, name), this.partitionsIn(this.logEntries, name)].filter((count) => count > 0);
    return counts.find((count, i) => counts.indexOf(count) < i) ?? Math.max(0, ...counts);
  }

  private partitionsIn(entries: readonly LogEntry[], name: string): number {
    const numbers = entries.flatMap((entry) => this.placeOf(entry)).map(({ topic, partition }) => (topic === name ? partition + 1 : 0));
    return Math.max(0, ...numbers);
  }

  /** No place has two logs: where table and index differ, it is the place that the topic has and no other log. */
  private toldLogs(): Log[] {
    const partitions = new Map([...this.topicNames.values()].map((name) => [name, this.partitionsOf(name)]));
    const told = this.logRows
      .filter(({ log_id: logId }) => typeof logId === 'string' && logId !== '')
      .map((row) => ({
        row,
        places: distinct([row, ...this.logEntries.filter(({ id }) => id === row.id)].flatMap((entry) => this.placeOf(entry))).filter(
          ({ topic, partition }) => partition < (partitions.get(topic) ?? 0),
        ),
      }));
    const taken = new Map<string, Log>();
    for (const { row, places } of [...told.filter((its) => its.places.length === 1), ...told.filter((its) => its.places.length > 1)]) {
      const [place, other] = places.filter((its) => !taken.has(keyOf(its)));
      if (place === undefined || other !== undefined) continue;
      taken.set(keyOf(place), { id: row.id, logId: row.log_id as string, ...place, nextOffset: 0 });
    }
    return [...taken.values()];
  }

  private rows<T>(sql: (order: string) => string): T[] {
    const { fromFront, fromBack } = this.scan<T>(sql);
    return [...fromFront, ...fromBack];
  }

  private scan<T>(sql: (order: string) => string): Scan<T> {
    const fromFront: T[] = [];
    const isWhole = this.readInto(fromFront, sql('ASC'));
    const fromBack: T[] = [];
    if (!isWhole) this.readInto(fromBack, sql('DESC'));
    return { fromFront, fromBack, isWhole };
  }

  private readInto<T>(rows: T[], sql: string): boolean {
    return (
      readable(() => {
        for (const row of this.database.prepare<[], T>(sql).iterate()) rows.push(row);
        return true;
      }) ?? false
    );
  }
}

/** Undefined where damage is in the way. */
function readable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (isUnreadable(error)) return undefined;
    throw error;
  }
}

/** Judged as whoever reads it later will. */
function isReadable(bytes: Buffer, seal: number, place: BatchPlace): boolean {
  try {
    decodeBatch(bytes, seal, place, 0, 0, []);
    return true;
  } catch (error) {
    if (error instanceof DamagedBatch) return false;
    throw error;
  }
}

function isCount(value: unknown, max: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= max;
}

function distinct(places: readonly Place[]): Place[] {
  return [...new Map(places.map((place) => [keyOf(place), place])).values()];
}

function keyOf({ topic, partition }: Place): string {
  return `${topic}/${partition}`;
}
