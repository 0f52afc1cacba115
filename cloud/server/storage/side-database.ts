/**
 * A database beside series.db that holds no reading: when it is damaged it is kept aside and begun anew, and a store that comes back
 * from a backup does not take it with it.
 */
import { existsSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'better-sqlite3';
import type { Clock } from '../../../common/clock.ts';
import { OperatingError } from '../../../common/errors.ts';
import { makeFolder } from '../../../common/folders.ts';
import type { Logger } from '../../../common/logger.ts';
import { explainDatabaseError } from './open-database.ts';

/** Another cloud process on the same folder may be writing. */
const BUSY_TIMEOUT_MS = 1_000;

export interface SideDatabaseOptions {
  path: string;
  /** Makes a new file; what it makes is version 1. */
  schema: string;
  /** What it is called where its damage is told. */
  name: string;
  clock: Clock;
  logger: Logger;
}

/** @throws OperatingError DISK_FULL; ConfigError where the place can't be written */
export function openSideDatabase(options: SideDatabaseOptions): Database.Database {
  const { path, schema, name, clock, logger } = options;
  makeFolder(dirname(path));
  try {
    return openDurable(path, schema);
  } catch (error) {
    const explained = explainDatabaseError(error, path);
    if (!(explained instanceof OperatingError && explained.code === 'STORE_DAMAGED')) throw explained;
    const aside = `${path}.damaged-${clock.nowMs()}`;
    logger.error({ aside, error: explained.message }, `the ${name} is damaged: kept aside, begun anew`);
    renameSync(path, aside);
    // What a broken file left beside it belongs to no other.
    for (const suffix of ['-wal', '-shm']) rmSync(path + suffix, { force: true });
    return openDurable(path, schema);
  }
}

const SCHEMA_VERSION = 1;
/** Small writes every few seconds: beside the file lie 400 kB at most instead of 4 MB. */
const WAL_AUTOCHECKPOINT_PAGES = 100;

/** WAL makes this build of SQLite fall back to synchronous=NORMAL: FULL comes after it, and both are read back. */
function openDurable(path: string, schema: string): Database.Database {
  const isNew = !existsSync(path);
  const database = new Database(path, { timeout: BUSY_TIMEOUT_MS });
  try {
    database.pragma('journal_mode = WAL');
    database.pragma('synchronous = FULL');
    database.pragma('trusted_schema = OFF');
    database.pragma(`wal_autocheckpoint = ${WAL_AUTOCHECKPOINT_PAGES}`);
    const held = [database.pragma('journal_mode', { simple: true }), database.pragma('synchronous', { simple: true })];
    if (held[0] !== 'wal' || held[1] !== 2) throw new Error(`SQLite refused WAL with synchronous=FULL: ${held.join()}`);
    if (!isNew && database.pragma('quick_check(1)', { simple: true }) !== 'ok') throw damaged(path);
    database
      .transaction(() => {
        if (database.pragma('user_version', { simple: true }) === 0) database.exec(schema);
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
