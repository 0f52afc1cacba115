import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type {
  AllGapsReply,
  AvailabilityReply,
  DevicesReply,
  EdgeDetailReply,
  HouseholdDetailReply,
  HouseholdsReply,
  MetaReply,
  OutagesReply,
  PricesReply,
  ProblemReply,
  ProfileReply,
  StateDetailReply,
  StatesReply,
} from '../../../../../../cloud/server/api/api-types.ts';
import { isoTime } from '../../../../../../common/iso-time.ts';
import { documentedFetch } from '../../../../../doubles/documented-fetch.ts';
import { type RunningCloud, runCloud, T0_MS, WINDOW_MS } from '../../../../../doubles/running-cloud.ts';
import { VirtualClock } from '../../../../../doubles/virtual-clock.ts';
import { until } from '../../../../../doubles/until.ts';

const MINUTE_MS = 60_000;
const QUARTER = 180;
/** 06:00 UTC is 07:00 in Berlin, on a Tuesday. */
const at = (minutes: number) => T0_MS + minutes * MINUTE_MS;
const clock = new VirtualClock();
let cloud: RunningCloud;

/** a: 100 W, half an hour of nothing, 300 W; b: 1,000 W, with a gap of its own; far: another state. */
before(async () => {
  cloud = await runCloud({ clock, states: { a: 'DE-BB', b: 'DE-BB', far: 'DE-TH' } });
  await cloud.shipPower('a', 100, QUARTER);
  await cloud.shipPower('a', 300, QUARTER, at(45));
  await cloud.shipPower('b', 1_000, QUARTER, at(0));
  await cloud.shipPower('b', 1_000, QUARTER, at(30));
  await cloud.ship('far', [{ timeMs: T0_MS, values: { power: -50, energy: 3 } }]);
  await cloud.ship('far', [{ timeMs: T0_MS + 2 * WINDOW_MS, values: { power1: 5 } }], 'pump');
  cloud.heartbeat('edge-1');
  await clock.advance(2_000);
});

after(() => cloud.stop());

async function get<T>(path: string): Promise<T> {
  const response = await documentedFetch(cloud.url + path);
  assert.equal(response.status, 200, `${path}: ${await response.clone().text()}`);
  return (await response.json()) as T;
}

async function problemAt(path: string): Promise<ProblemReply> {
  const response = await documentedFetch(cloud.url + path);
  assert.match(response.headers.get('content-type') ?? '', /problem\+json/, path);
  return (await response.json()) as ProblemReply;
}

test('the entry lists every route of the API, says what the words for times mean, and what is kept', async () => {
  const reply = await get<MetaReply>('/api/v1');
  assert.deepEqual([reply.firstAt, reply.newestAt, reply.nowAt], [isoTime(T0_MS), isoTime(at(60)), isoTime(clock.nowMs())]);
  assert.deepEqual([reply.households, reply.windowSeconds, reply.tz, reply.dataLabel], [3, 5, 'Europe/Berlin', 'synthetic']);
  assert.deepEqual(reply.fields, ['energy', 'power', 'power1']);
  assert.deepEqual(reply.kept[0], { bucketSeconds: 5, from: null });
  const series = reply.links.find(({ rel }) => rel === 'getSeries');
  assert.equal(series?.href, '/api/v1/series');
  assert(reply.links.some(({ href }) => href === '/api/v1/households/{id}/profile'));
  assert(reply.links.length >= 20);
});

test('first and latest are whole windows, whenever in them the readings were', async (t) => {
  const its = await runCloud({ states: { a: 'DE-BB' } });
  t.after(() => its.stop());
  const meta = async () => (await (await documentedFetch(`${its.url}/api/v1`)).json()) as MetaReply;
  const empty = await meta();
  assert.deepEqual([empty.firstAt, empty.newestAt, empty.fields], [null, null, []]);
  await its.ship('a', [
    { timeMs: T0_MS + 1_234, values: { power: 1 } },
    { timeMs: T0_MS + WINDOW_MS + 4_321, values: { power: 1 } },
  ]);
  await until(async () => (await meta()).newestAt !== null, 'the newest window');
  assert.deepEqual([(await meta()).firstAt, (await meta()).newestAt], [isoTime(T0_MS), isoTime(T0_MS + 2 * WINDOW_MS)]);
});

