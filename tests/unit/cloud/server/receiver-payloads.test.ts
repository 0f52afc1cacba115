/** What the receiver says to payloads of no use and to peers of older systems: a reason each, and nothing is stored. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { drawPostalCode } from '../../../../cloud/server/registry.ts';
import { HOUSEHOLDS_PER_HELLO_MAX, LINK_PAYLOAD_BYTES_MAX, type LinkRequest, ROWS_PER_REQUEST_MAX } from '../../../../common/messages.ts';
import { encodeRequest } from '../../../../common/wire.ts';
import { everything, WINDOW_MS } from '../../../contract/series-store-probes.ts';
import { type Cloud, Edge, PEER, startCloud, STATUS } from './receiver-cloud.ts';

async function assertRefused(cloud: Cloud, payload: Buffer, reason: RegExp): Promise<void> {
  const before = await everything(cloud.store);
  const { unusable } = cloud.receiver.counters;
  const reply = await cloud.ask(payload);
  assert.equal(reply.kind, 'refused', `${reason}: ${JSON.stringify(reply)}`);
  assert.match((reply as { reason: string }).reason, reason);
  assert.equal(cloud.receiver.counters.unusable, unusable + 1);
  assert.deepEqual(await everything(cloud.store), before);
}

describe('a payload that is of no use', () => {
  const json = (body: unknown) => Buffer.from(JSON.stringify(body));
  const from = { v: 1, edge: 'edge-1', epoch: 'epoch-1' };
  const columns = { source: [], from: [], to: [], window: [], fieldSet: [], first: [], last: [], digest: [], stats: [] };
  const parts = {
    ...from,
    ...columns,
    kind: 'parts',
    claim: 'claim-1',
    startId: 'start-1',
    windowMs: WINDOW_MS,
    generations: {},
    sources: [],
    fieldSets: [],
    reasons: [],
  };
  const hello = { ...from, kind: 'hello', claim: 'claim-1', windowMs: WINDOW_MS, households: [] };
  const heartbeat = { ...from, kind: 'heartbeat', sentMs: 1, status: STATUS };
  const payloads: [what: string, payload: Buffer, reason: RegExp][] = [
    ['empty', Buffer.alloc(0), /not JSON/],
    ['no JSON', Buffer.from('hello?'), /not JSON/],
    ['a list', json([1]), /not a JSON object/],
    ['null', json(null), /not a JSON object/],
    ["somebody else's JSON", json({ time: '2019-12-24T00:00:00Z', meterusage: 12 }), /speaks version undefined/],
    ["somebody else's JSON that has our version", json({ v: 1, device_id: 'meter-7', power: 249 }), /edge is not an id/],
    ['bytes that only look gzipped', Buffer.from([0x1f, 0x8b, 1, 2, 3]), /does not inflate/],
    ['a bomb', gzipSync(Buffer.alloc(LINK_PAYLOAD_BYTES_MAX + 1, 0x20)), /does not inflate/],
    ['too long', Buffer.alloc(LINK_PAYLOAD_BYTES_MAX + 1, 0x20), /at most 1048576/],
    ['of no version', json({ kind: 'hello' }), /the edge speaks version undefined, this cloud 1: upgrade the edge/],
    ['of another version', json({ ...hello, v: 2 }), /the edge speaks version 2, this cloud 1: upgrade the cloud/],
    ['of an unknown kind', json({ ...from, kind: 'goodbye' }), /unknown request goodbye/],
    ['of another site', json({ ...hello, site: 'elsewhere' }), /belongs to another installation.*link\.site/],
    ['of no edge', json({ ...hello, edge: '' }), /edge is not an id/],
    ['of no epoch', json({ ...hello, epoch: 7 }), /epoch is not an id/],
    ['hello without a claim', json({ ...hello, claim: undefined }), /claim is not an id/],
    [
      'hello of too many households',
      json({ ...hello, households: Array.from({ length: HOUSEHOLDS_PER_HELLO_MAX + 1 }, () => ({})) }),
      /at most 500/,
    ],
    ['hello with other windows', json({ ...hello, windowMs: 7_000 }), /windows of 7 s, the cloud keeps windows of 5 s; nothing was stored/],
    ['parts with other windows', json({ ...parts, windowMs: 7_000 }), /windows of 7 s/],
    ['parts without generations', json({ ...parts, generations: null }), /generations is not an object/],
    ['parts with a column that is shorter', json({ ...parts, source: [0] }), /column from has another length/],
    ['parts with too many rows', json({ ...parts, source: Array.from({ length: ROWS_PER_REQUEST_MAX + 1 }, () => 0) }), /at most 500/],
    [
      'parts with a row of no source',
      json({ ...parts, ...Object.fromEntries(Object.keys(columns).map((name) => [name, [0]])) }),
      /names no source/,
    ],
    ['a heartbeat without a time', json({ ...heartbeat, sentMs: 'now' }), /sentMs is not a count/],
    ['a heartbeat with another status', json({ ...heartbeat, status: { ...STATUS, parked: 'none' } }), /heartbeat status: parked/],
  ];

  for (const [what, payload, reason] of payloads) {
    test(`is refused with the reason: ${what}`, async (t) => {
      const cloud = await startCloud(t);
      await assertRefused(cloud, payload, reason);
      assert.deepEqual(cloud.liveness.edges(), [], 'nothing is believed of it');
      assert.equal((await new Edge(cloud).hello()).kind, 'hello', 'the next request is served');
    });
  }

  test("is the edge's to log; only what the store refuses is told here", async (t) => {
    const cloud = await startCloud(t);
    await assertRefused(cloud, Buffer.from('{'), /not JSON/);
    assert.equal(cloud.errors.length, 0);
    await assertRefused(cloud, json({ ...hello, windowMs: 7_000 }), /7 s/);
    assert.equal(cloud.errors.length, 1);
    assert.match(JSON.stringify(cloud.errors), /127\.0\.0\.1:5/);
  });
});

describe('peers of older systems', () => {
  const say = async (cloud: Cloud, text: string) => (await cloud.receiver.handle(Buffer.from(text), PEER)).toString();

  test('a heartbeat is answered ack', async (t) => {
    const cloud = await startCloud(t);
    assert.equal(await say(cloud, 'heartbeat'), 'ack');
    assert.deepEqual(cloud.liveness.edges(), [], 'it names no edge');
    assert.equal(cloud.receiver.counters.legacy, 1);
  });

  test('a tuple is answered with the postal code of the household, with and without its prefix; nothing is stored', async (t) => {
    const cloud = await startCloud(t);
    const table: [tuple: object, answer: string][] = [
      [{ id: 7, node_id: 'household_h1', average: 1.5 }, `PLZ for id: 7 - PLZ: ${drawPostalCode('h1')}`],
      [{ id: 'x', node_id: 'h1', average: 1.5 }, `PLZ for id: x - PLZ: ${drawPostalCode('h1')}`],
      [{ node_id: 'h2' }, `PLZ for id: Unknown - PLZ: ${drawPostalCode('h2')}`],
      [{ id: 'x'.repeat(99), node_id: 'h2' }, `PLZ for id: ${'x'.repeat(40)} - PLZ: ${drawPostalCode('h2')}`],
    ];
    for (const [tuple, answer] of table) assert.equal(await say(cloud, JSON.stringify(tuple)), answer);
    assert.equal(cloud.receiver.counters.legacy, table.length);
    assert.deepEqual(await cloud.store.households(), []);
  });

  test('a household keeps the code that the store has given it, also when the file says another one now', async (t) => {
    const cloud = await startCloud(t, { postalCodeOf: () => '99999' });
    await new Edge(cloud).hello();
    const household = (await cloud.store.households())[0]!;
    assert.equal(await say(cloud, JSON.stringify({ id: 1, node_id: household.household })), `PLZ for id: 1 - PLZ: ${household.postalCode}`);
    assert.equal(await say(cloud, JSON.stringify({ id: 1, node_id: 'nobody-yet' })), 'PLZ for id: 1 - PLZ: 99999');
  });

  test('what only looks like a tuple is refused like anything else', async (t) => {
    const cloud = await startCloud(t);
    for (const text of [
      '{"node_id": 7}',
      '{"node_id": "h"',
      '{"v": 1, "node_id": "h"}',
      'heartbeat ',
      `{"node_id": "h", "x": "${'x'.repeat(5_000)}"}`,
    ])
      await assertRefused(cloud, Buffer.from(text), /JSON|version|not an id/);
    assert.equal(cloud.receiver.counters.legacy, 0);
  });

  test('are refused where they are not wanted', async (t) => {
    const cloud = await startCloud(t, { legacy: false });
    await assertRefused(cloud, Buffer.from('heartbeat'), /not JSON/);
    await assertRefused(cloud, Buffer.from('{"id": 1, "node_id": "h", "average": 2}'), /speaks version undefined/);
  });
});

test('a cloud with a site takes what names it, and nothing else, hello, parts and heartbeats alike', async (t) => {
  const cloud = await startCloud(t, { site: 'mine' });
  const hello = {
    edge: 'edge-1',
    epoch: 'epoch-1',
    claim: 'claim-1',
    windowMs: WINDOW_MS,
    households: [{ household: 'h', generation: 0 }],
  };
  const heartbeat = { edge: 'edge-1', epoch: 'epoch-1', sentMs: 1, status: STATUS };
  const parts = { edge: 'edge-1', epoch: 'epoch-1', claim: 'claim-1', startId: 'start-1', windowMs: WINDOW_MS, generations: {}, rows: [] };
  const requests: LinkRequest[] = [
    { kind: 'hello', hello },
    { kind: 'heartbeat', heartbeat },
    { kind: 'parts', parts },
  ];
  for (const request of requests) {
    for (const site of ['', 'theirs']) await assertRefused(cloud, encodeRequest(request, site), /belongs to another installation/);
    assert.equal((await cloud.ask(encodeRequest(request, 'mine'))).kind, request.kind);
  }
});
