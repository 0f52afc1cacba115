/**
 * An edge and a cloud of different releases. There is one version of the wire; what grew in it since is optional. Another version is
 * refused with a sentence that says who must be upgraded; the backlog waits, and drains when that is done.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { PARKED_REASONS } from '../../../../common/parked-reason.ts';
import { decodeReply, decodeRequest, WIRE_VERSION } from '../../../../common/wire.ts';
import { VirtualSite } from '../../../doubles/virtual-site.ts';
import type { Fates } from '../../../doubles/virtual-link.ts';

type Body = Record<string, unknown>;

/** Rewrites what goes over the link, while `isOn`. */
function rewriting(way: 'request' | 'reply', isOn: () => boolean, rewrite: (body: Body) => Body): Fates {
  return {
    request: () => [1],
    reply: () => [1],
    transport: (its, bytes) => {
      if (its !== way || !isOn()) return Buffer.from(bytes);
      return gzipSync(JSON.stringify(rewrite(JSON.parse(gunzipSync(bytes).toString('utf8')) as Body)));
    },
  };
}

const ofVersion = (v: number) => (body: Body) => ({ ...body, v });
const MINUTE_MS = 60_000;

const MEETINGS: [what: string, way: 'request' | 'reply', version: number, told: RegExp][] = [
  ['a newer edge and this cloud', 'request', WIRE_VERSION + 1, /the edge speaks version 2, this cloud 1: upgrade the cloud/],
  ['an older edge and this cloud', 'request', WIRE_VERSION - 1, /the edge speaks version 0, this cloud 1: upgrade the edge/],
  ['this edge and a newer cloud', 'reply', WIRE_VERSION + 1, /the cloud speaks version 2, this edge 1: upgrade the edge/],
  ['this edge and an older cloud', 'reply', WIRE_VERSION - 1, /the cloud speaks version 0, this edge 1: upgrade the cloud/],
];

for (const [what, way, version, told] of MEETINGS) {
  test(`${what}: refused, who must be upgraded is told, nothing is lost, and it drains after the upgrade`, async () => {
    let isOther = true;
    const fates = rewriting(way, () => isOther, ofVersion(version));
    const reasons: string[] = [];
    const keep = ({ reason }: { reason?: unknown }) => void (typeof reason === 'string' && reasons.push(reason));
    const logger = { debug: keep, info: keep, warn: keep, error: keep };
    const site = new VirtualSite({ dataFates: fates, heartbeatFates: fates, logger });
    try {
      await site.start();
      site.produce('home', 1, 50);
      await site.clock.advance(3 * MINUTE_MS);
      assert.deepEqual(site.held('home').covered, []);
      assert.deepEqual(site.errors, []);
      assert.match(reasons.join('\n'), told);
      const repeated = reasons.filter((reason) => told.test(reason)).length;
      assert.ok(repeated < 60, `told ${repeated} times in three minutes`);
      isOther = false;
      await site.until(() => site.held('home').readings === 50, 15 * MINUTE_MS);
      assert.deepEqual(site.held('home').covered, [[1, 50]]);
    } finally {
      site.end();
    }
  });
}

test('a cloud of the first release, which knows no credit, no lists of refusals and no newest windows: all arrives', async () => {
  const first = rewriting(
    'reply',
    () => true,
    ({ inFlightMax: _credit, refused: _refused, ...body }) => {
      return body['kind'] === 'newest' ? { v: 1, kind: 'refused', reason: 'unknown request newest' } : body;
    },
  );
  const site = new VirtualSite({ dataFates: first, heartbeatFates: first });
  try {
    await site.start();
    site.produce('home', 1, 50);
    await site.until(() => site.held('home').readings === 50, 5 * MINUTE_MS);
    assert.deepEqual(site.held('home').covered, [[1, 50]]);
  } finally {
    site.end();
  }
});

const NO_NAME = { household: 'no id', generation: 0 };
const NO_COUNT = { household: 'odd', generation: -1 };