test('the speed is that of event time against wall time, once that is known', async (t) => {
  const replay = new VirtualClock();
  const its = await runCloud({ clock: replay, states: { a: 'DE-BB' } });
  t.after(() => its.stop());
  const speed = async () => ((await (await documentedFetch(`${its.url}/api/v1`)).json()) as MetaReply).simulatedSpeed;
  assert.equal(await speed(), null);
  for (let i = 0; i < 12; i++) {
    await its.shipPower('a', 1, 12, at(i));
    await replay.advance(1_000);
  }
  assert.equal(Math.round((await speed()) ?? 0), 60);
  await replay.advance(120_000);
  assert.equal(await speed(), null);
});

test('one household, with the edge that owns it; its devices and fields with first and newest window', async () => {
  const { household, edge, stateName } = await get<HouseholdDetailReply>('/api/v1/households/a');
  assert.deepEqual([household.household, household.powerW, edge, stateName], ['a', 300, 'edge-1', 'Brandenburg']);
  const devices = await get<DevicesReply>('/api/v1/households/far/devices');
  const window = (n: number) => isoTime(T0_MS + n * WINDOW_MS);
  assert.deepEqual(devices.devices, [
    {
      device: 'meter',
      fields: [
        { field: 'energy', unit: 'kWh', series: 'far/meter.energy', firstAt: window(0), lastAt: window(0) },
        { field: 'power', unit: 'W', series: 'far/meter.power', firstAt: window(0), lastAt: window(0) },
      ],
    },
    { device: 'pump', fields: [{ field: 'power1', unit: 'W', series: 'far/pump.power1', firstAt: window(2), lastAt: window(2) }] },
  ]);
  for (const { series } of devices.devices.flatMap(({ fields }) => fields)) await get(`/api/v1/series?series=${series}`);
  for (const path of ['nobody', 'nobody/devices', 'nobody/profile', 'nobody/gaps'])
    assert.equal((await problemAt(`/api/v1/households/${path}`)).status, 404, path);
});

test('a profile: energy, mean, extremes, base load, coverage, the usual week, what is missing', async () => {
  const range = `from=${isoTime(T0_MS)}&to=${isoTime(at(60))}`;
  const reply = await get<ProfileReply>(`/api/v1/households/a/profile?${range}`);
  assert.deepEqual([reply.energyKwh?.toFixed(6), reply.meanW, reply.minW, reply.maxW], ['0.100000', 200, 100, 300]);
  assert.deepEqual([reply.peakW, reply.peakAt, reply.coverage, reply.hours, reply.quarters], [300, isoTime(at(45)), 0.5, 0.5, 2]);
  assert.deepEqual([reply.gapCount, reply.gapSeconds], [1, 1_800]);
  assert.equal(reply.loadDuration.length, 101);
  assert.deepEqual(
    [reply.loadDuration[0], reply.loadDuration[100]],
    [
      { percent: 0, w: 300 },
      { percent: 100, w: 100 },
    ],
  );
  assert.equal(reply.hourByDay[1]?.[7], 200);
  assert.equal(reply.hourByDay.flat().filter((w) => w !== null).length, 1);
  const empty = await get<ProfileReply>('/api/v1/households/a/profile?from=2018-01-01Z&to=2018-01-02Z');
  assert.deepEqual([empty.energyKwh, empty.meanW, empty.baseLoadW, empty.coverage, empty.loadDuration], [null, null, null, 0, []]);
  const none = await get<ProfileReply>('/api/v1/households/a/profile?from=latest&to=latest');
  assert.deepEqual([none.energyKwh, none.hours], [null, 0]);
  assert.match((await problemAt('/api/v1/households/far/profile?field=energy')).detail, /field is not a power/);
  assert.equal((await problemAt('/api/v1/households/a/profile?field=power1')).status, 404);
  assert.match((await problemAt('/api/v1/households/a/profile?from=latest-600d')).detail, /more than a year/);
});

