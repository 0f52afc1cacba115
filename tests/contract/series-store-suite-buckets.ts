/** The series store suite's tests of buckets of any width, against the truth by other code. */
import assert from 'node:assert/strict';
import type { BucketsQuery, SeriesBuckets, SeriesKey } from '../../cloud/server/storage/series-store.ts';
import type { Reading } from '../../common/messages.ts';
import { type Random, seededRandom } from '../../common/random.ts';
import {
  assertClose,
  collect,
  Edge,
  helloEdge,
  HOME,
  part,
  reading,
  type StoreHarness,
  T0_MS,
  trueStartMs,
  WINDOW_MS,
} from './series-store-probes.ts';
import { randomFleet, sendAll } from './series-store-suite-reads.ts';

type Numbers = Record<Exclude<keyof SeriesBuckets, 'devices'>, number>;

const COLUMNS = ['windows', 'toldWindows', 'count', 'mean', 'sum', 'min', 'max', 'last', 'lastMs', 'energyKwh'] as const;
const SOURCES = ['src1', 'src2'];
const NO_DATA: Numbers = {
  windows: 0,
  toldWindows: 0,
  count: 0,
  mean: Number.NaN,
  sum: Number.NaN,
  min: Number.NaN,
  max: Number.NaN,
  last: Number.NaN,
  lastMs: Number.NaN,
  energyKwh: Number.NaN,
};

/** One bucket of one device by the definition. */
function truth(readings: readonly Reading[], field: string, fromMs: number, toMs: number): Numbers {
  const windows = new Map<number, number[]>();
  const inside = readings
    .filter(
      ({ timeMs, values }) => values[field] !== undefined && trueStartMs(timeMs, 'raw') >= fromMs && trueStartMs(timeMs, 'raw') < toMs,
    )
    .sort((a, b) => a.timeMs - b.timeMs || SOURCES.indexOf(a.src) - SOURCES.indexOf(b.src) || a.seq - b.seq);
  const last = inside.at(-1);
  if (last === undefined) return NO_DATA;
  for (const { timeMs, values } of inside) {
    const start = trueStartMs(timeMs, 'raw');
    windows.set(start, [...(windows.get(start) ?? []), values[field] as number]);
  }
  const values = inside.map((its) => its.values[field] as number);
  const isPower = field.startsWith('power');
  const means = [...windows.values()].map(meanOf);
  const mean = isPower ? meanOf(means) : meanOf(values);
  return {
    windows: windows.size,
    toldWindows: windows.size,
    count: values.length,
    mean,
    sum: mean * windows.size,
    min: Math.min(...values),
    max: Math.max(...values),
    last: last.values[field] as number,
    lastMs: last.timeMs,
    energyKwh: isPower ? (sumOf(means) * (WINDOW_MS / 1_000)) / 3_600_000 : Number.NaN,
  };
}

function trueSum(all: readonly Numbers[], isOneWindow: boolean): Numbers {
  const some = all.filter(({ windows }) => windows > 0);
  if (some.length === 0) return NO_DATA;
  if (all.length === 1) return some[0] as Numbers;
  const sum = (column: keyof Numbers) => sumOf(some.map((its) => its[column]));
  const toldWindows = Math.max(...some.map((its) => its.toldWindows));
  const mean = sum('sum') / toldWindows;
  const extreme = isOneWindow ? mean : Number.NaN;
  const lastMs = Math.max(...some.map((its) => its.lastMs));
  const [windows, count, last, energyKwh] = [sum('windows'), sum('count'), sum('last'), sum('energyKwh')];
  return { windows, toldWindows, count, mean, sum: sum('sum'), min: extreme, max: extreme, last, lastMs, energyKwh };
}

function meanOf(values: readonly number[]): number {
  return sumOf(values) / values.length;
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, its) => sum + its, 0);
}

