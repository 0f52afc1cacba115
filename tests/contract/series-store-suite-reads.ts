/** The series store suite's tests of what can be asked: equal to the truth by other code, in order, in pages, after deletions. */
import assert from 'node:assert/strict';
import type { Bucket, Resolution, SeriesStore } from '../../cloud/server/storage/series-store.ts';
import { yieldToEventLoop } from '../../common/clock.ts';
import type { Reading, ShippedRow } from '../../common/messages.ts';
import { cutIntoParts } from '../../common/protocol/window.ts';
import { type Random, seededRandom } from '../../common/random.ts';
import {
  assertBuckets,
  assertClose,
  collect,
  Edge,
  everything,
  gap,
  helloEdge,
  HOME,
  part,
  reading,
  shuffle,
  type StoreHarness,
  T0_MS,
  trueBuckets,
  WINDOW_MS,
} from './series-store-probes.ts';

const RESOLUTIONS: readonly Resolution[] = ['raw', '1m', '15m', '1h', '1d'];
const SOURCES = ['src1', 'src2'];

export interface RandomFleet {
  /** Parts by source, in order of seq. */
  queues: ShippedRow[][];
  /** What is stored when all of them are. */
  readings: Reading[];
}

/** Sources of two households with late readings, holes in time, changing fields, and cuts at any place. */
export function randomFleet(random: Random, startMs: number): RandomFleet {
  const fleet: RandomFleet = { queues: [], readings: [] };
  for (const [household, device] of [
    ['home-a', 'meter'],
    ['home-b', 'heat-pump'],
    ['home-b', 'meter'],
  ] as const) {
    let timeMs = startMs + random.below(3_600_000);
    for (const src of SOURCES) {
      const readings: Reading[] = [];
      for (let seq = 1; seq <= 40 + random.below(40); seq++) {
        const late = seq > 1 && random.below(6) === 0 ? random.below(30_000) : 0;
        const values: Record<string, number> = { power: random.next() * 2_000 - 500, energy: 9_000 + seq };
        if (random.below(4) === 0) values['power1'] = random.next();
        readings.push({ household, device, src, seq, timeMs: timeMs - Math.min(late, seq * 100), values });
        timeMs += random.below(20) === 0 ? random.below(5_400_000) : random.below(4_000);
      }
      // Of the readings at one time the highest seq is the last: let there be some.
      readings.push({ ...(readings.at(-1) as Reading), seq: readings.length + 1, values: { power: -1, energy: 1 } });
      timeMs += 60_000;
      fleet.readings.push(...readings);
      fleet.queues.push(cutAnywhere(readings, random).map((its) => ({ kind: 'part', part: its })));
    }
  }
  return fleet;
}

function cutAnywhere(readings: readonly Reading[], random: Random) {
  const parts = [];
  for (let from = 0; from < readings.length; ) {
    const to = from + 1 + random.below(8);
    parts.push(...cutIntoParts(readings.slice(from, to), WINDOW_MS));
    from = to;
  }
  return parts;
}

/** Sends the queues in random interleaving, with repeats and with rows out of turn, until all is stored. */
export async function sendAll(edge: Edge, fleet: RandomFleet, random: Random): Promise<Map<string, Bucket>> {
  const told = new Map<string, Bucket>();
  const queues = fleet.queues.map((queue) => [...queue]);
  const sent: ShippedRow[] = [];
  // The second source of a device must come after its first: pairs lie side by side.
  const ready = () => queues.filter((queue, i) => queue.length > 0 && (i % 2 === 0 || queues[i - 1]?.length === 0));
  while (ready().length > 0) {
    const rows: ShippedRow[] = [];
    const inTurn = new Set<number>();
    for (let n = 1 + random.below(30); n > 0 && ready().length > 0; n--) {
      const queue = ready()[random.below(ready().length)] as ShippedRow[];
      const row = queue.shift() as ShippedRow;
      inTurn.add(rows.push(row) - 1);
      if (sent.length > 0 && random.below(5) === 0) rows.push(sent[random.below(sent.length)] as ShippedRow);
      if (queue.length > 1 && random.below(5) === 0) rows.push(queue[1] as ShippedRow);
      sent.push(row);
    }
    const answer = await edge.send(rows);
    answer.verdicts.forEach(({ verdict }, i) => {
      if (inTurn.has(i)) assert.equal(verdict, 'stored');
      else assert.ok(verdict === 'duplicate' || verdict === 'gap', `${verdict} for a row out of turn`);
    });
    for (const bucket of answer.newest) told.set(`${bucket.household} ${bucket.device} ${bucket.field}`, bucket);
  }
  return told;
}

