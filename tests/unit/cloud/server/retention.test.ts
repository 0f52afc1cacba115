import assert from 'node:assert/strict';
import { it } from 'node:test';
import pino from 'pino';
import { type KeepDays, Retention } from '../../../../cloud/server/retention.ts';
import { Metrics } from '../../../../common/metrics.ts';
import { Edge, reading, T0_MS, WINDOW_MS } from '../../../contract/series-store-probes.ts';
import { MemorySeriesFile, MemorySeriesStore } from '../../../doubles/memory-series-store.ts';
import { VirtualClock } from '../../../doubles/virtual-clock.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const FOR_EVER = Number.MIN_SAFE_INTEGER;
/** Local midnight, 2019-12-24 in Berlin. */
const MIDNIGHT_MS = T0_MS - HOUR_MS;

interface Stage {
  store: MemorySeriesStore;
  clock: VirtualClock;
  metrics: Metrics;
  retention: Retention;
  kept: () => Promise<number[]>;
}

/** Households with a reading an hour from T0 on, so many hours each. */
async function stage(keepDays: KeepDays, hours: Record<string, number>, nowMs = T0_MS + 9_999 * DAY_MS): Promise<Stage> {
  const postalCodes = { assign: () => ({ postalCode: '14467', state: 'DE-BB', from: 'drawn' as const }) };
  const store = new MemorySeriesStore({ file: new MemorySeriesFile(), windowMs: WINDOW_MS, postalCodes });
  await store.start();
  const edge = new Edge(store);
  await edge.hello(Object.keys(hours));
  for (const [household, count] of Object.entries(hours))
    await edge.ship(Array.from({ length: count }, (_, i) => reading(i + 1, { household, timeMs: T0_MS + i * HOUR_MS })));
  const [clock, metrics] = [new VirtualClock(nowMs), new Metrics()];
  const logger = pino({ level: 'silent' });
  const retention = new Retention({ store, keepDays, windowMs: WINDOW_MS, clock, logger, metrics });
  return { store, clock, metrics, retention, kept: async () => (await store.kept()).map(({ fromMs }) => fromMs) };
}

it('keeps each length for its days before the newest readings, whole local days', async () => {
  const { store, clock, metrics, retention, kept } = await stage({ raw: 1, minutes: 2, quarters: 4 }, { 'home-a': 240, 'home-b': 240 });
  retention.start();
  assert.deepEqual(await kept(), [FOR_EVER, FOR_EVER, FOR_EVER, FOR_EVER]);
  await clock.advance(61_000);
  // The newest reading is of 23:00 UTC on the tenth day, which is the eleventh in Berlin.
  assert.deepEqual(await kept(), [MIDNIGHT_MS + 9 * DAY_MS, MIDNIGHT_MS + 8 * DAY_MS, MIDNIGHT_MS + 6 * DAY_MS, FOR_EVER]);
  assert.equal(await metrics.total('fogline_store_forgotten_buckets_total'), 2 * (215 + 191 + 143));

  const edge = new Edge(store);
  await edge.hello(['home-a', 'home-b'], 1);
  for (const household of ['home-a', 'home-b']) await edge.ship([reading(241, { household, timeMs: T0_MS + 300 * HOUR_MS })]);
  await clock.advance(61_000);
  assert.equal((await kept())[0], MIDNIGHT_MS + 11 * DAY_MS, 'goes on with the data');
  await retention.stop();
  await edge.ship([reading(242, { household: 'home-a', timeMs: T0_MS + 900 * HOUR_MS })]);
  await clock.advance(200_000);
  assert.equal((await kept())[0], MIDNIGHT_MS + 11 * DAY_MS, 'not after the end');
});

it('does not take the word of one meter, nor that of the future', async () => {
  const one = await stage({ raw: 1, minutes: 0, quarters: 0 }, { 'home-a': 10, 'home-b': 12, 'home-wrong': 5_000 });
  one.retention.start();
  await one.clock.advance(61_000);
  assert.deepEqual(await one.kept(), [FOR_EVER, FOR_EVER, FOR_EVER, FOR_EVER]);
  await one.retention.stop();
  const future = await stage({ raw: 1, minutes: 0, quarters: 0 }, { 'home-a': 500, 'home-b': 500 }, T0_MS + 50 * HOUR_MS);
  future.retention.start();
  await future.clock.advance(61_000);
  assert.equal((await future.kept())[0], MIDNIGHT_MS + DAY_MS);
  await future.retention.stop();
});

it('keeps everything for ever unless told', async () => {
  const { clock, retention, kept } = await stage({ raw: 0, minutes: 0, quarters: 0 }, { 'home-a': 500 });
  retention.start();
  await clock.advance(200_000);
  assert.deepEqual(await kept(), [FOR_EVER, FOR_EVER, FOR_EVER, FOR_EVER]);
  await retention.stop();
});

it('looks again after a failure', async () => {
  const { store, clock, retention, kept } = await stage({ raw: 1, minutes: 0, quarters: 0 }, { 'home-a': 100 });
  await store.stop();
  retention.start();
  await clock.advance(61_000);
  await store.start();
  assert.equal((await kept())[0], FOR_EVER);
  await clock.advance(61_000);
  assert.equal((await kept())[0], MIDNIGHT_MS + 3 * DAY_MS);
  await retention.stop();
});
