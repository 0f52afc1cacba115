import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ageFigures } from '../../../benchmarks/outage-day.ts';
import { isMissed, promiseText, valueText } from '../../../benchmarks/question.ts';

test('current values that never came meet no promise', () => {
  const missed = (backMs: number | undefined, oldestMs: number) => ageFigures(backMs, oldestMs).map(isMissed);
  assert.deepEqual(missed(2_000, 5_000), [false, false]);
  assert.deepEqual(missed(2_000, 10_001), [false, true]);
  assert.deepEqual(missed(10_001, 5_000), [true, false]);
  assert.deepEqual(missed(undefined, 0), [true, true]);
  for (const figure of ageFigures(undefined, 0)) assert.match(`${valueText(figure)} ${promiseText(figure)}`, /^∞|Infinity/);
});
