/** The step rule, as tables: who steps when, with which inputs and which maxAdvance. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { systemClock } from '../../../../../common/clock.ts';
import type { ConnectOptions } from '../../../../../edge/simulator/cosim/connections.ts';
import { CosimError } from '../../../../../edge/simulator/cosim/errors.ts';
import type { RunOptions, RunSummary } from '../../../../../edge/simulator/cosim/run-options.ts';
import { World } from '../../../../../edge/simulator/cosim/world.ts';
import { VirtualClock } from '../../../../doubles/virtual-clock.ts';
import { type Script, ScriptedSimulator, sum } from './scripted-simulator.ts';

type Wire = readonly [source: string, dest: string, attrs: readonly (string | readonly [string, string])[], options?: ConnectOptions];

interface Scenario {
  scripts: Readonly<Record<string, Script>>;
  wires?: readonly Wire[];
  events?: Readonly<Record<string, number>>;
  run: RunOptions;
}

interface Result {
  simulators: Record<string, ScriptedSimulator>;
  summary: RunSummary;
  warnings: string[];
}

async function play({ scripts, wires = [], events = {}, run }: Scenario): Promise<Result> {
  const warnings: string[] = [];
  const world = new World({ clock: systemClock, warn: (message) => warnings.push(message) });
  const simulators = Object.fromEntries(Object.entries(scripts).map(([sid, script]) => [sid, new ScriptedSimulator(script)]));
  const entities = new Map(
    await Promise.all(
      Object.entries(simulators).map(async ([sid, simulator]) => [sid, await (await world.start(sid, simulator)).create(2, 'M')] as const),
    ),
  );
  for (const [source, dest, attrs, options] of wires) world.connect(entities.get(source)![0]!, entities.get(dest)![0]!, attrs, options);
  for (const [sid, tick] of Object.entries(events)) world.setInitialEvent(sid, tick);
  const summary = await world.run(run);
  return { simulators, summary, warnings };
}

const event = (script: Script): Script => ({ type: 'event-based', next: () => null, ...script });
const time = (time: number) => time;

describe('stepping', () => {
  test('time-based: the newest value at or before t; nothing at until', async () => {
    const { simulators } = await play({
      scripts: { A: { next: (t) => t + 2, out: { x: (t) => 10 + t } }, B: { next: (t) => t + 3 } },
      wires: [['A', 'B', ['x']]],
      run: { until: 12 },
    });
    assert.deepEqual(simulators['A']!.times, [0, 2, 4, 6, 8, 10]);
    assert.deepEqual(simulators['B']!.times, [0, 3, 6, 9]);
    assert.deepEqual(simulators['B']!.got('x'), [10, 12, 16, 18]);
    assert.deepEqual(simulators['B']!.maxAdvances, [12, 12, 12, 12], 'nothing triggers a time-based simulator');
  });

  test('a chain of events in one tick; maxAdvance sees through the chain', async () => {
    const { simulators } = await play({
      scripts: {
        A: event({ next: (t) => t + 3, out: { x: time } }),
        B: event({ out: { y: (_, inputs) => sum(inputs, 'x') + 0.5 } }),
        C: event({}),
      },
      wires: [
        ['A', 'B', ['x']],
        ['B', 'C', ['y']],
      ],
      events: { A: 1 },
      run: { until: 10 },
    });
    assert.deepEqual(simulators['C']!.times, [1, 4, 7]);
    assert.deepEqual(simulators['C']!.got('y', 'B.M0'), [1.5, 4.5, 7.5]);
    assert.deepEqual(simulators['B']!.maxAdvances, [3, 6, 10]);
    assert.deepEqual(simulators['C']!.maxAdvances, [3, 6, 10]);
  });

  test('own steps and triggered steps interleave, of one tick they are one', async () => {
    const { simulators } = await play({
      scripts: { A: { next: (t) => t + 2, out: { x: time } }, B: event({ next: (t, step) => (step === 1 ? t + 3 : null) }) },
      wires: [['A', 'B', ['x']]],
      events: { B: 1 },
      run: { until: 7 },
    });
    assert.deepEqual(simulators['B']!.times, [0, 1, 2, 3, 4, 6], 'own first step at 1, own next at 3; the rest by events');
    assert.deepEqual(simulators['B']!.got('x'), [0, 0, 2, 2, 4, 6]);
  });

  test('an event-based simulator has no first step; an initial event replaces that of any type', async () => {
    const { simulators } = await play({ scripts: { A: event({}), B: {} }, events: { B: 4 }, run: { until: 6 } });
    assert.deepEqual(simulators['A']!.times, []);
    assert.deepEqual(simulators['B']!.times, [4, 5]);
  });

  test('hybrid: a trigger attribute steps it, a non-trigger one is only read', async () => {
    const { simulators } = await play({
      scripts: {
        A: { next: (t) => t + 2, out: { x: time } },
        E: event({ next: (t) => t + 3, out: { y: time } }),
        B: { type: 'hybrid', model: { trigger: ['y'] }, next: () => null },
      },
      wires: [
        ['A', 'B', ['x']],
        ['E', 'B', ['y']],
      ],
      events: { E: 1 },
      run: { until: 10 },
    });
    assert.deepEqual(simulators['B']!.times, [0, 1, 4, 7]);
    assert.deepEqual(simulators['B']!.got('x'), [0, 0, 4, 6]);
    assert.deepEqual(simulators['B']!.got('y', 'E.M0'), [undefined, 1, 4, 7]);
    assert.deepEqual(simulators['B']!.maxAdvances, [0, 3, 6, 10]);
  });

  test('no event where the attribute is left out', async () => {
    const { simulators } = await play({
      scripts: { A: { type: 'hybrid', model: { nonPersistent: ['x'] }, out: { x: (t) => (t % 3 === 0 ? t : undefined) } }, B: event({}) },
      wires: [['A', 'B', ['x']]],
      run: { until: 8 },
    });
    assert.deepEqual(simulators['B']!.times, [0, 3, 6]);
  });

  test('a diamond steps its end once per tick, after both sides', async () => {
    const { simulators } = await play({
      // Declared with the end first, so that the order of starting does not give the answer.
      scripts: {
        D: event({}),
        C: { next: (t) => t + 2, out: { y: (_, inputs) => sum(inputs, 'x') * 3 } },
        B: { out: { y: (_, inputs) => sum(inputs, 'x') * 2 } },
        A: { out: { x: time } },
      },
      wires: [
        ['A', 'B', ['x']],
        ['A', 'C', ['x']],
        ['B', 'D', ['y']],
        ['C', 'D', ['y']],
      ],
      run: { until: 4 },
    });
    assert.deepEqual(simulators['D']!.times, [0, 1, 2, 3]);
    assert.deepEqual(simulators['D']!.got('y', 'B.M0'), [0, 2, 4, 6]);
    assert.deepEqual(simulators['D']!.got('y', 'C.M0'), [0, 0, 6, 6]);
  });

  test('simulators that answer with promises make the same run', async () => {
    const scenario = (isAsync: boolean): Scenario => ({
      scripts: {
        A: { async: isAsync, next: (t) => t + 2, out: { x: time } },
        B: event({ async: isAsync, out: { y: (t) => -t } }),
        C: event({}),
      },
      wires: [
        ['A', 'B', ['x']],
        ['B', 'C', ['y']],
      ],
      run: { until: 9 },
    });
    const [here, there] = [await play(scenario(false)), await play(scenario(true))];
    for (const sid of ['A', 'B', 'C']) assert.deepEqual(there.simulators[sid]!.steps, here.simulators[sid]!.steps);
    assert.equal(here.summary.steps, 15);
  });
});

describe('data', () => {
  test('an output with a later time arrives then, and triggers then', async () => {
    const { simulators } = await play({
      scripts: { A: event({ next: (t) => t + 4, out: { x: time }, outTime: (t) => t + 3 }), B: event({}) },
      wires: [['A', 'B', ['x']]],
      events: { A: 0 },
      run: { until: 14 },
    });
    assert.deepEqual(simulators['B']!.times, [3, 7, 11]);
    assert.deepEqual(simulators['B']!.got('x'), [0, 4, 8]);
  });

  test('a persistent output with a later time: null before, kept after', async () => {
    const { simulators } = await play({
      scripts: { A: { type: 'hybrid', next: (t) => t + 3, out: { x: time }, outTime: (t) => t + 2 }, B: {} },
      wires: [['A', 'B', ['x']]],
      run: { until: 9 },
    });
    assert.deepEqual(simulators['B']!.got('x'), [null, null, 0, 0, 0, 3, 3, 3, 6]);
  });

  test('of several events for one time the latest wins', async () => {
    const { simulators } = await play({
      scripts: { A: event({ next: (t) => (t < 3 ? t + 1 : null), out: { x: time }, outTime: () => 6 }), B: event({}) },
      wires: [['A', 'B', ['x']]],
      events: { A: 0 },
      run: { until: 9 },
    });
    assert.deepEqual(simulators['B']!.got('x'), [3]);
  });

  test('a persistent attribute that is left out reads as null, with one warning', async () => {
    const { simulators, warnings } = await play({
      scripts: { A: { type: 'hybrid', out: { x: (t) => (t % 2 === 1 ? undefined : t) } }, B: {} },
      wires: [['A', 'B', ['x']]],
      run: { until: 4 },
    });
    assert.deepEqual(simulators['B']!.got('x'), [0, null, 2, null]);
    assert.equal(warnings.length, 1);
    assert.match(warnings[0]!, /A\.M0 gave no x/);
  });

  test('a cycle with one shifted connection, and its initial data', async () => {
    const { simulators } = await play({
      scripts: { A: { out: { x: (_, inputs) => sum(inputs, 'y') + 1 } }, B: { out: { y: (_, inputs) => sum(inputs, 'x') * 2 } } },
      wires: [
        ['A', 'B', ['x']],
        ['B', 'A', ['y'], { timeShifted: true, initialData: { y: 7 } }],
      ],
      run: { until: 3 },
    });
    assert.deepEqual(simulators['A']!.got('y', 'B.M0'), [7, 16, 34]);
    assert.deepEqual(simulators['B']!.got('x'), [8, 17, 35]);
  });

  test('a shift of two keeps the values that a faster reader still needs', async () => {
    const { simulators } = await play({
      scripts: { A: { out: { x: time } }, B: {} },
      wires: [['A', 'B', ['x'], { timeShifted: 2, initialData: { x: -1 } }]],
      run: { until: 5 },
    });
    assert.deepEqual(simulators['B']!.got('x'), [-1, -1, 0, 1, 2]);
  });

  test('an event shifted into a trigger comes that much later', async () => {
    const { simulators } = await play({
      scripts: { A: event({ next: (t) => t + 3, out: { x: time } }), B: event({}) },
      wires: [['A', 'B', ['x'], { timeShifted: 2 }]],
      events: { A: 0 },
      run: { until: 8 },
    });
    assert.deepEqual(simulators['B']!.times, [2, 5]);
    assert.deepEqual(simulators['B']!.got('x'), [0, 3]);
    assert.deepEqual(simulators['B']!.maxAdvances, [4, 7]);
  });

  test('an event with initial data into a non-trigger attribute is remembered, without it shows once', async () => {
    const scripts = { A: event({ next: (t) => t + 3, out: { x: time } }), B: {} };
    const remembered = await play({
      scripts,
      wires: [['A', 'B', ['x'], { timeShifted: 1, initialData: { x: 9 } }]],
      events: { A: 0 },
      run: { until: 6 },
    });
    assert.deepEqual(remembered.simulators['B']!.got('x'), [9, 0, 0, 0, 3, 3]);
    const once = await play({ scripts, wires: [['A', 'B', ['x']]], events: { A: 0 }, run: { until: 5 } });
    assert.deepEqual(once.simulators['B']!.got('x'), [0, undefined, undefined, 3, undefined]);
  });

  test('inputs are in the order of declaration, whatever the kind and the order of starting', async () => {
    const { simulators } = await play({
      scripts: { B: {}, A: { out: { x: time } }, E: event({ next: (t) => t + 1, out: { x: time } }), C: { out: { x: time } } },
      wires: [
        ['C', 'B', ['x']],
        ['E', 'B', ['x']],
        ['A', 'B', ['x']],
      ],
      events: { E: 0 },
      run: { until: 2 },
    });
    for (const { inputs } of simulators['B']!.steps) assert.deepEqual(Object.keys(inputs['M0']!['x']!), ['C.M0', 'E.M0', 'A.M0']);
  });

  test('one attribute into another name, through a transform', async () => {
    const { simulators } = await play({
      scripts: { A: { out: { x: time } }, B: {} },
      wires: [['A', 'B', [['x', 'y']], { transform: (value) => Number(value) * 10 }]],
      run: { until: 3 },
    });
    assert.deepEqual(simulators['B']!.got('y'), [0, 10, 20]);
  });
});

describe('what is refused', () => {
  const refusals: [string, Scenario, RegExp][] = [
    [
      'a cycle without delay',
      {
        scripts: { A: {}, B: {} },
        wires: [
          ['A', 'B', ['x']],
          ['B', 'A', ['y']],
        ],
        run: { until: 3 },
      },
      /wait for each other within one tick:\n {2}A.M0.x → B.M0.x\n {2}B.M0.y → A.M0.y/,
    ],
    [
      'a simulator to itself without delay',
      { scripts: { A: {} }, wires: [['A', 'A', [['x', 'y']]]], run: { until: 3 } },
      /A.M0.x → A.M0.y/,
    ],
    [
      'a shift into a non-trigger attribute without initial data',
      { scripts: { A: {}, B: {} }, wires: [['A', 'B', ['x'], { timeShifted: true }]], run: { until: 3 } },
      /needs initialData for x/,
    ],
    [
      'attributes that are not there',
      { scripts: { A: {}, B: {} }, wires: [['A', 'B', [['u', 'v']]]], run: { until: 3 } },
      /no output u; M has no input v/,
    ],
    [
      'a weak connection outside of groups',
      { scripts: { A: {}, B: {} }, wires: [['A', 'B', ['x'], { weak: true }]], run: { until: 3 } },
      /needs a group that both/,
    ],
    ['a next step that is not later', { scripts: { A: { next: (t) => t } }, run: { until: 3 } }, /A gave 0 as next step/],
    ['a next step between ticks', { scripts: { A: { next: (t) => t + 0.5 } }, run: { until: 3 } }, /whole tick/],
    ['a time-based simulator without a next step', { scripts: { A: { next: () => null } }, run: { until: 3 } }, /time-based/],
    [
      'an output in the past',
      { scripts: { A: { out: { x: time }, outTime: (t) => t - 1 }, B: {} }, wires: [['A', 'B', ['x']]], run: { until: 3 } },
      /outputs for -1 in its step at 0/,
    ],
    ['a trigger of a time-based model', { scripts: { A: { model: { trigger: ['x'] } } }, run: { until: 3 } }, /make it hybrid/],
    ['an until between ticks', { scripts: { A: {} }, run: { until: 2.5 } }, /until is 2.5/],
  ];
  for (const [name, scenario, message] of refusals) {
    test(name, async () => {
      await assert.rejects(play(scenario), (error) => error instanceof CosimError && message.test(error.message));
    });
  }

  test('unknown models and parameters, a second run', async () => {
    const world = new World({ clock: systemClock });
    const a = await world.start('A', new ScriptedSimulator({}));
    await assert.rejects(a.create(1, 'N'), /no model N; it has M/);
    await assert.rejects(a.create(1, 'M', { size: 1 }), /no parameter size/);
    await assert.rejects(world.start('A', new ScriptedSimulator({})), /two simulators/);
    await world.run({ until: 1 });
    await assert.rejects(world.run({ until: 2 }), /runs once/);
  });
});

describe('the end', () => {
  test('every simulator is finalized once, also when one fails', async () => {
    const simulators = [new ScriptedSimulator({}), new ScriptedSimulator({ failAt: 2 })];
    const world = new World({ clock: systemClock });
    for (const [index, simulator] of simulators.entries()) await (await world.start(`S${index}`, simulator)).create(1, 'M');
    await assert.rejects(world.run({ until: 5 }), /scripted failure/);
    for (const { calls } of simulators) assert.deepEqual(calls.slice(1), ['setupDone', 'finalize']);
  });

  test('an abort ends the run after the current step', async () => {
    const stop = new AbortController();
    const { simulators, summary } = await play({
      scripts: {
        A: {
          next: (t) => {
            if (t === 3) stop.abort();
            return t + 1;
          },
        },
      },
      run: { until: 1_000, signal: stop.signal },
    });
    assert.equal(summary.completed, false);
    assert.deepEqual(simulators['A']!.times, [0, 1, 2, 3]);
    assert.equal(simulators['A']!.calls.at(-1), 'finalize');
  });
});

describe('real time', () => {
  async function paced(run: Omit<RunOptions, 'until'>, slowAt = -1): Promise<{ atMs: number[]; summary: RunSummary; reports: number[] }> {
    const clock = new VirtualClock();
    const atMs: number[] = [];
    const reports: number[] = [];
    const simulator = new ScriptedSimulator({ next: (t) => t + 10 });
    const slow = {
      ...bound(simulator),
      step: async (t: number) => {
        atMs.push(clock.monotonicMs());
        if (t === slowAt) await clock.sleep(700);
        return t + 10;
      },
    };
    const world = new World({ clock });
    await world.start('A', slow);
    const running = world.run({ until: 60, progress: (progress) => reports.push(progress.tick), ...run });
    while (await clock.fireNext());
    return { atMs, summary: await running, reports };
  }

  /** The methods of a simulator as plain functions, so that one can be replaced. */
  function bound(simulator: ScriptedSimulator) {
    return { init: (sid: string) => simulator.init(sid), create: () => [], getData: () => ({ data: {} }) };
  }

  test('speed 100: a tick every 10 ms', async () => {
    const { atMs, summary } = await paced({ rtFactor: 0.01 });
    assert.deepEqual(atMs, [0, 100, 200, 300, 400, 500]);
    assert.equal(summary.laggingSteps, 0);
  });

  test('ticks before the paced ones take no time', async () => {
    const { atMs } = await paced({ rtFactor: 0.01, pacedFromTick: 30 });
    assert.deepEqual(atMs, [0, 0, 0, 0, 100, 200]);
  });

  test('a late run catches up and counts, and reports every second', async () => {
    const { atMs, summary, reports } = await paced({ rtFactor: 0.04 }, 10);
    assert.deepEqual(atMs, [0, 400, 1_100, 1_200, 1_600, 2_000]);
    assert.deepEqual([summary.laggingSteps, summary.lagMsMax], [1, 300]);
    assert.deepEqual(reports, [10, 40]);
  });
});

