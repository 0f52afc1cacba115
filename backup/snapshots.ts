/**
 * A database of a running part as it is at one instant, and its copy. The snapshot is a read transaction: writers go on, nobody waits for
 * it, and what they write meanwhile is not in the copy. Held over the whole copy, or SQLite would begin anew at each foreign commit.
 *
 * What does not happen: nothing is written through the connection that reads.
 */
import { closeSync, fsyncSync, openSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import { fileIdentity, isDamage } from '../common/broker/embedded-database.ts';
import { EmbeddedSalvage, isBeingSetAside } from '../common/broker/embedded-salvage.ts';
import { FOGLINE } from '../common/installation.ts';
import { ConfigError, OperatingError } from '../common/errors.ts';
import { isEmptied, syncFile } from '../common/folders.ts';
import { UNSYNCED_BYTES_MAX } from './file-copy.ts';
import { damagedSource, newerThanProgram, noSpace, sourceBeingSetAside } from './refusals.ts';
import { type DatabaseFile, TOPIC_FILE } from './state-files.ts';

/** A part that starts holds its file this long at most: it migrates. */
const BUSY_TIMEOUT_MS = 10_000;
/** Pages copied between two looks at the signal. */
const PAGES_PER_STEP = 256;

export class Snapshot {
  readonly file: DatabaseFile;
  readonly bytes: number;
  /** Of the file that it is of, even when another has its name by now. */
  readonly identity: string | undefined;
  private readonly database: Database.Database;

  constructor(file: DatabaseFile, database: Database.Database, bytes: number, identity: string | undefined) {
    this.identity = identity;
    this.file = file;
    this.database = database;
    this.bytes = bytes;
  }

  /**
   * Into a file that is not there; it is on the disk afterwards, its name when the folder is synced.
   * @param onStep told of the bytes copied since the last call; what it throws ends the copy
   */
  async copyTo(target: string, onStep: (bytes: number) => void): Promise<void> {
    const pageBytes = this.database.pragma('page_size', { simple: true }) as number;
    let written: number | undefined;
    let copied = 0;
    let unsynced = 0;
    try {
      await this.database.backup(target, {
        progress: ({ totalPages, remainingPages }) => {
          const bytes = (totalPages - remainingPages) * pageBytes - copied;
          copied += bytes;
          unsynced += bytes;
          written ??= openSync(target, 'r');
          if (unsynced >= UNSYNCED_BYTES_MAX) {
            fsyncSync(written);
            unsynced = 0;
          }
          onStep(bytes);
          return PAGES_PER_STEP;
        },
      });
    } catch (error) {
      throw explain(error, this.database.name, target);
    } finally {
      if (written !== undefined) closeSync(written);
    }
    onStep(this.bytes - copied);
    makeOneFile(target);
  }

  /** Ends the read transaction. */
  release(): void {
    this.database.close();
  }
}

/**
 * @returns undefined where there is no such file, or nothing was written to it so far
 * @throws OperatingError STORE_DAMAGED, STORE_BUSY; ConfigError for a file of a newer program, or one that can't be read
 */
export function takeSnapshot(stateDir: string, file: DatabaseFile): Snapshot | undefined {
  const path = join(stateDir, file.path);
  const size = statSync(path, { throwIfNoEntry: false })?.size;
  if (file.path === TOPIC_FILE && isBeingSetAside(dirname(path))) throw sourceBeingSetAside(path);
  if (size === undefined) return undefined;
  if (isEmptied(path)) throw damagedSource(path, 'it is empty');
  const identity = fileIdentity(path);
  let database: Database.Database | undefined;
  try {
    database = new Database(path, { readonly: true, timeout: BUSY_TIMEOUT_MS });
    database.pragma('trusted_schema = OFF');
    database.pragma('cell_size_check = ON');
    database.exec('BEGIN');
    // The first read takes the snapshot.
    const tables = database.prepare('SELECT count(*) FROM sqlite_schema').pluck().get() as number;
    if (tables === 0) {
      database.close();
      return undefined;
    }
    refuseForeign(database, path, file);
    const pages = database.pragma('page_count', { simple: true }) as number;
    return new Snapshot(file, database, pages * (database.pragma('page_size', { simple: true }) as number), identity);
  } catch (error) {
    database?.close();
    if (isDamage(error)) noteDamage(stateDir, file.path, identity, (error as Error).message);
    throw explain(error, path, path);
  }
}

/**
 * Copies into the file what was written to its log while the snapshot held it back: else the next commit of the part would have to. Blocks
 * nobody. Only after the copy was found sound: into a damaged file nothing is copied.
 */
export function settle(stateDir: string, { path }: DatabaseFile): void {
  try {
    const database = new Database(join(stateDir, path), { fileMustExist: true, timeout: 0 });
    try {
      database.pragma('synchronous = FULL');
      database.pragma('wal_checkpoint(PASSIVE)');
    } finally {
      database.close();
    }
  } catch {
    // Who may only read leaves it to the part.
  }
}

/**
 * The next start of a part sets a damaged topic aside, though it would not see what a look through all of it finds. The other databases are
 * looked through at their start.
 */
export function noteDamage(stateDir: string, path: string, identity: string | undefined, finding: string): void {
  if (path === TOPIC_FILE) new EmbeddedSalvage(dirname(join(stateDir, path))).suspect(identity, finding);
}

/** @throws ConfigError when it is no file of ours, or a newer program's */
export function refuseForeign(database: Database.Database, path: string, { schemaKnown, applicationId }: DatabaseFile): number {
  const version = database.pragma('user_version', { simple: true }) as number;
  const application = database.pragma('application_id', { simple: true }) as number;
  if (application !== applicationId) throw new ConfigError(`${path} is no file of Fogline's`, 'name the folder of a state with --state');
  if (version <= schemaKnown) return version;
  throw newerThanProgram(path, version, schemaKnown);
}

/** Without a log beside it, so that it can be read where nothing can be written. Parts switch the log on again. */
function makeOneFile(path: string): void {
  const copy = new Database(path, { fileMustExist: true });
  try {
    copy.pragma('synchronous = FULL');
    const mode = copy.pragma('journal_mode = DELETE', { simple: true });
    if (mode !== 'delete') throw new Error(`the journal of ${path} is ${String(mode)}`);
  } finally {
    copy.close();
  }
  syncFile(path);
}

/** SQLite's words in those of who must act. What is no error of its is given back as it is. */
function explain(error: unknown, source: string, target: string): unknown {
  const { code, message } = error as { code?: unknown; message: string };
  if (typeof code !== 'string' || !(error instanceof Database.SqliteError)) return error;
  if (code === 'SQLITE_FULL') return noSpace(target, '', error);
  if (/^SQLITE_(CORRUPT|NOTADB|IOERR)/.test(code)) return damagedSource(source, message, error);
  if (code.startsWith('SQLITE_BUSY')) {
    const hint = `something holds the file for long (${FOGLINE} doctor, or a part that starts): try again`;
    return new OperatingError('STORE_BUSY', `${source} is locked`, { retryable: true, hint, cause: error });
  }
  const remedy = `run this as the user that the part runs as, e.g. sudo -u fogline ${FOGLINE} backup DIR`;
  return new ConfigError(`${source} can't be read: ${message}`, remedy, { cause: error });
}