test('gaps of all households, in pages of every length, are the same list; Link names the next page', async () => {
  const whole = await get<AllGapsReply>('/api/v1/gaps');
  assert.deepEqual(
    whole.gaps.map(({ household, from, seconds }) => [household, from, seconds]),
    [
      ['a', isoTime(at(15)), 1_800],
      ['b', isoTime(at(15)), 900],
    ],
  );
  assert.equal(whole.nextCursor, null);
  const paged: AllGapsReply['gaps'] = [];
  let path = '/api/v1/gaps?limit=1&from=first';
  for (let pages = 0; path !== '' && pages < 10; pages++) {
    const response = await documentedFetch(cloud.url + path);
    const reply = (await response.json()) as AllGapsReply;
    assert(reply.gaps.length <= 1);
    paged.push(...reply.gaps);
    path = /^<([^>]+)>; rel="next"$/.exec(response.headers.get('link') ?? '')?.[1] ?? '';
    assert.equal(path === '', reply.nextCursor === null);
    assert(path === '' || path.includes('from=first'));
  }
  assert.deepEqual(paged, whole.gaps);
  assert.deepEqual((await get<AllGapsReply>(`/api/v1/gaps?from=${isoTime(at(31))}`)).gaps.length, 1);
});

test('Link walks the households as the cursor does', async () => {
  const seen: string[] = [];
  let path = '/api/v1/households?limit=1';
  for (let pages = 0; path !== '' && pages < 10; pages++) {
    const response = await documentedFetch(cloud.url + path);
    seen.push(...((await response.json()) as HouseholdsReply).households.map(({ household }) => household));
    path = /^<([^>]+)>; rel="next"$/.exec(response.headers.get('link') ?? '')?.[1] ?? '';
  }
  assert.deepEqual(seen, ['a', 'b', 'far']);
});

test('states of a range are made of its windows alone, and agree with those of all when the range is all', async () => {
  const row = async (query: string) => (await get<StatesReply>(`/api/v1/states${query}`)).states.find(({ state }) => state === 'DE-BB');
  const all = await row('');
  assert.equal(all?.meanW, 600);
  assert.deepEqual({ ...(await row('?from=first&to=latest')), meanW: 600 }, all);
  const quarter = await row(`?from=${isoTime(T0_MS)}&to=${isoTime(at(15))}`);
  assert.deepEqual([quarter?.meanW, quarter?.reporting, quarter?.coveredHours], [550, 2, 0.25]);
  const later = await row(`?from=${isoTime(at(45))}`);
  assert.deepEqual([later?.meanW, later?.reporting, later?.households], [300, 1, 2]);
  const nothing = await row('?from=2018-01-01Z&to=2018-01-02Z');
  assert.deepEqual([nothing?.meanW, nothing?.reporting, nothing?.annualKwh], [null, 0, null]);
});

test('one state: its row, its households, and the hours of its days by the clocks', async () => {
  const reply = await get<StateDetailReply>('/api/v1/states/DE-BB?from=first');
  assert.deepEqual(reply.households, ['a', 'b']);
  assert.deepEqual([reply.state.state, reply.state.meanW, reply.energyKwh?.toFixed(6)], ['DE-BB', 600, '0.600000']);
  assert.deepEqual([reply.hourOfDay.length, reply.hourOfDay[7]?.weekdayMeanW, reply.hourOfDay[7]?.weekendMeanW], [24, 1_200, null]);
  assert.equal(reply.coverage, 0.5);
  const empty = await get<StateDetailReply>('/api/v1/states/DE-HH');
  assert.deepEqual([empty.households, empty.energyKwh, empty.coverage, empty.state.meanW], [[], null, null, null]);
  const unknown = await problemAt('/api/v1/states/DE-XX');
  assert.deepEqual([unknown.status, unknown.type], [404, 'urn:fogline:problem:no-such-state']);
});

