import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addStats, differenceOf, type FieldStats, oneReading } from '../../../audit/window-stats.ts';
import { seededRandom } from '../../../common/random.ts';

function sumOf(values: readonly number[], order: readonly number[]): FieldStats {
  const [first, ...rest] = order.map((i) => oneReading(values[i] as number, i, i));
  for (const stats of rest) addStats(first as FieldStats, stats);
  return first as FieldStats;
}

test('the order of adding makes no difference, a milliwatt in any of ten thousand values does', () => {
  const random = seededRandom(3);
  for (const count of [1, 2, 3, 720, 10_000]) {
    const values = Array.from({ length: count }, () => (random.below(40_000_000) - 10_000_000) / 1_000);
    const order = values.map((_, i) => i);
    const shuffled = [...order].sort(() => random.next() - 0.5);
    const truth = sumOf(values, order);
    assert.equal(differenceOf(sumOf(values, shuffled), truth), undefined);
    const changed = values.with(random.below(count), (values[0] as number) + 0.001);
    if (count === 1) assert.notEqual(differenceOf(sumOf(changed, order), truth), undefined);
    const held = { ...truth, sum: truth.sum + 0.001 };
    assert.match(differenceOf(held, truth) ?? '', /mean/);
  }
});

test('first and last go by time, then by order; each number has its word', () => {
  const truth = sumOf([5, -0, 7], [2, 0, 1]);
  assert.deepEqual([truth.first, truth.last, truth.min, truth.max, truth.count], [5, 7, -0, 7, 3]);
  const tied = oneReading(1, 9, 2);
  addStats(tied, oneReading(2, 9, 1));
  addStats(tied, oneReading(3, 9, 3));
  assert.deepEqual([tied.first, tied.last], [2, 3]);
  for (const name of ['min', 'max', 'first', 'last'] as const) {
    assert.match(differenceOf({ ...truth, [name]: truth[name] + 0.001 }, truth) ?? '', new RegExp(name));
  }
  assert.match(differenceOf({ ...truth, count: 4 }, truth) ?? '', /4 readings instead of 3/);
  assert.match(differenceOf({ ...truth, sum: Number.NaN }, truth) ?? '', /mean/);
});
