import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeRequest, encodeReply } from '../../../../common/wire.ts';
import { OutboxFull } from '../../../../edge/server/outbox.ts';
import { SOURCES_PER_REQUEST_MAX } from '../../../../edge/server/shipper.ts';
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

test('an edge of many households asks with rows of some of them at a time, in turn, and all come', async () => {
  const site = new VirtualSite();
  try {
    await site.start();
    const homes = Array.from({ length: 2 * SOURCES_PER_REQUEST_MAX + 50 }, (_, i) => `home-${i}`);
    const asked: number[] = [];
    const served = site.network.handler;
    assert.ok(served !== undefined);
    const counted: typeof served = (payload, peer) => {
      const request = decodeRequest(payload);
      if (request.kind === 'parts')
        asked.push(new Set(request.parts.rows.map((row) => (row.kind === 'part' ? row.part : row.gap).household)).size);
      return served(payload, peer);
    };
    for (const home of homes) site.produce(home, 1, 3);
    await site.clock.advance(60_000);
    site.network.handler = undefined;
    for (const home of homes) site.produce(home, 4, 9);
    await site.clock.advance(10_000);
    site.network.handler = counted;
    await site.clock.advance(60_000);
    for (const home of homes) assert.deepEqual(site.held(home).covered, [[1, 9]], home);
    assert.equal(Math.max(...asked), SOURCES_PER_REQUEST_MAX);
  } finally {
    site.end();
  }
});
