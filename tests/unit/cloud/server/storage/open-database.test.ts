import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { it, type TestContext } from 'node:test';
import Database from 'better-sqlite3';
import { SCHEMA_VERSION } from '../../../../../cloud/server/storage/migrations/migrate.ts';
import {
  explainDatabaseError,
  openForReading,
  openForWriting,
  SERIES_FILE,
  willBeRefused,
} from '../../../../../cloud/server/storage/open-database.ts';
import { openReadOnlyStore } from '../../../../../cloud/server/storage/read-only-store.ts';
import { SqliteSeriesStore } from '../../../../../cloud/server/storage/sqlite-series-store.ts';
import { systemClock } from '../../../../../common/clock.ts';
import { ConfigError, OperatingError } from '../../../../../common/errors.ts';
import { collect, Edge, HOME, part, reading, WINDOW_MS } from '../../../../contract/series-store-probes.ts';

function stateDirFor(test: TestContext): string {
  const stateDir = mkdtempSync(join(tmpdir(), 'fogline-series-'));
  test.after(() => rmSync(stateDir, { recursive: true, force: true }));
  return stateDir;
}

function storeIn(stateDir: string, windowMs = WINDOW_MS): SqliteSeriesStore {
  const postalCodes = { assign: () => ({ postalCode: '12529', state: 'DE-BB', from: 'file' as const }) };
  return new SqliteSeriesStore({ stateDir, windowMs, postalCodes, clock: systemClock });
}

/** A running store that has so many readings of an edge. */
async function shippedTo(test: TestContext, readings: number): Promise<{ store: SqliteSeriesStore; edge: Edge }> {
  const store = storeIn(stateDirFor(test));
  await store.start();
  const edge = new Edge(store);
  await edge.hello();
  await edge.ship(Array.from({ length: readings }, (_, i) => reading(i + 1)));
  return { store, edge };
}

const isDamage = (error: unknown) => error instanceof OperatingError && error.code === 'STORE_DAMAGED' && !error.retryable;

it('opens with every commit on the disk before it returns, and reads that back', (test) => {
  const path = join(stateDirFor(test), SERIES_FILE);
  const database = openForWriting(path);
  const pragma = (name: string) => database.pragma(name, { simple: true });
  const held = ['journal_mode', 'synchronous', 'auto_vacuum', 'foreign_keys', 'user_version'].map(pragma);
  assert.deepEqual(held, ['wal', 2, 2, 1, SCHEMA_VERSION]);
  database.close();
  const again = openForWriting(path);
  assert.equal(again.pragma('synchronous', { simple: true }), 2, 'also when the file was there');
  again.close();
});

it('a connection for reading can not write', (test) => {
  const path = join(stateDirFor(test), SERIES_FILE);
  openForWriting(path).close();
  const reader = openForReading(path);
  assert.throws(() => reader.exec('DELETE FROM parts'), { code: 'SQLITE_READONLY' });
  reader.close();
});

it('refuses damage in the file', async (test) => {
  const { store } = await shippedTo(test, 300);
  await store.stop();
  const bytes = readFileSync(store.path);
  assert.ok(bytes.length > 60_000);
  for (let page = 3; page < bytes.length / 4096; page++) bytes.fill(0x5a, page * 4096, page * 4096 + 64);
  writeFileSync(store.path, bytes);
  assert.throws(() => openForWriting(store.path), isDamage);
  assert.deepEqual(readFileSync(store.path), bytes, 'as it was');
});

it('a page that the disk did not give is none of the file, whatever the check of it writes', () => {
  const saying = (text: string) => willBeRefused({ pragma: () => [{ quick_check: text }] } as never);
  const page = (code: number) => saying(`*** in database main ***\nTree 5 page 9: unable to get the page. error code=${code}`);
  assert.deepEqual([saying('ok'), page(11), page(10), page(266)], [false, true, false, false]);
});

it('refuses a file that is no database', (test) => {
  const store = storeIn(stateDirFor(test));
  mkdirSync(dirname(store.path));
  writeFileSync(store.path, 'household,power\n'.repeat(1_000));
  assert.throws(() => openForWriting(store.path), isDamage);
});

it('refuses the file of a newer program and one of another window length', async (test) => {
  const stateDir = stateDirFor(test);
  const store = storeIn(stateDir);
  await store.start();
  await store.stop();
  await assert.rejects(
    storeIn(stateDir, 7_000).start(),
    (error) => error instanceof ConfigError && /edge.window_seconds = 5/.test(error.remedy),
  );
  const database = new Database(store.path);
  database.pragma(`user_version = ${SCHEMA_VERSION + 1}`);
  database.close();
  await assert.rejects(storeIn(stateDir).start(), ConfigError);
  assert.throws(() => openReadOnlyStore(store.path), ConfigError);
});

