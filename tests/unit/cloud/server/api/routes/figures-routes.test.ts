import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { HouseholdsReply, SeedDataRow, StatesReply, WindowRow, WindowsReply } from '../../../../../../cloud/server/api/api-types.ts';
import { STATE_NAMES } from '../../../../../../cloud/server/postal-codes.ts';
import { documentedFetch as fetch } from '../../../../../doubles/documented-fetch.ts';
import { type RunningCloud, runCloud, T0_MS, WINDOW_MS } from '../../../../../doubles/running-cloud.ts';
import { VirtualClock } from '../../../../../doubles/virtual-clock.ts';

const clock = new VirtualClock();
let cloud: RunningCloud;

before(async () => {
  cloud = await runCloud({ clock, states: { a: 'DE-BB', b: 'DE-BB', c: 'DE-TH', d: 'DE-TH' } });
  await cloud.shipPower('a', 100, 12);
  await cloud.shipPower('b', 300, 6);
  await cloud.shipPower('c', -50, 12);
});

after(() => cloud.stop());

/** Lets so much time pass that everything stored before is seen. */
async function get<T>(path: string): Promise<T> {
  await clock.advance(100);
  return getNow(path);
}

async function getNow<T>(path: string): Promise<T> {
  const response = await fetch(cloud.url + path);
  assert.equal(response.status, 200, `${path}: ${response.status}`);
  assert.match(response.headers.get('content-type') ?? '', /^application\/json/);
  assert.equal(response.headers.get('cache-control'), 'no-store');
  return (await response.json()) as T;
}

test('states: all 16 in order of name, true means, null where nobody reports', async () => {
  const reply = await get<StatesReply>('/api/v1/states');
  assert.equal(reply.states.length, 16);
  assert.deepEqual(
    reply.states.map((row) => row.name),
    [...STATE_NAMES.values()].sort((a, b) => a.localeCompare(b, 'en')),
  );
  const brandenburg = reply.states.find((row) => row.state === 'DE-BB');
  assert.deepEqual(
    { ...brandenburg, annualEur: brandenburg?.annualEur?.toFixed(4) },
    {
      state: 'DE-BB',
      name: 'Brandenburg',
      households: 2,
      drawn: 0,
      reporting: 2,
      meanW: 200,
      annualKwh: 1_752,
      annualEur: '525.6000',
      coveredHours: (9 * WINDOW_MS) / 3_600_000,
      rough: true,
    },
  );
  assert.equal(reply.states.find((row) => row.state === 'DE-TH')?.annualKwh?.toFixed(6), '-438.000000');
  const others = reply.states.filter((row) => !['DE-BB', 'DE-TH'].includes(row.state));
  assert.equal(others.length, 14);
  for (const row of others) assert.deepEqual([row.households, row.meanW, row.annualKwh, row.annualEur], [0, null, null, null]);
  assert.equal(reply.newestAt, new Date(T0_MS + 12 * WINDOW_MS).toISOString());
  assert.equal(reply.priceEurPerKwh, 0.3);
  assert.equal(reply.dataLabel, 'synthetic');
  assert.match(reply.extrapolation, /8\.76/);
});

test('a new window shows within a second, and a hundred questions meanwhile ask the store once', async () => {
  await get('/api/v1/states');
  const before = cloud.store.asked.powerTotals;
  await Promise.all(Array.from({ length: 100 }, () => getNow('/api/v1/states')));
  assert.equal(cloud.store.asked.powerTotals, before);
  await cloud.shipPower('d', 1_000, 1);
  await clock.advance(1_000);
  await Promise.all(Array.from({ length: 100 }, () => getNow('/api/v1/states')));
  assert.equal(cloud.store.asked.powerTotals, before + 1);
  const reply = await get<StatesReply>('/api/v1/states');
  assert.equal(reply.states.find((row) => row.state === 'DE-TH')?.households, 2);
});

test('households: in order, with where their postal code is from and their newest power', async () => {
  const reply = await get<HouseholdsReply>('/api/v1/households?state=DE-BB');
  // What is expected is told by a timer; tests/unit/cloud/server/watch.test.ts looks at it.
  const shown = reply.households.map(({ windowsMissing: _later, ...rest }) => rest);
  assert.deepEqual(shown, [
    {
      household: 'a',
      postalCode: '10115',
      postalCodeFrom: 'file',
      state: 'DE-BB',
      edge: 'edge-1',
      firstAt: new Date(T0_MS).toISOString(),
      lastAt: new Date(T0_MS + 11 * WINDOW_MS).toISOString(),
      readings: 12,
      declaredMissing: 0,
      intervalSeconds: 5,
      powerW: 100,
      powerAt: new Date(T0_MS + 12 * WINDOW_MS).toISOString(),
    },
    {
      household: 'b',
      postalCode: '10115',
      postalCodeFrom: 'file',
      state: 'DE-BB',
      edge: 'edge-1',
      firstAt: new Date(T0_MS).toISOString(),
      lastAt: new Date(T0_MS + 5 * WINDOW_MS).toISOString(),
      readings: 6,
      declaredMissing: 0,
      intervalSeconds: 5,
      powerW: 300,
      powerAt: new Date(T0_MS + 6 * WINDOW_MS).toISOString(),
    },
  ]);
});

