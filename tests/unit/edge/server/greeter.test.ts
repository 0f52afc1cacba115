import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualSite } from '../../../doubles/virtual-site.ts';

const PAGE_BYTES = 8_192;

async function refillAnEmptyCloud(
  quotaPages: number,
  readings: number,
  whileRefilling: (site: VirtualSite) => Promise<void>,
): Promise<void> {
  const site = new VirtualSite({ quotaBytes: quotaPages * PAGE_BYTES, topic: { partitions: 1, retentionMs: 0 } });
  try {
    await site.start();
    await site.clock.advance(5_000);
    site.cloud.backUp();
    for (const household of ['one', 'two']) site.produce(household, 1, readings);
    await site.until(() => site.held('two').readings === readings, 600_000);
    assert.deepEqual(site.held('one').covered, [[1, readings]]);
    site.cloud.kill();
    site.cloud.restore(0);
    await site.cloud.start();
    await whileRefilling(site);
    site.endRun(['one', 'two'].map((household) => ({ household, device: 'meter', src: 'src1', seq: readings })));
    const isRefilled = (household: string) => site.held(household).readings === readings;
    // The run counts as done until the edge has noticed that the cloud lost what it had acknowledged.
    await site.until(() => isRefilled('one') && isRefilled('two') && site.edge.status()?.runs[0]?.done === true, 3_600_000);
    assert.deepEqual(site.errors, []);
    assert.deepEqual(site.witness.findings, []);
    for (const household of ['one', 'two']) assert.deepEqual(site.held(household), { covered: [[1, readings]], declared: [], readings });
    assert.deepEqual(site.edge.status()?.runs, [{ run: 'r', ended: true, done: true }]);
  } finally {
    site.end();
  }
}

test('a cloud that lost everything is refilled from the log although the outbox is far too small for all of it', async () => {
  await refillAnEmptyCloud(30, 1_200, async () => undefined);
});

test('a refill in pieces goes on after the edge was killed in the middle of it', async () => {
  await refillAnEmptyCloud(30, 1_200, async (site) => {
    await site.until(() => site.held('one').readings > 0, 60_000, 1);
    assert.ok((site.held('one').covered[0]?.[1] ?? 0) < 1_200, 'all came in one piece');
    site.edge.kill();
    site.edge.start();
  });
});

test('readings that come while a refill is under way change nothing', async () => {
  await refillAnEmptyCloud(30, 1_200, async (site) => {
    for (let i = 0; i < 20; i++) {
      await site.clock.advance(500);
      site.produce('three', i * 10 + 1, i * 10 + 10);
    }
  });
});
