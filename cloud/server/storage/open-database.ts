/** Opening series.db, and what the database's errors mean. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import { FOGLINE, START } from '../../../common/installation.ts';
import { ConfigError, OperatingError } from '../../../common/errors.ts';
import { isEmptied, makeFolder, markBegun, syncFolder } from '../../../common/folders.ts';
import type { DamagedRecord } from './household-mender.ts';
import { damagedDefinition, migrate, refuseNewerSchema, SCHEMA_VERSION, schemaVersion } from './migrations/migrate.ts';
import { checkRecords, RecordsLost } from './record-check.ts';
import { clearSalvaged, finishSwap } from './series-swap.ts';

/** Of SQLite's codes of errors the first byte says what kind it is. */
const FIRST_CODE = 0xff;
const IOERR = 10;

/** Folder and file of the store inside a state directory. */
export const SERIES_FILE = join('cloud', 'series.db');

/** A writer that finds the file locked waits so long on its thread; then it lets the heartbeats through and tries again. */
const WRITER_BUSY_TIMEOUT_MS = 5;
const READER_BUSY_TIMEOUT_MS = 5;
/** Migrations of two processes at once wait for each other, before anything is served. */
const START_BUSY_TIMEOUT_MS = 10_000;
/** Parts of one device lie side by side: half as many pages cost half as much to write. */
export const PAGE_BYTES = 8_192;
/** Pages of the write-ahead log at which a commit copies it into the file: 2.4 MB, so that no commit has much to copy. */
const WAL_AUTOCHECKPOINT_PAGES = 300;
const JOURNAL_SIZE_LIMIT_BYTES = 8 << 20;

export interface OpenTold {
  /** Each record that was mended. */
  onDamaged?: (record: DamagedRecord) => void;
  /** The end of a swap that an earlier start was killed in; `folder` has the damaged store. */
  onSwapped?: (folder: string) => void;
}

/**
 * Opens for writing, creates what is absent, and checks the file.
 * @throws OperatingError STORE_DAMAGED with the file as it was, DISK_FULL; ConfigError when the place can't be written or the file is of a
 *   newer program
 */
export function openForWriting(path: string, { onDamaged = () => {}, onSwapped = () => {} }: OpenTold = {}): Database.Database {
  let looking: Database.Database | undefined;
  let database: Database.Database | undefined;
  try {
    makeFolder(dirname(path));
    const aside = finishSwap(path);
    if (aside !== undefined) onSwapped(aside);
    const isNew = !existsSync(path);
    if (isEmptied(path)) throw damaged(path, 'it is empty');
    if (!isNew) looking = lookThrough(path);
    database = isNew ? createStore(path) : openStore(path);
    checkRecords(database, onDamaged);
    clearSalvaged(path);
    markBegun(path);
    if (isNew) syncFolder(dirname(path));
    database.pragma(`busy_timeout = ${WRITER_BUSY_TIMEOUT_MS}`);
    looking?.close();
    return database;
  } catch (error) {
    database?.close();
    const explained = explainStartError(error, path);
    // Last: the end of the last one that can write would copy the write-ahead log into the damaged file.
    looking?.close();
    throw explained;
  }
}

/** A new one, empty. */
export function createStore(path: string): Database.Database {
  return openWith(path, (database) => {
    // Before the first table, or it has no effect.
    database.pragma(`page_size = ${PAGE_BYTES}`);
    database.pragma('auto_vacuum = INCREMENTAL');
    makeDurable(database);
    migrate(database);
  });
}

function openStore(path: string): Database.Database {
  return openWith(path, (database) => {
    refuseNewerSchema(database, path);
    makeDurable(database);
    migrate(database);
    const definition = damagedDefinition(database);
    if (definition !== undefined) throw damaged(path, `the definition of ${definition} is not the one that was made`);
  });
}

