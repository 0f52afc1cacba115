import assert from 'node:assert/strict';
import { test } from 'node:test';
import { POWER_TOPIC } from '../../../../common/broker/broker.ts';
import type { LinkHandler } from '../../../../common/link/link.ts';
import { decodeReply, decodeRequest, encodeReply } from '../../../../common/wire.ts';
import { EDGE_GROUP } from '../../../../edge/server/intake.ts';
import { LOOK_ROWS } from '../../../../edge/server/outbox.ts';
import { VirtualSite } from '../../../doubles/virtual-site.ts';

const PAGE_BYTES = 8_192;

async function refillAnEmptyCloud(
  quotaPages: number,
  readings: number,
  whileRefilling: (site: VirtualSite) => Promise<void>,
  options: ConstructorParameters<typeof VirtualSite>[0] = {},
): Promise<void> {
  const site = new VirtualSite({ quotaBytes: quotaPages * PAGE_BYTES, topic: { partitions: 1, retentionMs: 0 }, ...options });
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

test('between two pieces of a refill no offset is committed: what the next piece needs stays in the log', async () => {
  // A hello under way for longer than the time from one commit to the next, between any two pieces.
  const slow = { request: () => [700], reply: () => [700] };
  let pieces = 0;
  const retention = async (site: VirtualSite) => {
    // The group's offsets were lost with the cloud, so the log is whole; from here on it goes as soon as it is committed.
    site.topics.committed(POWER_TOPIC, EDGE_GROUP).clear();
    const served = site.network.handler as LinkHandler;
    site.network.handler = (payload, peer) => {
      site.topics.deleteCommitted(POWER_TOPIC, EDGE_GROUP);
      if (decodeRequest(payload).kind === 'hello') pieces++;
      return served(payload, peer);
    };
  };
  await refillAnEmptyCloud(30, 1_200, retention, { dataFates: slow });
  assert.ok(pieces >= 3, `${pieces} pieces`);
});

test('the answer to a hello of another claim assigns nothing: it is refused, and asked for again', async () => {
  const site = new VirtualSite();
  try {
    site.produce('home', 1, 10);
    await site.cloud.start();
    const served = site.network.handler as LinkHandler;
    let hellos = 0;
    let partsBefore = 0;
    // As the answer to a copy of this edge, or to its process before, would be.
    const STRANGE = 3;
    site.network.handler = async (payload, peer) => {
      const { kind } = decodeRequest(payload);
      if (kind === 'parts' && hellos <= STRANGE) partsBefore++;
      const reply = decodeReply(await served(payload, peer));
      if (reply.kind !== 'hello' || ++hellos > STRANGE) return encodeReply(reply);
      const households = reply.households.map((household) => ({ ...household, generation: household.generation + 7 }));
      return encodeReply({ ...reply, claim: `${reply.claim}x`, households });
    };
    site.edge.start();
    await site.clock.advance(60_000);
    assert.deepEqual(site.held('home').covered, [[1, 9]]);
    assert.ok(hellos > STRANGE, `${hellos} hellos`);
    assert.equal(partsBefore, 0);
    assert.deepEqual(site.edge.running?.store.ledgerStore.ledger.generations, new Map([['home', 1]]));
    assert.deepEqual(site.edge.status()?.parked, []);
  } finally {
    site.end();
  }
});

test('while a hello is worked in, the event loop turns between two reads of the outbox, whatever waits in it', async (t) => {
  const WAITING = 4 * LOOK_ROWS;
  const site = new VirtualSite();
  t.after(() => site.end());
  await site.start();
  site.produce('one', 1, 2);
  await site.clock.advance(20_000);
  site.cloud.kill();
  await site.clock.advance(10_000);
  for (const household of ['one', 'two']) site.produce(household, 3, WAITING);
  await site.clock.advance(10_000);
  assert.ok((site.edge.status()?.queued ?? 0) >= WAITING - 10);
  const { outbox } = site.edge.running!.store as unknown as {
    outbox: { statements: Record<string, { all: (...args: unknown[]) => unknown[] }> };
  };
  const statement = outbox.statements['unackedRanges'] as { all: (...args: unknown[]) => unknown[] };
  const all = statement.all.bind(statement);
  let turn = 0;
  const turns: number[] = [];
  const rows: number[] = [];
  statement.all = (...args) => {
    turns.push(turn);
    setImmediate(() => void turn++);
    const found = all(...args);
    rows.push(found.length);
    return found;
  };
  await site.cloud.start();
  await site.clock.advance(10_000);
  assert.ok(turns.length >= 4 && Math.max(...rows) <= LOOK_ROWS, `${turns.length} reads of ${rows.join(' ')}`);
  assert.equal(new Set(turns).size, turns.length, 'two reads in one turn');
});

/** The longest time that the event loop did not turn, in rows whose state was changed. */
function rowsPerTurn(site: VirtualSite): { most: () => number; all: () => number } {
  type Changing = Record<string, { run: (...args: unknown[]) => unknown }>;
  const { statements } = (site.edge.running!.store as unknown as { outbox: { statements: Changing } }).outbox;
  let [inTurn, most, all] = [0, 0, 0];
  for (const name of ['setState', 'setStateUnacked', 'insert']) {
    const statement = statements[name] as Changing[string];
    const run = statement.run.bind(statement);
    statement.run = (...args) => {
      if (inTurn === 0) setImmediate(() => void (inTurn = 0));
      most = Math.max(most, ++inTurn);
      all++;
      return run(...args);
    };
  }
  return { most: () => most, all: () => all };
}

const WAITING_ROWS = 6_000;

test('rows that a hello queues again or acknowledges change in pieces, and the event loop turns between two', async (t) => {
  const site = new VirtualSite();
  t.after(() => site.end());
  await site.start();
  await site.clock.advance(5_000);
  site.cloud.backUp();
  for (const household of ['one', 'two']) site.produce(household, 1, WAITING_ROWS / 2 + 1);
  await site.until(() => site.edge.status()?.acked === WAITING_ROWS, 600_000);
  site.cloud.backUp();
  // The first copy has nothing, so all is queued again; the second has all, and what still waits by then is acknowledged by the hello.
  for (const [copy, rows] of [[0, WAITING_ROWS] as const, [1, WAITING_ROWS / 2] as const]) {
    site.cloud.kill();
    const changed = rowsPerTurn(site);
    site.cloud.restore(copy);
    await site.cloud.start();
    await site.until(() => changed.all() >= rows, 60_000, 10);
    assert.ok(changed.all() >= rows, `${changed.all()} rows of copy ${copy}`);
    assert.ok(changed.most() <= 2_000, `${changed.most()} rows in one turn`);
  }
  await site.until(() => site.edge.status()?.acked === WAITING_ROWS, 600_000);
  assert.deepEqual(site.held('one').covered, [[1, WAITING_ROWS / 2]]);
});

test('households are asked for in hellos of a hundred, one after the other, and all are assigned', async (t) => {
  const site = new VirtualSite();
  t.after(() => site.end());
  const homes = 250;
  await site.start();
  const served = site.network.handler as LinkHandler;
  const asked: number[] = [];
  site.network.handler = (payload, peer) => {
    const request = decodeRequest(payload);
    if (request.kind === 'hello') asked.push(request.hello.households.length);
    return served(payload, peer);
  };
  for (let home = 0; home < homes; home++) site.produce(`home-${home}`, 1, 2);
  await site.until(() => site.edge.status()?.households === homes, 60_000);
  assert.deepEqual([site.edge.status()?.households, Math.max(...asked)], [homes, 100]);
  asked.length = 0;
  site.edge.kill();
  site.edge.start();
  await site.until(() => asked.length === 3, 10_000);
  assert.deepEqual(asked, [100, 100, 50]);
  assert.deepEqual(site.errors, []);
});
