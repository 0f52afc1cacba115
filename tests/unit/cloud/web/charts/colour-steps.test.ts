import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BELOW_ZERO, colourOf, colourOfValue, STEPS_MAX, stepEdges, stepOf } from '../../../../../cloud/web/charts/colour-steps.ts';

test('steps have round edges, hold every figure, and are few', () => {
  assert.deepEqual(stepEdges([2_318, 5_454, null, 4_000]), [2_000, 3_000, 4_000, 5_000, 6_000]);
  assert.deepEqual(stepEdges([null, null]), []);
  assert.deepEqual(stepEdges([-80]), []);
  for (const one of [0, 1e-300, 5]) assert.equal(stepEdges([one, one]).length, 2);
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 1e9, noNaN: true }), { minLength: 1, maxLength: 20 }), (values) => {
      const edges = stepEdges(values);
      assert(edges.length >= 2 && edges.length <= STEPS_MAX + 1, edges.join());
      const [least, greatest] = [Math.min(...values), Math.max(...values)];
      assert((edges[0] as number) <= least + 1e-6 * greatest + 1e-6 && (edges.at(-1) as number) >= greatest * (1 - 1e-6) - 1e-6);
      for (const value of values) assert(stepOf(edges, value) <= edges.length - 2);
    }),
  );
});

test('a figure on an edge is in the step that begins there, on the last edge in the last step', () => {
  const edges = [0, 10, 20];
  assert.deepEqual(
    [0, 9.9, 10, 20].map((value) => stepOf(edges, value)),
    [0, 0, 1, 1],
  );
});

test('the greatest has the strongest colour, the least the faintest; no figure has none, what is fed in its own', () => {
  assert.deepEqual(
    [0, 1, 2].map((step) => colourOf(step, 3)),
    [0, 3, 6],
  );
  assert.equal(colourOf(0, 1), 3);
  assert.deepEqual(
    [null, 0, 20, -1].map((value) => colourOfValue([0, 10, 20], value)),
    [null, 0, 6, BELOW_ZERO],
  );
});
