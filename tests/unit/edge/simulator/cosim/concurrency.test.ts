import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../../../../common/clock.ts';
import { seededRandom } from '../../../../../common/random.ts';
import type { RunOptions } from '../../../../../edge/simulator/cosim/run-options.ts';
import type { Simulator } from '../../../../../edge/simulator/cosim/simulator.ts';
import { World } from '../../../../../edge/simulator/cosim/world.ts';
import { VirtualClock } from '../../../../doubles/virtual-clock.ts';
import { play, type Played } from './random-scenario.ts';
import { ScriptedSimulator } from './scripted-simulator.ts';

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

for (const [lazyStepping, ahead] of [
  [true, 'one step'],
  [false, 'all steps'],
] as const) {
  test(`while its reader is in its step, a source gets ahead by ${ahead}${lazyStepping ? '' : ' without lazy stepping'}`, async () => {
    const clock = new VirtualClock();
    const world = new World({ clock });
    const source = new ScriptedSimulator({ out: { x: (t) => t } });
    const reader = new ScriptedSimulator({});
    const [from] = await (await world.start('source', source)).create(1, 'M');
    const lead: number[] = [];
    const waiting: Simulator = {
      init: (sid) => reader.init(sid),
      create: (num, model) => reader.create(num, model),
      getData: (wanted) => reader.getData(wanted),
      step: async (time, inputs, maxAdvance) => {
        await clock.sleep(1_000);
        lead.push((source.times.at(-1) as number) - time);
        return reader.step(time, inputs, maxAdvance);
      },
    };
    const [to] = await (await world.start('reader', waiting)).create(1, 'M');
    world.connect(from!, to!, ['x']);
    const running = world.run({ until: 10, lazyStepping });
    while (await clock.fireNext());
    await running;
    assert.deepEqual(reader.got('x', 'source.M0'), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert.equal(Math.max(...lead), lazyStepping ? 1 : 9);
  });
}