it('leaves a damaged file and its write-ahead log as they are', async (test) => {
  const { store } = await shippedTo(test, 1);
  const killed = stateDirFor(test);
  mkdirSync(join(killed, 'cloud'));
  const path = join(killed, SERIES_FILE);
  for (const end of ['', '-wal']) writeFileSync(path + end, readFileSync(store.path + end));
  await store.stop();
  const held = new Database(path);
  // In the write-ahead log, where the migrations are looked at behind the quick check.
  held.unsafeMode();
  held.pragma('writable_schema = ON');
  held.exec("UPDATE sqlite_schema SET sql = replace(sql, 'STRICT', 'STRICT ') WHERE name = 'gaps'");
  const [before, wal] = ['', '-wal'].map((end) => readFileSync(path + end));
  writeFileSync(`${path}-copy`, before as Buffer);
  writeFileSync(`${path}-copy-wal`, wal as Buffer);
  held.close();
  assert.throws(() => openForWriting(`${path}-copy`), isDamage);
  assert.deepEqual(
    ['', '-wal'].map((end) => readFileSync(`${path}-copy${end}`)),
    [before, wal],
  );
});

it('says that there is nothing to read, and makes nothing', (test) => {
  const path = join(stateDirFor(test), SERIES_FILE);
  assert.throws(
    () => openReadOnlyStore(path),
    (error) => error instanceof OperatingError && error.code === 'DATA_UNREADABLE',
  );
  assert.throws(() => statSync(dirname(path)), { code: 'ENOENT' });
});

it('sorts the errors of a disk by who must act', () => {
  const explained = (code: string) => explainDatabaseError(Object.assign(new Error('x'), { code }), 'p') as OperatingError;
  assert.equal(explained('SQLITE_FULL').code, 'DISK_FULL');
  assert.equal(explained('SQLITE_FULL').retryable, true);
  assert.equal(explained('SQLITE_IOERR_FSYNC').code, 'STORE_DAMAGED');
  assert.equal(explained('SQLITE_CORRUPT_VTAB').code, 'STORE_DAMAGED');
  assert.ok((explained('SQLITE_CANTOPEN') as unknown) instanceof ConfigError);
  const other = new TypeError('a bug');
  assert.equal(explainDatabaseError(other, 'p'), other);
});

it('a reader sees what is committed while the writer is open, and after it was killed', async (test) => {
  const { store, edge } = await shippedTo(test, 1);
  const reader = openReadOnlyStore(store.path);
  const count = async () => (await collect(reader as never, { resolution: 'raw' })).length;
  assert.equal(await count(), 1);
  await edge.ship([reading(2)]);
  assert.equal(await count(), 2);
  assert.equal(reader.windowMs, WINDOW_MS);
  reader.close();
  // What a kill leaves: the file without what is still in the write-ahead log, and the log.
  const killed = stateDirFor(test);
  mkdirSync(join(killed, 'cloud'));
  for (const end of ['', '-wal']) writeFileSync(join(killed, SERIES_FILE + end), readFileSync(store.path + end));
  await store.stop();
  const left = openReadOnlyStore(join(killed, SERIES_FILE));
  assert.equal((await collect(left as never, { resolution: 'raw', household: HOME })).length, 2);
  left.close();
  const restarted = storeIn(killed);
  await restarted.start();
  const next = new Edge(restarted);
  await next.hello();
  assert.deepEqual(await next.verdicts(part(2, 2), part(3, 3)), ['duplicate', 'stored']);
  await restarted.stop();
});

it('a full disk stores nothing, and the store goes on when there is room', async (test) => {
  const store = storeIn(stateDirFor(test));
  await store.start();
  const edge = new Edge(store);
  await edge.hello();
  await edge.ship([reading(1)]);
  // A quota on the writer's connection is a full disk to it.
  const { database } = (store as never as { open: { database: Database.Database } }).open;
  const pages = database.pragma('page_count', { simple: true }) as number;
  database.pragma(`max_page_count = ${pages}`);
  const many = Array.from({ length: 400 }, (_, i) => part(i + 2, i + 2));
  await assert.rejects(edge.send(many), (error) => error instanceof OperatingError && error.code === 'DISK_FULL' && error.retryable);
  assert.equal((await collect(store, { resolution: 'raw' })).length, 1);
  database.pragma('max_page_count = 100000');
  assert.ok((await edge.verdicts(...many)).every((verdict) => verdict === 'stored'));
  assert.equal((await store.households())[0]?.readings, 401);
  await store.stop();
});

it('a deletion gives the room back to the file system', async (test) => {
  const store = storeIn(stateDirFor(test));
  await store.start();
  const edge = new Edge(store);
  await edge.hello();
  const rows = Array.from({ length: 4_000 }, (_, i) => part(i + 1, i + 1));
  for (let at = 0; at < rows.length; at += 500) await edge.send(rows.slice(at, at + 500));
  const { database } = (store as never as { open: { database: Database.Database } }).open;
  const pages = () => database.pragma('page_count', { simple: true }) as number;
  const before = pages();
  assert.equal(await store.deleteBefore(rows.at(-1)?.part.windowStartMs ?? 0), 3_999);
  assert.equal(database.pragma('freelist_count', { simple: true }), 0);
  assert.ok(pages() < before / 2, `${pages()} pages of ${before}`);
  await store.stop();
});
