import assert from 'node:assert/strict';
import { test } from 'node:test';
import { POWER_TOPIC } from '../../../../common/broker/broker.ts';
import { encodeReading } from '../../../../common/topic-codec.ts';
import { BASE_MS, readingOf, VirtualSite } from '../../../doubles/virtual-site.ts';

async function withSite(options: ConstructorParameters<typeof VirtualSite>[0], run: (site: VirtualSite) => Promise<void>): Promise<void> {
  const site = new VirtualSite(options);
  try {
    await run(site);
    assert.deepEqual(site.errors, []);
  } finally {
    site.end();
  }
}

test('a replaced log is read from its beginning, also when another change fails before its first record is taken', async () => {
  let delayMs = 0;
  await withSite({ brokerFates: { delayMs: () => delayMs, call: () => 'served' } }, async (site) => {
    await site.start();
    site.produce('home', 1, 50);
    await site.clock.advance(10_000);
    delayMs = 100;
    site.topics.replace(POWER_TOPIC);
    site.produce('other', 1, 9);
    for (let i = 0; !site.lines.some((line) => line.startsWith('the log was replaced')); i++) {
      assert.ok(i < 1_000, 'the replaced log was never seen');
      await site.clock.advance(10);
    }
    const store = site.edge.running?.store;
    await store?.exclusive(async () => store.reload());
    await site.clock.advance(30_000);
    assert.deepEqual(site.held('other').covered, [[1, 8]]);
  });
});

test('a backlog that closes more parts than the quota holds is taken in pieces', async () => {
  await withSite({ quotaBytes: 24 * 4_096 }, async (site) => {
    site.produce('home', 1, 900);
    await site.start();
    site.endRun([{ household: 'home', device: 'meter', src: 'src1', seq: 900 }]);
    await site.clock.advance(300_000);
    assert.deepEqual(site.held('home').covered, [[1, 900]]);
    assert.equal(site.edge.status()?.outboxFull, false);
  });
});

test('a reading with an absurd seq holds up nobody', { timeout: 20_000 }, async () => {
  await withSite({}, async (site) => {
    await site.start();
    site.produce('home', 1, 3);
    site.append([{ key: 'home', value: encodeReading({ ...readingOf('home', 4), seq: Number.MAX_SAFE_INTEGER }) }]);
    site.produce('home', 4, 6);
    site.produce('other', 1, 6);
    await site.clock.advance(30_000);
    assert.deepEqual(site.held('other').covered, [[1, 5]]);
    // The reading is taken at its word; what lies behind it in the log was found when its hole was searched.
    assert.deepEqual(site.held('home').covered[0], [1, 6]);
    assert.deepEqual(site.held('home').declared, [{ from: 7, to: Number.MAX_SAFE_INTEGER - 1, reason: 'missing in the log' }]);
  });
});

test('unreadable records are counted for ever and kept up to a limit', async () => {
  await withSite({}, async (site) => {
    await site.start();
    site.append(Array.from({ length: 1_500 }, (_, i) => ({ key: null, value: Buffer.from(`garbage ${i} ${BASE_MS}`) })));
    await site.clock.advance(5_000);
    assert.equal(site.edge.status()?.unreadable, 1_500);
    assert.equal(site.edge.running?.store.ledgerStore.unreadableKept(), 1_000);
    site.edge.kill();
    site.edge.start();
    await site.clock.advance(5_000);
    assert.equal(site.edge.status()?.unreadable, 1_500);
  });
});
