/** What the receiver does when more comes than it can do at once, and what it shows ahead of a backlog. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import Database from 'better-sqlite3';
import type { LinkReply, LinkRequest, ShippedRow } from '../../../../common/messages.ts';
import { decodeReply, encodeReply, encodeRequest } from '../../../../common/wire.ts';
import { WORK_LIMITS } from '../../../../cloud/server/work-queue.ts';
import { everything, gap, HOME, part, T0_MS, WINDOW_MS } from '../../../contract/series-store-probes.ts';
import { type Cloud, type Edge, faulty, helloEdge, PEER, startCloud, STATUS } from './receiver-cloud.ts';

const inWindow = (seq: number, fields: Parameters<typeof part>[2] = {}) =>
  part(seq, seq, { timeMs: T0_MS + (seq - 1) * WINDOW_MS, ...fields });

function newest(edge: Edge, ...rows: ShippedRow[]): LinkRequest {
  const request = edge.request(rows);
  assert.ok(request.kind === 'parts');
  return { kind: 'newest', newest: request.parts as never };
}

const shownBy = async (cloud: Cloud) => (await cloud.latest.all()).map(({ startMs, count, mean }) => [startMs, count, mean]);

describe('more than can be done at once', () => {
  test('requests are stored in the order in which they came, however many come at once', async (t) => {
    const cloud = await startCloud(t);
    const edge = await helloEdge(cloud);
    const replies = await Promise.all([1, 2, 3, 4, 5, 6].map((seq) => edge.ship(inWindow(seq))));
    assert.deepEqual(
      replies.map(({ verdicts }) => verdicts.map(({ verdict }) => verdict)),
      replies.map(() => ['stored']),
    );
  });

  test('a request that comes when the lock is free again does not overtake one that waits for it', async (t) => {
    const cloud = await startCloud(t);
    const edge = await helloEdge(cloud);
    const other = new Database(cloud.store.path);
    other.exec('BEGIN IMMEDIATE');
    const first = edge.verdicts(inWindow(1));
    await cloud.clock.advance(1);
    other.exec('ROLLBACK');
    other.close();
    const second = edge.verdicts(inWindow(2));
    await cloud.clock.advance(1_000);
    assert.deepEqual(await Promise.all([first, second]), [['stored'], ['stored']]);
  });

  test('above the limit a request is turned away as busy before it is looked at, and that is no refusal', async (t) => {
    const cloud = await startCloud(t, { workLimits: { requestsMax: 4, bytesMax: 1 << 20 } });
    const edge = await helloEdge(cloud);
    const replies = await Promise.all([1, 2, 3, 4, 5, 6, 7].map((seq) => edge.send(inWindow(seq))));
    assert.deepEqual(
      replies.map(({ kind }) => kind),
      ['parts', 'parts', 'parts', 'parts', 'busy', 'busy', 'busy'],
    );
    const busy = replies[4] as Extract<LinkReply, { kind: 'busy' }>;
    assert.ok(busy.startId === 'start-1' && busy.retryAfterMs >= 100);
    assert.deepEqual([cloud.receiver.counters.busy, cloud.receiver.counters.refused, cloud.receiver.counters.unusable], [3, 0, 0]);
    assert.deepEqual(await edge.verdicts(inWindow(5), inWindow(6), inWindow(7)), ['stored', 'stored', 'stored']);
  });

  test('heartbeats on their port are answered at once, also when the queue is full', async (t) => {
    const cloud = await startCloud(t, { workLimits: { requestsMax: 1, bytesMax: 1 << 20 } });
    const edge = await helloEdge(cloud);
    const answered: string[] = [];
    const waiting = edge.send(inWindow(1)).then(({ kind }) => answered.push(kind));
    const beat = encodeRequest({ kind: 'heartbeat', heartbeat: { edge: 'edge-1', epoch: 'e', sentMs: 1, status: STATUS } });
    const beating = cloud.receiver.handleHeartbeat(beat, PEER).then((reply) => answered.push(decodeReply(reply).kind));
    await Promise.all([waiting, beating]);
    assert.deepEqual(answered, ['heartbeat', 'parts']);
    const parts = await cloud.receiver.handleHeartbeat(encodeRequest(edge.request([inWindow(2)]) as never), PEER);
    assert.equal(decodeReply(parts).kind, 'parts', 'what else comes to that port is served in its turn');
  });

  test('one certificate can not fill the queue: the hello of another edge is answered, and before the flood is done', async (t) => {
    const cloud = await startCloud(t);
    const ask = (edge: string, turn: number, remote: string) => {
      const hello = { edge, epoch: 'e', claim: `c-${turn}`, windowMs: WINDOW_MS, households: [{ household: HOME, generation: 0 }] };
      return cloud.receiver.handle(encodeRequest({ kind: 'hello', hello }), { id: edge, remote }).then((reply) => decodeReply(reply).kind);
    };
    let answered = 0;
    // Eight connections with 32 requests each, as many as they may have on their way.
    const flood = Array.from({ length: 256 }, (_, i) => ask('flooder', i, `192.0.2.1:${i % 8}`).then((kind) => (answered++, kind)));
    const kind = await ask('honest', 1, '192.0.2.2:1');
    const before = answered;
    const kinds = await Promise.all(flood);
    assert.equal(kind, 'hello');
    assert.ok(before < 256 && kinds.filter((its) => its === 'hello').length >= 2, `${before} of the flood came before`);
    const served = kinds.filter((its) => its === 'hello').length;
    assert.deepEqual([served, kinds.filter((its) => its === 'busy').length], [WORK_LIMITS.identityRequestsMax, 256 - served]);
  });

  test('the credit falls as the queue fills, and is not mentioned while there is room', async (t) => {
    const cloud = await startCloud(t, { workLimits: { requestsMax: 8, bytesMax: 1 << 20 } });
    const edge = await helloEdge(cloud);
    const replies = await Promise.all([1, 2, 3, 4, 5, 6].map((seq) => edge.ship(inWindow(seq))));
    assert.deepEqual(
      replies.map(({ inFlightMax }) => inFlightMax),
      [1, 1, 1, 2, 2, undefined],
    );
  });
});

describe('the live lane', () => {
  test('shows the window at once, stores and counts nothing; when it is stored it is the same window', async (t) => {
    const cloud = await startCloud(t);
    const edge = await helloEdge(cloud);
    await edge.ship(inWindow(1));
    const before = await everything(cloud.store);
    const reply = await cloud.ask(newest(edge, inWindow(9, { values: { power: 42 } })));
    assert.deepEqual(reply, { kind: 'newest', v: 1, startId: 'start-1', notOwned: 0 });
    assert.deepEqual(await shownBy(cloud), [[T0_MS + 8 * WINDOW_MS, 1, 42]]);
    assert.deepEqual(await everything(cloud.store), before);
    assert.deepEqual([cloud.receiver.counters.parts, cloud.receiver.counters.stored, cloud.receiver.counters.shown], [1, 1, 1]);
    const shown = await cloud.latest.all();
    for (let seq = 2; seq <= 8; seq++) {
      await edge.ship(inWindow(seq));
      assert.deepEqual(await cloud.latest.all(), shown, `the backlog at seq ${seq} does not take it back`);
    }
    await edge.ship(inWindow(9, { values: { power: 42 } }));
    assert.deepEqual(await cloud.latest.all(), shown);
    assert.deepEqual(await cloud.latest.all(), await cloud.store.newest());
  });

  test('parts of one window are one window; with more of it stored already, that stays', async (t) => {
    const cloud = await startCloud(t);
    const edge = await helloEdge(cloud);
    await cloud.ask(
      newest(edge, part(4, 4, { timeMs: T0_MS + 1, values: { power: 10 } }), part(6, 6, { timeMs: T0_MS + 3, values: { power: 30 } })),
    );
    assert.deepEqual(await shownBy(cloud), [[T0_MS, 2, 20]]);
    await edge.ship(part(1, 3));
    assert.equal((await cloud.store.newest())[0]?.count, 3);
    await cloud.ask(newest(edge, part(4, 4, { timeMs: T0_MS + 1 })));
    assert.deepEqual(await cloud.latest.all(), await cloud.store.newest());
  });

  test('nothing is shown of a household that another claim owns, of none that was not claimed, and of damaged rows', async (t) => {
    const cloud = await startCloud(t);
    const old = await helloEdge(cloud, [HOME, 'home-b'], 'claim-1');
    await helloEdge(cloud, [HOME], 'claim-2');
    const rows = [inWindow(5), inWindow(5, { household: 'home-b' }), inWindow(5, { household: 'home-x' }), faulty(6, { digest: 'no' })];
    const reply = await cloud.ask(newest(old, ...rows));
    assert.ok(reply.kind === 'newest');
    assert.equal(reply.notOwned, 1);
    assert.deepEqual(
      (await cloud.latest.all()).map(({ household }) => household),
      ['home-b'],
    );
  });

  test('an edge that has not said hello to this cloud says it first; gaps are nothing to show', async (t) => {
    const cloud = await startCloud(t);
    const edge = await helloEdge(cloud);
    edge.startId = 'another-start';
    assert.deepEqual(await cloud.ask(newest(edge, inWindow(1))), { kind: 'hello_first', v: 1, startId: 'start-1' });
    edge.startId = 'start-1';
    assert.equal((await cloud.ask(newest(edge, gap(1, 2)))).kind, 'refused');
    assert.deepEqual(await cloud.latest.all(), []);
  });
});

test('peers of before: a reply without credit is taken, one with it has nothing they need to know, and a new kind is an error', () => {
  const old = Buffer.from(
    JSON.stringify({ v: 1, kind: 'parts', startId: 's', verdicts: [{ verdict: 'stored' }], postalCodes: {}, generations: {} }),
  );
  const reply = decodeReply(old);
  assert.ok(reply.kind === 'parts' && reply.inFlightMax === undefined);
  const more = JSON.parse(old.toString()) as object;
  assert.equal(decodeReply(Buffer.from(JSON.stringify({ ...more, inFlightMax: 2, later: { than: 'now' } }))).kind, 'parts');
  for (const inFlightMax of [0, -1, 1.5, 'many'])
    assert.throws(() => decodeReply(Buffer.from(JSON.stringify({ ...more, inFlightMax }))), /inFlightMax/);
  // An edge that does not know `busy` takes it as a lost request and sends again within half a second.
  assert.throws(() => decodeReply(Buffer.from(JSON.stringify({ v: 1, kind: 'later', startId: 's' }))), /unknown reply/);
  assert.throws(() => decodeReply(encodeReply({ kind: 'busy', startId: 's', retryAfterMs: -1 })), /retryAfterMs/);
});
