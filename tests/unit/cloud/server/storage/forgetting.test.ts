import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import Database from 'better-sqlite3';
import { SqliteSeriesStore } from '../../../../../cloud/server/storage/sqlite-series-store.ts';
import { systemClock } from '../../../../../common/clock.ts';
import { Edge, HOME, part, reading, T0_MS, WINDOW_MS } from '../../../../contract/series-store-probes.ts';

it('forgets nothing of a household whose records are damaged, so that nothing is taken as new again', async () => {
  const stateDir = mkdtempSync(join(tmpdir(), 'fogline-forgetting-'));
  const postalCodes = { assign: () => ({ postalCode: '14467', state: 'DE-BB', from: 'drawn' as const }) };
  const opened = async () => {
    const store = new SqliteSeriesStore({ stateDir, windowMs: WINDOW_MS, postalCodes, clock: systemClock });
    await store.start();
    return store;
  };
  const refusals = async (store: SqliteSeriesStore) => {
    const households = [{ household: HOME, generation: 1 }];
    const told = await store.hello({ edge: 'edge-1', epoch: 'epoch-1', claim: 'claim-1', windowMs: WINDOW_MS, households });
    return told.map(({ refusal }) => /source src1 of meter: its part of seqs 1 to 1 is damaged too/.test(refusal ?? ''));
  };
  let store = await opened();
  try {
    const edge = new Edge(store);
    await edge.hello();
    await edge.ship([1, 2, 3, 4].map((seq) => reading(seq)));
    const database = new Database(store.path);
    database.exec(`UPDATE parts SET digest_low = digest_low + 1 WHERE from_seq = 1; UPDATE sources SET readings = readings + 1`);
    database.close();
    assert.deepEqual(await refusals(store), [true]);
    assert.equal(await store.deleteBefore(T0_MS + 2 * WINDOW_MS), 0);
    await store.stop();
    store = await opened();
    assert.deepEqual(await refusals(store), [true]);
  } finally {
    await store.stop();
    rmSync(stateDir, { recursive: true, force: true });
  }
});

const HOUR_MS = 3_600_000;
const POWER = [{ household: HOME, field: 'power' }];

/** Two hours and a half of windows, and an hour bucket, a quarter and a minute in which a bit has flipped. */
async function hurtBuckets(t: TestContext, hurt: string) {
  const stateDir = mkdtempSync(join(tmpdir(), 'fogline-forgetting-'));
  const postalCodes = { assign: () => ({ postalCode: '14467', state: 'DE-BB', from: 'drawn' as const }) };
  const told: string[] = [];
  const onRecordDamaged = ({ outcome, what }: { outcome: string; what: string }) => told.push(`${outcome} ${what.split(',')[0]}`);
  const store = new SqliteSeriesStore({ stateDir, windowMs: WINDOW_MS, postalCodes, clock: systemClock, onRecordDamaged });
  await store.start();
  t.after(async () => {
    await store.stop();
    rmSync(stateDir, { recursive: true, force: true });
  });
  const edge = new Edge(store);
  await edge.hello();
  const rows = Array.from({ length: 1_800 }, (_, i) => part(i + 1, i + 1, { values: { power: i, energy: i } }));
  for (let at = 0; at < rows.length; at += 500) await edge.send(rows.slice(at, at + 500));
  const database = new Database(store.path);
  database.exec(hurt);
  database.close();
  return { store, told };
}

const hurtBucket = (levelMs: number, startMs: number) =>
  `UPDATE rollups SET energy_ws = energy_ws + 1 WHERE level_ms = ${levelMs} AND start_ms = ${startMs};`;

it('windows under a damaged bucket are forgotten when it is whole again, and not before', async (t) => {
  const hurt = [hurtBucket(HOUR_MS, T0_MS), hurtBucket(900_000, T0_MS + 900_000), hurtBucket(60_000, T0_MS + HOUR_MS + 60_000)];
  const { store, told } = await hurtBuckets(t, hurt.join(''));
  assert.equal(await store.deleteBefore(T0_MS + 2 * HOUR_MS), 1_440);
  const meanOf = async (fromMs: number, lengthMs: number) =>
    (await store.buckets({ series: POWER, edges: [fromMs, fromMs + lengthMs] }))[0]?.mean[0];
  assert.deepEqual([await meanOf(T0_MS, HOUR_MS), await meanOf(T0_MS + 900_000, 900_000)], [359.5, 269.5]);
  assert.equal(await meanOf(T0_MS + HOUR_MS + 60_000, 60_000), 737.5);
  assert.equal(told.filter((its) => its.startsWith('mended bucket')).length, 6, told.join());
});

/** Of the second hour: itself, a quarter, a minute and a part in it. */
const UNMENDABLE = [
  hurtBucket(HOUR_MS, T0_MS + HOUR_MS),
  hurtBucket(900_000, T0_MS + HOUR_MS),
  hurtBucket(60_000, T0_MS + HOUR_MS + 360_000),
  'UPDATE parts SET digest_low = digest_low + 1 WHERE from_seq = 800;',
].join('');

