/** Several requests on their way at once, in virtual time, with the real cloud: order, losses, refusals, busy. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { LinkHandler } from '../../../../common/link/link.ts';
import type { LinkRequest } from '../../../../common/messages.ts';
import { decodeReply, decodeRequest, encodeReply } from '../../../../common/wire.ts';
import { IN_FLIGHT_FIRST } from '../../../../edge/server/credit.ts';
import type { Fates } from '../../../doubles/virtual-link.ts';
import { VirtualSite } from '../../../doubles/virtual-site.ts';

const IN_FLIGHT = 4;
/** One source fills ten requests. */
const READINGS = 4_801;
const REQUESTS = 10;

interface Told {
  kind: LinkRequest['kind'];
  atMs: number;
  firstSeq: number;
  verdicts: Set<string>;
}

/** A site with a backlog of one home, whose requests and replies are written down. @param turn what becomes of the nth request of parts */
async function siteWith(
  t: TestContext,
  turn: (nth: number, serve: () => ReturnType<LinkHandler>) => ReturnType<LinkHandler>,
  fates?: Fates,
): Promise<{ site: VirtualSite; told: Told[] }> {
  const site = new VirtualSite({ inFlightMax: IN_FLIGHT, ...(fates === undefined ? {} : { dataFates: fates }) });
  t.after(() => site.end());
  await site.start();
  site.produce('home', 1, 2);
  await site.clock.advance(10_000);
  const told: Told[] = [];
  const served = site.network.handler as LinkHandler;
  let parts = 0;
  // While the backlog grows nobody is there.
  site.network.handler = undefined;
  await site.clock.advance(10_000);
  site.produce('home', 3, READINGS);
  await site.clock.advance(30_000);
  site.network.handler = async (payload, peer) => {
    const request = decodeRequest(payload);
    if (request.kind === 'heartbeat' || request.kind === 'newest') return served(payload, peer);
    const row = request.kind === 'parts' ? request.parts.rows[0] : undefined;
    const entry: Told = { kind: request.kind, atMs: site.clock.monotonicMs(), firstSeq: 0, verdicts: new Set() };
    entry.firstSeq = row === undefined ? 0 : row.kind === 'part' ? row.part.fromSeq : row.gap.fromSeq;
    told.push(entry);
    const reply = request.kind === 'parts' ? await turn(++parts, () => served(payload, peer)) : await served(payload, peer);
    const answer = decodeReply(reply);
    if (answer.kind === 'parts') for (const { verdict } of answer.verdicts) entry.verdicts.add(verdict);
    else entry.verdicts.add(answer.kind);
    return reply;
  };
  return { site, told };
}

const refused = () => Promise.resolve(encodeReply({ kind: 'refused', reason: 'test' }));
const covered = [[1, READINGS - 1]];
const of = (told: readonly Told[], kind: Told['kind']) => told.filter((its) => its.kind === kind);

test('a backlog of one source goes out in requests of which several are on their way, and is stored in order', async (t) => {
  let atOnce = 0;
  let most = 0;
  const { site, told } = await siteWith(t, async (_nth, serve) => {
    most = Math.max(most, ++atOnce);
    await site.clock.sleep(100);
    atOnce--;
    return serve();
  });
  await site.until(() => site.held('home').covered[0]?.[1] === READINGS - 1, 60_000);
  assert.deepEqual(site.held('home').covered, covered);
  assert.equal(most, IN_FLIGHT);
  assert.deepEqual([...new Set(told.flatMap(({ verdicts }) => [...verdicts]))], ['stored']);
  assert.equal(of(told, 'hello').length, 0);
});

for (const [what, turn] of [
  ['never answered', () => new Promise<Buffer>(() => {})],
  ['refused', refused],
  ['answered as busy', () => Promise.resolve(encodeReply({ kind: 'busy', startId: 'start-1', retryAfterMs: 300 }))],
] as const) {
  test(`when the first of several requests is ${what}, those behind it are sent again after it, without a hello`, async (t) => {
    const { site, told } = await siteWith(t, (nth, serve) => (nth === 1 ? turn() : serve()));
    await site.until(() => site.held('home').covered[0]?.[1] === READINGS - 1, 120_000);
    assert.deepEqual(site.held('home').covered, covered);
    assert.ok(
      told.some(({ verdicts }) => verdicts.has('gap')),
      'requests behind it were refused as gap',
    );
    assert.equal(of(told, 'hello').length, 0);
    assert.ok(told.length <= 1.5 * REQUESTS, `${told.length} requests for ${REQUESTS}`);
  });
}

test('a gap of the cloud itself is still a hello: the lowest row is refused', async (t) => {
  const { site, told } = await siteWith(t, (nth, serve) => (nth === 1 ? gapAnswer(site) : serve()));
  await site.until(() => site.held('home').covered[0]?.[1] === READINGS - 1, 120_000);
  assert.deepEqual(site.held('home').covered, covered);
  assert.equal(of(told, 'hello').length, 1);
});

