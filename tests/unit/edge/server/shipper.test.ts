import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import Database from 'better-sqlite3';
import { rangeOf } from '../../../../common/messages.ts';
import { decodeRequest, encodeReply } from '../../../../common/wire.ts';
import { OutboxFull } from '../../../../edge/server/outbox.ts';
import { OUTBOX_FILE, ROW_STATE } from '../../../../edge/server/outbox-schema.ts';
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

test('where the rows of a few households fill a request, all have their turn before one has its second', async () => {
  const HOMES = 30;
  const ROWS = 120;
  const site = new VirtualSite();
  try {
    await site.start();
    const homes = Array.from({ length: HOMES }, (_, i) => `home-${i}`);
    for (const home of homes) site.produce(home, 1, 3);
    await site.clock.advance(60_000);
    const served = site.network.handler;
    assert.ok(served !== undefined);
    site.network.handler = undefined;
    for (const home of homes) site.produce(home, 4, ROWS);
    await site.clock.advance(10_000);
    const turns: string[] = [];
    site.network.handler = (payload, peer) => {
      const request = decodeRequest(payload);
      if (request.kind === 'parts') turns.push(...new Set(request.parts.rows.map((row) => rangeOf(row).household)));
      return served(payload, peer);
    };
    await site.clock.advance(120_000);
    for (const home of homes) assert.deepEqual(site.held(home).covered, [[1, ROWS]], home);
    assert.ok(turns.length >= 2 * HOMES, `${turns.length} turns`);
    assert.equal(new Set(turns.slice(0, HOMES)).size, HOMES, turns.slice(0, HOMES).join(' '));
  } finally {
    site.end();
  }
});

test('rows that are not answered soon are marked as sent in the file, for whoever reads it; those that are, are written once', async () => {
  let replyMs = 1;
  const site = new VirtualSite({ dataFates: { request: () => [1], reply: () => [replyMs] } });
  const states = () => {
    const database = new Database(join(site.edge.stateFolder, OUTBOX_FILE), { readonly: true });
    try {
      return database.prepare('SELECT state FROM outbox ORDER BY id').pluck().all();
    } finally {
      database.close();
    }
  };
  try {
    await site.start();
    site.produce('home', 1, 2);
    await site.clock.advance(10_000);
    assert.deepEqual(states(), [ROW_STATE.acked]);
    replyMs = 2_000;
    site.produce('home', 3, 4);
    await site.clock.advance(200);
    assert.deepEqual(states(), [ROW_STATE.acked, ROW_STATE.queued, ROW_STATE.queued]);
    await site.clock.advance(500);
    assert.deepEqual(states(), [ROW_STATE.acked, ROW_STATE.sent, ROW_STATE.sent]);
    await site.clock.advance(2_000);
    assert.deepEqual(states(), [ROW_STATE.acked, ROW_STATE.acked, ROW_STATE.acked]);
  } finally {
    site.end();
  }
});
