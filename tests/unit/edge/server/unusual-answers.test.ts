/** What an edge makes of answers that seldom come, with the real cloud in virtual time. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { LinkHandler } from '../../../../common/link/link.ts';
import { HOUSEHOLDS_PER_HELLO_MAX, type LinkReply, type LinkRequest, rangeOf } from '../../../../common/messages.ts';
import { decodeReply, decodeRequest, encodeReply } from '../../../../common/wire.ts';
import { seededRandom } from '../../../../common/random.ts';
import { VirtualSite } from '../../../doubles/virtual-site.ts';

async function siteOf(t: TestContext, options: ConstructorParameters<typeof VirtualSite>[0] = {}): Promise<VirtualSite> {
  const site = new VirtualSite(options);
  t.after(() => site.end());
  await site.cloud.start();
  return site;
}

/** What the cloud says goes through `change`. */
function answering(site: VirtualSite, change: (reply: LinkReply, request: LinkRequest) => LinkReply | Promise<LinkReply>): void {
  const served = site.network.handler as LinkHandler;
  site.network.handler = async (payload, peer) =>
    encodeReply(await change(decodeReply(await served(payload, peer)), decodeRequest(payload)));
}

test('R9: a hello in pieces that two starts of the cloud have answered is said again, for the first piece says what is gone', async (t) => {
  const households = Array.from({ length: HOUSEHOLDS_PER_HELLO_MAX + 1 }, (_, i) => `home-${i + 1}`);
  const [first, last] = [households[0] as string, households.at(-1) as string];
  // Between two pieces there is time for a cloud to be set back and started. Each partition asks for its households one after the other.
  const topic = { partitions: 100, retentionMs: 0 };
  const site = await siteOf(t, { topic, dataFates: { request: () => [50], reply: () => [1] } });
  site.edge.start();
  const produce = (from: number, to: number) => households.forEach((household) => site.produce(household, from, to));
  const isStored = (to: number) => [first, last].every((household) => site.held(household).covered[0]?.[1] === to);
  produce(1, 2);
  await site.until(() => isStored(1), 60_000);
  site.cloud.backUp();
  produce(3, 3);
  await site.until(() => isStored(2), 60_000);

  site.edge.kill();
  let pieces = 0;
  answering(site, (reply, { kind }) => {
    const setBack = async () => {
      site.cloud.kill();
      site.cloud.restore(0);
      await site.cloud.start();
    };
    if (kind === 'hello' && ++pieces === 1) site.clock.timer('the cloud is set back', 10, () => void setBack());
    return reply;
  });
  site.edge.start();
  await site.clock.advance(60_000);
  assert.equal(pieces, 1, 'the second piece went to the cloud that was set back');
  assert.deepEqual([site.held(first).covered, site.held(last).covered], [[[1, 2]], [[1, 2]]]);
  assert.deepEqual(site.witness.findings, []);
});

test('a household that the cloud refuses holds up nobody in its partition: its readings wait in the outbox', async (t) => {
  const site = await siteOf(t);
  answering(site, (reply) => {
    if (reply.kind !== 'hello') return reply;
    const isTaken = ({ household }: { household: string }) => household !== 'two';
    return { ...reply, households: reply.households.filter(isTaken), refused: [{ household: 'two', reason: 'not yours' }] };
  });
  site.edge.start();
  for (const household of ['two', 'one']) site.produce(household, 1, 10);
  await site.clock.advance(60_000);
  assert.deepEqual(site.held('one').covered, [[1, 9]]);
  assert.equal(site.held('two').readings, 0);
  const { parked, queued, waitingFor } = site.edge.status() ?? {};
  assert.deepEqual({ parked, queued, waitingFor }, { parked: [{ household: 'two', reason: 'not yours' }], queued: 9, waitingFor: [] });
});