test('a hello waits until every request that is on its way was answered, and no request leaves before its answer', async (t) => {
  let onTheWay = 0;
  let others = 0;
  const { site } = await siteWith(t, async (nth, serve) => {
    if (nth === 1) return gapAnswer(site);
    others++;
    onTheWay++;
    await site.clock.sleep(500);
    onTheWay--;
    return serve();
  });
  const served = site.network.handler as LinkHandler;
  const atHello: number[] = [];
  const sentBefore: number[] = [];
  const whileHello: number[] = [];
  site.network.handler = async (payload, peer) => {
    if (decodeRequest(payload).kind !== 'hello') return served(payload, peer);
    const before = others;
    atHello.push(onTheWay);
    sentBefore.push(others);
    await site.clock.sleep(400);
    whileHello.push(others - before);
    return served(payload, peer);
  };
  await site.until(() => site.held('home').covered[0]?.[1] === READINGS - 1, 120_000);
  assert.deepEqual(site.held('home').covered, covered);
  assert.deepEqual({ atHello, whileHello }, { atHello: [0], whileHello: [0] });
  // Those that were on their way when it became due, and no more.
  assert.ok((sentBefore[0] as number) < IN_FLIGHT, `${sentBefore[0]} requests before the hello`);
});

test('requests that are refused together count as one refusal: the wait does not grow four times as fast', async (t) => {
  const { site, told } = await siteWith(t, refused);
  await site.clock.advance(60_000);
  // Four on their way double the limit of the wait once, not four times: in a minute there are several rounds.
  const rounds = told.filter(({ firstSeq }) => firstSeq === told[0]?.firstSeq).length;
  assert.ok(rounds >= 6, `${rounds} rounds, ${told.length} requests`);
});

test('a busy cloud is left alone for the time it gives, is not told hello, and nothing backs off', async (t) => {
  const BUSY_MS = 2_000;
  const { site, told } = await siteWith(t, (nth, serve) =>
    nth <= 12 ? Promise.resolve(encodeReply({ kind: 'busy', startId: 'start-1', retryAfterMs: BUSY_MS })) : serve(),
  );
  // By then an idle part may have closed: one reading more.
  const isAll = () => (site.held('home').covered[0]?.[1] ?? 0) >= READINGS - 1;
  await site.until(isAll, 300_000, 100);
  assert.ok(isAll() && site.held('home').covered.length === 1);
  const busy = told.filter(({ verdicts }) => verdicts.has('busy'));
  assert.equal(busy.length, 12);
  // The first ones were on their way together; after them one asks, after the wait.
  const waits = busy.slice(IN_FLIGHT_FIRST).map(({ atMs }, i) => atMs - (busy[IN_FLIGHT_FIRST + i - 1] as Told).atMs);
  for (const waitMs of waits) assert.ok(waitMs >= BUSY_MS && waitMs <= 2 * BUSY_MS + 100, `asked again after ${waitMs} ms`);
  assert.ok(new Set(waits.map(Math.round)).size > waits.length / 2, 'the waits are spread');
  assert.deepEqual(site.edge.status()?.parked, []);
  assert.equal(of(told, 'hello').length, 0);
});

test('a credit of one is kept to until more is given', async (t) => {
  const ONE_UNTIL = 8;
  const atOnce: number[] = [];
  let now = 0;
  const { site } = await siteWith(t, async (nth, serve) => {
    atOnce[nth] = ++now;
    await site.clock.sleep(50);
    now--;
    const reply = decodeReply(await serve());
    return encodeReply(reply.kind === 'parts' && nth < ONE_UNTIL ? { ...reply, inFlightMax: 1 } : reply);
  });
  site.produce('home', READINGS + 1, 9_001);
  await site.until(() => site.held('home').covered[0]?.[1] === 9_000, 120_000);
  // Before the first reply nobody has said anything, and those two are answered one after the other.
  assert.deepEqual(
    atOnce.slice(IN_FLIGHT_FIRST + 1, ONE_UNTIL + 1).map((count) => count > 1),
    [false, false, false, false, false, false],
    atOnce.join(' '),
  );
  assert.equal(Math.max(...atOnce.slice(ONE_UNTIL + 1)), IN_FLIGHT);
});

test('requests and replies that are lost, late and out of order cost repetitions, never a hole or a park', async (t) => {
  const delays = (): number[] => {
    const draw = random();
    return draw < 0.1 ? [] : draw < 0.3 ? [1, 400] : [1 + draw * 80];
  };
  let state = 7;
  const random = () => (state = (state * 16_807) % 2_147_483_647) / 2_147_483_647;
  const { site } = await siteWith(t, (_nth, serve) => serve(), { request: delays, reply: delays });
  site.produce('home', READINGS + 1, 6_001);
  await site.until(() => site.held('home').covered[0]?.[1] === 6_000, 1_800_000);
  assert.deepEqual(site.held('home').covered, [[1, 6_000]]);
  assert.deepEqual(site.edge.status()?.parked, []);
  assert.deepEqual(site.witness.findings, []);
});

async function gapAnswer(site: VirtualSite): Promise<Buffer> {
  await site.clock.sleep(0);
  const verdicts = Array.from({ length: 500 }, () => ({ verdict: 'gap' as const }));
  return encodeReply({ kind: 'parts', startId: 'start-1', verdicts, postalCodes: {}, generations: {} });
}