function assertSame(got: SeriesBuckets, want: readonly Numbers[], what: string): void {
  for (const column of COLUMNS) {
    assert.equal(got[column].length, want.length, `${column} of ${what}`);
    for (const [i, its] of want.entries()) {
      const [is, be] = [got[column][i] as number, its[column]];
      if (Number.isNaN(be)) assert.ok(Number.isNaN(is), `${column} ${i} of ${what}: ${is}, truth none`);
      else assertClose(is, be, `${column} ${i} of ${what}`);
    }
  }
}

/** Ascending, of all lengths, some of whole minutes, quarters and hours, now and then long stretches of one length. */
function randomEdges(random: Random, fromMs: number, toMs: number): number[] {
  const edges: number[] = [];
  for (let atMs = fromMs; atMs < toMs; ) {
    const unitMs = [WINDOW_MS, 10_000, 60_000, 300_000, 900_000, 3_600_000, 10_800_000][random.below(7)] as number;
    if (random.below(2) === 0) atMs = Math.ceil(atMs / unitMs) * unitMs;
    if (atMs > (edges.at(-1) ?? Number.NEGATIVE_INFINITY)) edges.push(atMs);
    for (let n = random.below(12); n > 0; n--) edges.push((atMs += unitMs));
    if (unitMs < 60_000) atMs += random.below(200) * WINDOW_MS;
  }
  return [...new Set(edges)];
}

export async function bucketsOfAnyWidthAreTheTruth({ store }: StoreHarness): Promise<void> {
  const random = seededRandom(4_711);
  const edge = new Edge(store);
  await edge.hello(['home-a', 'home-b']);
  const fleet = randomFleet(random, T0_MS);
  await sendAll(edge, fleet, random);
  const times = fleet.readings.map(({ timeMs }) => timeMs);
  const [firstMs, lastMs] = [Math.min(...times), Math.max(...times)];
  const one = (key: SeriesKey) => ({
    key,
    devices: [...new Set(fleet.readings.filter((its) => its.household === key.household).map((its) => its.device))].filter(
      (its) => key.device === undefined || key.device === its,
    ),
  });
  const asked = [
    one({ household: 'home-a', device: 'meter', field: 'power' }),
    one({ household: 'home-b', field: 'power' }),
    one({ household: 'home-b', device: 'heat-pump', field: 'energy' }),
    one({ household: 'home-b', device: 'meter', field: 'power1' }),
    one({ household: 'home-b', device: 'meter', field: 'power' }),
    one({ household: 'home-b', field: 'power' }),
  ];
  let filled = 0;
  for (let round = 0; round < 25; round++) {
    const beginMs = trueStartMs(firstMs, '1h') - random.below(3) * 3_600_000;
    const edges = randomEdges(random, beginMs, lastMs + 3_600_000);
    const got = await store.buckets({ series: asked.map(({ key }) => key), edges });
    assert.equal(got.length, asked.length);
    await assertSameSums(store, { series: asked.map(({ key }) => key), edges });
    for (const [s, { key, devices }] of asked.entries()) {
      const want = edges.slice(1).map((toMs, i) => {
        const fromMs = edges[i] as number;
        const all = devices.map((device) => truth(readingsOf(fleet.readings, key.household, device), key.field, fromMs, toMs));
        return trueSum(all, toMs - fromMs === WINDOW_MS);
      });
      filled += want.filter(({ windows }) => windows > 0).length;
      assert.equal((got[s] as SeriesBuckets).devices, devices.length);
      assertSame(got[s] as SeriesBuckets, want, JSON.stringify(key));
    }
  }
  assert.ok(filled > 500, `${filled} buckets with data were compared`);
  const beginMs = trueStartMs(firstMs, '1h') - 1_200_000;
  for (const widthMs of [60_000, 300_000, 900_000, 1_800_000]) {
    const edges = Array.from({ length: Math.ceil((lastMs + 1_200_000 - beginMs) / widthMs) }, (_, i) => beginMs + i * widthMs);
    await assertSameSums(store, { series: asked.map(({ key }) => key), edges: edges.map((edge) => edge - (edge % widthMs)) });
  }
}

