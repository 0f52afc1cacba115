import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../../../../common/random.ts';
import { Scheduler } from '../../../../../edge/simulator/cosim/scheduler.ts';
import { atTick } from '../../../../../edge/simulator/cosim/tiered-time.ts';

test('takes steps by time, then rank, whatever the order they were added in, each once', () => {
  const random = seededRandom(7);
  const ranks = [3, 0, 4, 1, 2];
  for (let round = 0; round < 200; round++) {
    const scheduler = new Scheduler(ranks.map((rank) => [rank]));
    const expected = new Map<string, [number, number]>();
    const taken: [number, number][] = [];
    let reached: [number, number] = [0, 0];
    const add = (simulator: number, tick: number) => {
      scheduler.add(simulator, atTick(tick));
      expected.set(`${simulator} at ${tick}`, [tick, ranks[simulator] as number]);
    };
    for (let n = 0; n < 12; n++) add(random.below(5), random.below(10));
    for (let next = scheduler.peek(); next >= 0; next = scheduler.peek()) {
      const { tick } = scheduler.timeOf(next)!;
      taken.push([tick, ranks[next] as number]);
      reached = [tick, ranks[next] as number];
      scheduler.dropFirst(next);
      if (random.below(4) === 0) add(random.below(5), reached[0] + 1 + random.below(3));
    }
    assert.deepEqual(
      taken,
      [...expected.values()].sort((a, b) => a[0] - b[0] || a[1] - b[1]),
    );
    assert.deepEqual(scheduler.waiting, []);
  }
});