export async function randomPartsGiveTheTruth({ store }: StoreHarness): Promise<void> {
  for (let seed = 1; seed <= 6; seed++) {
    const random = seededRandom(seed);
    const edge = new Edge(store, `claim-${seed}`);
    await edge.hello(['home-a', 'home-b']);
    // Each seed's day is later than the one before, as later sources must be.
    const fleet = randomFleet(random, T0_MS + seed * 10 * 86_400_000);
    const rename = (src: string) => `${src}-${seed}`;
    for (const its of fleet.readings) its.src = rename(its.src);
    for (const row of fleet.queues.flat()) if (row.kind === 'part') row.part.src = rename(row.part.src);
    const told = await sendAll(edge, fleet, random);
    const sources = SOURCES.map(rename);
    const fromMs = T0_MS + (seed * 10 - 1) * 86_400_000;
    for (const resolution of RESOLUTIONS) {
      assertBuckets(await collect(store, { resolution, fromMs }), trueBuckets(fleet.readings, resolution, sources));
    }
    const newest = newestOf(trueBuckets(fleet.readings, 'raw', sources));
    assertBuckets(sortBuckets(await store.newest()), newest);
    assertBuckets(sortBuckets([...told.values()]), newest);
  }
}

function newestOf(buckets: readonly Bucket[]): Bucket[] {
  const newest = new Map<string, Bucket>();
  for (const bucket of buckets) newest.set(`${bucket.household} ${bucket.device} ${bucket.field}`, bucket);
  return sortBuckets([...newest.values()]);
}

function sortBuckets(buckets: readonly Bucket[]): Bucket[] {
  const key = (b: Bucket) => `${b.household} ${b.device} ${b.field}`;
  return [...buckets].sort((a, b) => (key(a) < key(b) ? -1 : 1));
}

export async function totalsAreTheSums({ store }: StoreHarness): Promise<void> {
  const random = seededRandom(77);
  const edge = new Edge(store);
  await edge.hello(['home-a', 'home-b', 'home-c']);
  const fleet = randomFleet(random, T0_MS);
  await sendAll(edge, fleet, random);
  const totals = await store.powerTotals();
  assert.deepEqual(
    totals.map(({ household }) => household),
    ['home-a', 'home-b'],
    'a household without a window has no totals',
  );
  for (const total of totals) {
    const windows = trueBuckets(fleet.readings, 'raw', SOURCES).filter((b) => b.household === total.household && b.field === 'power');
    const byDevice = new Map<string, number>();
    for (const { device } of windows) byDevice.set(device, (byDevice.get(device) ?? 0) + 1);
    assert.equal(total.state, 'DE-BB');
    assert.equal(
      total.count,
      windows.reduce((sum, { count }) => sum + count, 0),
    );
    assertClose(
      total.energyKwh,
      windows.reduce((sum, { energyKwh }) => sum + (energyKwh ?? Number.NaN), 0),
      'energy',
    );
    assertClose(total.coveredHours, (Math.max(...byDevice.values()) * WINDOW_MS) / 3_600_000, 'hours');
  }
  for (const row of await store.households()) {
    const times = fleet.readings.filter(({ household }) => household === row.household).map(({ timeMs }) => timeMs);
    const expected = times.length === 0 ? [null, null, 0] : [Math.min(...times), Math.max(...times), times.length];
    assert.deepEqual([row.firstMs, row.lastMs, row.readings], expected);
  }
}