/** Where only sums are asked for, they are the very same. */
async function assertSameSums(store: StoreHarness['store'], query: Pick<BucketsQuery, 'series' | 'edges'>): Promise<void> {
  const sumsOf = ({ devices, windows, count, mean, sum, energyKwh }: SeriesBuckets) => ({ devices, windows, count, mean, sum, energyKwh });
  const [whole, sums] = [await store.buckets(query), await store.buckets({ ...query, only: 'sums' })];
  assert.deepEqual(sums.map(sumsOf), whole.map(sumsOf));
}

function readingsOf(readings: readonly Reading[], household: string, device: string): Reading[] {
  return readings.filter((its) => its.household === household && its.device === device);
}

export async function bucketsWithoutDataAreEmpty({ store }: StoreHarness): Promise<void> {
  const edge = await helloEdge(store);
  await edge.ship([reading(1), reading(2, { timeMs: T0_MS + 400 * 86_400_000 })]);
  const series = [
    { household: HOME, field: 'power' },
    { household: HOME, field: 'voltage' },
    { household: HOME, device: 'other', field: 'power' },
    { household: 'nobody', field: 'power' },
  ];
  const edges = [T0_MS - 3_600_000, T0_MS, T0_MS + 3_600_000, T0_MS + 399 * 86_400_000, T0_MS + 401 * 86_400_000];
  const [power, ...none] = (await store.buckets({ series, edges })) as [SeriesBuckets, ...SeriesBuckets[]];
  assert.deepEqual([...power.windows], [0, 1, 0, 1]);
  assert.deepEqual([...power.mean], [Number.NaN, 101, Number.NaN, 102]);
  assert.equal(none.length, 3);
  for (const its of none) {
    assert.equal(its.devices, 0);
    assertSame(its, Array<Numbers>(4).fill(NO_DATA), 'a series that is none');
  }
  for (const empty of [[], [T0_MS]]) assert.equal((await store.buckets({ series, edges: empty }))[0]?.windows.length, 0);
  assert.deepEqual(await store.buckets({ series: [], edges }), []);
  await assert.rejects(store.buckets({ series, edges: [T0_MS, T0_MS + 1] }), /no whole windows/);
  await assert.rejects(store.buckets({ series, edges: [T0_MS, T0_MS] }), /no whole windows/);
  await assert.rejects(store.buckets({ series, edges, signal: AbortSignal.abort(new Error('gone')) }), /gone/);
}

/** Many series in one call, more than a page of windows and of stored buckets. */
export async function manySeriesAreReadTogether({ store }: StoreHarness): Promise<void> {
  const edge = new Edge(store);
  const households = Array.from({ length: 30 }, (_, i) => `home-${String(i).padStart(2, '0')}`);
  await edge.hello(households);
  for (const [h, household] of households.entries()) {
    const rows = Array.from({ length: 120 }, (_, i) =>
      part(i + 1, i + 1, { household, timeMs: T0_MS + i * 60_000, values: { energy: i, frequency: 50, power: h * 1_000 + i } }),
    );
    await edge.send(rows);
  }
  const asked = [...households.slice(3), ...households.slice(0, 3)];
  for (const widthMs of [WINDOW_MS, 60_000, 900_000, 3_600_000]) {
    const edges = Array.from({ length: 7_200_000 / widthMs + 1 }, (_, i) => T0_MS + i * widthMs);
    const got = await store.buckets({ series: asked.map((household) => ({ household, field: 'power' })), edges });
    for (const [s, household] of asked.entries()) {
      const means = [...(got[s] as SeriesBuckets).mean].filter((mean) => !Number.isNaN(mean));
      const perBucket = Math.max(1, widthMs / 60_000);
      const want = Array.from(
        { length: 120 / perBucket },
        (_, i) => households.indexOf(household) * 1_000 + i * perBucket + (perBucket - 1) / 2,
      );
      assert.deepEqual(means, want, `${household} at ${widthMs} ms`);
    }
  }
}

