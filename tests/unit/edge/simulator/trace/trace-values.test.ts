import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asRecorded, decodeValue, encodeValue } from '../../../../../edge/simulator/trace/trace-values.ts';

test('every value comes back as it was, to the bit', () => {
  const values = [
    0.1 + 0.2,
    5e-324,
    Number.MAX_VALUE,
    2 ** 53,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    -0,
    123_456_789_012_345_678_901_234_567_890n,
    -1n,
    undefined,
    null,
    'a "text"\nwith\u2028 everything \ud83d\ude00',
    '{"$":"NaN"}',
    [],
    [undefined, Number.NaN, [1n]],
    { a: { b: [Number.NaN] }, c: undefined },
    { $: 'NaN' },
    { $bigint: '7', $$: 1, $opaque: 'no' },
    { __proto__: null, x: 1 },
    JSON.parse('{"__proto__": {"x": 1}}'),
  ];
  for (const value of values) {
    const text = encodeValue(value);
    assert.doesNotThrow(() => JSON.parse(text));
    assert.deepEqual(decodeValue(text), value === null || typeof value !== 'object' ? value : structuredCloneOf(value));
    assert.ok(!text.includes('\n'), text);
  }
  assert.ok(Object.is(decodeValue(encodeValue(-0)), -0));
  assert.equal(({} as { x?: number }).x, undefined);
});

test('what can not come back does not stop a recording', () => {
  const loop: Record<string, unknown> = {};
  loop['self'] = loop;
  assert.match(encodeValue(loop), /too deep/);
  assert.equal(
    encodeValue(() => 1),
    '{"$opaque":"function"}',
  );
  assert.deepEqual(asRecorded({ at: new Date(0) }), { at: '1970-01-01T00:00:00.000Z' });
});

/** Without prototypes, which deepEqual of assert/strict compares. */
function structuredCloneOf(value: object): unknown {
  return structuredClone(value);
}
