import assert from 'node:assert/strict';
import { test } from 'node:test';
import { multiples, niceStep, range } from '../../../../../cloud/web/charts/scale.ts';

test('an axis holds zero and every value, and ends on half a step', () => {
  assert.deepEqual(range([120, null, 3_412], 6), { min: 0, max: 3_500 });
  assert.deepEqual(range([-438, 6_300], 6), { min: -1_000, max: 7_000 });
  assert.deepEqual(range([-438, -20], 6), { min: -450, max: 0 });
  assert.deepEqual(range([null, null], 6), { min: 0, max: 1_000 });
  assert.deepEqual(range([0], 6), { min: 0, max: 1_000 });
});

test('steps are round', () => {
  assert.deepEqual(
    [7_300, 1_000, 600, 0.9, 1_800].map((span) => niceStep(span, 6)),
    [2_000, 200, 100, 0.2, 500],
  );
});

test('ticks are the multiples within the ends, with zero among them', () => {
  assert.deepEqual(
    multiples(-600, 2_100, 500),
    [-500, 0, 500, 1_000, 1_500, 2_000].map((value) => value + 0),
  );
  assert.deepEqual(multiples(0, 450, 100), [0, 100, 200, 300, 400]);
});
