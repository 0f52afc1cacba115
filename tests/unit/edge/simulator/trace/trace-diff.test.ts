import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { systemClock } from '../../../../../common/clock.ts';
import type { Simulator } from '../../../../../edge/simulator/cosim/simulator.ts';
import { World } from '../../../../../edge/simulator/cosim/world.ts';
import { areEqual, diffText, diffTraces } from '../../../../../edge/simulator/trace/trace-diff.ts';
import { openTrace } from '../../../../../edge/simulator/trace/trace-reader.ts';
import { play } from '../cosim/random-scenario.ts';
import { type Script, ScriptedSimulator, sum } from '../cosim/scripted-simulator.ts';
import { record, temporaryFolder } from './recorded-run.ts';

const diff = async (a: string, b: string, tolerance = 0) => diffTraces(await openTrace(a), await openTrace(b), { tolerance });

/** Takes a factor as its parameter; gives x = factor · time and, from tick 7 on, one more. */
class Scaled extends ScriptedSimulator {
  constructor(from: number, more: number) {
    super({ out: { x: (time) => time + (time >= from ? more : 0) } });
  }
  override init(sid: string) {
    const { type } = super.init(sid);
    return { type, models: { M: { params: ['factor'], attrs: ['x', 'y'] } } };
  }
}

interface Chain {
  /** From this tick on, A gives one more. */
  from?: number;
  factor?: number;
  until?: number;
  shifted?: number;
  c?: Script;
}

/** Z → A → B → C, and D alone; started against the flow. */
async function chain(file: string, { from = 99, factor = 1, until = 20, shifted, c = {} }: Chain): Promise<string> {
  const passOn: Script = { out: { x: (_time, inputs) => sum(inputs, 'x') } };
  await record(file, async (around) => {
    const world = new World({ clock: systemClock, around });
    const start = async (sid: string, simulator: Simulator) => (await world.start(sid, simulator)).create(1, 'M');
    const [d] = await start('D', new ScriptedSimulator({ out: { x: (time) => time } }));
    const [last] = await start('C', new ScriptedSimulator(c));
    const [b] = await start('B', new ScriptedSimulator(passOn));
    const [a] = await (await world.start('A', new Scaled(from, 1))).create(1, 'M', { factor });
    world.connect(a!, b!, ['x'], shifted === undefined ? {} : { timeShifted: shifted, initialData: { x: 0 } });
    world.connect(b!, last!, ['x']);
    world.connect(d!, last!, [['x', 'y']]);
    const { completed, traceHash } = await world.run({ until });
    return { completed, ...(traceHash === undefined ? {} : { traceHash }) };
  });
  return file;
}

test('two runs of one scenario are equal', async (t) => {
  const folder = temporaryFolder(t);
  const its = await diff(await chain(join(folder, 'a'), {}), await chain(join(folder, 'b'), {}));
  assert.ok(areEqual(its));
  assert.equal(its.equalSteps, 80);
  assert.deepEqual(its.notes, []);
  assert.match(diffText(its), /^all of 80 steps are equal\n$/);
});

test('the simulator that answered differently comes first, those that it reached follow', async (t) => {
  const folder = temporaryFolder(t);
  const its = await diff(await chain(join(folder, 'a'), {}), await chain(join(folder, 'b'), { from: 7 }));
  assert.ok(!areEqual(its));
  assert.deepEqual(its.first, {
    sid: 'A',
    step: 8,
    time: 7,
    round: 0,
    what: 'outputs',
    entity: 'M0',
    attribute: 'x',
    path: [],
    a: 7,
    b: 8,
  });
  assert.equal(its.cause, its.first);
  assert.deepEqual(
    its.followers.map(({ sid, time, what, source }) => ({ sid, time, what, source })),
    [
      { sid: 'B', time: 7, what: 'inputs', source: 'A.M0' },
      { sid: 'C', time: 7, what: 'inputs', source: 'B.M0' },
    ],
  );
  assert.match(diffText(its), /the runs part at 7, A, its step 8: outputs of M0 › x: 7 \| 8\ncause: A was given the same/);
});

test('a changed parameter is named before the steps', async (t) => {
  const folder = temporaryFolder(t);
  const its = await diff(await chain(join(folder, 'a'), { factor: 1 }), await chain(join(folder, 'b'), { factor: 2, from: 3 }));
  assert.deepEqual(its.setup, [{ sid: 'A', path: ['create', '1', 'params', 'factor'], a: 1, b: 2 }]);
  assert.deepEqual([its.first?.sid, its.first?.time, its.cause?.sid], ['A', 3, 'A']);
});

test('a connection that changed: the inputs differ, and no step is the cause', async (t) => {
  const folder = temporaryFolder(t);
  const its = await diff(await chain(join(folder, 'a'), { shifted: 1 }), await chain(join(folder, 'b'), { shifted: 2 }));
  assert.deepEqual([its.first?.sid, its.first?.source, its.cause], ['B', 'A.M0', undefined]);
  assert.match(diffText(its), /no step is the cause: look at the connections/);
});