/** What is said in hellos and in their answers, rewritten. */
async function meetUnusable(rewrite: { request: (body: Body) => Body; reply?: (body: Body) => Body }) {
  const replies: Body[] = [];
  const transport = (way: 'request' | 'reply', bytes: Buffer) => {
    const body = JSON.parse(gunzipSync(bytes).toString('utf8')) as Body;
    if (body['kind'] !== 'hello') return Buffer.from(bytes);
    if (way === 'reply') replies.push(body);
    return gzipSync(JSON.stringify(rewrite[way]?.({ ...body }) ?? body));
  };
  const site = new VirtualSite({ dataFates: { request: () => [1], reply: () => [1], transport } });
  try {
    await site.start();
    site.produce('home', 1, 50);
    await site.clock.advance(MINUTE_MS);
    site.produce('other', 1, 5);
    site.produce('home', 51, 60);
    await site.until(() => site.held('home').readings === 60, 5 * MINUTE_MS);
    assert.deepEqual(site.held('home').covered, [[1, 60]]);
    assert.deepEqual(site.errors, []);
    assert.ok(replies.length < 10, `${replies.length} hellos`);
    return { reply: replies.at(-1) as Body, parked: site.edge.status()?.parked, other: site.held('other') };
  } finally {
    site.end();
  }
}

test('an older edge with households that can not be used meets this cloud: those are refused, the others are stored', async () => {
  const { reply, parked, other } = await meetUnusable({
    request: (body) => ({ ...body, households: [...(body['households'] as object[]), NO_NAME, NO_COUNT] }),
    // It knows no such list.
    reply: ({ unusable: _unusable, ...body }) => body,
  });
  assert.deepEqual(reply['refused'], [{ household: 'odd', reason: PARKED_REASONS.say('generation-unusable') }]);
  assert.deepEqual(reply['unusable'], [{ at: 2, reason: PARKED_REASONS.say('name-unusable') }]);
  assert.deepEqual(parked, reply['refused']);
  assert.deepEqual(other.covered, [[1, 5]]);
});

test('what the cloud refuses by its place is parked here by its name, and holds up nobody', async () => {
  const { parked, other } = await meetUnusable({
    request: (body) => ({
      ...body,
      households: (body['households'] as { household: string }[]).map((asked) => (asked.household === 'other' ? NO_NAME : asked)),
    }),
  });
  assert.deepEqual(parked, [{ household: 'other', reason: PARKED_REASONS.say('name-unusable') }]);
  assert.deepEqual(other.covered, []);
});

/** As edges and clouds of the first release wrote them, and with what a later one may add. */
const REQUESTS: Body[] = [
  { v: 1, kind: 'hello', edge: 'edge-1', epoch: 'e', claim: '1-c', windowMs: 5_000, households: [{ household: 'home', generation: 0 }] },
  { v: 1, kind: 'heartbeat', edge: 'edge-1', epoch: 'e', sentMs: 1, status: statusOfFirst() },
];
const REPLIES: Body[] = [
  { v: 1, kind: 'hello', startId: 's', claim: '1-c', households: [{ household: 'home', generation: 1, postalCode: '12529', sources: [] }] },
  { v: 1, kind: 'parts', startId: 's', verdicts: [{ verdict: 'stored' }], postalCodes: { home: '12529' }, generations: {} },
  { v: 1, kind: 'heartbeat', startId: 's', spreadMs: 1_000 },
  { v: 1, kind: 'hello_first', startId: 's' },
  { v: 1, kind: 'refused', reason: 'why' },
];

function statusOfFirst(): Body {
  const counts = { queued: 1, sent: 2, acked: 3, households: 1, trimmedEarly: 0, unreadable: 0 };
  return { ...counts, newestMs: null, oldestUnackedMs: null, parked: [], waitingFor: [], runs: [], outboxFull: false };
}

for (const more of [{}, { of: 'a later release', list: [1] }]) {
  test(`requests and replies of the first release are read, with ${Object.keys(more).length} keys that nobody knows`, () => {
    for (const body of REQUESTS) assert.equal(decodeRequest(gzipSync(JSON.stringify({ ...body, ...more }))).kind, body['kind']);
    for (const body of REPLIES) assert.equal(decodeReply(gzipSync(JSON.stringify({ ...body, ...more }))).kind, body['kind']);
  });
}
