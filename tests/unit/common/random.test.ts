import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomId, seededRandom, seedOf } from '../../../common/random.ts';

test('a seed is the same sequence on every machine', () => {
  const random = seededRandom(42);
  assert.deepEqual([random.below(1_000), random.below(1_000), random.below(1_000)], [601, 448, 852]);
  assert.equal(seedOf('fogline'), 488_293_212);
});

test('another seed is another sequence; negative seeds and fractions are seeds too', () => {
  const first = (seed: number) => seededRandom(seed).next();
  assert.equal(new Set([0, 1, 2, -1, 2 ** 31, 123_456_789].map(first)).size, 6);
  assert.equal(first(1.9), first(1));
});

test('numbers are in [0, 1) and evenly spread; below is a whole number below its limit', () => {
  const random = seededRandom(7);
  const tenths = new Array<number>(10).fill(0);
  for (let i = 0; i < 10_000; i++) {
    const number = random.next();
    assert(number >= 0 && number < 1);
    tenths[Math.floor(number * 10)]! += 1;
    const whole = random.below(3);
    assert(Number.isInteger(whole) && whole >= 0 && whole < 3);
  }
  for (const count of tenths) assert(count > 850 && count < 1_150, `${count} of 10000 in a tenth`);
});

test('a seed is made of a whole text', () => {
  assert.notEqual(seedOf('a'), seedOf('b'));
  assert.notEqual(seedOf('ab'), seedOf('ba'));
  assert(Number.isInteger(seedOf('')));
});

test('ids are 16 hex digits and never the same', () => {
  const ids = new Set(Array.from({ length: 1_000 }, () => randomId()));
  assert.equal(ids.size, 1_000);
  for (const id of ids) assert.match(id, /^[0-9a-f]{16}$/);
});
