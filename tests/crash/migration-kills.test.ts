/**
 * An upgrade that is killed half way: the database of an older schema is opened in a process of its own, which dies by kill -9 before each
 * thing that the migration asks of SQLite. What lies there then is the old schema or the new one, with every row; the next start goes on.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { SCHEMA_VERSION } from '../../cloud/server/storage/migrations/migrate.ts';
import { SERIES_FILE } from '../../cloud/server/storage/open-database.ts';
import { SqliteSeriesStore } from '../../cloud/server/storage/sqlite-series-store.ts';
import { systemClock } from '../../common/clock.ts';
import { MIGRATIONS, OUTBOX_FILE, openOutboxFile } from '../../edge/server/outbox-schema.ts';
import { Edge, everything, gap, HOME, part, reading, WINDOW_MS } from '../contract/series-store-probes.ts';
import { makeOlder } from '../doubles/older-series-file.ts';

const CHILD = fileURLToPath(new URL('./migrating-process.ts', import.meta.url));
const TSX = import.meta.resolve('tsx');
/** More than any migration here asks. */
const STEPS_MAX = 200;
/** Every n-th of the places; each takes the start of a process. */
const EVERY = process.env['FOGLINE_LONG'] === '1' ? 1 : 4;

const folder = mkdtempSync(join(tmpdir(), 'fogline-migrations-'));
after(() => rmSync(folder, { recursive: true, force: true }));

function storeIn(stateDir: string): SqliteSeriesStore {
  const postalCodes = { assign: () => ({ postalCode: '12529', state: 'DE-BB', from: 'file' as const }) };
  return new SqliteSeriesStore({ stateDir, windowMs: WINDOW_MS, postalCodes, clock: systemClock });
}

let held: unknown;
let hello: unknown;
const made = join(folder, 'made');

before(async () => {
  const store = storeIn(made);
  await store.start();
  const edge = new Edge(store);
  await edge.hello();
  await edge.ship(Array.from({ length: 20 }, (_, i) => reading(i + 1)));
  await edge.send([gap(21, 22), part(23, 23)]);
  held = await everything(store);
  hello = await edge.hello();
  await store.stop();
});

/** @returns true when the process was killed, false when it came to its end */
function migrateUntil(store: 'series' | 'outbox', path: string, nth: number): boolean {
  const { signal, status, stderr } = spawnSync(process.execPath, ['--import', TSX, CHILD, store, path, String(nth)], { timeout: 300_000 });
  if (signal === 'SIGKILL') return true;
  assert.equal(status, 0, String(stderr));
  return false;
}

function versionOf(path: string): number {
  const database = new Database(path);
  const version = database.pragma('user_version', { simple: true }) as number;
  assert.equal(database.pragma('integrity_check', { simple: true }), 'ok');
  database.close();
  return version;
}

for (const schema of [1, 2] as const) {
  test(`series.db of schema ${schema}: killed anywhere, the next start has everything`, { timeout: 600_000 }, async () => {
    const older = join(folder, `older-${schema}.db`);
    copyFileSync(join(made, SERIES_FILE), older);
    const database = new Database(older);
    makeOlder(database, schema);
    database.close();
    const versions = new Set<number>();
    let nth = 1;
    for (; nth < STEPS_MAX; nth += EVERY) {
      const stateDir = join(folder, `series-${schema}-${nth}`);
      const path = join(stateDir, SERIES_FILE);
      mkdirSync(dirname(path), { recursive: true });
      copyFileSync(older, path);
      const isKilled = migrateUntil('series', path, nth);
      versions.add(versionOf(path));
      const store = storeIn(stateDir);
      await store.start();
      assert.deepEqual(await everything(store), held);
      const edge = new Edge(store);
      assert.deepEqual(await edge.hello(), hello);
      assert.deepEqual(await edge.verdicts(part(5, 5), part(24, 24)), ['duplicate', 'stored']);
      await store.stop();
      assert.equal(versionOf(path), SCHEMA_VERSION);
      if (!isKilled) break;
    }
    assert.ok(nth > EVERY && nth < STEPS_MAX, `${nth} places`);
    assert.ok(versions.has(schema) && versions.has(SCHEMA_VERSION), [...versions].join());
  });
}

test('an outbox of the first version: killed anywhere, the next start has every row', { timeout: 600_000 }, () => {
  const first = join(folder, 'first', OUTBOX_FILE);
  mkdirSync(dirname(first));
  const old = new Database(first);
  old.pragma('page_size = 8192');
  old.pragma('auto_vacuum = INCREMENTAL');
  old.exec(MIGRATIONS[0] as string);
  old.exec(`INSERT INTO sources (household, device, src, seen, covered, declared, gapped)
      VALUES ('${HOME}', 'm', 's', '[[1,9]]', '[]', '[]', '[]');
    INSERT INTO outbox (state, changed_ms, source_id, from_seq, to_seq, partition, "offset") VALUES (2, 1, 1, 1, 9, 0, 0);
    INSERT INTO outbox_bodies (id, reason) VALUES (1, 'lost');
    INSERT INTO open_parts VALUES ('${HOME}', 'm', 0, 3, '{}');
    INSERT INTO households VALUES ('${HOME}', 1, NULL, NULL);
    INSERT INTO positions VALUES (0, 4, 'log', 'hash');
    INSERT INTO runs VALUES ('r', 0, '[]');
    INSERT INTO meta VALUES ('epoch', 'e')`);
  old.pragma('user_version = 1');
  old.close();
  let nth = 1;
  const versions = new Set<number>();
  for (; nth < STEPS_MAX; nth++) {
    const place = join(folder, `outbox-${nth}`);
    mkdirSync(place);
    const path = join(place, OUTBOX_FILE);
    copyFileSync(first, path);
    const isKilled = migrateUntil('outbox', place, nth);
    versions.add(versionOf(path));
    const { database, setAside, checked } = openOutboxFile(place, 1 << 30);
    assert.deepEqual([setAside, checked], [undefined, { lines: [], openPartsOf: [], isEpochGone: false }]);
    for (const table of ['sources', 'open_parts', 'households', 'positions', 'runs', 'meta'])
      assert.equal(database.prepare(`SELECT count(seal) FROM ${table}`).pluck().get(), 1, table);
    const rows = database
      .prepare('SELECT household, from_seq, to_seq, reason FROM outbox JOIN outbox_bodies USING (id) JOIN sources')
      .all();
    assert.deepEqual(rows, [{ household: HOME, from_seq: 1, to_seq: 9, reason: 'lost' }]);
    assert.equal(database.pragma('user_version', { simple: true }), MIGRATIONS.length);
    database.close();
    if (!isKilled) break;
  }
  assert.ok(nth > 1 && nth < STEPS_MAX, `${nth} places`);
  assert.ok(versions.has(1) && versions.has(MIGRATIONS.length), [...versions].join());
});

test('the process that is killed is the one that migrates: without a place to die it brings the file up to date', () => {
  const place = join(folder, 'whole');
  const path = join(place, SERIES_FILE);
  mkdirSync(dirname(path), { recursive: true });
  copyFileSync(join(made, SERIES_FILE), path);
  const database = new Database(path);
  makeOlder(database, 1);
  database.close();
  assert.equal(migrateUntil('series', path, 1_000_000), false);
  assert.ok(existsSync(path) && readFileSync(path).length > 0);
  assert.equal(versionOf(path), SCHEMA_VERSION);
});
