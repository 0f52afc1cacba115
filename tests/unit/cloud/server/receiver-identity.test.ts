/** What the receiver takes from a certificate: who asks, and which households are theirs. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { systemClock } from '../../../../common/clock.ts';
import { LinkRefusals } from '../../../../common/link/link-refusals.ts';
import type { LinkPeer } from '../../../../common/link/link.ts';
import { silentLogger } from '../../../../common/logger.ts';
import type { LinkRequest, NewestRequest } from '../../../../common/messages.ts';
import { PARKED_REASONS } from '../../../../common/parked-reason.ts';
import { decodeReply, encodeRequest } from '../../../../common/wire.ts';
import { HOME, part } from '../../../contract/series-store-probes.ts';
import { type Cloud, Edge, startCloud, STATUS } from './receiver-cloud.ts';

async function guarded(t: TestContext, peer: LinkPeer, own: readonly string[]) {
  const refusals = new LinkRefusals(systemClock, silentLogger);
  const households = new Set(own);
  const guard = { refusals, mayOwn: (edge: string, household: string) => edge === peer.id && households.has(household) };
  return { cloud: await startCloud(t, { guard, peer }), refusals, households };
}

const EDGE_1 = { id: 'edge-1', remote: '192.0.2.1:5' };

test('a request that names another edge than its certificate is refused and counted; its own is answered', async (t) => {
  const { cloud, refusals } = await guarded(t, EDGE_1, [HOME]);
  const heartbeat = (edge: string) => ({ kind: 'heartbeat', heartbeat: { edge, epoch: 'epoch-1', sentMs: 1, status: STATUS } }) as const;
  const hello = { edge: 'edge-2', epoch: 'epoch-1', claim: 'claim-1', windowMs: 5_000, households: [{ household: HOME, generation: 0 }] };
  for (const request of [heartbeat('edge-2'), { kind: 'hello', hello }] as const) {
    const reply = await cloud.ask(request);
    assert.ok(reply.kind === 'refused' && /certificate is that of edge edge-1, the request names edge edge-2/.test(reply.reason));
  }
  assert.equal(refusals.count('other_edge'), 2);
  assert.deepEqual(cloud.liveness.edges(), []);
  assert.deepEqual(await cloud.store.edges(), []);
  assert.equal((await cloud.ask(heartbeat('edge-1'))).kind, 'heartbeat');
  const edge = new Edge(cloud);
  assert.equal((await edge.hello()).kind, 'hello');
  const reply = await edge.ship(part(1, 2));
  assert.ok(reply.kind === 'parts');
  assert.deepEqual(reply.verdicts, [{ verdict: 'stored' }]);
  assert.equal(refusals.count('other_edge'), 2);
});

/** What the certificate of edge-1 gets in the name of edge-2, which owns a household: nothing, where the certificate alone counts. */
async function gotAsAnother(cloud: Cloud): Promise<string[]> {
  const got: string[] = [];
  await cloud.ask({ kind: 'heartbeat', heartbeat: { edge: 'edge-2', epoch: 'epoch-1', sentMs: 1, status: STATUS } });
  if (cloud.liveness.edges().some(({ edge }) => edge === 'edge-2')) got.push('heard');
  const its = { edge: 'edge-2', epoch: 'epoch-1', claim: 'claim-2', windowMs: 5_000 };
  const hello = await cloud.ask({ kind: 'hello', hello: { ...its, households: [{ household: HOME, generation: 0 }] } });
  if (hello.kind === 'hello') got.push('greeted');
  if ((await cloud.store.edges()).length > 0) got.push('kept as an edge');
  const rows = [part(1, 1)];
  const request = { ...its, startId: 'start-1', generations: { [HOME]: 1 }, rows };
  await cloud.ask({ kind: 'newest', newest: request as NewestRequest });
  if ((await cloud.latest.all()).length > 0) got.push('shown');
  const parts = await cloud.ask({ kind: 'parts', parts: request });
  if (parts.kind === 'parts' && parts.verdicts.some(({ verdict }) => verdict === 'stored')) got.push('stored');
  return got;
}

