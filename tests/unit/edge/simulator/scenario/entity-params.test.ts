import assert from 'node:assert/strict';
import { test } from 'node:test';
import { batchesOf } from '../../../../../edge/simulator/scenario/entity-params.ts';

/** Everything that is drawn for so many entities. */
function drawn(min: number, max: number, step: number): Set<unknown> {
  const entry = { simulator: 's', model: 'M', params: { x: { $draw: { min, max, step } } } };
  const mistakes: unknown[] = [];
  const batches = batchesOf(
    'set',
    entry,
    1,
    Array.from({ length: 400 }, () => ({})),
    (its) => mistakes.push(its),
  );
  assert.deepEqual(mistakes, []);
  return new Set(batches.map(({ params }) => params['x']));
}

test('numbers that are drawn are those that one would write', () => {
  assert.deepEqual([...drawn(0.7, 1, 0.1)].map(String).sort(), ['0.7', '0.8', '0.9', '1']);
  assert.deepEqual([...drawn(-0.3, 0.3, 0.15)].map(String).sort(), ['-0.15', '-0.3', '0', '0.15', '0.3']);
  assert.deepEqual([...drawn(0, 3e-7, 1e-7)].map(String).sort(), ['0', '1e-7', '2e-7', '3e-7']);
  assert.deepEqual([...drawn(1e21, 3e21, 1e21)].map(String).sort(), ['1e+21', '2e+21', '3e+21']);
  assert.deepEqual([...drawn(5, 5, 1)], [5]);
});
