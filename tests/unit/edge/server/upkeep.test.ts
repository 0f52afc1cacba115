import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NewRow } from '../../../../common/protocol/edge-ledger.ts';
import { closePart, openPart } from '../../../../common/protocol/window.ts';
import { readingOf, VirtualSite } from '../../../doubles/virtual-site.ts';

const PAGE_BYTES = 8_192;

async function withSite(options: ConstructorParameters<typeof VirtualSite>[0], run: (site: VirtualSite) => Promise<void>): Promise<void> {
  const site = new VirtualSite(options);
  try {
    await run(site);
    assert.deepEqual(site.errors, []);
  } finally {
    site.end();
  }
}

test('at exactly the quota the last open part still closes: acked rows go first', async () => {
  const fill = async (readings: number) => {
    let trimmed = 0;
    await withSite({ quotaBytes: 20 * PAGE_BYTES, idleCloseMs: 5_000 }, async (site) => {
      await site.start();
      site.produce('home', 1, readings);
      await site.clock.advance(60_000);
      assert.deepEqual(site.held('home').covered, [[1, readings]], `${readings} readings: ${JSON.stringify(site.edge.status())}`);
      trimmed = site.edge.status()?.trimmedEarly ?? 0;
    });
    return trimmed;
  };
  let fits = 10;
  let tooMany = 1_000;
  while (tooMany - fits > 1) {
    const middle = Math.floor((fits + tooMany) / 2);
    if ((await fill(middle)) > 0) tooMany = middle;
    else fits = middle;
  }
  assert.ok(fits > 10 && tooMany < 1_000, `the quota was reached by ${tooMany} readings`);
  // One of these counts fills the last page but for the open part.
  for (let readings = fits - 10; readings < fits + 10; readings++) await fill(readings);
});

test('acked rows behind very many unacknowledged ones are found', async () => {
  await withSite({ keepMs: 1_000 }, async (site) => {
    await site.start();
    await site.clock.advance(1_000);
    const store = site.edge.running?.store;
    assert.ok(store !== undefined);
    const row = (household: string, seq: number): NewRow => {
      return { kind: 'part', part: closePart(openPart(readingOf(household, seq), 5_000)), partition: 0, offset: 0 };
    };
    await store.exclusive(async () =>
      store.commit(true, () => {
        store.ledgerStore.ledger.parked.set('parked', 'test');
        for (let seq = 1; seq <= 21_000; seq++) store.outbox.insert(row('parked', seq), site.clock.nowMs());
      }),
    );
    site.produce('home', 1, 20);
    await site.clock.advance(30_000);
    assert.deepEqual(site.held('home').covered, [[1, 19]]);
    assert.equal(store.outbox.ackedCount, 0);
    assert.equal(store.outbox.unackedCount, 21_000);
  });
});
