import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../../../../common/clock.ts';
import { seededRandom } from '../../../../../common/random.ts';
import type { RunOptions } from '../../../../../edge/simulator/cosim/run-options.ts';
import { VirtualClock } from '../../../../doubles/virtual-clock.ts';
import { play, type Played } from './random-scenario.ts';

const SEEDS = 800;
const UNTIL = 25;

/** With answers that take random times. */
async function delayed(seed: number, run: RunOptions, shuffle: number): Promise<Played | undefined> {
  const clock = new VirtualClock();
  const random = seededRandom(seed + 1_000 * shuffle);
  let result: { played: Played | undefined } | undefined;
  let failure: unknown;
  play(seed, run, clock, (simulator) => 1 + random.below(simulator === shuffle % 3 ? 200 : 20)).then(
    (played) => (result = { played }),
    (error: unknown) => (failure = error),
  );
  while (result === undefined && failure === undefined) if (!(await clock.fireNext())) break;
  if (failure !== undefined) throw failure;
  assert.ok(result !== undefined, `seed ${seed} stands still`);
  return result.played;
}

for (const lazyStepping of [true, false]) {
  test(`whoever is slow, everybody sees the same${lazyStepping ? '' : ', without lazy stepping too'}`, async () => {
    let scenarios = 0;
    let loops = 0;
    let overtaking = 0;
    for (let seed = 1; seed <= SEEDS; seed++) {
      const atOnce = await play(seed, { until: UNTIL, lazyStepping }, systemClock, undefined);
      for (const shuffle of [1, 2]) {
        const slow = await delayed(seed, { until: UNTIL, lazyStepping }, shuffle);
        assert.equal(slow === undefined, atOnce === undefined, `seed ${seed}`);
        if (slow === undefined || atOnce === undefined) continue;
        for (const [i, steps] of slow.trace.entries()) assert.deepEqual(steps, atOnce.trace[i], `seed ${seed}, simulator s${i}`);
        assert.equal(slow.summary.traceHash, atOnce.summary.traceHash, `seed ${seed}`);
        const busyMs = slow.summary.profile.reduce((sum, its) => sum + its.busyMs, 0);
        const longestMs = Math.max(...slow.summary.profile.map((its) => its.busyMs + its.waitingMs));
        if (busyMs > longestMs * 1.2) overtaking++;
      }
      if (atOnce === undefined) continue;
      scenarios++;
      if (atOnce.trace.some((steps) => steps.some((step, i) => i > 0 && step.split(' ')[0] === steps[i - 1]?.split(' ')[0]))) loops++;
    }
    assert.ok(scenarios > 150 && loops > 40 && overtaking > 40, `${scenarios} scenarios, ${loops} with loops, ${overtaking} with overlap`);
  });
}
