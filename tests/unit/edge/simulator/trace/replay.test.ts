import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '../../../../../common/clock.ts';
import { CosimError } from '../../../../../edge/simulator/cosim/errors.ts';
import type { Outputs, Requests, Simulator } from '../../../../../edge/simulator/cosim/simulator.ts';
import { World } from '../../../../../edge/simulator/cosim/world.ts';
import { BatterySimulator } from '../../../../../edge/simulator/models/assets/battery-simulator.ts';
import { replayAlone, type ReplayResult, replayText } from '../../../../../edge/simulator/trace/replay.ts';
import { openTrace } from '../../../../../edge/simulator/trace/trace-reader.ts';
import { play, simulatorOf } from '../cosim/random-scenario.ts';
import { type Script, ScriptedSimulator } from '../cosim/scripted-simulator.ts';
import { record, temporaryFolder } from './recorded-run.ts';

const replay = async (file: string, sid: string, simulator: Simulator, tolerance = 0): Promise<ReplayResult> =>
  replayAlone({ trace: await openTrace(file), sid, simulator, tolerance });

test('every simulator of a recorded run answers the same alone', async (t) => {
  const folder = temporaryFolder(t);
  let replayed = 0;
  let steps = 0;
  for (let seed = 0; seed < 60; seed++) {
    const file = join(folder, `${seed}.trace`);
    let sids: string[] = [];
    await record(file, async (around) => {
      const played = await play(seed, { until: 60 }, systemClock, undefined, around);
      sids = played?.summary.profile.filter((its) => its.steps > 0).map(({ sid }) => sid) ?? [];
      return undefined;
    });
    for (const sid of sids) {
      const result = await replay(file, sid, simulatorOf(seed, Number(sid.slice(1))));
      assert.equal(result.difference, undefined, `seed ${seed}: ${replayText(result)}`);
      replayed++;
      steps += result.steps;
    }
  }
  assert.ok(replayed > 20 && steps > 500, `${replayed} simulators, ${steps} steps`);
});

/** A tells x, B tells y = 2x. */
const TWICE: Script = { out: { y: (time, inputs) => 2 * Number(inputs['x']?.['A.M0']) + time / 10 } };

async function recordTwo(file: string, script: Script = TWICE): Promise<void> {
  await record(file, async (around) => {
    const world = new World({ clock: systemClock, around });
    const [a] = await (await world.start('A', new ScriptedSimulator({ out: { x: (time) => time / 3 } }))).create(1, 'M');
    const [b] = await (await world.start('B', new ScriptedSimulator(script))).create(1, 'M');
    const [c] = await (await world.start('C', new ScriptedSimulator({}))).create(1, 'M');
    world.connect(a!, b!, ['x']);
    world.connect(b!, c!, ['y']);
    await world.run({ until: 20 });
    return { completed: true };
  });
}