export async function forgottenWindowsAreNoHole(harness: StoreHarness): Promise<void> {
  const edge = await helloEdge(harness.store);
  await edge.ship(Array.from({ length: 3_000 }, (_, i) => reading(i + 1)));
  const never = Number.MIN_SAFE_INTEGER;
  const levels = (windows: number) => [
    { levelMs: WINDOW_MS, fromMs: windows },
    { levelMs: 60_000, fromMs: never },
    { levelMs: 900_000, fromMs: never },
    { levelMs: 3_600_000, fromMs: never },
  ];
  assert.deepEqual(await harness.store.kept(), levels(never));
  const cutMs = T0_MS + 3_600_000;
  await harness.store.deleteBefore(cutMs);
  for (const open of [async () => harness.store, () => harness.reopen()]) {
    const store = await open();
    assert.deepEqual(await store.kept(), levels(cutMs));
    const series = [{ household: HOME, field: 'power' }];
    const windowEdges = [cutMs - WINDOW_MS, cutMs, cutMs + WINDOW_MS];
    await assert.rejects(store.buckets({ series, edges: windowEdges }), { code: 'FORGOTTEN', retryable: false });
    const [rest] = await store.buckets({ series, edges: windowEdges.slice(1) });
    assert.equal(rest?.mean[0], 821);
    const [minutes] = await store.buckets({ series, edges: [T0_MS, T0_MS + 60_000] });
    assert.equal(minutes?.windows[0], 12, 'longer buckets are there');
  }
}

/** A reading every five minutes around both changes of the clocks. */
export async function forgottenBucketsLeaveTheLongerOnes(harness: StoreHarness): Promise<void> {
  const { store } = harness;
  const edge = await helloEdge(store);
  const readings: Reading[] = [];
  for (const startMs of [Date.UTC(2019, 2, 30, 20), Date.UTC(2019, 9, 26, 20)]) {
    for (let i = 0; i < 30 * 12; i++) readings.push(reading(readings.length + 1, { timeMs: startMs + i * 300_000, values: { power: i } }));
  }
  await edge.ship(readings);
  const days = await collect(store, { resolution: '1d' });
  const hours = await collect(store, { resolution: '1h' });
  const cutMs = Date.UTC(2019, 9, 26, 22);
  const gone = (levelMs: number) =>
    new Set(readings.filter((its) => its.timeMs < cutMs).map((its) => Math.floor(its.timeMs / levelMs))).size;
  const aborted = await store.deleteBefore(cutMs, { levelMs: 60_000, signal: AbortSignal.abort() });
  assert.ok(aborted <= gone(60_000));
  assert.equal(aborted + (await store.deleteBefore(cutMs, { levelMs: 60_000 })), gone(60_000));
  assert.equal(await store.deleteBefore(cutMs, { levelMs: 900_000 }), gone(900_000));
  assert.equal(await store.deleteBefore(cutMs), readings.filter((its) => its.timeMs < cutMs).length);
  for (const open of [async () => store, () => harness.reopen()]) {
    const held = await open();
    assert.deepEqual(
      (await held.kept()).map(({ fromMs }) => fromMs),
      [cutMs, cutMs, cutMs, Number.MIN_SAFE_INTEGER],
    );
    assert.deepEqual(await collect(held, { resolution: '1h' }), hours);
    assert.deepEqual(await collect(held, { resolution: '1d' }), days, 'days of 23 and 25 hours stay whole');
    assert.equal((await collect(held, { resolution: '15m' }))[0]?.startMs, cutMs);
    const series = [{ household: HOME, field: 'power' }];
    const [spring] = await held.buckets({ series, edges: [Date.UTC(2019, 2, 30, 23), Date.UTC(2019, 2, 31, 22)] });
    assert.deepEqual([spring?.windows[0], spring?.count[0]], [23 * 12, 23 * 12]);
    const quarter = Date.UTC(2019, 2, 31, 0, 15);
    await assert.rejects(held.buckets({ series, edges: [quarter, quarter + 900_000] }), { code: 'FORGOTTEN' });
    const [kept] = await held.buckets({ series, edges: [cutMs, cutMs + 900_000] });
    assert.equal(kept?.windows[0], 3);
  }
}
