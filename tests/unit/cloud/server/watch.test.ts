/** The real store, `latest`, liveness, watch and API in virtual time: what an operator is told of edges and households. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { AlertsReply, EdgesReply, EventsReply, HouseholdsReply, LiveMessage } from '../../../../cloud/server/api/api-types.ts';
import { EXPECTED_FOR_MS } from '../../../../cloud/server/expectation.ts';
import type { EdgeStatus } from '../../../../common/messages.ts';
import { type RunningCloud, runCloud, T0_MS, WINDOW_MS } from '../../../doubles/running-cloud.ts';
import { VirtualClock } from '../../../doubles/virtual-clock.ts';

const HOUSEHOLDS = ['a', 'b', 'c'];

/** A cloud to which one edge sends a window of each household every five seconds, and heartbeats. */
async function watched(t: TestContext, status: Partial<EdgeStatus> = {}, intervalsMs: Record<string, number> = {}) {
  const clock = new VirtualClock();
  const cloud = await runCloud({ clock, states: {}, intervalsMs, silentAfterMs: 7_000 });
  t.after(() => cloud.stop());
  const silent = new Set<string>();
  const its = { status, isHeard: true, n: 0 };
  const live = async (windows: number) => {
    for (let i = 0; i < windows; i++, its.n++) {
      const isDue = (household: string) => (its.n * WINDOW_MS) % (intervalsMs[household] ?? WINDOW_MS) === 0;
      for (const household of HOUSEHOLDS)
        if (!silent.has(household) && isDue(household)) await cloud.shipPower(household, 100, 1, T0_MS + its.n * WINDOW_MS);
      for (let second = 0; second < 5; second++) {
        if (its.isHeard) cloud.heartbeat('edge-1', { households: 3, ...its.status });
        await clock.advance(1_000);
        await settled();
      }
    }
  };
  return { clock, cloud, silent, its, live };
}

/** A look at the figures asks the store and the log: some turns of the event loop. */
async function settled(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
}

async function get<T>(cloud: RunningCloud, path: string): Promise<T> {
  return (await (await fetch(`${cloud.url}/api/v1/${path}`)).json()) as T;
}

async function raised(cloud: RunningCloud): Promise<string[]> {
  const { alerts } = await get<AlertsReply>(cloud, 'alerts');
  return alerts.map(({ alert, subject }) => `${alert} ${subject}`.trim());
}

test('a household that tells a value a minute is silent when three of them are missing, and not before', async (t) => {
  const { cloud, silent, live } = await watched(t, {}, { b: 60_000 });
  await live(37);
  assert.deepEqual(await raised(cloud), []);
  const missing = async () =>
    (await get<HouseholdsReply>(cloud, 'households')).households.map((its) => [its.intervalSeconds, its.windowsMissing]);
  assert.deepEqual(await missing(), [
    [5, 0],
    [60, 0],
    [5, 0],
  ]);
  silent.add('b');
  await live(34);
  assert.deepEqual([await raised(cloud), (await missing())[1]], [[], [60, 2]]);
  await live(4);
  assert.deepEqual([await raised(cloud), (await missing())[1]], [['household-silent b'], [60, 3]]);
  const { alerts } = await get<AlertsReply>(cloud, 'alerts');
  assert.match(alerts[0]?.detail ?? '', /3 windows expected and not there, one every 60 s/);
});

test('windows that are missing of its households stand summed up at their edge', async (t) => {
  const { cloud, silent, its, live } = await watched(t);
  const ofEdge = async () => (await get<EdgesReply>(cloud, 'edges')).edges.map(({ edge, windowsMissing }) => [edge, windowsMissing]);
  await live(6);
  assert.deepEqual(await ofEdge(), [['edge-1', 0]]);
  silent.add('a').add('b');
  await live(4);
  const { households } = await get<HouseholdsReply>(cloud, 'households');
  const sum = households.reduce((all, { windowsMissing }) => all + (windowsMissing ?? 0), 0);
  assert.ok(sum >= 6, `${sum} missing`);
  assert.deepEqual(await ofEdge(), [['edge-1', sum]]);
  // Of an edge whose replay is done nothing is expected.
  its.status = { runs: [{ run: 'r', ended: true, done: true }] };
  await live(1);
  assert.deepEqual(await ofEdge(), [['edge-1', null]]);
});

