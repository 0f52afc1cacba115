/** The availability of many edges comes in pages of bounded size, all of one range. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { AvailabilityReply, ProblemReply } from '../../../../../../cloud/server/api/api-types.ts';
import { documentedFetch } from '../../../../../doubles/documented-fetch.ts';
import { type RunningCloud, runCloud } from '../../../../../doubles/running-cloud.ts';
import { VirtualClock } from '../../../../../doubles/virtual-clock.ts';

const EDGES = 1_000;
/** Of an answer without a limit. */
const BYTES_MAX = 1_000_000;
const clock = new VirtualClock();
let cloud: RunningCloud;

before(async () => {
  cloud = await runCloud({ clock, states: {} });
  for (let i = 0; i < EDGES; i++) cloud.heartbeat(`edge-${i}`);
  await clock.advance(60_000);
});
after(() => cloud.stop());

const ask = async (query: string) => {
  const response = await documentedFetch(`${cloud.url}/api/v1/availability${query}`);
  const text = await response.text();
  return { status: response.status, bytes: text.length, link: response.headers.get('link'), body: JSON.parse(text) as AvailabilityReply };
};

test('pages hold every edge once, in order, with the slots of the first page although time goes on', async () => {
  const first = await ask('');
  assert.ok(first.bytes < BYTES_MAX, `${first.bytes} bytes`);
  assert.match(first.link ?? '', /cursor=.*rel="next"/);
  const edges = first.body.edges.map(({ edge }) => edge);
  for (let { nextCursor } = first.body; nextCursor !== null; ) {
    await clock.advance(5_000);
    const { body } = await ask(`?limit=300&cursor=${nextCursor}`);
    assert.deepEqual([body.from, body.to, body.slotSeconds], [first.body.from, first.body.to, first.body.slotSeconds]);
    edges.push(...body.edges.map(({ edge }) => edge));
    ({ nextCursor } = body);
  }
  assert.deepEqual(edges, Array.from({ length: EDGES }, (_, i) => `edge-${i}`).sort());
});

test('one edge alone; an unknown one and too many at once are refused', async () => {
  const { body, link } = await ask('?edge=edge-77&from=now-1h');
  assert.deepEqual([body.edges.map(({ edge }) => edge), body.nextCursor, link], [['edge-77'], null, null]);
  assert.equal((await ask('?edge=nobody')).status, 404);
  const many = await ask('?limit=501');
  assert.equal(many.status, 400);
  assert.match((many.body as unknown as ProblemReply).detail, /limit must be 1 to 500/);
  assert.equal((await ask('?cursor=abc')).status, 400);
});
