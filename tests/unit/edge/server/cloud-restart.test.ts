/**
 * The cloud starts anew while edges hold a backlog: current values are shown at once, whatever spread it gives; backlogs wait for their
 * turns. Production edges and receiver in virtual time.
 */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { POWER_TOPIC } from '../../../../common/broker/broker.ts';
import type { LinkHandler } from '../../../../common/link/link.ts';
import { seededRandom } from '../../../../common/random.ts';
import { encodeReading } from '../../../../common/topic-codec.ts';
import { decodeRequest } from '../../../../common/wire.ts';
import { VirtualTopics } from '../../../doubles/virtual-broker.ts';
import { BASE_MS, readingOf, VirtualSite } from '../../../doubles/virtual-site.ts';
import { StormEdge } from '../../../storm/storm-edge.ts';
import { openStores } from '../../../storm/storm-stores.ts';

const EDGES = 8;
const WINDOW_MS = 5_000;
const SPREAD_MS = 600_000;
/** Of the issue: no current value is older. */
const AGE_MS_MAX = 10_000;

async function fleetOf(t: TestContext) {
  const site = new VirtualSite({}, { spreadMs: () => SPREAD_MS });
  t.after(() => site.end());
  await site.cloud.start();
  const stores = openStores('memory');
  t.after(() => stores.remove());
  const fleet = Array.from({ length: EDGES }, (_, i) => {
    const topics = new VirtualTopics();
    topics.ensure(POWER_TOPIC, 1);
    const place = stores.edge(`edge-${i}`);
    const edge = new StormEdge({ ...site.edge.options, edge: `edge-${i}`, place, random: seededRandom(i + 1), topics });
    t.after(() => edge.kill());
    edge.start();
    return { home: `home-${i}`, topics };
  });
  let seq = 0;
  const produce = () => {
    seq++;
    for (const { home, topics } of fleet) topics.append(POWER_TOPIC, 0, [{ key: home, value: encodeReading(readingOf(home, seq)) }]);
  };
  const live = async (windows: number, each?: () => void | Promise<void>) => {
    for (let i = 0; i < windows; i++) {
      produce();
      await site.clock.advance(WINDOW_MS);
      await each?.();
    }
  };
  /** End of the newest window closed, less that of the one shown, per edge; what closes with the last reading is open still. */
  const agesMs = async () => {
    const windows = (await site.cloud.latest?.all()) ?? [];
    const closedMs = BASE_MS + (seq - 1) * WINDOW_MS;
    return fleet.map(({ home }) => closedMs - (windows.find(({ household }) => household === home)?.startMs ?? 0));
  };
  return { site, produce, live, agesMs };
}

for (const [backlog, outage] of [
  [2_000, 'a long outage'],
  [2, 'a short one'],
] as const) {
  test(`after ${outage} and a restart of the cloud, no current value is older than 10 s, and backlogs wait for their turns`, async (t) => {
    const { site, produce, live, agesMs } = await fleetOf(t);
    // All get their turn once.
    await live(Math.ceil(SPREAD_MS / WINDOW_MS) + 10);
    site.cloud.kill();
    await live(2);
    for (let i = 0; i < backlog; i++) produce();
    await live(2);
    assert.ok(Math.min(...(await agesMs())) > AGE_MS_MAX, 'while the cloud is away nothing is shown');

    await site.cloud.start();
    const asked = new Map<string, number>();
    const served = site.network.handler as LinkHandler;
    site.network.handler = (payload, peer) => {
      const request = decodeRequest(payload);
      if (request.kind === 'parts') asked.set(request.parts.edge, site.clock.monotonicMs());
      return served(payload, peer);
    };
    await live(2);
    const oldestMs = Math.max(...(await agesMs()));
    assert.ok(oldestMs <= AGE_MS_MAX, `10 s after the restart the oldest is ${oldestMs} ms`);
    assert.ok(asked.size <= 2, `${asked.size} of ${EDGES} edges ship before their turn`);
    await live(20, async () => {
      const ageMs = Math.max(...(await agesMs()));
      assert.ok(ageMs <= AGE_MS_MAX, `${ageMs} ms`);
    });
    await live(Math.ceil(SPREAD_MS / WINDOW_MS));
    assert.equal(asked.size, EDGES, 'all had their turn');
    assert.deepEqual(site.witness.findings, []);
    assert.deepEqual(await site.cloud.latest?.all(), await site.cloud.reading.newest());
  });
}