describe('initial data', () => {
  test('of an event is seen from the start and remembered, by a trigger attribute too; no transform is applied to it', async () => {
    for (const type of ['hybrid', 'time-based'] as const) {
      const { simulators } = await play({
        scripts: {
          A: event({ out: { x: (t) => t * 10 } }),
          B: { type, ...(type === 'hybrid' ? { model: { trigger: ['x'] } } : {}) },
        },
        wires: [['A', 'B', ['x'], { timeShifted: 1, initialData: { x: 3 }, transform: (value) => Number(value) * 2 }]],
        events: { A: 1 },
        run: { until: 5 },
      });
      assert.deepEqual(simulators['B']!.got('x'), [3, 3, 20, 20, 20], type);
    }
  });
});

test('a trigger for exactly until is not stepped, and nobody may advance beyond it', async () => {
  const { simulators } = await play({
    scripts: { A: { type: 'hybrid', model: { trigger: ['x'], nonPersistent: ['x'] }, out: { x: time } } },
    wires: [['A', 'A', ['x'], { timeShifted: 2 }]],
    run: { until: 6 },
  });
  assert.deepEqual(simulators['A']!.times, [0, 1, 2, 3, 4, 5]);
  assert.equal(simulators['A']!.maxAdvances.at(-1), 5);
});