/** Days of 23, 24 and 25 hours: a reading each quarter of an hour around both changes of the clocks. */
export async function daysAreGermanDays({ store }: StoreHarness): Promise<void> {
  const edge = await helloEdge(store);
  const readings: Reading[] = [];
  for (const startMs of [Date.UTC(2019, 2, 30, 12), Date.UTC(2019, 9, 26, 12)]) {
    for (let i = 0; i < 60 * 4; i++) readings.push(reading(readings.length + 1, { timeMs: startMs + i * 900_000, values: { power: i } }));
  }
  await edge.ship(readings);
  const days = await collect(store, { resolution: '1d' });
  assertBuckets(days, trueBuckets(readings, '1d'));
  const hours = new Map(days.map(({ startMs, count }) => [new Date(startMs).toISOString(), count / 4]));
  assert.equal(hours.get('2019-03-30T23:00:00.000Z'), 23);
  assert.equal(hours.get('2019-10-26T22:00:00.000Z'), 25);
  const within = { resolution: '1d', fromMs: Date.UTC(2019, 2, 30, 23), toMs: Date.UTC(2019, 9, 26, 22) } as const;
  const starts = (await collect(store, within)).map(({ startMs }) => new Date(startMs).toISOString().slice(0, 13));
  assert.deepEqual(starts, ['2019-03-30T23', '2019-03-31T22', '2019-04-01T22', '2019-10-25T22'], 'days that begin within the range, whole');
  assert.equal((await collect(store, { ...within, fromMs: within.fromMs + 1 })).length, 3);
  assert.equal((await collect(store, { ...within, toMs: within.toMs + 1 })).length, 5);
}

/** More buckets than a page at each of the finer resolutions; windows of two parts, of which some lie on both sides of a page's end. */
export async function longAnswersComeInPages({ store }: StoreHarness): Promise<void> {
  const edge = await helloEdge(store);
  const readings: Reading[] = [];
  for (let i = 0; i < 1_300; i++) {
    // The first window has one part, so that the others begin at odd places.
    for (const offsetMs of i === 0 ? [1_000] : [1_000, 3_000]) {
      readings.push(reading(readings.length + 1, { timeMs: T0_MS + i * 60_000 + offsetMs }));
    }
  }
  const rows = readings.flatMap((its) => cutIntoParts([its], WINDOW_MS)).map((its): ShippedRow => ({ kind: 'part', part: its }));
  for (let at = 0; at < rows.length; at += 500) await edge.send(rows.slice(at, at + 500));
  const truth = trueBuckets(readings, 'raw');
  assert.equal(truth.length, 1_300);
  let turns = 0;
  let done = false;
  const counter = (async () => {
    for (; !done; turns++) await yieldToEventLoop();
  })();
  assertBuckets(await collect(store, { resolution: 'raw' }), truth);
  done = true;
  await counter;
  assert.ok(turns >= 5, `the event loop turned ${turns} times during 2,599 parts`);
  for (const resolution of RESOLUTIONS) assertBuckets(await collect(store, { resolution }), trueBuckets(readings, resolution));
  for await (const bucket of store.range({ resolution: 'raw' })) {
    assert.equal(bucket.startMs, T0_MS);
    break;
  }
  await edge.ship([reading(2_600, { timeMs: T0_MS + 2_000 })]);
  const [first] = await collect(store, { resolution: 'raw', toMs: T0_MS + WINDOW_MS });
  assert.equal(first?.count, 2, 'a reader that went away early left nothing behind');
}

export async function queriesSelect({ store }: StoreHarness): Promise<void> {
  const edge = new Edge(store);
  // "home" is a prefix of the others, and "-", "Z", "_", "a" are in the order of their bytes.
  const households = ['home', 'home-a', 'homeZ', 'home_a', 'homea'];
  await edge.hello(households);
  const readings = shuffle([...households], seededRandom(5)).flatMap((household) =>
    ['b', 'a'].flatMap((device) =>
      [1, 2, 3].map((seq) =>
        reading(seq, { household, device, timeMs: T0_MS + (seq - 1) * 1_800_000, values: { power: seq, energy: seq } }),
      ),
    ),
  );
  await edge.ship(readings);
  for (const resolution of RESOLUTIONS) {
    const all = trueBuckets(readings, resolution);
    const check = async (query: Parameters<SeriesStore['range']>[0], expected: Bucket[]) =>
      assertBuckets(await collect(store, query), expected);
    await check({ resolution }, all);
    await check(
      { resolution, household: 'home' },
      all.filter((b) => b.household === 'home'),
    );
    await check(
      { resolution, field: 'energy' },
      all.filter((b) => b.field === 'energy'),
    );
    await check(
      { resolution, household: 'home_a', field: 'power' },
      all.filter((b) => b.household === 'home_a' && b.field === 'power'),
    );
    await check({ resolution, household: 'home-b' }, []);
    await check({ resolution, field: 'voltage' }, []);
    for (const cut of all.map(({ startMs }) => startMs)) {
      await check(
        { resolution, fromMs: cut },
        all.filter((b) => b.startMs >= cut),
      );
      await check(
        { resolution, toMs: cut },
        all.filter((b) => b.startMs < cut),
      );
    }
    for (const [i, { household, device, field, startMs }] of all.entries()) {
      await check({ resolution, after: { household, device, field, startMs } }, all.slice(i + 1));
      const later = { fromMs: startMs + 1, after: { household, device, field, startMs: 0 } };
      await check(
        { resolution, ...later },
        all.filter((b, j) => j > i && b.startMs > startMs),
      );
      const same = (b: Bucket) => b.household === household;
      await check({ resolution, household, after: { household, device, field, startMs } }, all.slice(i + 1).filter(same));
    }
    await check(
      { resolution, after: { household: 'home-a', device: 'aa', field: 'x', startMs: 0 } },
      all.slice(all.findIndex((b) => b.household === 'home-a' && b.device === 'b')),
    );
    await check({ resolution, after: { household: 'zzz', device: 'a', field: 'a', startMs: 0 } }, []);
  }
}

