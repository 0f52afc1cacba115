import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TokenBucket } from '../../../../common/link/token-bucket.ts';

test('the burst at once, then the rate; what is refused costs nothing', () => {
  const bucket = new TokenBucket({ perSecond: 2, burst: 3 }, 0);
  assert.deepEqual(
    [0, 0, 0, 0, 0].map((nowMs) => bucket.take(nowMs)),
    [true, true, true, false, false],
  );
  assert.equal(bucket.take(499), false);
  assert.equal(bucket.take(500), true);
  assert.equal(bucket.take(999), false);
  assert.equal(bucket.take(1_000), true);
});

test('a long quiet time gives no more than the burst', () => {
  const bucket = new TokenBucket({ perSecond: 1_000, burst: 2 }, 0);
  bucket.take(0);
  assert.equal(bucket.isFull(0), false);
  assert.equal(bucket.isFull(3_600_000), true);
  assert.deepEqual(
    [1, 2, 3].map(() => bucket.take(3_600_000)),
    [true, true, false],
  );
});

test('what was used already may go below zero, and is paid back by time alone', () => {
  const bucket = new TokenBucket({ perSecond: 100, burst: 50 }, 0);
  bucket.spend(50, 0);
  assert.equal(bucket.isOverdrawn(0), false);
  bucket.spend(200, 0);
  assert.equal(bucket.isOverdrawn(1_999), true);
  assert.equal(bucket.isOverdrawn(2_000), false);
});

test('a clock that goes back gives nothing twice', () => {
  const bucket = new TokenBucket({ perSecond: 1, burst: 1 }, 10_000);
  assert.equal(bucket.take(10_000), true);
  assert.equal(bucket.take(0), false);
  assert.equal(bucket.take(10_999), false);
  assert.equal(bucket.take(11_000), true);
});
