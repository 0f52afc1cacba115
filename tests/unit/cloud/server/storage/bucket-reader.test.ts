import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import Database from 'better-sqlite3';
import { BucketReader } from '../../../../../cloud/server/storage/bucket-reader.ts';
import { planRuns } from '../../../../../cloud/server/storage/bucket-plan.ts';
import { wholeHours } from '../../../../../cloud/server/storage/bucket-sums.ts';
import { openForReading } from '../../../../../cloud/server/storage/open-database.ts';
import { SqliteSeriesStore } from '../../../../../cloud/server/storage/sqlite-series-store.ts';
import { systemClock } from '../../../../../common/clock.ts';
import { Edge, HOME, reading, T0_MS, WINDOW_MS } from '../../../../contract/series-store-probes.ts';

const NEVER = Number.MIN_SAFE_INTEGER;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const KEPT = [WINDOW_MS, MINUTE_MS, 900_000, HOUR_MS].map((levelMs) => ({ levelMs, fromMs: NEVER }));

it('reads each bucket from the longest stored ones that tile it, neighbours together', () => {
  const at = (minutes: number) => T0_MS + minutes * MINUTE_MS;
  const runs = (...edges: number[]) => planRuns(edges, KEPT).map(({ levelMs, fromBucket, toBucket }) => [levelMs, fromBucket, toBucket]);
  assert.deepEqual(runs(at(0), at(60), at(120)), [[HOUR_MS, 0, 2]]);
  assert.deepEqual(runs(at(0), at(120), at(135), at(136), at(137), at(137) + WINDOW_MS), [
    [HOUR_MS, 0, 1],
    [900_000, 1, 2],
    [MINUTE_MS, 2, 4],
    [WINDOW_MS, 4, 5],
  ]);
  assert.deepEqual(runs(), []);
  assert.throws(() => runs(at(0), at(0) + 1), /no whole windows/);
  const forgotten = KEPT.map((level, i) => (i === 1 ? { ...level, fromMs: at(7) } : level));
  assert.equal(planRuns([at(7), at(8)], forgotten)[0]?.levelMs, MINUTE_MS);
  assert.throws(() => planRuns([at(6), at(7)], forgotten), { code: 'FORGOTTEN' });
  assert.equal(planRuns([at(0), at(15)], forgotten)[0]?.levelMs, 900_000);
});

const TWO_MINUTES = Array.from({ length: 24 }, (_, i) => reading(i + 1));

async function withStore(
  run: (store: SqliteSeriesStore, change: (sql: string) => void) => Promise<void>,
  readings = TWO_MINUTES,
): Promise<void> {
  const stateDir = mkdtempSync(join(tmpdir(), 'fogline-buckets-'));
  const postalCodes = { assign: () => ({ postalCode: '14467', state: 'DE-BB', from: 'drawn' as const }) };
  const readingThread = { onDied: (cause: Error) => assert.ifError(cause) };
  const store = new SqliteSeriesStore({ stateDir, windowMs: WINDOW_MS, postalCodes, clock: systemClock, readingThread });
  try {
    await store.start();
    const edge = new Edge(store);
    await edge.hello();
    await edge.ship(readings);
    await run(store, (sql) => {
      const database = new Database(store.path);
      assert.equal(database.prepare(sql).run().changes, 1);
      database.close();
    });
  } finally {
    await store.stop();
    rmSync(stateDir, { recursive: true, force: true });
  }
}

const SERIES = [{ household: HOME, field: 'power' }];

it('gives no number of a damaged window, and those of the buckets that it was added to', async () => {
  await withStore(async (store, change) => {
    change(`UPDATE parts SET digest_low = digest_low + 1 WHERE window_start_ms = ${T0_MS + MINUTE_MS}`);
    const ask = async (...edges: number[]) => (await store.buckets({ series: SERIES, edges }))[0];
    await assert.rejects(ask(T0_MS, T0_MS + WINDOW_MS, T0_MS + 2 * MINUTE_MS - WINDOW_MS), { code: 'PART_DAMAGED' });
    assert.deepEqual([...((await ask(T0_MS, T0_MS + MINUTE_MS, T0_MS + 2 * MINUTE_MS))?.windows ?? [])], [12, 12]);
    assert.equal((await ask(T0_MS, T0_MS + WINDOW_MS))?.mean[0], 101);
  });
});

