import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import Database from 'better-sqlite3';
import { errorOf, isBusy, openDatabase, PAGE_BYTES } from '../../../../common/broker/embedded-database.ts';
import { ConfigError, OperatingError } from '../../../../common/errors.ts';
import { EmbeddedFolder, records, TOPIC } from './embedded-folder.ts';

const QUOTA_PAGES = 1_000;

async function folderFor(context: TestContext): Promise<EmbeddedFolder> {
  const folder = await EmbeddedFolder.make();
  context.after(() => folder.remove());
  return folder;
}

const isConfigError = (error: unknown) => error instanceof ConfigError && error.remedy !== '';
const isDamage = (error: unknown) => error instanceof OperatingError && error.code === 'BROKER_DAMAGED' && !error.retryable;

test('every connection has the settings that durability rests on', async (context) => {
  const folder = await folderFor(context);
  await mkdir(folder.folder);
  for (const opening of ['first', 'second']) {
    const database = openDatabase(folder.file, QUOTA_PAGES);
    const settings = Object.fromEntries(
      ['journal_mode', 'synchronous', 'auto_vacuum', 'page_size', 'max_page_count', 'cell_size_check', 'trusted_schema'].map((pragma) => [
        pragma,
        database.pragma(pragma, { simple: true }),
      ]),
    );
    database.close();
    assert.deepEqual(
      settings,
      {
        journal_mode: 'wal',
        synchronous: 2,
        auto_vacuum: 2,
        page_size: PAGE_BYTES,
        max_page_count: QUOTA_PAGES,
        cell_size_check: 1,
        trusted_schema: 0,
      },
      opening,
    );
  }
});

test('a process killed while it made the file leaves one that opens', async (context) => {
  const folder = await folderFor(context);
  await mkdir(folder.folder);
  await writeFile(folder.file, '');
  openDatabase(folder.file, QUOTA_PAGES).close();
  const halfMade = join(folder.folder, 'half-made.db');
  const database = new Database(halfMade);
  for (const pragma of [`page_size = ${PAGE_BYTES}`, 'auto_vacuum = INCREMENTAL', 'journal_mode = WAL']) database.pragma(pragma);
  database.close();
  const opened = openDatabase(halfMade, QUOTA_PAGES);
  assert.equal(opened.pragma('auto_vacuum', { simple: true }), 2);
  opened.close();
});

test("somebody else's file is refused and stays as it is", async (context) => {
  const folder = await folderFor(context);
  await mkdir(folder.folder);
  folder.raw((database) => database.exec('CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)'));
  const before = await readFile(folder.file);
  await assert.rejects(folder.broker().start(), isConfigError);
  assert.deepEqual(await readFile(folder.file), before);
});

test('a file of a newer version is refused', async (context) => {
  const folder = await folderFor(context);
  await (await folder.open()).stop();
  folder.raw((database) => database.pragma('user_version = 999'));
  await assert.rejects(folder.broker().start(), (error) => isConfigError(error) && (error as Error).message.includes('999'));
});

test('a folder that cannot be written is a configuration error with a remedy', async (context) => {
  const folder = await folderFor(context);
  await writeFile(folder.folder, 'a file where the folder should be');
  await assert.rejects(folder.broker().start(), isConfigError);
});

test('a file that is not SQLite any more is damage', async (context) => {
  const folder = await folderFor(context);
  const broker = await folder.open();
  await broker.append(TOPIC, 0, records(10));
  await broker.stop();
  const bytes = await readFile(folder.file);
  await writeFile(folder.file, Buffer.concat([Buffer.alloc(100, 'x'), bytes.subarray(100)]));
  await assert.rejects(folder.broker({ isOnlyLooking: true }).start(), isDamage);
  // The failed start leaves nothing behind: with the file mended it goes.
  await writeFile(folder.file, bytes);
  const mended = await folder.open();
  assert.equal((await mended.logState(TOPIC, 0)).endOffset, 10);
});

test('a full file is BROKER_FULL, a held lock is busy and then BROKER_UNREACHABLE', async (context) => {
  const folder = await folderFor(context);
  await mkdir(folder.folder);
  const small = openDatabase(folder.file, 20);
  context.after(() => small.close());
  small.exec('CREATE TABLE filler (bytes BLOB)');
  const fill = caught(() => small.prepare('INSERT INTO filler VALUES (zeroblob(?))').run(20 * PAGE_BYTES));
  const full = errorOf(fill, folder.folder);
  assert.ok(full instanceof OperatingError && full.code === 'BROKER_FULL' && full.retryable);
  assert.equal(isBusy(fill), false);

  const other = openDatabase(folder.file, 20);
  context.after(() => other.close());
  other.exec('BEGIN IMMEDIATE');
  const locked = caught(() => small.exec('BEGIN IMMEDIATE'));
  assert.equal(isBusy(locked), true);
  const unreachable = errorOf(locked, folder.folder);
  assert.ok(unreachable instanceof OperatingError && unreachable.code === 'BROKER_UNREACHABLE' && unreachable.retryable);
});

test('an error that is not SQLite passes through', () => {
  const bug = new TypeError('a bug');
  assert.equal(errorOf(bug, ''), bug);
});

function caught(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  return assert.fail('nothing was thrown');
}