export async function newestIsToldWhole({ store }: StoreHarness): Promise<void> {
  const edge = await helloEdge(store);
  const starts = (buckets: readonly Bucket[]) => buckets.map(({ field, startMs, count, mean }) => [field, startMs - T0_MS, count, mean]);
  const at = (seq: number, timeMs: number, power: number) => part(seq, seq, { timeMs: T0_MS + timeMs, values: { power } });
  assert.deepEqual(starts((await edge.send([at(1, 0, 10), at(2, 5_000, 20)])).newest), [['power', 5_000, 1, 20]]);
  assert.deepEqual(starts((await edge.send([at(3, 6_000, 40)])).newest), [['power', 5_000, 2, 30]], 'with what was stored before');
  assert.deepEqual((await edge.send([at(4, 1_000, 50)])).newest, [], 'a late part changes nothing that is shown');
  assert.deepEqual((await edge.send([at(4, 1_000, 50)])).newest, [], 'nor does a duplicate');
  assert.deepEqual(starts(await store.newest()), [['power', 5_000, 2, 30]]);
}

export async function deletionForgetsWindows(harness: StoreHarness): Promise<void> {
  const { store } = harness;
  const edge = new Edge(store);
  await edge.hello([HOME, 'home-b']);
  const readings = [...Array(1_201).keys()].map((i) => reading(i + 1));
  const rows = cutIntoParts(readings, WINDOW_MS).map((its): ShippedRow => ({ kind: 'part', part: its }));
  for (let at = 0; at < rows.length; at += 500) await edge.send(rows.slice(at, at + 500));
  await edge.verdicts(part(1, 2, { household: 'home-b' }));
  const before = (await everything(store)) as { ranges: Bucket[][]; households: unknown; totals: unknown };
  const cutMs = T0_MS + 1_200 * WINDOW_MS;
  assert.equal(await store.deleteBefore(T0_MS), 0);
  assert.equal(await store.deleteBefore(cutMs - 1), 1_201, 'a window that began before is forgotten');
  assert.equal(await store.deleteBefore(cutMs), 0);
  const after = (await everything(store)) as typeof before;
  assert.deepEqual(
    after.ranges[0],
    before.ranges[0]?.filter((bucket) => bucket.startMs >= cutMs),
  );
  assert.equal(after.ranges[0]?.length, 1);
  assert.deepEqual(after.ranges.slice(1), before.ranges.slice(1), 'rollups stay');
  assert.deepEqual([after.households, after.totals], [before.households, before.totals]);
  assert.deepEqual(
    (await store.newest()).map(({ household }) => household),
    [HOME],
  );
  assert.deepEqual(await edge.verdicts(part(1, 1)), ['duplicate'], 'covered stays: nothing is counted again');
  assert.deepEqual(await edge.verdicts(part(1_201, 1_201, { values: { power: 0 } })), ['conflict'], 'digests stay with their windows');
  edge.store = await harness.reopen();
  assert.deepEqual((await edge.hello())[0]?.sources[0]?.covered, [[1, 1_201]]);
  assert.deepEqual(await edge.verdicts(part(700, 700), gap(1_202, 1_203), part(1_204, 1_204)), ['duplicate', 'stored', 'stored']);
}
