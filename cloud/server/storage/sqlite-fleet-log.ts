/** The fleet log on SQLite, in a file of its own beside the store. */
import { join } from 'node:path';
import type Database from 'better-sqlite3';
import { MS_PER_DAY } from '../../../common/units.ts';
import type { Clock } from '../../../common/clock.ts';
import type { Logger } from '../../../common/logger.ts';
import type { Beat, EdgeFacts, FleetBatch, FleetLog, KeptOutage, OutageQuery, OutboxSample } from './fleet-log.ts';
import { explainDatabaseError } from './open-database.ts';
import { openSideDatabase } from './side-database.ts';

export const FLEET_FILE = join('cloud', 'fleet.db');
/** Some 1 MB. Those that last stay beyond it. */
export const OUTAGES_MAX = 10_000;
/** As many edges as are held in memory. */
export const FACTS_MAX = 10_000;
/** Some 10 MB: 100 edges over 24 h, a sample every 30 s; more edges are held for a shorter time. */
export const SAMPLES_MAX = 300_000;
export const SAMPLES_KEPT_MS = MS_PER_DAY;

const SCHEMA = `
CREATE TABLE beat (
  only     INTEGER PRIMARY KEY CHECK (only = 1),
  first_ms INTEGER NOT NULL,
  last_ms  INTEGER NOT NULL,
  is_end   INTEGER NOT NULL
) STRICT;
CREATE TABLE outages (
  id      INTEGER PRIMARY KEY AUTOINCREMENT,
  edge    TEXT NOT NULL,
  cause   TEXT NOT NULL CHECK (cause IN ('silent', 'late', 'parked', 'cloud down')),
  from_ms INTEGER NOT NULL,
  to_ms   INTEGER,
  detail  TEXT NOT NULL,
  UNIQUE (edge, cause, from_ms)
) STRICT;
CREATE INDEX outages_by_begin ON outages (from_ms, id);
CREATE TABLE edges (
  edge               TEXT PRIMARY KEY,
  first_seen_ms      INTEGER,
  last_connect_ms    INTEGER,
  last_disconnect_ms INTEGER,
  last_heartbeat_ms  INTEGER,
  last_ack_ms        INTEGER,
  connects           INTEGER NOT NULL,
  stored_parts       INTEGER NOT NULL,
  duplicate_parts    INTEGER NOT NULL,
  version            TEXT
) STRICT, WITHOUT ROWID;
CREATE TABLE samples (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  edge        TEXT NOT NULL,
  at_ms       INTEGER NOT NULL,
  parts       INTEGER NOT NULL,
  age_seconds REAL
) STRICT;
CREATE INDEX samples_by_edge ON samples (edge, at_ms);
`;
const OUTAGE = 'id, edge, cause, from_ms AS fromMs, to_ms AS toMs, detail';
const FACTS = `edge, first_seen_ms AS firstSeenMs, last_connect_ms AS lastConnectMs, last_disconnect_ms AS lastDisconnectMs,
  last_heartbeat_ms AS lastHeartbeatMs, last_ack_ms AS lastAckMs, connects, stored_parts AS storedParts,
  duplicate_parts AS duplicateParts, version`;
const PUT_BEAT = `INSERT INTO beat (only, first_ms, last_ms, is_end) VALUES (1, @beatMs, @beatMs, @isEnd)
  ON CONFLICT (only) DO UPDATE SET last_ms = excluded.last_ms, is_end = excluded.is_end`;
const PUT_OUTAGE = `INSERT INTO outages (edge, cause, from_ms, to_ms, detail) VALUES (@edge, @cause, @fromMs, @toMs, @detail)
  ON CONFLICT (edge, cause, from_ms) DO UPDATE SET to_ms = excluded.to_ms, detail = excluded.detail`;
const PUT_FACTS = `INSERT OR REPLACE INTO edges VALUES (@edge, @firstSeenMs, @lastConnectMs, @lastDisconnectMs, @lastHeartbeatMs,
  @lastAckMs, @connects, @storedParts, @duplicateParts, @version)`;
const PUT_SAMPLE = 'INSERT INTO samples (edge, at_ms, parts, age_seconds) VALUES (@edge, @atMs, @parts, @ageSeconds)';
const FORGET_OUTAGES = 'DELETE FROM outages WHERE id <= (SELECT max(id) FROM outages) - ? AND to_ms IS NOT NULL';
const FORGET_EDGES = `DELETE FROM edges WHERE edge IN
  (SELECT edge FROM edges ORDER BY last_heartbeat_ms DESC LIMIT -1 OFFSET ?)`;
