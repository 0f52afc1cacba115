/** The live lane at the cloud: what of it pages see, and what is left out and counted. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { AHEAD_OF_EDGE_MS_MAX } from '../../../../cloud/server/ahead-windows.ts';
import { AHEAD_SERIES_MAX } from '../../../../cloud/server/storage/latest.ts';
import { systemClock } from '../../../../common/clock.ts';
import { LinkRefusals } from '../../../../common/link/link-refusals.ts';
import { silentLogger } from '../../../../common/logger.ts';
import type { NewestRequest } from '../../../../common/messages.ts';
import { HOME, part, T0_MS, WINDOW_MS } from '../../../contract/series-store-probes.ts';
import { type Cloud, type Edge, helloEdge, startCloud, STATUS } from './receiver-cloud.ts';

type PartRow = NewestRequest['rows'][number];

/** One reading in this window, seq as given. */
function inWindow(n: number, seq = n, changes: Partial<PartRow['part']> = {}): PartRow {
  const row = part(seq, seq, { timeMs: T0_MS + n * WINDOW_MS + 1 });
  assert.ok(row.kind === 'part');
  return { kind: 'part', part: { ...row.part, ...changes } };
}

function live(cloud: Cloud) {
  cloud.receiver.register(cloud.metrics);
  return {
    show: async (edge: Edge, ...rows: PartRow[]) => {
      const { claim, startId, generations } = edge;
      const newest = { edge: 'edge-1', epoch: 'epoch-1', claim, startId, windowMs: WINDOW_MS, generations, rows };
      return cloud.ask({ kind: 'newest', newest });
    },
    beat: (newestMs: number | null) =>
      cloud.ask({ kind: 'heartbeat', heartbeat: { edge: 'edge-1', epoch: 'epoch-1', sentMs: 1, status: { ...STATUS, newestMs } } }),
    /** Windows since the beginning, by household. */
    shown: async () =>
      Object.fromEntries((await cloud.latest.all()).map(({ household, startMs }) => [household, (startMs - T0_MS) / WINDOW_MS])),
    notShown: async () =>
      Object.fromEntries(
        [...(await cloud.metrics.text()).matchAll(/^fogline_windows_not_shown_total\{reason="(\w+)"\} (\d+)$/gm)].map((found) => [
          found[1],
          Number(found[2]),
        ]),
      ),
  };
}

async function liveCloud(t: TestContext) {
  const cloud = await startCloud(t);
  return { cloud, edge: await helloEdge(cloud), ...live(cloud) };
}

const HOUR_WINDOWS = AHEAD_OF_EDGE_MS_MAX / WINDOW_MS;
/** 2035. */
const FAR = 100_000_000;

test('nothing is shown beyond what the edge itself says it has come to, and a tolerance; what is left out is counted', async (t) => {
  const { edge, show, beat, shown, notShown } = await liveCloud(t);
  await beat(T0_MS + 10 * WINDOW_MS);
  await show(edge, inWindow(9));
  await show(edge, inWindow(FAR));
  assert.deepEqual([await shown(), await notShown()], [{ [HOME]: 9 }, { beyond_clock: 1 }]);
  await show(edge, inWindow(10 + HOUR_WINDOWS));
  await show(edge, inWindow(11 + HOUR_WINDOWS));
  assert.deepEqual([await shown(), await notShown()], [{ [HOME]: 10 + HOUR_WINDOWS }, { beyond_clock: 2 }]);
});

test('a replay of years ago that goes faster than the tolerance is shown as far as its pace takes it', async (t) => {
  const { cloud, edge, show, beat, shown, notShown } = await liveCloud(t);
  const perBeat = 20 * HOUR_WINDOWS;
  for (let n = 0; n <= 3; n++) {
    await beat(T0_MS + n * perBeat * WINDOW_MS);
    await cloud.clock.advance(3_000);
  }
  await show(edge, inWindow(4 * perBeat));
  assert.deepEqual([await shown(), await notShown()], [{ [HOME]: 4 * perBeat }, {}]);
  await show(edge, inWindow(6 * perBeat));
  assert.deepEqual(await notShown(), { beyond_clock: 1 });
});