test('a household that stops is told within three windows, cleared when it is back, and both are in the events', async (t) => {
  const { cloud, silent, live } = await watched(t);
  await live(6);
  assert.deepEqual(await raised(cloud), []);
  silent.add('b');
  const looks: [(number | null)[], string[]][] = [];
  for (let window = 1; window <= 4; window++) {
    await live(1);
    const { households } = await get<HouseholdsReply>(cloud, 'households');
    looks.push([households.map(({ windowsMissing }) => windowsMissing), await raised(cloud)]);
  }
  assert.deepEqual(looks, [
    [[0, 1, 0], []],
    [[0, 2, 0], []],
    [[0, 3, 0], ['household-silent b']],
    [[0, 4, 0], ['household-silent b']],
  ]);
  assert.match(await cloud.metrics.text(), /fogline_windows_missing 4\n[\s\S]*fogline_households_silent 1\n/);
  silent.clear();
  await live(1);
  assert.deepEqual(await raised(cloud), []);
  const page = await get<EventsReply>(cloud, 'events?limit=1');
  const rest = await get<EventsReply>(cloud, `events?limit=5&cursor=${page.nextCursor}`);
  assert.deepEqual(
    [...page.events, ...rest.events].map(({ change, alert, subject, about, doc }) => [change, alert, subject, about, doc]),
    [
      ['cleared', 'household-silent', 'b', 'household', 'docs/operating.md#household-silent'],
      ['raised', 'household-silent', 'b', 'household', 'docs/operating.md#household-silent'],
    ],
  );
  assert.equal(rest.nextCursor, null);
  assert.equal((await fetch(`${cloud.url}/api/v1/events?cursor=nonsense`)).status, 400);
});

test('a silent edge speaks for its households; where the edge is heard and all stop, each is told', async (t) => {
  const { cloud, its, silent, live } = await watched(t);
  await live(6);
  for (const household of HOUSEHOLDS) silent.add(household);
  its.isHeard = false;
  await live(8);
  assert.deepEqual(await raised(cloud), ['edge-silent edge-1']);
  its.isHeard = true;
  await live(1);
  assert.deepEqual(await raised(cloud), ['household-silent a', 'household-silent b', 'household-silent c']);
});

test('the only home of an edge that is new, and silent after its first window, is told within half a minute', async (t) => {
  const { cloud, its, live } = await watched(t);
  await live(6);
  const owner = { edge: 'edge-2', epoch: 'epoch-2', claim: '1-test', windowMs: WINDOW_MS };
  await cloud.store.hello({ ...owner, households: [{ household: 'd', generation: 0 }] });
  const value = { count: 1, mean: 1, min: 1, max: 1, first: 1, last: 1, energyKwh: null };
  cloud.latest.put([{ household: 'd', device: 'meter', field: 'power', startMs: T0_MS + its.n * WINDOW_MS, ...value }]);
  const heard = async (windows: number) => {
    for (let i = 0; i < windows; i++) {
      cloud.heartbeat('edge-2');
      await live(1);
    }
  };
  await heard(1);
  assert.deepEqual(await raised(cloud), []);
  await heard(6);
  assert.deepEqual(await raised(cloud), ['household-silent d']);
});

test('when the replay is done nothing is expected any more', async (t) => {
  const { cloud, its, silent, live } = await watched(t);
  await live(6);
  silent.add('a');
  await live(4);
  assert.deepEqual(await raised(cloud), ['household-silent a']);
  for (const household of HOUSEHOLDS) silent.add(household);
  its.status = { runs: [{ run: 'r', ended: true, done: true }] };
  await live(10);
  assert.deepEqual(await raised(cloud), []);
  assert.match(await cloud.metrics.text(), /fogline_windows_missing 0\n/);
  const { events } = await get<EventsReply>(cloud, 'events');
  assert.match(events[0]?.detail ?? '', /nothing is expected/);
});

test('who left for good is not expected for ever', async (t) => {
  const { cloud, silent, its, live } = await watched(t);
  await live(2);
  silent.add('c');
  its.n += EXPECTED_FOR_MS / WINDOW_MS;
  await live(3);
  assert.deepEqual(await raised(cloud), []);
});

test('what an edge says of itself is raised and cleared; of an edge that is not heard it stays', async (t) => {
  const { cloud, its, live } = await watched(t);
  await live(1);
  const table: [Partial<EdgeStatus>, string][] = [
    [{ outboxFull: true }, 'outbox-full'],
    [{ damaged: 2 }, 'outbox-damaged'],
    [{ topicDamage: 1 }, 'topic-damaged'],
    [{ leftOut: 1 }, 'names-left-out'],
    [{ parked: [{ household: 'a', reason: 'conflict' }] }, 'household-parked'],
    [{ waitingFor: ['z'] }, 'household-waiting'],
    [{ queued: 3 * 60 }, 'outbox-deep'],
    [{ newestMs: T0_MS + 600_000, oldestUnackedMs: T0_MS }, 'outbox-old'],
  ];
  for (const [status, alert] of table) {
    its.status = status;
    await live(14);
    assert.deepEqual(await raised(cloud), [`${alert} edge-1`]);
    its.status = {};
    await live(1);
    assert.deepEqual(await raised(cloud), [], alert);
  }
  its.status = { outboxFull: true };
  await live(1);
  its.isHeard = false;
  await live(3);
  assert.deepEqual(await raised(cloud), ['edge-silent edge-1', 'outbox-full edge-1']);
});