test('R5: not_owner that names a lower generation than the one held fences nobody: the edge asks', async (t) => {
  const site = await siteOf(t);
  let [strange, asked] = [0, 0];
  answering(site, (reply, { kind }) => {
    if (kind === 'hello' && strange > 0) asked++;
    if (reply.kind !== 'parts' || strange++ > 0) return reply;
    return { ...reply, verdicts: reply.verdicts.map(() => ({ verdict: 'not_owner' })), generations: { home: 0 } };
  });
  site.edge.start();
  site.produce('home', 1, 10);
  await site.clock.advance(60_000);
  site.produce('home', 11, 12);
  await site.clock.advance(60_000);
  assert.deepEqual(site.held('home').covered, [[1, 11]]);
  assert.deepEqual(site.edge.status()?.parked, []);
  assert.equal(asked, 1);
});

/** Of home-1 the cloud acknowledges the first row and lacks everything, whatever it is told. @returns when it was said hello to */
function forgetting(site: VirtualSite): number[] {
  const hellosMs: number[] = [];
  answering(site, (reply, request) => {
    if (reply.kind === 'hello') {
      hellosMs.push(site.clock.nowMs());
      assert.ok(hellosMs.length < 500, 'a hello without a pause');
      const forget = ({ household, ...rest }: (typeof reply.households)[number]) =>
        household === 'home-1' ? { household, ...rest, sources: [] } : { household, ...rest };
      return { ...reply, households: reply.households.map(forget) };
    }
    if (reply.kind !== 'parts' || request.kind !== 'parts') return reply;
    const verdicts = request.parts.rows.map((row, i) => {
      const { household, fromSeq } = rangeOf(row);
      if (household !== 'home-1') return reply.verdicts[i] as (typeof reply.verdicts)[number];
      return { verdict: fromSeq === 1 ? ('stored' as const) : ('gap' as const) };
    });
    return { ...reply, verdicts };
  });
  return hellosMs;
}

test('a cloud that acknowledges what it lacks and goes on lacking it is asked less and less often, and holds up nobody else', async (t) => {
  const site = await siteOf(t);
  site.edge.start();
  const produce = (from: number, to: number) => ['home-1', 'home-2'].forEach((household) => site.produce(household, from, to));
  produce(1, 21);
  await site.until(() => ['home-1', 'home-2'].every((household) => site.held(household).covered[0]?.[1] === 20), 60_000);
  const served = site.network.handler;
  const hellosMs = forgetting(site);
  produce(22, 41);
  await site.until(() => site.held('home-2').covered[0]?.[1] === 40, 60_000);
  assert.deepEqual(site.held('home-2').covered, [[1, 40]]);
  await site.clock.advance(600_000);
  const count = (fromMs: number, toMs: number) => hellosMs.filter((atMs) => atMs >= fromMs && atMs < toMs).length;
  const endMs = site.clock.nowMs();
  assert.ok(hellosMs.length > 10 && hellosMs.length < 100, `${hellosMs.length} hellos`);
  assert.ok(count(endMs - 300_000, endMs) < 30, 'in the last five minutes');
  // It is asked again all the same: mended by itself, everything is there.
  site.network.handler = served;
  produce(42, 43);
  await site.until(() => site.held('home-1').covered[0]?.[1] === 42, 120_000);
  assert.deepEqual(site.held('home-1').covered, [[1, 42]]);
  assert.deepEqual(site.errors, []);
});

test('a cloud that started anew is another one: no source waits for what was refused by the one before', async (t) => {
  // Each wait as long as it may be.
  const site = await siteOf(t, { random: { ...seededRandom(1), next: () => 0.99 } });
  site.edge.start();
  site.produce('home-1', 1, 21);
  await site.until(() => site.held('home-1').covered[0]?.[1] === 20, 60_000);
  const hellosMs = forgetting(site);
  site.produce('home-1', 22, 41);
  await site.until(() => hellosMs.length === 10, 3_600_000);
  assert.equal(hellosMs.length, 10);
  await site.clock.advance(1_000);
  assert.notEqual(site.edge.status()?.queued, 0, 'it waits');
  site.cloud.kill();
  await site.cloud.start();
  site.produce('home-1', 42, 43);
  await site.clock.advance(10_000);
  assert.deepEqual(site.held('home-1').covered, [[1, 42]]);
  assert.deepEqual(site.errors, []);
});
