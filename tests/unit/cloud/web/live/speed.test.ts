import assert from 'node:assert/strict';
import { test } from 'node:test';
import { roundedSpeed, type Sample, speedOf, withArrival } from '../../../../../cloud/web/live/speed.ts';

function arrivals(...samples: [arrivedMs: number, newestMs: number][]): readonly Sample[] {
  return samples.reduce<readonly Sample[]>((held, [arrivedMs, newestMs]) => withArrival(held, { arrivedMs, newestMs }), []);
}

test('the speed is event time by wall time over the last half minute', () => {
  assert.equal(speedOf(arrivals([0, 0], [10_000, 600_000])), 60);
  assert.equal(speedOf(arrivals([0, 0], [100_000, 1_000_000], [110_000, 1_010_000])), 1);
});

test('too little says nothing, and neither does data that stands still', () => {
  assert.equal(speedOf([]), undefined);
  assert.equal(speedOf(arrivals([0, 0], [5_000, 5_000])), undefined);
  assert.equal(speedOf(arrivals([0, 7], [20_000, 7])), null);
});

test('other data begins anew', () => {
  assert.deepEqual(arrivals([0, 1_000], [10_000, 500]), [{ arrivedMs: 10_000, newestMs: 500 }]);
});

test('no more digits than can be told', () => {
  assert.deepEqual([0.97, 2.6, 59.3, 3_641, 0.1].map(roundedSpeed), [1, 2.5, 59, 3_600, 0.1]);
});
