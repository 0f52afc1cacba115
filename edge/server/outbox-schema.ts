/**
 * The edge's one database: opened, checked and migrated here. WAL with synchronous=FULL, read back: this build of SQLite
 * falls to NORMAL by itself when WAL is switched on, and NORMAL loses acknowledged rows at a power cut.
 *
 * A file that is damaged is set aside byte for byte and a new one is begun: the cloud tells what it holds, the topic holds the rest
 * (no offset is committed before its readings are acknowledged), and what neither has becomes a declared gap.
 */
import { existsSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { ConfigError, OperatingError } from '../../common/errors.ts';
import { reach } from '../../common/failpoints.ts';
import { makeFolder, syncFolder, writeSmallFile } from '../../common/folders.ts';
import { asideFolders, DATABASE_FILES } from '../../common/set-aside.ts';
import { type CheckedOutbox, checkOutbox, DamageFound, defineRowSeal, SEAL_ALL } from './outbox-check.ts';

export const OUTBOX_FILE = 'outbox.db';
/** A checkpoint adds some 100 kB of rows side by side: half as many pages cost half as much to write. */
export const PAGE_BYTES = 8_192;
/** The WAL is folded into the file at this many pages (4 MB). */
const WAL_CHECKPOINT_PAGES = 500;
const WAL_BYTES_KEPT = 4 << 20;
/** Pages above the quota that only acks and trimming may use, so that a full outbox can always be emptied. */
export const RESERVE_PAGES = 256;

/**
 * States of an outbox row in the file: the view shows them as 0, 1, 2. All three take one byte in the record; 0 and 1
 * themselves would take none, and an ack that makes a row longer can fail on a full disk.
 */
export const ROW_STATE = { queued: 2, sent: 3, acked: 4 } as const;

/**
 * `outbox` has some 40 bytes a row, so that an ack of 500 rows writes a few pages; what is shipped lies in `outbox_bodies`.
 * `kept`, `readings` and the digest of a source are running totals for the audit: of all that ever became a row, open parts not.
 */
export const MIGRATIONS: readonly string[] = [
  `CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
   CREATE TABLE households (household TEXT PRIMARY KEY, generation INTEGER, postal_code TEXT, parked TEXT) WITHOUT ROWID;
   CREATE TABLE sources (
     id INTEGER PRIMARY KEY, household TEXT NOT NULL, device TEXT NOT NULL, src TEXT NOT NULL,
     seen TEXT NOT NULL, covered TEXT NOT NULL, declared TEXT NOT NULL, gapped TEXT NOT NULL,
     kept TEXT NOT NULL DEFAULT '[]', readings INTEGER NOT NULL DEFAULT 0,
     digest_high INTEGER NOT NULL DEFAULT 0, digest_low INTEGER NOT NULL DEFAULT 0,
     UNIQUE (household, device, src));
   CREATE TABLE open_parts (
     household TEXT NOT NULL, device TEXT NOT NULL, partition INTEGER NOT NULL, "offset" INTEGER NOT NULL, part TEXT NOT NULL,
     PRIMARY KEY (household, device)) WITHOUT ROWID;
   CREATE TABLE positions (
     partition INTEGER PRIMARY KEY, next_offset INTEGER NOT NULL, log_id TEXT NOT NULL, record_hash TEXT NOT NULL);
   CREATE TABLE resume_requests (household TEXT PRIMARY KEY) WITHOUT ROWID;
   CREATE TABLE runs (run TEXT NOT NULL, partition INTEGER NOT NULL, last TEXT NOT NULL, PRIMARY KEY (run, partition)) WITHOUT ROWID;
   CREATE TABLE unreadable (
     log_id TEXT NOT NULL, partition INTEGER NOT NULL, "offset" INTEGER NOT NULL, reason TEXT NOT NULL, record BLOB NOT NULL,
     PRIMARY KEY (log_id, partition, "offset")) WITHOUT ROWID;
   CREATE TABLE outbox (
     id INTEGER PRIMARY KEY AUTOINCREMENT, state INTEGER NOT NULL, changed_ms INTEGER NOT NULL,
     source_id INTEGER NOT NULL, from_seq INTEGER NOT NULL, to_seq INTEGER NOT NULL, window_start_ms INTEGER,
     partition INTEGER NOT NULL, "offset" INTEGER NOT NULL);
   CREATE INDEX outbox_by_source ON outbox (source_id, from_seq);
   CREATE TABLE outbox_bodies (
     id INTEGER PRIMARY KEY, reason TEXT, fields TEXT, stats TEXT, first_ms INTEGER, last_ms INTEGER, digest TEXT);
   CREATE VIEW power_averages (id, node_id, average, postal_code, timestamp, sent) AS
     SELECT outbox.id, 'household_' || household,
       (SELECT json_extract(stats, '$[' || (field.key * 5) || ']') FROM json_each(fields) field WHERE field.value = 'power')
         / (to_seq - from_seq + 1),
       COALESCE((SELECT postal_code FROM households WHERE households.household = sources.household), 0),
       strftime('%Y-%m-%d %H:%M:%S', window_start_ms / 1000, 'unixepoch'),
       state - ${ROW_STATE.queued}
     FROM outbox JOIN outbox_bodies USING (id) JOIN sources ON sources.id = source_id WHERE window_start_ms IS NOT NULL;`,
  // Rows written before have no seal, and are taken as they are.
  `ALTER TABLE outbox_bodies ADD COLUMN seal INTEGER;
   ALTER TABLE sources ADD COLUMN seal INTEGER;
   ALTER TABLE open_parts ADD COLUMN seal INTEGER;
   CREATE TABLE damaged (
     id INTEGER PRIMARY KEY, found_ms INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER)),
     place TEXT NOT NULL, row BLOB NOT NULL);`,
  // Calls row_seal of this program.
  `ALTER TABLE households ADD COLUMN seal INTEGER;
   ALTER TABLE positions ADD COLUMN seal INTEGER;
   ALTER TABLE runs ADD COLUMN seal INTEGER;
   ALTER TABLE meta ADD COLUMN seal INTEGER;
   ${SEAL_ALL}`,
];

/** There from damage that is met until all of the file is aside: the next start goes on, also where its check sees nothing. */
const SUSPECT_FILE = 'outbox-suspect';

export interface OpenedOutbox {
  database: Database.Database;
  /** Undefined when the file was sound. */
  setAside: SetAside | undefined;
  /** What of it was damaged, row by row. */
  checked: CheckedOutbox;
}

/** Where a damaged file was put (empty when there was none to put aside), and what was wrong with it. */
export interface SetAside {
  folder: string;
  finding: string;
}

/**
 * @param quotaBytes what rows may fill; RESERVE_PAGES more are kept for acks and trimming
 * @throws ConfigError when the folder can't be written; OperatingError STORE_DAMAGED when the file is of a newer version or unfit
 */
export function openOutboxFile(folder: string, quotaBytes: number): OpenedOutbox {
  if (folder === ':memory:') return { ...open(folder, quotaBytes), setAside: undefined };
  makeFolder(folder);
  const file = join(folder, OUTBOX_FILE);
  try {
    if (existsSync(join(folder, SUSPECT_FILE))) throw new DamageFound('a running edge, or a start that was killed, met damage in it');
    refuseDamage(file);
    const opened = open(file, quotaBytes);
    syncFolder(folder);
    return { ...opened, setAside: undefined };
  } catch (error) {
    if (!(error instanceof DamageFound)) throw error;
    const aside = setAside(folder);
    const opened = open(file, quotaBytes);
    syncFolder(folder);
    return { ...opened, setAside: { folder: aside, finding: error.message } };
  }
}

/** For damage that is met while the file is in use: the next start sets it aside. */
export function suspectOutboxFile(folder: string): void {
  if (folder === ':memory:') return;
  writeSmallFile(join(folder, SUSPECT_FILE), '');
  syncFolder(folder);
}

export function isDamage(error: unknown): boolean {
  if (error instanceof DamageFound) return true;
  const { code } = error as { code?: unknown };
  return typeof code === 'string' && /^SQLITE_(CORRUPT|NOTADB)/.test(code);
}

/** Of an edge whose outbox is gone nothing else would tell that there was one: its epoch lies in a file of its own. */
export function isOtherEpoch(folder: string, epoch: string): boolean {
  if (folder === ':memory:') return false;
  const file = join(folder, 'epoch');
  // Empty is what a power cut leaves of one that was just begun.
  const before = existsSync(file) ? readFileSync(file, 'utf8').trim() : '';
  if (before !== epoch) {
    writeSmallFile(file, `${epoch}\n`);
    syncFolder(folder);
  }
  return before !== '' && before !== epoch;
}

export function isFull(error: unknown): boolean {
  return (error as { code?: unknown }).code === 'SQLITE_FULL';
}

/** For a start on a full disk: nothing is wrong with the file, and a later start finds room. */
export function noSpace(file: string, cause: unknown): OperatingError {
  return new OperatingError('DISK_FULL', `no space for the outbox ${file}`, {
    retryable: true,
    hint: 'make room on the disk: what is in the outbox is kept, the topic holds the rest',
    cause,
  });
}

/**
 * Moves the file, with its WAL, into a folder of its own. Killed between two moves, the next start goes on: a file without its WAL may
 * look sound, and is an older one.
 */
function setAside(folder: string): string {
  suspectOutboxFile(folder);
  const file = join(folder, OUTBOX_FILE);
  const { made, next } = asideFolders(folder, 'outbox');
  const newest = made.at(-1);
  const isBegun = newest !== undefined && (!existsSync(join(newest, OUTBOX_FILE)) || !existsSync(file));
  const aside = isBegun ? newest : next;
  makeFolder(aside);
  for (const part of DATABASE_FILES.toReversed()) {
    const [from, to] = [`${file}${part}`, join(aside, `${OUTBOX_FILE}${part}`)];
    // Whoever opened the file meanwhile has made a WAL of his own, which holds nothing.
    if (existsSync(to)) rmSync(from, { force: true });
    else if (existsSync(from)) renameSync(from, to);
    reach('outbox_inside_aside');
  }
  syncFolder(aside);
  syncFolder(folder);
  reach('outbox_after_aside');
  rmSync(join(folder, SUSPECT_FILE), { force: true });
  syncFolder(folder);
  return aside;
}

function open(file: string, quotaBytes: number): Omit<OpenedOutbox, 'setAside'> {
  let database: Database.Database;
  try {
    database = new Database(file);
  } catch (error) {
    throw new ConfigError(
      `the outbox ${file} can't be opened: ${(error as Error).message}`,
      'give --state a folder that this user may write',
      {
        cause: error,
      },
    );
  }
  try {
    setPragmas(database, file, quotaBytes);
    defineRowSeal(database);
    migrate(database, file);
    const checked = checkOutbox(database);
    mendIndex(database);
    return { database, checked };
  } catch (error) {
    database.close();
    if (error instanceof OperatingError || error instanceof DamageFound) throw error;
    if (isDamage(error)) throw new DamageFound((error as Error).message);
    if (isFull(error)) throw noSpace(file, error);
    throw unusable(file, (error as Error).message, error);
  }
}

function setPragmas(database: Database.Database, file: string, quotaBytes: number): void {
  // These two have an effect on a new file only.
  database.pragma(`page_size = ${PAGE_BYTES}`);
  database.pragma('auto_vacuum = INCREMENTAL');
  if (file !== ':memory:') expectPragma(database, 'journal_mode', 'WAL', 'wal');
  expectPragma(database, 'synchronous', 'FULL', 2);
  database.pragma(`wal_autocheckpoint = ${WAL_CHECKPOINT_PAGES}`);
  database.pragma(`journal_size_limit = ${WAL_BYTES_KEPT}`);
  const pageBytes = database.pragma('page_size', { simple: true }) as number;
  database.pragma(`max_page_count = ${Math.floor(quotaBytes / pageBytes) + RESERVE_PAGES}`);
  database.pragma('busy_timeout = 5000');
  database.pragma('trusted_schema = OFF');
  database.pragma('cell_size_check = ON');
}

function expectPragma(database: Database.Database, name: string, value: string, expected: unknown): void {
  database.pragma(`${name} = ${value}`);
  const held = database.pragma(name, { simple: true });
  if (held !== expected) throw new Error(`${name} is ${String(held)} after it was set to ${value}: nothing could be promised`);
}

/** Looks through a connection that can't write: closing one that can would copy the WAL into a damaged file. */
function refuseDamage(file: string): void {
  // One of no bytes is what a start leaves that was killed at once.
  if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) === 0) return;
  let database: Database.Database | undefined;
  try {
    database = new Database(file, { readonly: true });
    const verdict = database.pragma('quick_check(1)', { simple: true });
    if (verdict !== 'ok') throw new DamageFound(oneLine(String(verdict)));
  } catch (error) {
    if (isDamage(error)) throw new DamageFound((error as Error).message);
    if (error instanceof DamageFound) throw error;
    // What else is the matter is told by the opening for writing.
  } finally {
    database?.close();
  }
}

