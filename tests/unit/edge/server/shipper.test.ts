import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeRequest, encodeReply } from '../../../../common/wire.ts';
import { OutboxFull } from '../../../../edge/server/outbox.ts';
import { VirtualSite } from '../../../doubles/virtual-site.ts';

test('the first good heartbeat after an outage ends the backoff of refused requests', async () => {
  const site = new VirtualSite();
  try {
    await site.start();
    site.produce('home', 1, 10);
    const served = site.network.handler;
    assert.ok(served !== undefined);
    // A cloud without room answers heartbeats and refuses everything else, for long enough that the waits are minutes.
    site.network.handler = (payload, peer) =>
      decodeRequest(payload).kind === 'heartbeat'
        ? served(payload, peer)
        : Promise.resolve(encodeReply({ kind: 'refused', reason: 'test' }));
    await site.clock.advance(3_600_000);
    site.network.handler = undefined;
    await site.clock.advance(10_000);
    site.network.handler = served;
    await site.clock.advance(10_000);
    assert.deepEqual(site.held('home').covered, [[1, 9]]);
  } finally {
    site.end();
  }
});

test('a disk without room for acks holds the edge up and does not end it', async () => {
  const site = new VirtualSite();
  try {
    await site.start();
    await site.clock.advance(1_000);
    const store = site.edge.running?.store;
    assert.ok(store !== undefined);
    site.produce('home', 1, 3);
    await site.clock.advance(100);
    const { outbox } = store;
    const write = outbox.write.bind(outbox);
    outbox.write = () => {
      throw new OutboxFull('no room on the disk');
    };
    site.produce('home', 4, 9);
    await site.clock.advance(20_000);
    assert.deepEqual(site.errors, []);
    outbox.write = write;
    await site.clock.advance(60_000);
    assert.deepEqual(site.held('home').covered, [[1, 8]]);
    assert.deepEqual(site.errors, []);
  } finally {
    site.end();
  }
});
