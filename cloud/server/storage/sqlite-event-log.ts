/** The event log on SQLite, in a file of its own beside the store. */
import { join } from 'node:path';
import type Database from 'better-sqlite3';
import type { Clock } from '../../../common/clock.ts';
import type { Logger } from '../../../common/logger.ts';
import type { AlertEvent, EventLog, NewEvent } from './event-log.ts';
import { explainDatabaseError } from './open-database.ts';
import { openSideDatabase } from './side-database.ts';

export const EVENTS_FILE = join('cloud', 'events.db');
/** Some 2 MB. Those of alerts that are still raised stay beyond it. */
export const EVENTS_MAX = 10_000;
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
    const { clock, logger } = this.options;
    this.database = openSideDatabase({ path: this.path, schema: SCHEMA, name: 'event log', clock, logger });
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
