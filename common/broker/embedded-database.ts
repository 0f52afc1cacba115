/**
 * Opens the broker's SQLite file with the settings that its promises rest on, and sorts SQLite's errors.
 *
 * What does not happen: a connection is never used with less than `synchronous=FULL` (this build of SQLite silently goes to
 * NORMAL in WAL mode, where a power cut loses commits); the file is never opened by anything but SQLite, because closing
 * such a descriptor would drop SQLite's locks on it for the whole process.
 */
import { accessSync, constants, mkdirSync, statfsSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import Database from 'better-sqlite3';
import { ConfigError, OperatingError } from '../errors.ts';
import { isEmptied, markBegun, syncFolder } from '../folders.ts';
import { SET_ASIDE_FOLDER } from '../set-aside.ts';
import { APPLICATION_ID, MIGRATIONS } from './broker-schema.ts';

export type SqliteDatabase = Database.Database;

/** Name of the file in the broker's folder. */
export const DATABASE_NAME = 'broker.db';
/** Below this the file does not grow: the space is for commits, for deleting and for copying the WAL into the file. */
export const DISK_RESERVE_BYTES = 16 << 20;
/** Large pages: a batch is some 100 kB, and half as many pages cost half as much to move. Commits stay small enough. */
export const PAGE_BYTES = 8_192;
/** The WAL is copied into the file when it has so many pages (4 MB). */
const WAL_PAGES = 512;
const WAL_BYTES_KEPT = 4 << 20;
/** How long SQLite itself blocks the thread for a lock. Longer waits are the broker's, without blocking. */
const BUSY_BLOCKS_MS = 2;

const AUTO_VACUUM_INCREMENTAL = 2;
const SYNCHRONOUS_FULL = 2;

const DAMAGE = /^SQLITE_(CORRUPT|NOTADB|IOERR_SHORT_READ|IOERR_CORRUPTFS|IOERR_DATA)/;

/** Makes the folder if it is missing, so that it survives a power cut. */
export function prepareFolder(folder: string): void {
  try {
    const firstMade = mkdirSync(folder, { recursive: true, mode: 0o700 });
    if (firstMade !== undefined) syncParents(folder, firstMade);
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw notWritable(folder, error);
  }
}

/**
 * Opens, sets up and migrates.
 * @param pagesMax hard limit of the file; SQLite refuses to grow it further
 * @throws ConfigError, OperatingError, or SQLite's own error while another process holds the file (`isBusy`)
 */
export function openDatabase(file: string, pagesMax: number): SqliteDatabase {
  if (isEmptied(file)) throw damaged(`${file} is damaged: it is empty`, dirname(file));
  const database = connect(file, pagesMax);
  try {
    markBegun(file);
    // SQLite does this for the WAL, not for the file.
    syncFolder(dirname(file));
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** The same for a file that is made anew under another name. */
export function connect(file: string, pagesMax: number): SqliteDatabase {
  const database = new Database(file, { timeout: BUSY_BLOCKS_MS });
  try {
    // Before anything is changed: it may be somebody else's file.
    versionOf(database, file);
    setUp(database, pagesMax);
    migrate(database, file);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function setUp(database: SqliteDatabase, pagesMax: number): void {
  database.pragma('trusted_schema = OFF');
  database.pragma('cell_size_check = ON');
  database.pragma('foreign_keys = ON');
  if (database.pragma('page_count', { simple: true }) === 0) {
    database.pragma(`page_size = ${PAGE_BYTES}`);
    database.pragma('auto_vacuum = INCREMENTAL');
  }
  database.pragma('journal_mode = WAL');
  database.pragma('synchronous = FULL');
  database.pragma(`wal_autocheckpoint = ${WAL_PAGES}`);
  database.pragma(`journal_size_limit = ${WAL_BYTES_KEPT}`);
  database.pragma(`max_page_count = ${pagesMax}`);
  demand(database, 'journal_mode', 'wal');
  demand(database, 'synchronous', SYNCHRONOUS_FULL);
  demand(database, 'auto_vacuum', AUTO_VACUUM_INCREMENTAL);
  demand(database, 'page_size', PAGE_BYTES);
}

function demand(database: SqliteDatabase, pragma: string, expected: string | number): void {
  const actual = database.pragma(pragma, { simple: true });
  if (actual === expected) return;
  throw new ConfigError(
    `the broker's file ${database.name} has ${pragma}=${String(actual)} instead of ${expected}, so appends would not be safe`,
    'use a local disk for --state; a file made by something else must be moved away',
  );
}

function migrate(database: SqliteDatabase, file: string): void {
  if (versionOf(database, file) === MIGRATIONS.length) return;
  const toNewest = database.transaction(() => {
    // Read again under the lock: another process may have been quicker.
    const version = versionOf(database, file);
    for (const migration of MIGRATIONS.slice(version)) database.exec(migration);
    database.pragma(`application_id = ${APPLICATION_ID}`);
    database.pragma(`user_version = ${MIGRATIONS.length}`);
  });
  toNewest.immediate();
}

/**
 * @throws ConfigError for somebody else's file, and for one of a newer layout; OperatingError BROKER_DAMAGED for one of ours that says it
 * has no layout: both numbers are written in one transaction
 */
export function versionOf(database: SqliteDatabase, file: string): number {
  const version = database.pragma('user_version', { simple: true }) as number;
  const application = database.pragma('application_id', { simple: true }) as number;
  const isEmpty = version === 0 && application === 0 && (database.pragma('schema_version', { simple: true }) as number) === 0;
  if (!isEmpty && application !== APPLICATION_ID) {
    throw new ConfigError(`${file} is not a broker's file`, 'move it away or choose another --state folder');
  }
  if (application === APPLICATION_ID && version < 1) throw damaged(`${file} is damaged: it has layout ${version}`, dirname(file));
  if (version > MIGRATIONS.length) {
    throw new ConfigError(
      `${file} has layout ${version}, this version reads up to ${MIGRATIONS.length}`,
      'use the newer version of Fogline again, or another --state folder',
    );
  }
  return version;
}

function syncParents(folder: string, firstMade: string): void {
  for (let made = resolve(folder); ; made = dirname(made)) {
    syncFolder(dirname(made));
    if (made === resolve(firstMade)) return;
  }
}

/** Which file a path leads to, so that a replaced one is noticed; undefined when there is none. */
export function fileIdentity(file: string): string | undefined {
  const stat = statSync(file, { throwIfNoEntry: false, bigint: true });
  return stat === undefined ? undefined : `${stat.dev}:${stat.ino}`;
}

/** Bytes that this user may still write to the folder's disk; Infinity where the file system does not say. */
export function freeBytes(folder: string): number {
  const { blocks, bavail, bsize } = statfsSync(folder);
  return blocks === 0 ? Infinity : bavail * bsize;
}

/** Another connection holds the lock that is needed: trying again will help. */
export function isBusy(error: unknown): boolean {
  return error instanceof Database.SqliteError && /^SQLITE_(BUSY|LOCKED|PROTOCOL)/.test(error.code);
}

/** What is there is not what was written. */
export function isDamage(error: unknown): boolean {
  if (error instanceof OperatingError) return error.code === 'BROKER_DAMAGED';
  return error instanceof Database.SqliteError && DAMAGE.test(error.code);
}

/** Also where the definition of a table is damaged: then the file does not know of it. */
export function isUnreadable(error: unknown): boolean {
  return isDamage(error) || (error instanceof Database.SqliteError && error.code === 'SQLITE_ERROR');
}

/** The error for the caller. What is not SQLite's is passed on as it is. */
export function errorOf(error: unknown, folder: string): unknown {
  if (!(error instanceof Database.SqliteError)) return error;
  const detail = `${error.message} (${error.code})`;
  if (error.code.startsWith('SQLITE_FULL')) return full(detail, folder, { cause: error });
  if (DAMAGE.test(error.code)) return damaged(`the broker's file in ${folder} is damaged: ${detail}`, folder, error);
  if (/^SQLITE_(BUSY|LOCKED|PROTOCOL|IOERR|NOMEM)/.test(error.code)) {
    return new OperatingError('BROKER_UNREACHABLE', `the broker's file in ${folder} can't be used now: ${detail}`, {
      retryable: true,
      hint: 'look whether another process hangs on it, and at the disk (dmesg, df)',
      cause: error,
    });
  }
  if (/^SQLITE_(READONLY|CANTOPEN|PERM|AUTH)/.test(error.code)) return notWritable(folder, error);
  return error;
}

/** @param more a hint of its own, where another is right */
export function full(detail: string, folder: string, more: { cause?: unknown; hint?: string } = {}): OperatingError {
  const { cause, hint = `free space on the disk of ${folder}, or lower broker.quota_mb below what is free` } = more;
  return new OperatingError('BROKER_FULL', `the broker's disk or quota is full: ${detail}`, { retryable: true, hint, cause });
}

export function damaged(message: string, folder: string, cause?: unknown): OperatingError {
  return new OperatingError('BROKER_DAMAGED', message, {
    retryable: false,
    hint: `start the part again: it keeps the file in ${join(folder, SET_ASIDE_FOLDER)} and goes on with what is sound; look at the disk`,
    cause,
  });
}

export function notWritable(folder: string, cause: unknown): ConfigError {
  return new ConfigError(
    `the broker's folder ${folder} can't be written: ${cause instanceof Error ? cause.message : String(cause)}`,
    'choose a writable folder with --state, or give this user the rights on it and on the files in it',
    { cause },
  );
}