test('a step that only one run has, and one at another time', async (t) => {
  const folder = temporaryFolder(t);
  const a = await chain(join(folder, 'a'), {});
  const later = await diff(a, await chain(join(folder, 'b'), { c: { next: (time) => (time === 9 ? 12 : time + 1) } }));
  assert.deepEqual([later.first?.sid, later.first?.what, later.first?.time], ['C', 'next', 9]);
  assert.deepEqual([later.first?.a, later.first?.b], [10, 12]);
  const longer = await diff(a, await chain(join(folder, 'c'), { until: 25 }));
  assert.deepEqual([longer.first?.what, longer.first?.time], ['maxAdvance', 0]);
  const twice = await diff(await chain(join(folder, 'd'), { c: { next: () => 1_000 } }), await chain(join(folder, 'e'), { c: {} }));
  assert.deepEqual([twice.first?.sid, twice.first?.what, twice.first?.time], ['C', 'next', 0]);
});

test('a file that is torn is not equal: what both hold is compared, and the rest is counted', async (t) => {
  const folder = temporaryFolder(t);
  const whole = await chain(join(folder, 'a'), { until: 4_000 });
  const torn = join(folder, 'b');
  const bytes = readFileSync(whole);
  writeFileSync(torn, bytes.subarray(0, bytes.length / 2));
  for (const [side, its] of [
    ['a', await diff(whole, torn)],
    ['b', await diff(torn, whole)],
  ] as const) {
    assert.ok(!areEqual(its), diffText(its));
    assert.equal(its.first, undefined);
    assert.ok(its.equalSteps > 1_000 && its.equalSteps < 16_000);
    assert.deepEqual(its.onlyIn, { a: 0, b: 0, [side]: 16_000 - its.equalSteps });
    assert.equal(its.notes.length, 1);
    assert.match(
      diffText(its),
      new RegExp(`^the ${its.equalSteps} steps that are in both files are equal; ${16_000 - its.equalSteps} more are in the `, 'm'),
    );
  }
  const both = await diff(torn, torn);
  assert.ok(areEqual(both), 'the same part of the same run');
  assert.equal(both.notes.length, 2);
});

test('of a file without steps nothing can be said, unless it is whole', async (t) => {
  const folder = temporaryFolder(t);
  const whole = await chain(join(folder, 'a'), {});
  const empty = join(folder, 'b');
  const header = gunzipSync(readFileSync(whole)).toString().split('\n')[0] as string;
  writeFileSync(empty, `${header}\n`);
  for (const its of [await diff(whole, empty), await diff(empty, whole), await diff(empty, empty)]) {
    assert.ok(!areEqual(its), diffText(its));
    assert.match(diffText(its), /^no step is in both files: nothing was compared$/m);
  }
  const [c, d] = [await chain(join(folder, 'c'), { until: 0 }), await chain(join(folder, 'd'), { until: 0 })];
  const nothing = await diff(c, d);
  assert.ok(areEqual(nothing));
  assert.equal(nothing.equalSteps, 0);
});

test('floats may differ by a tolerance', async (t) => {
  const folder = temporaryFolder(t);
  const a = await chain(join(folder, 'a'), { c: { out: { x: (time) => time } } });
  const b = await chain(join(folder, 'b'), { from: 5 });
  assert.ok(!areEqual(await diff(a, b, 0.01)));
  assert.ok(areEqual(await diff(a, b, 1)));
});

test('random runs with one value changed part at that simulator, in whatever order their steps were over', async (t) => {
  const folder = temporaryFolder(t);
  let found = 0;
  for (let seed = 0; seed < 120; seed++) {
    const [a, b] = [join(folder, `${seed}.a`), join(folder, `${seed}.b`)];
    const runInto = (file: string, around: (simulator: Simulator) => Simulator) =>
      record(file, async (recorded) => {
        await play(seed, { until: 60 }, systemClock, undefined, (simulator) => recorded(around(simulator)));
        return undefined;
      });
    await runInto(a, (simulator) => simulator);
    let number = 0;
    let changed = 'none';
    let at = -1;
    await runInto(b, (simulator) => {
      const sid = `s${number++}`;
      const step = simulator.step.bind(simulator);
      const getData = simulator.getData.bind(simulator);
      let now = 0;
      simulator.step = (time, inputs, maxAdvance) => {
        now = time;
        return step(time, inputs, maxAdvance);
      };
      simulator.getData = async (wanted) => {
        const { data, ...rest } = await getData(wanted);
        const { x } = data['e'] ?? {};
        if (changed !== 'none' || sid !== `s${seed % 3}` || now < 20 || x === undefined) return { data, ...rest };
        changed = sid;
        at = now;
        return { data: { e: { ...data['e'], x: Number(x) + 1 } }, ...rest };
      };
      return simulator;
    });
    if (changed === 'none') continue;
    const its = await diff(a, b);
    assert.deepEqual([its.first?.sid, its.first?.time, its.first?.what, its.cause?.sid], [changed, at, 'outputs', changed], `seed ${seed}`);
    found++;
  }
  assert.ok(found > 5, `${found} runs were changed`);
});

test('two runs whose simulators were fast and slow are equal', async (t) => {
  const folder = temporaryFolder(t);
  let equal = 0;
  for (let seed = 0; seed < 60; seed++) {
    const [a, b] = [join(folder, `${seed}.a`), join(folder, `${seed}.b`)];
    const runInto = (file: string, delays: ((simulator: number) => number) | undefined) =>
      record(file, async (around) => {
        await play(seed, { until: 12 }, systemClock, delays, around);
        return { completed: true };
      });
    await runInto(a, undefined);
    await runInto(b, (simulator) => (simulator * 7 + seed) % 3);
    const its = await diff(a, b);
    assert.ok(areEqual(its), `seed ${seed}: ${diffText(its)}`);
    if (its.equalSteps > 0) equal++;
  }
  assert.ok(equal > 5, `${equal} runs`);
});