describe('a simulator of this process that fails outside of its steps is named with the call', () => {
  const failures: [string, (simulator: Record<string, unknown>) => void, RegExp][] = [
    ['init', (its) => (its['init'] = boom), /^S failed in its init: boom$/],
    ['create', (its) => (its['create'] = boom), /^S failed in its create of 1 M: boom$/],
    ['setupDone', (its) => (its['setupDone'] = boom), /^S failed in its setupDone: boom$/],
    ['finalize', (its) => (its['finalize'] = boom), /^S failed in its finalize: boom$/],
    ['getData', (its) => (its['getData'] = () => ({ data: { M0: 5 } })), /getData of the step at 0 gave 5 for S\.M0/],
  ];
  function boom(): never {
    throw new TypeError('boom');
  }
  for (const [call, spoil, told] of failures) {
    test(call, async () => {
      const world = new World({ clock: systemClock });
      const good = new ScriptedSimulator({});
      const spoilt = new ScriptedSimulator({});
      spoil(spoilt as unknown as Record<string, unknown>);
      await assert.rejects(
        async () => {
          const [to] = await (await world.start('good', good)).create(1, 'M');
          const [from] = await (await world.start('S', spoilt)).create(1, 'M');
          world.connect(from!, to!, ['x']);
          await world.run({ until: 2 });
        },
        (error) => error instanceof CosimError && told.test(error.message) && error.hint !== '',
      );
    });
  }

  test('a transform', async () => {
    const wires: Wire[] = [['A', 'B', ['x'], { transform: boom }]];
    await assert.rejects(
      play({ scripts: { A: { out: { x: time } }, B: {} }, wires, run: { until: 2 } }),
      (error) => error instanceof CosimError && error.code === 'TRANSFORM_FAILED' && /A\.M0\.x → M0\.x failed: boom/.test(error.message),
    );
  });

  test('a meta that is none, and an extra method with the name of a call', async () => {
    const world = new World({ clock: systemClock });
    const meta = (answer: unknown) => Object.assign(new ScriptedSimulator({}), { init: () => answer });
    const wrong: [unknown, RegExp][] = [
      [undefined, /must answer a meta/],
      [{ type: 'hybrid', models: { M: { params: [] } } }, /attrs must be a list/],
      [{ type: 'hybrid', models: {}, extraMethods: ['step'] }, /step can't be the name of an extra method/],
    ];
    for (const [i, [answer, told]] of wrong.entries())
      await assert.rejects(world.start(`S${i}`, meta(answer)), (error) => error instanceof CosimError && told.test(error.message));
  });

  test('a world of ticks without a length, or without rounds, is refused', () => {
    for (const options of [{ timeResolution: 0 }, { timeResolution: -1 }, { maxLoopIterations: 0 }])
      assert.throws(() => new World({ clock: systemClock, ...options }), CosimError);
  });
});
