/** A hello as the cloud reads it: household by household (docs/decisions/0017). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { PARKED_REASONS } from '../../../common/parked-reason.ts';
import { decodeRequest, encodeRequest } from '../../../common/wire.ts';

const HELLO = { edge: 'e', epoch: 'p', claim: '1-c', windowMs: 5_000, households: [{ household: 'h', generation: 1 }] };

test('a household that can not be used is left out by itself, with its place, what can be shown of its name, and the reason', () => {
  const name = { isId: false, reason: PARKED_REASONS.say('name-unusable') };
  const generation = { name: 'h', isId: true, reason: PARKED_REASONS.say('generation-unusable') };
  const table: [entry: unknown, told: object][] = [
    [null, { ...name, name: 'undefined' }],
    [7, { ...name, name: 'undefined' }],
    [
      { household: 7, generation: 0 },
      { ...name, name: '7' },
    ],
    [
      { household: { a: 'b' }, generation: 0 },
      { ...name, name: '{"a":"b"}' },
    ],
    [
      { household: '__proto__', generation: 0 },
      { ...name, name: '__proto__' },
    ],
    [
      { household: 'a\u001b[2J\nb', generation: 0 },
      { ...name, name: 'a\\u001b[2J\\nb' },
    ],
    [
      { household: `${'x'.repeat(200)}`, generation: 0 },
      { ...name, name: 'x'.repeat(40) },
    ],
    [{ household: 'h' }, generation],
    [{ household: 'h', generation: -1 }, generation],
    [{ household: 'h', generation: '1' }, generation],
    [{ household: 'h', generation: 2 ** 53 }, generation],
  ];
  const sound = ['before', 'behind'].map((household) => ({ household, generation: 1 }));
  for (const [entry, told] of table) {
    const hello = { ...HELLO, households: [sound[0], entry, sound[1]] as never };
    const decoded = decodeRequest(encodeRequest({ kind: 'hello', hello }));
    assert.ok(decoded.kind === 'hello');
    assert.deepEqual(decoded.hello.households, sound, JSON.stringify(entry));
    assert.deepEqual(decoded.hello.unusable, [{ at: 1, ...told }]);
  }
});

test('only the decoder says what can not be used: what an edge says of that is passed over', () => {
  const body = JSON.parse(gunzipSync(encodeRequest({ kind: 'hello', hello: HELLO })).toString('utf8')) as object;
  const forged = gzipSync(JSON.stringify({ ...body, unusable: [{ at: 0, name: 'x', isId: true, reason: 'y' }] }));
  assert.deepEqual(decodeRequest(forged), { kind: 'hello', hello: HELLO });
});
