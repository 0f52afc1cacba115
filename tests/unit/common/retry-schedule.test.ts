import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../../common/random.ts';
import { RetrySchedule } from '../../../common/retry-schedule.ts';

/** Always draws the same share of the limit. */
const share = (part: number) => ({ next: () => part, below: () => 0 });

test('the limit doubles up to the cap', () => {
  const schedule = new RetrySchedule(200, 3_000, share(0.5));
  assert.deepEqual(
    [0, 0, 0, 0, 0, 0].map(() => schedule.nextMs()),
    [100, 200, 400, 800, 1_500, 1_500],
  );
});

test('after a reset it begins small again', () => {
  const schedule = new RetrySchedule(200, 3_000, share(0.5));
  for (let i = 0; i < 5; i++) schedule.nextMs();
  schedule.reset();
  assert.equal(schedule.nextMs(), 100);
});

test('the cap holds after any number of tries', () => {
  const schedule = new RetrySchedule(200, 300_000, share(1));
  for (let i = 0; i < 2_000; i++) assert(schedule.nextMs() <= 300_000);
});

test('full jitter: waits are spread over the whole range, from 0 on', () => {
  const schedule = new RetrySchedule(1_000, 1_000, seededRandom(1));
  const waits = Array.from({ length: 1_000 }, () => schedule.nextMs());
  for (let tenth = 0; tenth < 10; tenth++) {
    const inside = waits.filter((ms) => ms >= tenth * 100 && ms < (tenth + 1) * 100).length;
    assert(inside > 60 && inside < 140, `${inside} of 1000 waits in tenth ${tenth}`);
  }
});
