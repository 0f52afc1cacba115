import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { shapeFault } from '../../../common/json-shape.ts';

const LIMITS = { depthMax: 4, itemsMax: 20 };
const faultOf = (text: string) => shapeFault(Buffer.from(text), LIMITS);

/** The same, from the parsed value. */
function shapeOf(value: unknown): { depth: number; items: number } {
  if (typeof value !== 'object' || value === null) return { depth: 0, items: 0 };
  const inner = Object.values(value).map(shapeOf);
  const members = Array.isArray(value) ? 0 : inner.length;
  return {
    depth: 1 + inner.reduce((most, { depth }) => Math.max(most, depth), 0),
    items: 1 + members + inner.reduce((sum, { items }) => sum + items, 0),
  };
}

test('what is at the limit is let through, one more is not', () => {
  assert.equal(faultOf('[[[[1]]]]'), undefined);
  assert.equal(faultOf('[[[[[1]]]]]'), 'nested deeper than 4');
  assert.equal(faultOf('{"a":{"b":{"c":{}}}}'), undefined);
  assert.equal(faultOf('{"a":{"b":{"c":{"d":{}}}}}'), 'nested deeper than 4');
  assert.equal(faultOf(`[${'[],'.repeat(18)}[]]`), undefined);
  assert.equal(faultOf(`[${'[],'.repeat(19)}[]]`), 'of more than 20 lists, objects and members');
  assert.equal(faultOf(`{${'"k":1,'.repeat(18)}"k":1}`), undefined);
  assert.equal(faultOf(`{${'"k":1,'.repeat(20)}"k":1}`), 'of more than 20 lists, objects and members');
  assert.equal(faultOf(`[${'1,'.repeat(10_000)}1]`), undefined, 'numbers cost little');
});

test('brackets inside of strings do not count, behind a quote in a string neither', () => {
  assert.equal(faultOf(JSON.stringify(['[[[[[[', '"[[[[[[', '\\"[[[[[[', '\\', '::::{{{{'])), undefined);
  assert.equal(faultOf(`["\\\\",${'['.repeat(5)}`), 'nested deeper than 4');
});

test('what is no JSON is no error', () => {
  for (const text of ['', '"', '"\\', ']]]]]]', '{[}]', '\u0000']) assert.equal(faultOf(text), undefined);
});

test('agrees with the parsed value', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 6 }), (text) => {
      const { depth, items } = shapeOf(JSON.parse(text));
      // Wherever in the memory it begins: most of it is looked at in fours.
      for (let before = 0; before < 5; before++) {
        const fault = shapeFault(Buffer.from(' '.repeat(before) + text).subarray(before), LIMITS);
        assert.equal(fault !== undefined, depth > LIMITS.depthMax || items > LIMITS.itemsMax, text);
      }
    }),
  );
});