it('adds a damaged bucket up again from its windows, and gives no number where they are damaged too', async () => {
  await withStore(async (store, change) => {
    const edges = [T0_MS, T0_MS + MINUTE_MS, T0_MS + 2 * MINUTE_MS];
    const whole = await store.buckets({ series: SERIES, edges });
    change(`UPDATE rollups SET max = max + 1 WHERE level_ms = ${MINUTE_MS} AND start_ms = ${T0_MS}`);
    assert.deepEqual(await store.buckets({ series: SERIES, edges }), whole);
    change(`UPDATE parts SET digest_low = digest_low + 1 WHERE window_start_ms = ${T0_MS}`);
    await assert.rejects(store.buckets({ series: SERIES, edges }), { code: 'PART_DAMAGED', message: /the bucket from/ });
    assert.deepEqual([...((await store.buckets({ series: SERIES, edges: edges.slice(1) }))[0]?.max ?? [])], [124]);
  });
});

it('mends a bucket that the same request adds to without counting its readings twice', async () => {
  await withStore(async (store, change) => {
    const edges = [T0_MS, T0_MS + HOUR_MS];
    const ask = async () => (await store.buckets({ series: SERIES, edges }))[0];
    change(`UPDATE rollups SET max = max + 1 WHERE level_ms = ${HOUR_MS} AND start_ms = ${T0_MS}`);
    assert.deepEqual([...((await ask())?.count ?? [])], [24]);
    const edge = new Edge(store);
    await edge.hello([HOME], 1);
    await edge.ship([reading(25)]);
    const mended = await ask();
    assert.deepEqual([...(mended?.count ?? []), ...(mended?.windows ?? []), ...(mended?.max ?? [])], [25, 25, 125]);
  });
});

it('shows no hole where windows are forgotten while they are read', async () => {
  await withStore(async (store) => {
    const database = openForReading(store.path);
    try {
      const reader = new BucketReader(
        database,
        WINDOW_MS,
        () => {},
        () => {},
      );
      const edges = Array.from({ length: 25 }, (_, i) => T0_MS + i * WINDOW_MS);
      const readToEnd = (pages: ReturnType<BucketReader['read']>) => {
        for (let page = pages.next(); ; page = pages.next()) if (page.done === true) return page.value;
      };
      // By way of a minute in the middle: two pages of windows.
      const query = { series: SERIES, edges: [T0_MS, T0_MS + MINUTE_MS, ...edges.filter((edge) => edge > T0_MS + MINUTE_MS)] };
      assert.equal(readToEnd(reader.read(query))[0]?.windows.length, 13);
      const pages = reader.read(query);
      pages.next();
      await store.deleteBefore(T0_MS + MINUTE_MS + 3 * WINDOW_MS);
      assert.throws(() => readToEnd(pages), { code: 'FORGOTTEN' });
    } finally {
      database.close();
    }
  });
});

it('adds up again what is damaged also where older windows are forgotten, and no bucket that held some of those', async () => {
  await withStore(async (store, change) => {
    const later = [T0_MS + MINUTE_MS, T0_MS + 2 * MINUTE_MS];
    const whole = await store.buckets({ series: SERIES, edges: later });
    await store.deleteBefore(T0_MS + MINUTE_MS);
    change(`UPDATE rollups SET max = max + 1 WHERE level_ms = ${MINUTE_MS} AND start_ms = ${T0_MS}`);
    await assert.rejects(store.buckets({ series: SERIES, edges: [T0_MS, T0_MS + MINUTE_MS] }), { code: 'PART_DAMAGED' });
    change(`UPDATE rollups SET max = max + 1 WHERE level_ms = ${MINUTE_MS} AND start_ms = ${T0_MS + MINUTE_MS}`);
    assert.deepEqual(await store.buckets({ series: SERIES, edges: later }), whole);
  });
});

it('cuts hours into buckets of one length, and leaves what is none', () => {
  const edges = (fromMinute: number, count: number, minutes: number) =>
    Array.from({ length: count + 1 }, (_, i) => T0_MS + (fromMinute + i * minutes) * MINUTE_MS);
  const cut = (its: number[], levelMs = MINUTE_MS, fromBucket = 0) => wholeHours({ levelMs, fromBucket, toBucket: its.length - 1 }, its);
  assert.deepEqual(cut(edges(0, 24, 5)), { fromBucket: 0, toBucket: 24, perHour: 12 });
  assert.deepEqual(cut(edges(50, 30, 5)), { fromBucket: 2, toBucket: 26, perHour: 12 });
  assert.deepEqual(cut(edges(45, 9, 15), 900_000, 1), { fromBucket: 1, toBucket: 9, perHour: 4 });
  assert.equal(cut(edges(10, 13, 5)), undefined, 'no whole hour');
  assert.equal(cut(edges(0, 24, 7)), undefined, 'no length that an hour is tiled by');
  assert.equal(cut(edges(2, 30, 5)), undefined, 'none that begins with an hour');
  assert.equal(cut(edges(0, 24, 60), HOUR_MS), undefined, 'hours themselves');
  assert.equal(cut([...edges(0, 12, 5), T0_MS + 61 * MINUTE_MS]), undefined, 'of several lengths');
});