test('the price is one slot over the range, with what it includes', async () => {
  const reply = await get<PricesReply>(`/api/v1/prices?from=${isoTime(T0_MS)}&to=latest&state=DE-BB`);
  assert.deepEqual(reply.slots, [{ from: isoTime(T0_MS), to: isoTime(at(60)), priceEurPerKwh: 0.3, kind: 'fixed' }]);
  assert.match(reply.included, /dashboard\.price_eur_per_kwh.*without a base fee/);
  assert.deepEqual((await get<PricesReply>('/api/v1/prices?from=latest&to=latest')).slots, []);
  assert.match((await problemAt('/api/v1/prices?state=DE-XX')).detail, /one of .*DE-BB/);
});

test('outages: from silence to return, in pages; availability is what is left; an edge tells of its own', async (t) => {
  const wall = new VirtualClock();
  const its = await runCloud({ clock: wall, states: { a: 'DE-BB' }, silentAfterMs: 5_000 });
  t.after(() => its.stop());
  await its.shipPower('a', 1, 1);
  const startedMs = wall.nowMs();
  const ask = async <T>(path: string) => (await (await documentedFetch(its.url + path)).json()) as T;
  const heard = async (seconds: number) => {
    for (let passed = 0; passed < seconds; passed += 1) {
      its.heartbeat('edge-1');
      await wall.advance(1_000);
    }
  };
  await heard(60);
  await wall.advance(35_000);
  await heard(60);
  await wall.advance(20_000);
  const { outages } = await ask<OutagesReply>('/api/v1/outages');
  assert.deepEqual(
    outages.map(({ edge, cause, openNow }) => [edge, cause, openNow]),
    [
      ['edge-1', 'silent', true],
      ['edge-1', 'silent', false],
    ],
  );
  const [open, over] = outages;
  assert(over !== undefined && open !== undefined && open.to === null);
  // From the last heartbeat before the silence to the first after it.
  assert.equal(over.seconds, 36);
  assert.equal(Date.parse(over.to ?? '') - Date.parse(over.from), over.seconds * 1_000);
  assert.equal(Date.parse(over.from), startedMs + 59_000);
  const page = await ask<OutagesReply>('/api/v1/outages?limit=1');
  assert.deepEqual(
    [...page.outages, ...(await ask<OutagesReply>(`/api/v1/outages?limit=1&cursor=${page.nextCursor}`)).outages].map(({ id }) => id),
    outages.map(({ id }) => id),
  );
  assert.equal((await ask<OutagesReply>('/api/v1/outages?edge=other')).outages.length, 0);
  assert.equal((await ask<OutagesReply>(`/api/v1/outages?to=${over.to}`)).outages.length, 1);
  const available = await ask<AvailabilityReply>('/api/v1/availability?from=now-10m&to=now');
  const edge = available.edges[0];
  assert.deepEqual([available.slotSeconds, available.edges.length, edge?.slots.length], [15, 1, 40]);
  assert.equal(edge?.slots[0]?.upShare, null);
  assert(edge.slots.some(({ upShare }) => upShare === 1) && (edge.upShare ?? 0) > 0.6 && (edge.upShare ?? 1) < 0.95);
  const detail = await ask<EdgeDetailReply>('/api/v1/edges/edge-1');
  assert.deepEqual([detail.edge.state, detail.owned, detail.ownedCount, detail.outages.length], ['silent', ['a'], 1, 2]);
  assert.equal((await documentedFetch(`${its.url}/api/v1/edges/nobody`)).status, 404);
});
