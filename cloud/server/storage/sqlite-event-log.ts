/**
 * The event log on SQLite, in a file of its own: it holds no reading, so when it is damaged it is kept aside and begun anew, and a
 * store that comes back from a backup does not take the events of meanwhile with it.
 */
import { existsSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import type { Clock } from '../../../common/clock.ts';
import { OperatingError } from '../../../common/errors.ts';
import { makeFolder } from '../../../common/folders.ts';
import type { Logger } from '../../../common/logger.ts';
import type { AlertEvent, EventLog, NewEvent } from './event-log.ts';
import { explainDatabaseError } from './open-database.ts';

export const EVENTS_FILE = join('cloud', 'events.db');
/** Some 2 MB. Those of alerts that are still raised stay beyond it. */
export const EVENTS_MAX = 10_000;
/** Another cloud process on the same folder may be writing. */
const BUSY_TIMEOUT_MS = 1_000;
const SCHEMA_VERSION = 1;
const SCHEMA = `
CREATE TABLE events (
  id      INTEGER PRIMARY KEY AUTOINCREMENT,
  at_ms   INTEGER NOT NULL,
  change  TEXT NOT NULL CHECK (change IN ('raised', 'cleared')),
  alert   TEXT NOT NULL,
  subject TEXT NOT NULL,
  detail  TEXT NOT NULL
) STRICT;
CREATE INDEX events_by_subject ON events (alert, subject, id);
`;
const COLUMNS = 'id, at_ms AS atMs, change, alert, subject, detail';
const LAST_OF_EACH = 'SELECT max(id) FROM events GROUP BY alert, subject';

export interface SqliteEventLogOptions {
  stateDir: string;
  clock: Clock;
  logger: Logger;
  /** EVENTS_MAX unless given. */
  eventsMax?: number;
}

export class SqliteEventLog implements EventLog {
  private readonly options: SqliteEventLogOptions;
  readonly path: string;
  private database: Database.Database | undefined;

  constructor(options: SqliteEventLogOptions) {
    this.options = options;
    this.path = join(options.stateDir, EVENTS_FILE);
  }

  async start(): Promise<void> {
    makeFolder(dirname(this.path));
    try {
      this.database = openEvents(this.path);
    } catch (error) {
      const explained = explainDatabaseError(error, this.path);
      if (!(explained instanceof OperatingError && explained.code === 'STORE_DAMAGED')) throw explained;
      const aside = `${this.path}.damaged-${this.options.clock.nowMs()}`;
      this.options.logger.error({ aside, error: explained.message }, 'the event log is damaged: kept aside, begun anew');
      renameSync(this.path, aside);
      // What a broken file left beside it belongs to no other.
      for (const suffix of ['-wal', '-shm']) rmSync(this.path + suffix, { force: true });
      this.database = openEvents(this.path);
    }
  }

  async stop(): Promise<void> {
    this.database?.close();
    this.database = undefined;
  }

  async append(events: readonly NewEvent[]): Promise<AlertEvent[]> {
    const database = this.started();
    const insert = database.prepare('INSERT INTO events (at_ms, change, alert, subject, detail) VALUES (?, ?, ?, ?, ?)');
    const forget = database.prepare(
      `DELETE FROM events WHERE id <= (SELECT max(id) FROM events) - ? AND NOT (change = 'raised' AND id IN (${LAST_OF_EACH}))`,
    );
    try {
      return database
        .transaction(() => {
          const kept = events.map((event) => {
            const { lastInsertRowid } = insert.run(event.atMs, event.change, event.alert, event.subject, event.detail);
            return { ...event, id: Number(lastInsertRowid) };
          });
          forget.run(this.options.eventsMax ?? EVENTS_MAX);
          return kept;
        })
        .immediate();
    } catch (error) {
      throw explainDatabaseError(error, this.path);
    }
  }

  async recent(limit: number, before = Number.MAX_SAFE_INTEGER): Promise<AlertEvent[]> {
    return this.started().prepare(`SELECT ${COLUMNS} FROM events WHERE id < ? ORDER BY id DESC LIMIT ?`).all(before, limit) as AlertEvent[];
  }

  async open(): Promise<AlertEvent[]> {
    return this.started()
      .prepare(`SELECT ${COLUMNS} FROM events WHERE change = 'raised' AND id IN (${LAST_OF_EACH}) ORDER BY id`)
      .all() as AlertEvent[];
  }

  private started(): Database.Database {
    if (this.database === undefined) throw new Error('the event log is not started');
    return this.database;
  }
}

/** WAL makes this build of SQLite fall back to synchronous=NORMAL: FULL comes after it, and both are read back. */
function openEvents(path: string): Database.Database {
  const isNew = !existsSync(path);
  const database = new Database(path, { timeout: BUSY_TIMEOUT_MS });
  try {
    database.pragma('journal_mode = WAL');
    database.pragma('synchronous = FULL');
    database.pragma('trusted_schema = OFF');
    const held = [database.pragma('journal_mode', { simple: true }), database.pragma('synchronous', { simple: true })];
    if (held[0] !== 'wal' || held[1] !== 2) throw new Error(`SQLite refused WAL with synchronous=FULL: ${held.join()}`);
    if (!isNew && database.pragma('quick_check(1)', { simple: true }) !== 'ok') throw damaged(path);
    database
      .transaction(() => {
        if (database.pragma('user_version', { simple: true }) === 0) database.exec(SCHEMA);
        database.pragma(`user_version = ${SCHEMA_VERSION}`);
      })
      .immediate();
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function damaged(path: string): OperatingError {
  return new OperatingError('STORE_DAMAGED', `${path} is damaged`, { retryable: false, hint: 'it is kept aside' });
}