function openWith(path: string, work: (database: Database.Database) => void): Database.Database {
  const database = new Database(path, { timeout: START_BUSY_TIMEOUT_MS });
  try {
    work(database);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Through a connection that can't write. */
function lookThrough(path: string): Database.Database {
  const database = new Database(path, { readonly: true, timeout: START_BUSY_TIMEOUT_MS });
  try {
    refuseNewerSchema(database, path);
    database.pragma('cell_size_check = ON');
    refuseDamage(database, path);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/**
 * Opens for reading only, also while another process writes.
 * @throws OperatingError DATA_UNREADABLE when there is no store, STORE_DAMAGED; ConfigError
 */
export function openForReading(path: string): Database.Database {
  if (!existsSync(path)) {
    throw new OperatingError('DATA_UNREADABLE', `there is no store at ${path}`, {
      retryable: false,
      hint: `give --state the folder of a run, or start one: ${START}`,
    });
  }
  let database: Database.Database | undefined;
  try {
    database = new Database(path, { readonly: true, timeout: READER_BUSY_TIMEOUT_MS });
    refuseNewerSchema(database, path);
    database.pragma('trusted_schema = OFF');
    if (schemaVersion(database) < SCHEMA_VERSION) {
      throw new ConfigError(
        `${path} has an older schema (${schemaVersion(database)}) than this program's`,
        'start the cloud server on it once: it brings the file up to date',
      );
    }
    return database;
  } catch (error) {
    database?.close();
    throw explainDatabaseError(error, path);
  }
}

/** WAL makes this build of SQLite fall back to synchronous=NORMAL, which loses acknowledged parts in a power cut: FULL comes after it. */
function makeDurable(database: Database.Database): void {
  const settings: [string, string | number, unknown][] = [
    ['journal_mode', 'WAL', 'wal'],
    ['synchronous', 'FULL', 2],
    ['wal_autocheckpoint', WAL_AUTOCHECKPOINT_PAGES, WAL_AUTOCHECKPOINT_PAGES],
    ['journal_size_limit', JOURNAL_SIZE_LIMIT_BYTES, JOURNAL_SIZE_LIMIT_BYTES],
    ['foreign_keys', 'ON', 1],
    ['trusted_schema', 'OFF', 0],
    ['cell_size_check', 'ON', 1],
  ];
  for (const [name, value, expected] of settings) {
    database.pragma(`${name} = ${value}`);
    const held = database.pragma(name, { simple: true });
    if (held !== expected) throw new Error(`SQLite refused ${name} = ${value}: it is ${String(held)}; the store would not be durable`);
  }
}

function refuseDamage(database: Database.Database, path: string): void {
  const finding = findingIn(database);
  if (finding !== undefined) throw damaged(path, finding);
}

/**
 * What the quick check, which reads the whole file, finds; undefined for a sound one.
 * @throws what reading a damaged file throws; SQLITE_IOERR for a page that the disk did not give, which the check only writes of
 */
function findingIn(database: Database.Database): string | undefined {
  const findings = database.pragma('quick_check(3)') as { quick_check: string }[];
  if (findings.length === 1 && findings[0]?.quick_check === 'ok') return undefined;
  for (const { quick_check: found } of findings) {
    const code = Number(/error code=(\d+)/.exec(found)?.[1]) & FIRST_CODE;
    if (code === IOERR) throw Object.assign(new Error(found), { code: 'SQLITE_IOERR' });
  }
  return findings.map(({ quick_check: found }) => found.replace(/^\*\*\*.*\n/, '').replaceAll('\n', '; ')).join('; ');
}

/** True where the next start would find the file damaged. */
export function willBeRefused(database: Database.Database): boolean {
  try {
    return findingIn(database) !== undefined;
  } catch (error) {
    return !isIoError(error);
  }
}

function damaged(path: string, finding: string, cause?: unknown): OperatingError {
  const hint = `look at the disk; then ${FOGLINE} restore a backup (--part cloud --force), or move it away: edges bring what they hold`;
  return new OperatingError('STORE_DAMAGED', `${path} is damaged: ${finding}`, { retryable: false, hint, cause });
}

/**
 * True where the file itself holds what no program has written: another start finds the same. Not for a disk that fails to read or write,
 * which may give the file back whole.
 */
export function isFileDamaged(error: unknown): boolean {
  return error instanceof OperatingError && error.code === 'STORE_DAMAGED' && !isIoError(error.cause);
}

function isIoError(error: unknown): boolean {
  return codeOf(error).startsWith('SQLITE_IOERR');
}

/** True where damage is in the way of a reader. A table that is not there under its name is damage too. */
export function isUnreadable(error: unknown): boolean {
  return /^SQLITE_(CORRUPT|NOTADB|ERROR)/.test(codeOf(error));
}

/** True when another connection holds the write lock. */
export function isBusy(error: unknown): boolean {
  return codeOf(error).startsWith('SQLITE_BUSY');
}

/** True for a row that is there already, by one of its keys. */
export function isConstraint(error: unknown): boolean {
  return codeOf(error).startsWith('SQLITE_CONSTRAINT');
}

/**
 * As explainDatabaseError. A statement that can't be prepared is one for other tables: where their definitions are damaged, the file is;
 * where the file is sound, the program is wrong, and no file is replaced for that.
 */
export function explainStartError(error: unknown, path: string): unknown {
  if (codeOf(error) !== 'SQLITE_ERROR' || !isFoundDamaged(path)) return explainDatabaseError(error, path);
  return damaged(path, (error as Error).message, error);
}

function isFoundDamaged(path: string): boolean {
  let database: Database.Database | undefined;
  try {
    database = new Database(path, { readonly: true, timeout: START_BUSY_TIMEOUT_MS });
    return findingIn(database) !== undefined || damagedDefinition(database, schemaVersion(database)) !== undefined;
  } catch (error) {
    return isUnreadable(error);
  } finally {
    database?.close();
  }
}

/** Says who must act. What is no error of the database's is given back as it is. */
export function explainDatabaseError(error: unknown, path: string): unknown {
  if (error instanceof RecordsLost) return damaged(path, error.message, error);
  const code = codeOf(error);
  const message = (error as Error).message;
  if (code === 'SQLITE_FULL' || code === 'ENOSPC') {
    return new OperatingError('DISK_FULL', `no space for ${path}`, {
      retryable: true,
      hint: 'make room on the disk: nothing was stored, the edges keep and send again',
      cause: error,
    });
  }
  if (code.startsWith('SQLITE_CORRUPT') || code === 'SQLITE_NOTADB' || code.startsWith('SQLITE_IOERR'))
    return damaged(path, message, error);
  if (code === 'SQLITE_CANTOPEN' || code.startsWith('SQLITE_READONLY') || code === 'EACCES' || code === 'EROFS' || code === 'ENOTDIR') {
    return new ConfigError(`${path} can't be opened: ${message}`, 'give --state a folder that this user may write', { cause: error });
  }
  return error;
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : '';
}