test('totals that grow are raised by their growth, and cleared ten minutes after the last', async (t) => {
  const { cloud, its, live } = await watched(t, { unreadable: 7, trimmedEarly: 2 });
  await live(2);
  assert.deepEqual(await raised(cloud), [], 'what was before is not news');
  its.status = { unreadable: 8, trimmedEarly: 3 };
  await live(1);
  assert.deepEqual(await raised(cloud), ['outbox-trimmed edge-1', 'records-unreadable edge-1']);
  await live(125);
  assert.deepEqual(await raised(cloud), []);
});

test('certificates that expire soon are told; of an edge that is not let in it stays', async (t) => {
  const { cloud, live } = await watched(t);
  const days = { cloud: 14, edge: 30 };
  let isLetIn = true;
  const seconds = (its: number) => its * 86_400;
  await live(1);
  assert.deepEqual(await raised(cloud), [], 'without TLS there is nothing to tell');
  cloud.metrics.gauge('fogline_link_certificate_seconds', 'c', [], (gauge) => gauge.set(seconds(days.cloud)));
  cloud.metrics.gauge('fogline_link_edge_certificate_seconds', 'e', ['edge'], (gauge) => {
    gauge.reset();
    if (isLetIn) gauge.set(seconds(days.edge), { edge: 'edge-1' });
  });
  await live(1);
  assert.deepEqual(await raised(cloud), []);
  Object.assign(days, { cloud: 13.9, edge: 29.9 });
  await live(1);
  assert.deepEqual(await raised(cloud), ['edge-certificate-ending edge-1', 'certificate-ending']);
  const { alerts } = await get<AlertsReply>(cloud, 'alerts');
  assert.deepEqual(
    alerts.map(({ detail }) => detail),
    ['29 days until it expires', '13 days until it expires'],
  );
  isLetIn = false;
  Object.assign(days, { cloud: 397, edge: 730 });
  await live(1);
  assert.deepEqual(await raised(cloud), ['edge-certificate-ending edge-1']);
  isLetIn = true;
  await live(1);
  assert.deepEqual(await raised(cloud), []);
});

test('what the cloud refuses, is told is missing, or gets twice, is an alert of the cloud; Redis too', async (t) => {
  const { cloud, live } = await watched(t);
  const refused = cloud.metrics.counter('fogline_rows_refused_total', 'r', ['verdict']);
  const declared = cloud.metrics.counter('fogline_readings_declared_total', 'd');
  const peers = cloud.metrics.counter('fogline_link_refused_total', 'l', ['reason']);
  const rows = cloud.metrics.gauge('fogline_cloud_rows', 'c', ['outcome']);
  const redis = cloud.metrics.gauge('fogline_redis_up', 'u');
  const damaged = cloud.metrics.counter('fogline_store_damaged_parts_total', 's');
  const count = (parts: number, duplicates: number, unusable: number) => {
    rows.set(parts, { outcome: 'parts' });
    rows.set(duplicates, { outcome: 'duplicates' });
    rows.set(unusable, { outcome: 'unusable' });
  };
  count(5_000, 5_000, 50);
  redis.set(1);
  refused.add(1, { verdict: 'gap' });
  await live(2);
  assert.deepEqual(await raised(cloud), []);
  refused.add(5, { verdict: 'gap' });
  refused.add(5, { verdict: 'overlap' });
  peers.add(9, { reason: 'certificate' });
  await live(1);
  assert.deepEqual(await raised(cloud), [], 'a gap or an overlap is how an edge learns where it stands');
  refused.add(1, { verdict: 'conflict' });
  refused.add(1, { verdict: 'not_owner' });
  declared.add(3);
  peers.add(1, { reason: 'revoked' });
  count(7_000, 6_500, 60);
  redis.set(0);
  damaged.add(1);
  await live(15);
  assert.deepEqual(await raised(cloud), [
    'rows-refused',
    'owner-refused',
    'store-damaged',
    'peers-refused',
    'requests-unusable',
    'gaps-declared',
    'duplicates-many',
    'redis-down',
  ]);
});

test('the live stream has the alerts that are open, and tells each change at once', async (t) => {
  const { cloud, its, live } = await watched(t);
  await live(1);
  const stop = new AbortController();
  const response = await fetch(`${cloud.url}/api/v1/stream`, { signal: stop.signal });
  let text = '';
  const reading = (async () => {
    for await (const bytes of response.body!) text += Buffer.from(bytes).toString('utf8');
  })().catch(() => {});
  its.isHeard = false;
  await live(3);
  for (let i = 0; i < 100 && !/"alertCount":1/.test(text); i++) await live(1);
  stop.abort();
  await reading;
  const alert = /^event: ?alert\ndata: ?(.*)$/m.exec(text.replace(/^id:.*\n/gm, ''))?.[1] ?? text;
  assert.match(alert, /"change":"raised".*"alert":"edge-silent".*"subject":"edge-1"/);
  const lives = [...text.matchAll(/^data: ?(\{"totalPowerW.*)$/gm)].map((match) => JSON.parse(match[1]!) as LiveMessage);
  assert.deepEqual([lives[0]?.alertCount, lives.at(-1)?.alerts.map((its) => its.alert)], [0, ['edge-silent']]);
});
