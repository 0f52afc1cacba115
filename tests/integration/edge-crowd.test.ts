/**
 * Many edges of one home come back at once to a cloud that was away: all drain, none far behind the others. The figure for a thousand
 * is a benchmark (`npm run bench -- thousand-edges`).
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { systemClock } from '../../common/clock.ts';
import { ensureBuilt, Fleet } from '../crash/fleet.ts';
import { EdgeCrowd, unevenness } from '../doubles/edge-crowd.ts';

const EDGES = 100;
const BACKLOG_WINDOWS = 300;
/** The promise for a thousand is 3; here waits between two dials, up to 2 s, are a large part of it all. */
const UNEVENNESS_MAX = 5;
const DEADLINE_MS = 240_000;

const folder = mkdtempSync(join(tmpdir(), 'fogline-crowd-'));
before(ensureBuilt);
after(() => rmSync(folder, { recursive: true }));

async function withCrowd(edges: number, work: (crowd: EdgeCrowd, fleet: Fleet) => Promise<void>): Promise<void> {
  const fleet = new Fleet({ dataDir: folder });
  const { heartbeatPort, dataPort } = await fleet.open();
  const times = { heartbeatMs: 500, heartbeatDeadlineMs: 2_000, dataDeadlineMs: 10_000 };
  const crowd = new EdgeCrowd({ edges, heartbeatPort, dataPort, ...times, seed: 5 });
  try {
    fleet.start('cloud');
    await crowd.start();
    await crowd.produce(1);
    await crowd.untilDrained(DEADLINE_MS);
    await work(crowd, fleet);
  } finally {
    await crowd.stop();
    await fleet.stop();
  }
}

test(`${EDGES} edges of one home with a backlog drain evenly when the cloud comes back`, async () => {
  await withCrowd(EDGES, async (crowd, fleet) => {
    await fleet.kill('cloud');
    await crowd.produce(BACKLOG_WINDOWS);
    await crowd.untilTakenIn(DEADLINE_MS);
    crowd.connectedMs.length = 0;
    fleet.start('cloud');
    const drainedMs = await crowd.untilDrained(DEADLINE_MS);
    const fromMs = Math.min(...crowd.connectedMs);
    assert.ok(crowd.connectedMs.length >= 2 * EDGES, 'every edge has dialled anew');
    const ratio = unevenness(drainedMs.map((atMs) => atMs - fromMs));
    assert.ok(ratio <= UNEVENNESS_MAX, `the slowest edge took ${ratio.toFixed(1)} × as long as the median`);
    const stored = new Map<string, number>();
    for (const line of fleet.exportCsv('--field', 'power').trim().split('\n').slice(1)) {
      const household = line.split(',')[0] as string;
      stored.set(household, (stored.get(household) ?? 0) + 1);
    }
    for (const household of crowd.households) assert.equal(stored.get(household), 1 + BACKLOG_WINDOWS, household);
  });
});

test('an edge that is starved shows', async () => {
  await withCrowd(5, async (crowd) => {
    const fromMs = systemClock.monotonicMs();
    crowd.starve(0);
    await crowd.produce(10);
    const fedMs = await crowd.untilDrained(DEADLINE_MS, (i) => i > 0);
    await systemClock.sleep(UNEVENNESS_MAX * (Math.max(...fedMs) - fromMs));
    crowd.feed(0);
    const starvedMs = await crowd.untilDrained(DEADLINE_MS, (i) => i === 0);
    assert.ok(unevenness([...starvedMs, ...fedMs].map((atMs) => atMs - fromMs)) > UNEVENNESS_MAX);
  });
});