const FORGET_SAMPLES = 'DELETE FROM samples WHERE id <= (SELECT max(id) FROM samples) - ? OR at_ms < ?';

export interface SqliteFleetLogOptions {
  stateDir: string;
  clock: Clock;
  logger: Logger;
  /** OUTAGES_MAX and SAMPLES_MAX unless given. */
  outagesMax?: number;
  samplesMax?: number;
}

export class SqliteFleetLog implements FleetLog {
  protected readonly options: SqliteFleetLogOptions;
  readonly path: string;
  private database: Database.Database | undefined;

  constructor(options: SqliteFleetLogOptions) {
    this.options = options;
    this.path = join(options.stateDir, FLEET_FILE);
  }

  async start(): Promise<void> {
    const { clock, logger } = this.options;
    this.database = openSideDatabase({ path: this.path, schema: SCHEMA, name: 'fleet log', clock, logger });
  }

  async stop(): Promise<void> {
    this.database?.close();
    this.database = undefined;
  }

  async write({ beatMs, isEnd, outages, facts, samples }: FleetBatch): Promise<void> {
    const database = this.started();
    const { outagesMax = OUTAGES_MAX, samplesMax = SAMPLES_MAX } = this.options;
    const all = (sql: string, rows: readonly object[]) => {
      if (rows.length === 0) return;
      const statement = database.prepare(sql);
      for (const row of rows) statement.run(row);
    };
    try {
      database
        .transaction(() => {
          all(PUT_BEAT, [{ beatMs, isEnd: isEnd ? 1 : 0 }]);
          all(PUT_OUTAGE, outages);
          all(PUT_FACTS, facts);
          all(PUT_SAMPLE, samples);
          if (outages.length > 0) database.prepare(FORGET_OUTAGES).run(outagesMax);
          if (facts.length > 0) database.prepare(FORGET_EDGES).run(FACTS_MAX);
          if (samples.length > 0) database.prepare(FORGET_SAMPLES).run(samplesMax, beatMs - SAMPLES_KEPT_MS);
        })
        .immediate();
    } catch (error) {
      throw explainDatabaseError(error, this.path);
    }
  }

  async beat(): Promise<Beat | null> {
    const row = this.started().prepare('SELECT first_ms AS firstMs, last_ms AS lastMs, is_end AS isEnd FROM beat').get();
    const beat = row as (Omit<Beat, 'isEnd'> & { isEnd: number }) | undefined;
    return beat === undefined ? null : { ...beat, isEnd: beat.isEnd === 1 };
  }

  async facts(): Promise<EdgeFacts[]> {
    return this.started().prepare(`SELECT ${FACTS} FROM edges ORDER BY last_heartbeat_ms`).all() as EdgeFacts[];
  }

  async outages({ edge, fromMs, toMs, limit, after }: OutageQuery): Promise<KeptOutage[]> {
    const conditions = [
      ...(edge === undefined ? [] : [`edge IN (@edge, '')`]),
      ...(fromMs === undefined ? [] : ['(to_ms IS NULL OR to_ms > @fromMs)']),
      ...(toMs === undefined ? [] : ['from_ms < @toMs']),
      ...(after === undefined ? [] : ['(from_ms, id) < (@afterMs, @afterId)']),
    ];
    const where = conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`;
    return this.started()
      .prepare(`SELECT ${OUTAGE} FROM outages ${where} ORDER BY from_ms DESC, id DESC LIMIT @limit`)
      .all({ edge, fromMs, toMs, limit, afterMs: after?.fromMs, afterId: after?.id }) as KeptOutage[];
  }

  async open(): Promise<KeptOutage[]> {
    return this.started().prepare(`SELECT ${OUTAGE} FROM outages WHERE to_ms IS NULL ORDER BY id`).all() as KeptOutage[];
  }

  async samples(edge: string, fromMs: number, toMs: number): Promise<Omit<OutboxSample, 'edge'>[]> {
    return this.started()
      .prepare(
        'SELECT at_ms AS atMs, parts, age_seconds AS ageSeconds FROM samples WHERE edge = ? AND at_ms >= ? AND at_ms < ? ORDER BY at_ms',
      )
      .all(edge, fromMs, toMs) as Omit<OutboxSample, 'edge'>[];
  }

  private started(): Database.Database {
    if (this.database === undefined) throw new Error('the fleet log is not started');
    return this.database;
  }
}