/** Three hours of a reading a minute, the middle one with a hole. */
const HOURS = Array.from({ length: 180 }, (_, i) => i)
  .filter((i) => i < 80 || i >= 95)
  .map((i, n) => reading(n + 1, { timeMs: T0_MS + i * MINUTE_MS, values: { power: 100.1 + i * 1.7, energy: i / 7 } }));
const FIVE_MINUTES = Array.from({ length: 37 }, (_, i) => T0_MS + i * 5 * MINUTE_MS);
const BOTH = ['power', 'energy'].map((field) => ({ household: HOME, field }));

it('answers with sums that an hour vouches for, and looks at every bucket of an hour that does not', async () => {
  const [minute, hour] = [7, 0].map((i) => `start_ms = ${T0_MS + i * MINUTE_MS}`);
  const [ofMinute, ofHour] = [`level_ms = ${MINUTE_MS} AND ${minute}`, `level_ms = ${HOUR_MS} AND ${hour}`];
  const [POWER, ENERGY] = ['energy_ws > 0', 'energy_ws = 0'];
  const damages = [
    [`energy_ws = energy_ws + 0.125`, 'energy_ws = energy_ws - 0.125', ofMinute, POWER],
    [`sum = sum - 1`, 'sum = sum + 1', ofMinute, ENERGY],
    [`window_count = 3`, 'window_count = 1', ofMinute, POWER],
    [`count = count + 1`, 'count = count - 1', ofMinute, ENERGY],
    [`energy_ws = energy_ws + 8`, 'energy_ws = energy_ws - 8', ofHour, POWER],
    [`count = 1`, 'count = 60', ofHour, ENERGY],
  ] as const;
  await withStore(async (store, change) => {
    const query = { series: BOTH, edges: FIVE_MINUTES };
    const whole = await store.buckets(query);
    const check = async (slow: number | undefined, damage: string) => {
      const sums = await store.buckets({ ...query, only: 'sums' });
      for (const [i, its] of sums.entries()) {
        for (const column of ['windows', 'count', 'mean', 'sum', 'energyKwh'] as const)
          assert.deepEqual(its[column], whole[i]?.[column], `${column} after ${damage}`);
        // Only the slow way tells extremes.
        assert.equal(Number.isNaN(its.max[0]), i !== slow, `the first hour, after ${damage}`);
        assert(Number.isNaN(its.max[12]), `the second hour, after ${damage}`);
      }
    };
    await check(undefined, 'nothing');
    for (const [damage, undo, where, whose] of damages) {
      change(`UPDATE rollups SET ${damage} WHERE ${where} AND ${whose}`);
      await check(whose === POWER ? 0 : 1, damage);
      change(`UPDATE rollups SET ${undo} WHERE ${where} AND ${whose}`);
    }
    change(`DELETE FROM rollups WHERE ${ofHour} AND ${POWER}`);
    await check(0, 'the loss of an hour');
  }, HOURS);
});

it('gives no sum of a damaged bucket whose windows are damaged too', async () => {
  await withStore(async (store, change) => {
    const at = T0_MS + 7 * MINUTE_MS;
    change(`UPDATE rollups SET energy_ws = energy_ws + 1 WHERE level_ms = ${MINUTE_MS} AND start_ms = ${at} AND energy_ws > 0`);
    change(`UPDATE parts SET digest_low = digest_low + 1 WHERE window_start_ms = ${at}`);
    const query = { series: BOTH.slice(0, 1), edges: FIVE_MINUTES, only: 'sums' } as const;
    await assert.rejects(store.buckets(query), { code: 'PART_DAMAGED', message: /the bucket from/ });
    assert.equal((await store.buckets({ ...query, edges: FIVE_MINUTES.slice(12) }))[0]?.windows[0], 5);
  }, HOURS);
});