it('windows of a bucket that can not be mended are kept, the others go', async (t) => {
  const { store, told } = await hurtBuckets(t, UNMENDABLE);
  assert.equal(await store.deleteBefore(T0_MS + 2.25 * HOUR_MS), 720 + 180);
  assert.ok(
    told.some((its) => its.startsWith('refused bucket of 60 min')),
    told.join(),
  );
  const kept = [];
  for await (const { startMs } of store.range({ resolution: 'raw', field: 'power', toMs: T0_MS + 1.05 * HOUR_MS })) kept.push(startMs);
  assert.deepEqual([kept[0], kept.length], [T0_MS + HOUR_MS, 36]);
  assert.equal(await store.deleteBefore(T0_MS + 2.25 * HOUR_MS), 0, 'at the next round too');
});

it('totals are added up from hours that are sound, or made so; what can not be is left out and told', async (t) => {
  const totals = 'UPDATE series SET energy_ws = energy_ws + 7;';
  const truth = (windows: number) => (windows * (windows - 1) * WINDOW_MS) / 2 / 1_000 / 3_600_000;
  const energyOf = async (store: SqliteSeriesStore) => (await store.powerTotals())[0]?.energyKwh ?? Number.NaN;
  const close = (a: number, b: number) => assert.ok(Math.abs(a - b) < 1e-9, `${a}, truth ${b}`);

  const mendable = await hurtBuckets(t, totals + hurtBucket(HOUR_MS, T0_MS));
  await helloAgain(mendable.store);
  close(await energyOf(mendable.store), truth(1_800));
  assert.deepEqual(new Set(mendable.told), new Set(['mended totals of meter']));

  const damagedPart = 'UPDATE parts SET digest_low = digest_low + 1 WHERE from_seq = 1;';
  const below = hurtBucket(900_000, T0_MS) + hurtBucket(60_000, T0_MS);
  const lost = await hurtBuckets(t, totals + hurtBucket(HOUR_MS, T0_MS) + below + damagedPart);
  await helloAgain(lost.store);
  close(await energyOf(lost.store), truth(1_800) - truth(720));
  assert.ok(lost.told.includes('refused totals of meter'), lost.told.join());
});

/** Another connection has written: what the store remembers of the household is read anew. */
async function helloAgain(store: SqliteSeriesStore): Promise<void> {
  await new Edge(store, 'claim-2').hello();
}

it('a longer bucket that is damaged is added up again of shorter ones, by who reads it and before these are forgotten', async (t) => {
  const hurt = [hurtBucket(HOUR_MS, T0_MS), hurtBucket(900_000, T0_MS + 900_000), hurtBucket(HOUR_MS, T0_MS + HOUR_MS)];
  const { store, told } = await hurtBuckets(t, '');
  const whole = await store.buckets({ series: POWER, edges: [T0_MS, T0_MS + HOUR_MS, T0_MS + 2 * HOUR_MS] });
  assert.equal(await store.deleteBefore(T0_MS + 2 * HOUR_MS), 1_440);
  const database = new Database(store.path);
  // Bits flip when the windows are gone.
  database.exec(hurt.join(''));
  const asked = async () => (await store.buckets({ series: POWER, edges: [T0_MS, T0_MS + HOUR_MS, T0_MS + 2 * HOUR_MS] }))[0];
  for (const column of ['mean', 'min', 'max', 'last', 'count', 'energyKwh', 'windows'] as const)
    assert.deepEqual((await asked())?.[column], whole[0]?.[column], column);
  await store.deleteBefore(T0_MS + 2 * HOUR_MS, { levelMs: 60_000 });
  assert.equal(told.filter((its) => its.startsWith('mended bucket of 15 min')).length, 2, told.join());
  assert.equal(told.filter((its) => its.startsWith('mended bucket of 60 min')).length, 4, told.join());
  await store.deleteBefore(T0_MS + 2 * HOUR_MS, { levelMs: 900_000 });
  for (const column of ['mean', 'min', 'max', 'last', 'count', 'energyKwh', 'windows'] as const)
    assert.deepEqual((await asked())?.[column], whole[0]?.[column], column);
  assert.equal(told.filter((its) => its.startsWith('refused')).length, 0, told.join());
  database.close();
});

it('a longer bucket over shorter ones that are damaged or gone too is told, and gives no number', async (t) => {
  const { store, told } = await hurtBuckets(t, '');
  await store.deleteBefore(T0_MS + 2 * HOUR_MS);
  await store.deleteBefore(T0_MS + HOUR_MS, { levelMs: 60_000 });
  const database = new Database(store.path);
  t.after(() => database.close());
  // The first hour has its quarters and no minutes, the second all of them.
  const both = [0, HOUR_MS].flatMap((at) => [hurtBucket(HOUR_MS, T0_MS + at), hurtBucket(900_000, T0_MS + at)]);
  database.exec(both.join(''));
  const asked = (fromMs: number) => store.buckets({ series: POWER, edges: [fromMs, fromMs + HOUR_MS] });
  await assert.rejects(asked(T0_MS), { code: 'PART_DAMAGED' });
  assert.equal((await asked(T0_MS + HOUR_MS))[0]?.mean[0], 1_079.5);
  await store.deleteBefore(T0_MS + 2 * HOUR_MS, { levelMs: 60_000 });
  await store.deleteBefore(T0_MS + 2 * HOUR_MS, { levelMs: 900_000 });
  assert.ok(told.some((its) => its.startsWith('refused bucket of 60 min')));
  await assert.rejects(asked(T0_MS), { code: 'PART_DAMAGED' });
  assert.equal((await asked(T0_MS + HOUR_MS))[0]?.mean[0], 1_079.5);
});
