import assert from 'node:assert/strict';
import { test } from 'node:test';
import { firstDifference } from '../../../../../edge/simulator/trace/value-difference.ts';

test('the first difference in the order of the members', () => {
  assert.equal(firstDifference({ a: [1, { b: Number.NaN }], c: undefined }, { a: [1, { b: Number.NaN }] }), undefined);
  assert.deepEqual(firstDifference({ a: [1, { b: 2, c: 3 }] }, { a: [1, { b: 2, c: 4 }] }), { path: ['a', '1', 'c'], before: 3, after: 4 });
  assert.deepEqual(firstDifference({ a: 1 }, { b: 1 }), { path: ['a'], before: 1, after: undefined });
  assert.deepEqual(firstDifference([1], [1, 2]), { path: ['1'], before: undefined, after: 2 });
  assert.deepEqual(firstDifference({ 0: 1 }, [1]), { path: [], before: { 0: 1 }, after: [1] });
  assert.deepEqual(firstDifference(1, 1n), { path: [], before: 1, after: 1n });
  assert.equal(firstDifference(0, -0), undefined);
});

test('a tolerance is absolute or relative, and never lets infinity pass for a number', () => {
  assert.equal(firstDifference(1e9, 1e9 + 1, 1e-9), undefined);
  assert.equal(firstDifference(0, 1e-10, 1e-9), undefined);
  assert.notEqual(firstDifference(1, 1.1, 1e-9), undefined);
  assert.notEqual(firstDifference(Number.POSITIVE_INFINITY, 1, 1e-9), undefined);
  assert.notEqual(firstDifference(Number.NaN, 1, 1), undefined);
});