test('an edge that has not said how far it has come is measured by the clock on the wall', async (t) => {
  const { cloud, edge, show, beat, shown, notShown } = await liveCloud(t);
  const now = Math.floor((cloud.clock.nowMs() - T0_MS) / WINDOW_MS);
  await beat(null);
  await show(edge, inWindow(now + HOUR_WINDOWS + 1, 2));
  await show(edge, inWindow(now, 1));
  assert.deepEqual([await shown(), await notShown()], [{ [HOME]: now }, { beyond_clock: 1 }]);
});

test('a window that was wrongly shown does not hide what is shown later', async (t) => {
  const { edge, show, beat, shown } = await liveCloud(t);
  await beat(T0_MS + FAR * WINDOW_MS);
  await show(edge, inWindow(FAR));
  assert.deepEqual(await shown(), { [HOME]: FAR });
  await edge.ship(inWindow(1));
  await show(edge, inWindow(30));
  assert.deepEqual(await shown(), { [HOME]: 30 });
  await edge.ship(inWindow(2));
  assert.deepEqual(await shown(), { [HOME]: 30 }, 'the backlog takes nothing back');
});

test('devices and fields that nobody stored fill no memory: so many of a household are shown, the others counted', async (t) => {
  const { cloud, edge, show, beat, notShown } = await liveCloud(t);
  await beat(T0_MS);
  await edge.ship(inWindow(0, 1));
  for (let i = 0; i < 10; i++) {
    const rows = Array.from({ length: 100 }, (_, k) => inWindow(1, 1, { device: `device-${100 * i + k}` }));
    assert.equal((await show(edge, ...rows)).kind, 'newest');
  }
  const all = await cloud.latest.all();
  assert.equal(all.length, 1 + AHEAD_SERIES_MAX);
  assert.deepEqual(await notShown(), { series: 1_000 - AHEAD_SERIES_MAX });
  assert.deepEqual(
    await cloud.store.newest(),
    all.filter(({ device }) => device === 'meter'),
  );
});

test('damaged rows and households that the claim does not own are left out and counted, and the others are shown', async (t) => {
  const { cloud, edge, show, beat, shown, notShown } = await liveCloud(t);
  await beat(T0_MS + 100 * WINDOW_MS);
  const other = await helloEdge(cloud, ['home-b'], 'claim-2');
  assert.equal(other.generations['home-b'], 1);
  edge.generations['home-b'] = 1;
  await show(
    edge,
    inWindow(1),
    inWindow(2, 2, { digest: '' }),
    inWindow(3, 3, { household: 'home-b' }),
    inWindow(3, 3, { household: 'home-c' }),
  );
  assert.deepEqual([await shown(), await notShown()], [{ [HOME]: 1 }, { damaged: 1, not_owned: 2 }]);
});

test('with certificates: another edge shows nothing, and of another group no household is shown', async (t) => {
  const peer = { id: 'edge-1', remote: '192.0.2.1:5' };
  const households = new Set([HOME, 'home-b']);
  const refusals = new LinkRefusals(systemClock, silentLogger);
  const guard = { refusals, mayOwn: (edge: string, household: string) => edge === peer.id && households.has(household) };
  const cloud = await startCloud(t, { guard, peer });
  const edge = await helloEdge(cloud, [HOME, 'home-b']);
  const { show, beat, shown, notShown } = live(cloud);
  await beat(T0_MS + 100 * WINDOW_MS);
  households.delete('home-b');
  assert.equal((await show(edge, inWindow(1), inWindow(1, 1, { household: 'home-b' }))).kind, 'newest');
  assert.deepEqual([await shown(), await notShown()], [{ [HOME]: 1 }, { foreign: 1 }]);
  assert.equal(refusals.count('household'), 1);

  const { claim, startId, generations } = edge;
  const newest = { edge: 'edge-2', epoch: 'epoch-1', claim, startId, windowMs: WINDOW_MS, generations, rows: [inWindow(2)] };
  const reply = await cloud.ask({ kind: 'newest', newest });
  assert.ok(reply.kind === 'refused' && /certificate is that of edge edge-1, the request names edge edge-2/.test(reply.reason));
  assert.deepEqual([await shown(), refusals.count('other_edge')], [{ [HOME]: 1 }, 1]);
});
