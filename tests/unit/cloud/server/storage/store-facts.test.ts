/** Every bit of what a store says of itself: mended, or named as damage; never told as another length of windows, nor another id. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import Database from 'better-sqlite3';
import type { DamagedRecord } from '../../../../../cloud/server/storage/household-mender.ts';
import { SERIES_FILE } from '../../../../../cloud/server/storage/open-database.ts';
import { openReadOnlyStore } from '../../../../../cloud/server/storage/read-only-store.ts';
import { SqliteSeriesStore } from '../../../../../cloud/server/storage/sqlite-series-store.ts';
import { readFacts } from '../../../../../cloud/server/storage/store-facts.ts';
import { systemClock } from '../../../../../common/clock.ts';
import { cellsOf } from '../../../../doubles/sqlite-cells.ts';
import { Edge } from '../../../../contract/series-store-probes.ts';

const WINDOW_MS = 5_000;
const BITS_APART = process.env['FOGLINE_LONG'] === '1' ? 1 : 5;

async function storeIn(stateDir: string, windowMs = WINDOW_MS) {
  const records: DamagedRecord[] = [];
  const postalCodes = { assign: () => ({ postalCode: '10115', state: 'DE-BE', from: 'file' as const }) };
  const onRecordDamaged = (record: DamagedRecord) => records.push(record);
  const store = new SqliteSeriesStore({ stateDir, windowMs, postalCodes, clock: systemClock, onRecordDamaged });
  await store.start();
  return { store, records };
}

/** The folder of a stopped store with a household. */
async function made(t: TestContext): Promise<{ stateDir: string; file: string; id: string }> {
  const stateDir = mkdtempSync(join(tmpdir(), 'fogline-store-facts-'));
  t.after(() => rmSync(stateDir, { recursive: true }));
  const { store } = await storeIn(stateDir);
  await new Edge(store).hello(['home-a']);
  const { id } = store;
  await store.stop();
  return { stateDir, file: join(stateDir, SERIES_FILE), id };
}

function change(file: string, sql: string): void {
  const database = new Database(file);
  assert.ok(database.prepare(sql).run().changes > 0);
  database.close();
}

test('a bit of each value and of each key', async (t) => {
  const { stateDir, file, id } = await made(t);
  const sound = readFileSync(file);
  const database = new Database(file, { readonly: true });
  const root = database.prepare("SELECT rootpage FROM sqlite_schema WHERE name = 'meta'").pluck().get() as number;
  database.close();
  const outcomes = { sound: 0, mended: 0, refused: 0 };
  for (const { values } of cellsOf(sound, root)) {
    for (const [column, { at, length }] of values.entries()) {
      for (let bit = 0; bit < 8 * length; bit += BITS_APART) {
        const hurt = Buffer.from(sound);
        hurt[at + (bit >> 3)] = (hurt[at + (bit >> 3)] as number) ^ (1 << (bit & 7));
        for (const beside of ['-wal', '-shm']) rmSync(file + beside, { force: true });
        writeFileSync(file, hurt);
        const outcome = await outcomeOf(stateDir, id);
        assert.ok(column === 0 || outcome === 'mended', `value at ${at}, bit ${bit}: ${outcome}`);
        outcomes[outcome]++;
      }
    }
  }
  t.diagnostic(JSON.stringify(outcomes));
  assert.ok(outcomes.mended > 80 && outcomes.sound > 0);
});

async function outcomeOf(stateDir: string, id: string): Promise<'sound' | 'mended' | 'refused'> {
  try {
    const readOnly = openReadOnlyStore(join(stateDir, SERIES_FILE));
    assert.equal(readOnly.windowMs, WINDOW_MS);
    readOnly.close();
    const { store, records } = await storeIn(stateDir);
    assert.equal(store.id, id);
    await store.stop();
    const again = await storeIn(stateDir);
    assert.deepEqual([again.store.id, again.records], [id, []], 'mended for good');
    await again.store.stop();
    assert.ok(records.every(({ table }) => table === 'meta'));
    return records.length > 0 ? 'mended' : 'sound';
  } catch (error) {
    assert.equal((error as { code?: string }).code, 'STORE_DAMAGED', String(error));
    return 'refused';
  }
}

test('both copies damaged, and a file of an earlier program without a length of windows: set aside, and taken over', async (t) => {
  const { stateDir, file } = await made(t);
  const assertTakenOver = async () => {
    const { store } = await storeIn(stateDir);
    assert.deepEqual(
      (await store.households()).map(({ household }) => household),
      ['home-a'],
    );
    await store.stop();
  };
  change(file, "UPDATE meta SET value = '5001' WHERE key = 'window_ms'");
  change(file, "UPDATE meta SET value = replace(value, '5000', '4000') WHERE key = 'facts_copy'");
  assert.throws(() => readFactsOf(file), { name: 'Error', message: /length of windows and its id is damaged in both copies/ });
  await assertTakenOver();
  for (const sql of ["UPDATE meta SET value = '50p0' WHERE key = 'window_ms'", "DELETE FROM meta WHERE key = 'window_ms'"]) {
    change(file, "DELETE FROM meta WHERE key = 'facts_copy'");
    change(file, sql);
    assert.throws(() => readFactsOf(file), { name: 'Error', message: /does not say how long its windows are/ });
    await assertTakenOver();
  }
});

function readFactsOf(file: string): void {
  const database = new Database(file);
  try {
    readFacts(database);
  } finally {
    database.close();
  }
}

test('a file of an earlier program is sealed at its start; another length is still told as that', async (t) => {
  const { stateDir, file, id } = await made(t);
  change(file, "DELETE FROM meta WHERE key = 'facts_copy'");
  await assert.rejects(storeIn(stateDir, 10_000), { name: 'ConfigError', message: /holds windows of 5 s, edge.window_seconds is 10/ });
  const { store, records } = await storeIn(stateDir);
  assert.deepEqual([store.id, records], [id, []]);
  await store.stop();
  change(file, "UPDATE meta SET value = '6000' WHERE key = 'window_ms'");
  const mended = await storeIn(stateDir);
  assert.deepEqual(mended.records, [
    { household: '', table: 'meta', outcome: 'mended', what: 'its length of windows or its id: taken from the copy' },
  ]);
  await mended.store.stop();
  await assert.rejects(storeIn(stateDir, 10_000), { name: 'ConfigError' });
});
