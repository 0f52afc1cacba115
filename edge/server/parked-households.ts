/**
 * What the outbox's file holds back: parked households and unreadable records, for a person who looks, and for one who has mended what
 * parked them. The wish to go on is written by another process and taken by the edge in its next round of upkeep, or at its next start.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { OperatingError } from '../../common/errors.ts';
import { OUTBOX_FILE, ROW_STATE } from './outbox-schema.ts';

/** An edge that is writing keeps the file for milliseconds. */
const BUSY_TIMEOUT_MS = 5_000;
/** Bytes of an unreadable record that are shown. */
const RECORD_BYTES_SHOWN = 200;

export interface ParkedHousehold {
  household: string;
  reason: string;
  /** Outbox rows that wait. */
  rows: number;
}

export function listParked(database: Database.Database): ParkedHousehold[] {
  const parked = database.prepare(
    `SELECT household, parked AS reason,
       (SELECT count(*) FROM outbox JOIN sources ON sources.id = source_id
        WHERE sources.household = households.household AND state < ${ROW_STATE.acked}) AS rows
     FROM households WHERE parked IS NOT NULL ORDER BY household`,
  );
  return parked.all() as ParkedHousehold[];
}

export interface UnreadableRecord {
  partition: number;
  offset: number;
  reason: string;
  /** The beginning of the record, as text. */
  record: string;
}

export interface Unreadable {
  /** Records of the topic that nobody could use, since the outbox began. */
  count: number;
  /** The last of those that are kept, by partition and offset. */
  last: UnreadableRecord[];
}

/** At most so many of the last unreadable records. */
export function listUnreadable(database: Database.Database, limit: number): Unreadable {
  const count = database.prepare("SELECT value FROM meta WHERE key = 'unreadable'").pluck().get() as string | undefined;
  const last = database.prepare(
    `SELECT * FROM
       (SELECT partition, "offset", reason, substr(record, 1, ${RECORD_BYTES_SHOWN}) AS record
        FROM unreadable ORDER BY "offset" DESC LIMIT ?)
     ORDER BY partition, "offset"`,
  );
  // Of an empty record the beginning is NULL.
  const rows = last.all(limit) as (Omit<UnreadableRecord, 'record'> & { record: Buffer | null })[];
  return { count: Number(count ?? '0'), last: rows.map((row) => ({ ...row, record: row.record?.toString('utf8') ?? '' })) };
}

/** Durable when it returns. Asking twice is asking once. */
export function askToResume(database: Database.Database, households: readonly string[]): void {
  const ask = database.prepare('INSERT OR IGNORE INTO resume_requests (household) VALUES (?)');
  database.transaction(() => households.forEach((household) => ask.run(household))).immediate();
}

export function hasResumeRequests(database: Database.Database): boolean {
  return database.prepare('SELECT EXISTS (SELECT 1 FROM resume_requests)').pluck().get() === 1;
}

/** What was asked since the last call. Inside a transaction. */
export function takeResumeRequests(database: Database.Database): string[] {
  return database.prepare('DELETE FROM resume_requests RETURNING household').pluck().all() as string[];
}

export function hasOutbox(folder: string): boolean {
  return existsSync(join(folder, OUTBOX_FILE));
}

/**
 * Opens the outbox of an edge, running or not, from another process.
 * @throws OperatingError DATA_UNREADABLE when there is none
 */
export function withOutbox<T>(folder: string, use: (database: Database.Database) => T): T {
  const file = join(folder, OUTBOX_FILE);
  if (!hasOutbox(folder)) {
    throw new OperatingError('DATA_UNREADABLE', `there is no outbox at ${file}`, {
      retryable: false,
      hint: 'give --state the folder of an edge that has run',
    });
  }
  const database = new Database(file, { fileMustExist: true, timeout: BUSY_TIMEOUT_MS });
  try {
    // What was asked is kept: this build of SQLite falls to NORMAL in a WAL.
    database.pragma('synchronous = FULL');
    return use(database);
  } finally {
    database.close();
  }
}
