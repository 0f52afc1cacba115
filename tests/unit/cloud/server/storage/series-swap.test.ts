/** What a killed swap of a damaged series.db has left, and what a person does then. */
import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import Database from 'better-sqlite3';
import type { SalvageTold } from '../../../../../cloud/server/storage/replace-damaged.ts';
import { SqliteSeriesStore } from '../../../../../cloud/server/storage/sqlite-series-store.ts';
import { systemClock } from '../../../../../common/clock.ts';
import { Edge, part, WINDOW_MS } from '../../../../contract/series-store-probes.ts';

const folder = mkdtempSync(join(tmpdir(), 'fogline-swap-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const postalCodes = { assign: () => ({ postalCode: '12529', state: 'DE-BB', from: 'file' as const }) };
/** Files of a store with so many readings. */
const [older, newer] = [join(folder, 'older.db'), join(folder, 'newer.db')];
before(async () => {
  for (const [file, seqs] of [
    [older, 10],
    [newer, 20],
  ] as const) {
    const store = storeIn(mkdtempSync(join(folder, 'made-')));
    await store.start();
    const edge = new Edge(store);
    await edge.hello();
    await edge.send(Array.from({ length: seqs }, (_, i) => part(i + 1, i + 1)));
    await store.stop();
    cpSync(store.path, file);
  }
});

function storeIn(stateDir: string, told: SalvageTold[] = []): SqliteSeriesStore {
  const onSalvage = (its: SalvageTold) => told.push(its);
  return new SqliteSeriesStore({ stateDir, windowMs: WINDOW_MS, postalCodes, clock: systemClock, onSalvage });
}

async function readingsIn(stateDir: string, told: SalvageTold[] = []): Promise<number> {
  const store = storeIn(stateDir, told);
  await store.start();
  const readings = (await store.households()).reduce((sum, household) => sum + household.readings, 0);
  await store.stop();
  return readings;
}

/** A state directory whose swap was killed when the damaged store had been moved, and the new one had not. */
function killedInside(): { stateDir: string; cloud: string; aside: string } {
  const stateDir = mkdtempSync(join(folder, 'killed-'));
  const cloud = join(stateDir, 'cloud');
  const aside = join(cloud, 'damaged/series-1');
  mkdirSync(aside, { recursive: true });
  writeFileSync(join(aside, 'series.db'), 'the damaged one');
  cpSync(older, join(cloud, 'series.db-salvaged'));
  return { stateDir, cloud, aside };
}

test('a backup that was put in place is served, and the store that was made anew does not come back when it is moved away', async () => {
  const { stateDir, cloud } = killedInside();
  cpSync(newer, join(cloud, 'series.db'));
  assert.equal(await readingsIn(stateDir), 20);
  assert.deepEqual(
    readdirSync(cloud).filter((name) => name.includes('salvag')),
    [],
  );
  rmSync(join(cloud, 'series.db'));
  assert.equal(await readingsIn(stateDir), 0, 'begun anew, as was asked for');
});

test('what an earlier salvage has kept is never written over', async () => {
  const { stateDir, cloud, aside } = killedInside();
  writeFileSync(join(aside, 'series.db-wal'), 'its log of writes');
  writeFileSync(join(cloud, 'series.db-wal'), 'the log of another');
  assert.equal(await readingsIn(stateDir), 10);
  assert.equal(readFileSync(join(aside, 'series.db-wal'), 'utf8'), 'its log of writes');
  assert.equal(readFileSync(join(cloud, 'damaged/series-2/series.db-wal'), 'utf8'), 'the log of another');
  // The folder of the first is deleted: the next damage goes behind the second.
  rmSync(aside, { recursive: true });
  writeFileSync(join(cloud, 'series.db'), 'not a database, but text');
  await readingsIn(stateDir);
  assert.ok(!existsSync(aside) && existsSync(join(cloud, 'damaged/series-3/series.db')));
});

test('the end of a swap that was killed is told, with the folder', async () => {
  const { stateDir, aside } = killedInside();
  const told: SalvageTold[] = [];
  await readingsIn(stateDir, told);
  assert.deepEqual(told, [{ step: 'finished', folder: aside }]);
  told.length = 0;
  await readingsIn(stateDir, told);
  assert.deepEqual(told, []);
});

test('what a salvage has found is told before the damaged store loses its place', async () => {
  const stateDir = mkdtempSync(join(folder, 'damaged-'));
  mkdirSync(join(stateDir, 'cloud'));
  const file = join(stateDir, 'cloud/series.db');
  writeFileSync(file, 'not a database, but text');
  const steps: string[] = [];
  const onSalvage = ({ step }: SalvageTold) => steps.push(`${step} ${existsSync(join(stateDir, 'cloud/damaged'))}`);
  const store = new SqliteSeriesStore({ stateDir, windowMs: WINDOW_MS, postalCodes, clock: systemClock, onSalvage });
  await store.start();
  await store.stop();
  assert.deepEqual(
    steps.filter((step) => !step.startsWith('under way')),
    ['begun false', 'made false', 'done true'],
  );
});

test('a store that was made anew and is damaged at once is for a person: it is not replaced again', async () => {
  const { stateDir, cloud } = killedInside();
  writeFileSync(join(cloud, 'series.db-salvaged'), 'what can not be opened');
  for (let start = 0; start < 2; start++) await assert.rejects(storeIn(stateDir).start(), { code: 'STORE_DAMAGED' });
  assert.deepEqual(readdirSync(join(cloud, 'damaged')), ['series-1']);
  cpSync(newer, join(cloud, 'series.db'));
  assert.equal(await readingsIn(stateDir), 20, 'a backup ends that');
  writeFileSync(join(cloud, 'series.db'), 'not a database, but text');
  const told: SalvageTold[] = [];
  await readingsIn(stateDir, told);
  assert.equal(told.at(-1)?.step, 'done');
});

test('a statement that fails on a sound store is no damage: the start is refused, and nothing is replaced', async () => {
  const stateDir = mkdtempSync(join(folder, 'sound-'));
  mkdirSync(join(stateDir, 'cloud'));
  cpSync(newer, join(stateDir, 'cloud/series.db'));
  const wrong = Object.assign(new Error('no such table: partz'), { code: 'SQLITE_ERROR' });
  const told: SalvageTold[] = [];
  const failing = {
    assign: () => {
      throw wrong;
    },
  };
  // As a statement of the start that has no such table; the owner of the household is made damaged, so that its code is asked.
  const database = new Database(join(stateDir, 'cloud/series.db'));
  database.exec('UPDATE households SET seal = seal + 1');
  database.close();
  const onSalvage = (its: SalvageTold) => told.push(its);
  const store = new SqliteSeriesStore({ stateDir, windowMs: WINDOW_MS, postalCodes: failing, clock: systemClock, onSalvage });
  await assert.rejects(store.start(), { message: wrong.message });
  assert.deepEqual([told, existsSync(join(stateDir, 'cloud/damaged'))], [[], false]);
});