/** A receiver that takes who asks from what the request says. */
function believing(cloud: Cloud): Cloud {
  const ask = async (request: LinkRequest | Buffer) => {
    assert.ok(!Buffer.isBuffer(request));
    const { kind: _kind, ...said } = request;
    const [{ edge: id }] = Object.values(said) as [{ edge: string }];
    return decodeReply(await cloud.receiver.handle(encodeRequest(request), { ...EDGE_1, id }));
  };
  return { ...cloud, ask };
}

test('who asks is taken from the certificate alone: nothing is to be had in the name of another edge', async (t) => {
  const mayOwn = (edge: string, household: string) => edge === 'edge-2' && household === HOME;
  const refusals = new LinkRefusals(systemClock, silentLogger);
  const guarded = () => startCloud(t, { guard: { refusals, mayOwn }, peer: EDGE_1 });
  assert.deepEqual(await gotAsAnother(await guarded()), []);
  assert.equal(refusals.count('other_edge'), 4);
  // The control: taken from the payload, all of it is to be had, and nobody is refused.
  assert.deepEqual(await gotAsAnother(believing(await guarded())), ['heard', 'greeted', 'kept as an edge', 'shown', 'stored']);
  assert.equal(refusals.count('other_edge'), 4);
});

test('hello: a household of another group is refused by itself, the others are assigned', async (t) => {
  const { cloud, refusals } = await guarded(t, EDGE_1, [HOME, 'home-c']);
  const reply = await new Edge(cloud).hello([HOME, 'home-b', 'home-c']);
  assert.ok(reply.kind === 'hello');
  assert.deepEqual(
    reply.households.map(({ household }) => household),
    [HOME, 'home-c'],
  );
  assert.deepEqual(
    reply.refused?.map(({ household }) => household),
    ['home-b'],
  );
  assert.match(reply.refused?.[0]?.reason ?? '', /fogline certs allow edge-1/);
  assert.equal(refusals.count('household'), 1);
  assert.deepEqual(
    (await cloud.store.households()).map(({ household }) => household).filter((household) => household === 'home-b'),
    [],
  );
});

test('hello: a household that can not be used is refused by itself, by its name or its place; the others are assigned', async (t) => {
  // On plaintext too, where nobody is known by a certificate.
  for (const peer of [EDGE_1, { id: null, remote: '127.0.0.1:5' }]) {
    const { cloud, refusals } = await guarded(t, peer, [HOME, 'home-b', 'home-c']);
    const households = [
      { household: HOME, generation: 0 },
      { household: 'no id', generation: 0 },
      { household: 'home-b', generation: -1 },
      { household: 'home-c', generation: 0 },
    ];
    const reply = await cloud.ask({
      kind: 'hello',
      hello: { edge: 'edge-1', epoch: 'epoch-1', claim: 'claim-1', windowMs: 5_000, households },
    });
    assert.ok(reply.kind === 'hello', JSON.stringify(reply));
    const assigned = reply.households.map(({ household, generation }) => [household, generation]);
    const expected = [HOME, 'home-c'].map((household) => [household, 1]);
    assert.deepEqual(assigned, expected);
    assert.deepEqual(reply.refused, [{ household: 'home-b', reason: PARKED_REASONS.say('generation-unusable') }]);
    assert.deepEqual(reply.unusable, [{ at: 1, reason: PARKED_REASONS.say('name-unusable') }]);
    assert.deepEqual([refusals.count('unusable_household'), refusals.count('household')], [2, 0]);
    assert.equal(cloud.receiver.counters.unusable, 0, 'the request was served');
    const stored = (await cloud.store.households()).map(({ household }) => household);
    assert.deepEqual(
      stored.filter((household) => household === 'home-b'),
      [],
    );
  }
});