function migrate(database: Database.Database, file: string): void {
  const version = database.pragma('user_version', { simple: true }) as number;
  if (version > MIGRATIONS.length) throw unusable(file, `it has version ${version}, this program knows ${MIGRATIONS.length}`);
  for (let next = version; next < MIGRATIONS.length; next++) {
    database.transaction(() => {
      database.exec(MIGRATIONS[next] as string);
      database.pragma(`user_version = ${next + 1}`);
    })();
  }
}

/**
 * Rows are counted and found by source through an index, which the quick check does not compare with them: an entry that a flipped bit has
 * given to another source is made anew from the rows. Ranges that differ are looked at row by row (outbox.ts).
 */
function mendIndex(database: Database.Database): void {
  const sumIn = (how: string) => database.prepare(`SELECT sum(source_id) FROM outbox ${how}`).pluck().get();
  if (sumIn('INDEXED BY outbox_by_source') === sumIn('NOT INDEXED')) return;
  const strange = 'SELECT count(*) FROM outbox NOT INDEXED WHERE source_id NOT IN (SELECT id FROM sources)';
  if (database.prepare(strange).pluck().get() === 0) database.exec('REINDEX outbox_by_source');
}

/** SQLite's findings begin with a heading of their own. */
function oneLine(findings: string): string {
  return findings.replace(/^\*\*\*.*\n/, '').replaceAll('\n', '; ');
}

function unusable(file: string, what: string, cause?: unknown): OperatingError {
  return new OperatingError('STORE_DAMAGED', `the outbox ${file} can't be used: ${what}`, {
    retryable: false,
    hint: 'keep the file for study, start with another --state or with --fresh; the cloud tells the edge what it holds, the topic the rest',
    cause,
  });
}
