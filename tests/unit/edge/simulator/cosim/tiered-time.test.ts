import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addDelay, atTick, compareTimes, type Delay, NO_DELAY, type TieredTime } from '../../../../../edge/simulator/cosim/tiered-time.ts';

const at = (tick: number, ...tiers: number[]): TieredTime => ({ tick, tiers });
const delay = (ticks: number, tiers: number[], depth: number): Delay => ({ ticks, tiers, depth });

test('times are in order by tick, then by the outermost sub-tick', () => {
  const ordered = [at(0), at(1), at(1, 0, 2), at(1, 1), at(1, 1, 3), at(2)];
  for (const [i, a] of ordered.entries()) {
    for (const [j, b] of ordered.entries()) assert.equal(Math.sign(compareTimes(a, b)), Math.sign(i - j), `${i} against ${j}`);
  }
  assert.equal(compareTimes(at(3), at(3, 0, 0)), 0, 'a missing sub-tick is 0');
});

test('what a connection adds', () => {
  const table: [TieredTime, Delay, TieredTime][] = [
    [atTick(4), NO_DELAY, at(4)],
    [atTick(4), delay(3, [], 0), at(7)],
    [at(4, 2), NO_DELAY, at(4)], // out of a group
    [atTick(4), delay(0, [], 1), at(4, 0)], // into a group
    [at(4, 2), delay(0, [1], 1), at(4, 3)], // weak, in one group
    [at(4, 2, 5), delay(0, [1], 2), at(4, 3, 0)], // weak in the outer group begins the inner one anew
    [at(4, 2, 5), delay(0, [0, 1], 2), at(4, 2, 6)],
    [at(4, 2), delay(1, [], 1), at(5, 0)], // a shift begins the group anew
  ];
  for (const [time, added, expected] of table) assert.deepEqual(addDelay(time, added), expected);
});