test('the first answer that differs is told with its step, time, entity and attribute', async (t) => {
  const file = join(temporaryFolder(t), 'a.trace');
  await recordTwo(file);
  assert.equal((await replay(file, 'B', new ScriptedSimulator(TWICE))).difference, undefined);
  const changed: Script = { out: { y: (time, inputs, eid) => (time < 13 ? TWICE.out!['y']!(time, inputs, eid) : [1, { deep: time }]) } };
  const { difference } = await replay(file, 'B', new ScriptedSimulator(changed));
  assert.deepEqual(difference, {
    what: 'outputs',
    step: 14,
    time: 13,
    round: 0,
    entity: 'M0',
    attribute: 'y',
    path: [],
    recorded: 2 * (13 / 3) + 1.3,
    now: [1, { deep: 13 }],
  });
  assert.match(
    replayText({ sid: 'B', steps: 14, equal: false, difference }),
    /B differs first in step 14, at 13: outputs of M0 › y\n {2}recorded: 9.96.*\n {2}now: {6}\[1,/,
  );
});

test('a next step, an entity, a failure that differs', async (t) => {
  const file = join(temporaryFolder(t), 'a.trace');
  await recordTwo(file);
  const told = async (simulator: Simulator) => {
    const { difference } = await replay(file, 'B', simulator);
    return [difference?.what, difference?.step, difference?.time, difference?.recorded, difference?.now];
  };
  assert.deepEqual(await told(new ScriptedSimulator({ ...TWICE, next: (time) => (time === 5 ? 7 : time + 1) })), ['next', 6, 5, 6, 7]);
  assert.deepEqual(await told(new ScriptedSimulator({ ...TWICE, failAt: 3 })), ['failure', 4, 3, undefined, 'scripted failure']);
  assert.deepEqual(await told(new ScriptedSimulator({ ...TWICE, type: 'hybrid' })), ['init', 0, undefined, 'time-based', 'hybrid']);
  assert.deepEqual(await told(new ScriptedSimulator({})), ['outputs', 1, 0, { y: 0 }, undefined]);
  class OtherNames extends ScriptedSimulator {
    override create() {
      return [{ eid: 'other', type: 'M' }];
    }
  }
  assert.deepEqual(await told(new OtherNames(TWICE)), ['create', 0, undefined, 'M0', 'other']);
});

test('a simulator that failed fails again, or differs', async (t) => {
  const file = join(temporaryFolder(t), 'a.trace');
  await recordTwo(file, { ...TWICE, failAt: 4 }).catch(() => undefined);
  assert.equal((await replay(file, 'B', new ScriptedSimulator({ ...TWICE, failAt: 4 }))).difference, undefined);
  const { difference } = await replay(file, 'B', new ScriptedSimulator(TWICE));
  assert.deepEqual([difference?.what, difference?.time, difference?.now], ['failure', 4, undefined]);
});

test('numbers may differ by the tolerance', async (t) => {
  const file = join(temporaryFolder(t), 'a.trace');
  await recordTwo(file);
  const nearly: Script = { out: { y: (time, inputs, eid) => Number(TWICE.out!['y']!(time, inputs, eid)) * (1 + 1e-12) } };
  assert.notEqual((await replay(file, 'B', new ScriptedSimulator(nearly))).difference, undefined);
  assert.equal((await replay(file, 'B', new ScriptedSimulator(nearly), 1e-9)).difference, undefined);
});

test('what a simulator asked the world for is answered as it was, and compared', async (t) => {
  const file = join(temporaryFolder(t), 'a.trace');
  class Asker extends ScriptedSimulator {
    private requests: Requests | undefined;
    private readonly asksFor: string;
    private value: unknown;
    constructor(asksFor: string) {
      super({});
      this.asksFor = asksFor;
    }
    override init(sid: string, _resolution?: number, _params?: object, requests?: Requests) {
      this.requests = requests;
      return super.init(sid);
    }
    override async step(time: number): Promise<number> {
      this.value = [await this.requests?.getData({ 'A.M0': [this.asksFor] }), await this.requests?.progress()];
      return time + 1;
    }
    override getData(): Outputs {
      return { data: { M0: { y: this.value } } };
    }
  }
  await record(file, async (around) => {
    const world = new World({ clock: systemClock, around });
    const [a] = await (await world.start('A', new ScriptedSimulator({ out: { x: (time) => time, y: (time) => -time } }))).create(1, 'M');
    const [b] = await (await world.start('B', new Asker('y'))).create(1, 'M');
    const [c] = await (await world.start('C', new ScriptedSimulator({}))).create(1, 'M');
    world.connect(a!, b!, ['x'], { asyncRequests: true });
    world.connect(b!, c!, ['y']);
    await world.run({ until: 6 });
    return undefined;
  });
  const same = await replay(file, 'B', new Asker('y'));
  assert.equal(same.difference, undefined);
  assert.equal(same.steps, 6);
  const { difference } = await replay(file, 'B', new Asker('x'));
  assert.deepEqual([difference?.what, difference?.step, difference?.path], ['request', 1, ['getData', '0', 'A.M0', '0']]);
  assert.deepEqual([difference?.recorded, difference?.now], ['y', 'x']);
  const silent = await replay(file, 'B', new ScriptedSimulator({}));
  assert.deepEqual([silent.difference?.what, silent.difference?.path], ['request', ['getData']]);
  assert.equal((await replay(file, 'A', new ScriptedSimulator({ out: { x: (time) => time, y: (time) => -time } }))).difference, undefined);
});

test('one of our models is the same alone, and finalized however it ends', async (t) => {
  const file = join(temporaryFolder(t), 'a.trace');
  await record(file, async (around) => {
    const world = new World({ clock: systemClock, around });
    const set = new ScriptedSimulator({ next: (time) => time + 60, out: { x: (time) => 3_000 * Math.sin(time / 500) } });
    const [a] = await (await world.start('A', set)).create(1, 'M');
    const battery = await world.start('battery', new BatterySimulator(), { step_seconds: 60 });
    const [b] = await battery.create(1, 'Battery', { capacity_wh: 7_000 });
    const [c] = await (await world.start('C', new ScriptedSimulator({}))).create(1, 'M');
    world.connect(a!, b!, [['x', 'setpoint']]);
    world.connect(b!, c!, [['soc', 'x']]);
    await world.run({ until: 3_600 });
    return undefined;
  });
  const result = await replay(file, 'battery', new BatterySimulator());
  assert.equal(result.difference, undefined, replayText(result));
  assert.ok(result.steps >= 60);
  const other = new ScriptedSimulator({});
  assert.equal((await replay(file, 'battery', other)).difference?.what, 'init');
  assert.deepEqual(other.calls, ['init battery', 'finalize']);
  await assert.rejects(replay(file, 'nobody', other), (error) => error instanceof CosimError && /A, battery, C/.test(error.hint));
});
