import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../../../../common/clock.ts';
import { CosimError } from '../../../../../edge/simulator/cosim/errors.ts';
import type { Simulator, SimulatorMeta } from '../../../../../edge/simulator/cosim/simulator.ts';
import { World } from '../../../../../edge/simulator/cosim/world.ts';
import { VirtualClock } from '../../../../doubles/virtual-clock.ts';
import { ScriptedSimulator } from './scripted-simulator.ts';

/** Takes so long for each step. */
function slow(clock: VirtualClock, stepMs: number): Simulator {
  const meta: SimulatorMeta = { type: 'time-based', models: { M: { params: [], attrs: ['x'] } } };
  let tick = 0;
  return {
    init: () => meta,
    create: () => [{ eid: 'e', type: 'M' }],
    step: async (time) => {
      tick = time;
      await clock.sleep(stepMs);
      return time + 1;
    },
    getData: () => ({ data: { e: { x: tick } } }),
  };
}

test('the profile tells who was busy and who waited for whom; time that stands still names who is waited for', async () => {
  const clock = new VirtualClock();
  const world = new World({ clock });
  const lines: string[] = [];
  const [a] = await (await world.start('slow', slow(clock, 15_000))).create(1, 'M');
  const [b] = await (await world.start('quick', slow(clock, 1_000))).create(1, 'M');
  const reader = new ScriptedSimulator({});
  const [c] = await (await world.start('reader', reader)).create(1, 'M');
  world.connect(a!, c!, ['x']);
  world.connect(b!, c!, [['x', 'y']]);
  const running = world.run({ until: 3, onStandstill: (line) => lines.push(line) });
  while (await clock.fireNext());
  const { profile, steps } = await running;
  assert.equal(steps, 9);
  assert.deepEqual(
    profile.map(({ sid, steps, busyMs }) => [sid, steps, busyMs]),
    [
      ['slow', 3, 45_000],
      ['quick', 3, 3_000],
      ['reader', 3, 0],
    ],
  );
  const waited = profile.find(({ sid }) => sid === 'reader')!;
  assert.equal(waited.waitedFor[0]?.sid, 'slow');
  assert.equal(waited.waitingMs, 45_000);
  assert.ok(lines.length >= 2, lines.join('\n'));
  assert.match(lines[0]!, /stands at 0: waiting for slow \(step at 0\)/);
});

test('strict real time ends the run at the first late step and says whose it was', async () => {
  const clock = new VirtualClock();
  const world = new World({ clock });
  await (await world.start('slow', slow(clock, 3_000))).create(1, 'M');
  const ended = assert.rejects(
    world.run({ until: 10, rtFactor: 1, rtStrict: true, rtToleranceMs: 500 }),
    (error) => error instanceof CosimError && error.code === 'TOO_SLOW' && /slow began its step at 1 2000 ms late/.test(error.message),
  );
  while (await clock.fireNext());
  await ended;
});

test('a simulator that throws is named with its step, the cause is kept, and all are finalized', async () => {
  const world = new World({ clock: systemClock });
  const [good, bad] = [new ScriptedSimulator({}), new ScriptedSimulator({ failAt: 4 })];
  await world.start('good', good);
  await world.start('bad', bad);
  await assert.rejects(world.run({ until: 9 }), (error) => {
    assert.ok(error instanceof CosimError);
    assert.equal(error.message, 'bad failed in its step at 4: scripted failure');
    assert.equal(error.whoActs, 'the author of the simulator');
    assert.equal((error.cause as Error).message, 'scripted failure');
    return true;
  });
  assert.deepEqual([good.calls.at(-1), bad.calls.at(-1)], ['finalize', 'finalize']);
});

/** A source that is done at once, and a reader that takes 3 s for each step of a second. */
async function paced(options: { rtStrict?: boolean; onStandstill?: (line: string) => void; stepMs?: number }) {
  const clock = new VirtualClock();
  const world = new World({ clock });
  const { stepMs = 3_000, ...run } = options;
  const [source] = await (await world.start('source', new ScriptedSimulator({ out: { x: (t) => t } }))).create(1, 'M');
  const [reader] = await (await world.start('reader', slow(clock, stepMs))).create(1, 'M');
  world.connect(source!, reader!, ['x']);
  const [free] = await (await world.start('free', slow(clock, 1))).create(1, 'M');
  const ticks: number[] = [];
  const running = world.run({ until: 5, rtFactor: 1, rtToleranceMs: 500, ...run, progress: ({ tick }) => ticks.push(tick) });
  running.catch(() => undefined);
  while (await clock.fireNext());
  return { running, ticks, free };
}

test('a simulator that is late counts, also when others of the same ticks are in time', async () => {
  const { running } = await paced({});
  const { laggingSteps, lagMsMax } = await running;
  assert.ok(lagMsMax >= 4 * 2_000, `${lagMsMax} ms`);
  assert.ok(laggingSteps >= 4, `${laggingSteps} steps`);
  await assert.rejects((await paced({ rtStrict: true })).running, (error) => error instanceof CosimError && error.code === 'TOO_SLOW');
});

test('time stands still for everybody when one does not answer, whoever else goes on; progress says so too', async () => {
  const lines: string[] = [];
  const { running, ticks } = await paced({ stepMs: 25_000, onStandstill: (line) => lines.push(line) });
  await running;
  assert.match(lines[0] ?? '', /stands at 0: waiting for reader \(step at 0\)/);
  assert.deepEqual([...new Set(ticks.slice(0, 20))], [0], 'the second before the first answer');
});