test('households in pages of every length are the same list', async () => {
  const whole = (await get<HouseholdsReply>('/api/v1/households')).households;
  assert.equal(whole.length, 4);
  for (const limit of [1, 2, 3, 4]) {
    const paged: HouseholdsReply['households'] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const page: HouseholdsReply = await get(`/api/v1/households?limit=${limit}${cursor === '' ? '' : `&cursor=${cursor}`}`);
      assert(page.households.length <= limit && page.households.length > 0);
      paged.push(...page.households);
      cursor = page.nextCursor;
    }
    assert.deepEqual(paged, whole);
  }
});

test('windows: values, range and field are as stored', async () => {
  const household = 'w';
  await cloud.ship(household, [
    { timeMs: T0_MS, values: { power: 100, energy: 1 } },
    { timeMs: T0_MS + 2_000, values: { power: 200, energy: 2 } },
    { timeMs: T0_MS + 4_000, values: { power: 60, energy: 3 } },
    { timeMs: T0_MS + 5_000, values: { power: 7, energy: 4 } },
  ]);
  const reply = await get<WindowsReply>(`/api/v1/households/${household}/windows?field=power`);
  assert.deepEqual(reply, {
    windows: [
      { device: 'meter', field: 'power', windowStart: '2019-12-24T06:00:00.000Z', mean: 120, min: 60, max: 200, last: 60, count: 3 },
      { device: 'meter', field: 'power', windowStart: '2019-12-24T06:00:05.000Z', mean: 7, min: 7, max: 7, last: 7, count: 1 },
    ],
    nextCursor: null,
    dataLabel: 'synthetic',
  });
  const later = await get<WindowsReply>(`/api/v1/households/${household}/windows?from=2019-12-24T06:00:05Z&to=${T0_MS + 10_000}`);
  assert.deepEqual(
    later.windows.map((row) => [row.field, row.mean]),
    [
      ['energy', 4],
      ['power', 7],
    ],
  );
  const minutes = await get<WindowsReply>(`/api/v1/households/${household}/windows?field=power&resolution=1m`);
  assert.deepEqual(
    minutes.windows.map((row) => [row.windowStart, row.count, row.min, row.max, row.last]),
    [['2019-12-24T06:00:00.000Z', 4, 7, 200, 7]],
  );
});

test('windows in pages of every length, across devices and fields, are the same list', async () => {
  const household = 'p';
  const entries = Array.from({ length: 5 }, (_, i) => ({ timeMs: T0_MS + i * WINDOW_MS, values: { power: i, energy: 10 + i } }));
  await cloud.ship(household, entries, 'meter');
  await cloud.ship(household, entries.slice(1, 3), 'heat_pump');
  const path = `/api/v1/households/${household}/windows`;
  const whole = (await get<WindowsReply>(path)).windows;
  assert.equal(whole.length, 14);
  for (const limit of [1, 2, 3, 5, 7, 13, 14, 10_000]) {
    const paged: WindowRow[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const page: WindowsReply = await get(`${path}?limit=${limit}${cursor === '' ? '' : `&cursor=${cursor}`}`);
      assert(page.windows.length <= limit && page.windows.length > 0);
      paged.push(...page.windows);
      cursor = page.nextCursor;
    }
    assert.deepEqual(paged, whole, `pages of ${limit}`);
  }
});

test('a page reads no more of the store than it gives, and lets go of it', async () => {
  await cloud.shipPower('long', 1, 300);
  const reply = await get<WindowsReply>('/api/v1/households/long/windows?limit=10');
  assert.equal(reply.windows.length, 10);
  assert.notEqual(reply.nextCursor, null);
  assert.equal(cloud.store.openRanges, 0);
});

test('a household that was registered a moment ago is found', async () => {
  await get('/api/v1/states');
  await cloud.shipPower('fresh', 5, 1);
  assert.equal((await get<WindowsReply>('/api/v1/households/fresh/windows')).windows.length, 1);
});

test('/api/data has the keys and types that older clients read, with true values', async () => {
  await clock.advance(1_000);
  const rows = await get<SeedDataRow[]>('/api/data');
  const row = rows.find(({ key }) => key === 'b');
  assert.deepEqual(
    { ...row, cost: row?.cost.toFixed(6) },
    { cityName: 'Brandenburg', cost: (300 * 8.76 * 0.3).toFixed(6), key: 'b', powerAverage: 300 },
  );
  for (const { cityName, cost, key, powerAverage } of rows) {
    assert.deepEqual([typeof cityName, typeof cost, typeof key, typeof powerAverage], ['string', 'number', 'string', 'number']);
    assert([...STATE_NAMES.values()].includes(cityName));
  }
  const again = await get<SeedDataRow[]>('/api/data');
  assert.deepEqual(again, rows, 'a state is not drawn anew for each answer');
});