test('parts: a household taken from the group while the edge lives is rejected row by row; the others are stored', async (t) => {
  const { cloud, refusals, households } = await guarded(t, EDGE_1, [HOME, 'home-b']);
  const edge = new Edge(cloud);
  await edge.hello([HOME, 'home-b']);
  const both = (from: number) => edge.ship(part(from, from), part(from, from, { household: 'home-b' }));
  const before = await both(1);
  assert.ok(before.kind === 'parts');
  assert.deepEqual(
    before.verdicts.map(({ verdict }) => verdict),
    ['stored', 'stored'],
  );
  households.delete('home-b');
  const after = await both(2);
  assert.ok(after.kind === 'parts');
  assert.deepEqual(
    after.verdicts.map(({ verdict }) => verdict),
    ['stored', 'rejected'],
  );
  assert.equal(refusals.count('household'), 1);
});

test('the live lane: no request in the name of another edge, and nothing shown of a household of another group', async (t) => {
  const { cloud, refusals, households } = await guarded(t, EDGE_1, [HOME, 'home-b']);
  const edge = new Edge(cloud);
  await edge.hello([HOME, 'home-b']);
  const rows = [part(1, 1), part(1, 1, { household: 'home-b' })];
  const newest = (name: string): LinkRequest => {
    const request = edge.request(rows);
    assert.ok(request.kind === 'parts');
    return { kind: 'newest', newest: { ...request.parts, edge: name, rows: rows as NewestRequest['rows'] } };
  };
  const shown = async () => [...new Set((await cloud.latest.all()).map(({ household }) => household))];
  const refused = await cloud.ask(newest('edge-2'));
  const reason = refused.kind === 'refused' ? refused.reason : '';
  assert.match(reason, /certificate is that of edge edge-1, the request names edge edge-2/);
  assert.deepEqual([refusals.count('other_edge'), await shown()], [1, []]);
  // Its own by the claim, and no longer by the group.
  households.delete('home-b');
  assert.equal((await cloud.ask(newest('edge-1'))).kind, 'newest');
  assert.deepEqual([refusals.count('household'), await shown()], [1, [HOME]]);
});

test('a peer that is not let in hears why, whatever it says, and nothing is done', async (t) => {
  const { cloud } = await guarded(t, { ...EDGE_1, refusal: 'revoked: ask somebody' }, [HOME]);
  assert.deepEqual({ ...(await new Edge(cloud).hello()) }, { kind: 'refused', reason: 'revoked: ask somebody' });
  assert.deepEqual({ ...(await cloud.ask(Buffer.from('heartbeat'))) }, { kind: 'refused', reason: 'revoked: ask somebody' });
  assert.deepEqual(await cloud.store.edges(), []);
});

test('older peers are answered on plaintext, not with a certificate', async (t) => {
  const { cloud } = await guarded(t, EDGE_1, [HOME]);
  const text = Buffer.from('heartbeat');
  assert.notEqual(String(await cloud.receiver.handle(text, EDGE_1)), 'ack');
  assert.equal(String(await cloud.receiver.handle(text, { id: null, remote: '127.0.0.1:1' })), 'ack');
});

test('a cloned edge is fenced, and somebody is told; an edge that was restarted is no clone', async (t) => {
  const { cloud } = await guarded(t, EDGE_1, [HOME]);
  const clones = async () => Number(/^fogline_edge_clones_total (\d+)$/m.exec(await cloud.metrics.text())?.[1]);
  cloud.receiver.register(cloud.metrics);
  const original = new Edge(cloud, 'claim-1');
  await original.hello();
  await original.ship(part(1, 1));
  const restarted = new Edge(cloud, 'claim-2');
  await restarted.hello();
  await restarted.ship(part(2, 2));
  assert.equal(await clones(), 0);
  assert.deepEqual(cloud.errors, []);
  // The original is not dead: it was copied.
  const reply = await original.ship(part(2, 3));
  assert.ok(reply.kind === 'parts');
  assert.deepEqual(
    reply.verdicts.map(({ verdict }) => verdict),
    ['not_owner'],
  );
  await original.ship(part(2, 3));
  assert.equal(await clones(), 2);
  assert.equal(cloud.errors.length, 1, 'told once a minute');
});
