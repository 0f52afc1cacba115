/** Households in simulated time: which readings come in which second, and what a run's range leaves out. */
import assert from 'node:assert/strict';
import { appendFileSync, rmSync, writeFileSync } from 'node:fs';
import { after, describe, test } from 'node:test';
import { systemClock } from '../../../../../common/clock.ts';
import type { Reading, SeqRange } from '../../../../../common/messages.ts';
import type { Inputs, Outputs, Simulator, SimulatorMeta } from '../../../../../edge/simulator/cosim/simulator.ts';
import { World } from '../../../../../edge/simulator/cosim/world.ts';
import { HouseholdSimulator, type HouseholdSimulatorOptions } from '../../../../../edge/simulator/models/household.ts';
import { sourceOf } from '../../../../../edge/simulator/models/household-folder.ts';
import { BadRowError, type RunRange } from '../../../../../edge/simulator/models/household-stream.ts';
import { scanFile } from '../../../../../edge/simulator/models/gem-house-scan.ts';
import { DAY_MS, row, TestFolder } from './household-files.ts';

const folder = new TestFolder();
after(() => folder.remove());

/** Writes down what arrives. */
class Listener implements Simulator {
  readonly steps: { time: number; inputs: Inputs }[] = [];
  private readonly onStep: (time: number) => void;
  constructor(onStep: (time: number) => void) {
    this.onStep = onStep;
  }
  init(): SimulatorMeta {
    return { type: 'event-based', models: { Listener: { params: [], attrs: [], anyInputs: true } } };
  }
  create() {
    return [{ eid: 'listener', type: 'Listener' }];
  }
  step(time: number, inputs: Inputs): null {
    this.steps.push({ time, inputs });
    this.onStep(time);
    return null;
  }
  getData(): Outputs {
    return { data: {} };
  }
  /** `second seq@ms …` of each step in which the household had readings; a skipped range before them. */
  heard(household: string): string[] {
    return this.steps.flatMap(({ time, inputs }) => {
      const from = `household.${household}`;
      const { readings = {}, skipped = {} } = inputs['listener'] ?? {};
      const list = readings[from] as Reading[] | undefined;
      const range = skipped[from] as SeqRange | undefined;
      if (list === undefined && range === undefined) return [];
      const words = (list ?? []).map(({ seq, timeMs }) => `${seq}@${timeMs - DAY_MS}`);
      return [[String(time), ...(range === undefined ? [] : [`skip ${range.fromSeq}-${range.toSeq}`]), ...words].join(' ')];
    });
  }
}

interface Heard {
  listener: Listener;
  rejected: string[];
  parked: string[];
  openEnds: string[];
}

const SECONDS = 1_000;

async function listen(
  files: readonly string[],
  range: Partial<RunRange>,
  options: Partial<HouseholdSimulatorOptions> = {},
  onStep: (time: number) => void = () => {},
): Promise<Heard> {
  const rejected: string[] = [];
  const parked: string[] = [];
  const openEnds: string[] = [];
  const whole = { t0Ms: DAY_MS, startMs: DAY_MS, endMs: DAY_MS + 1_000 * SECONDS, passMs: undefined, ...range };
  const world = new World({ clock: systemClock });
  const households = await world.start(
    'household',
    new HouseholdSimulator({
      range: whole,
      households: files.length,
      firstPass: 0,
      onRejected: (path, { line }) => rejected.push(`${path.split('/').at(-1)}:${line}`),
      onOpenEnd: (household, { line, text }) => openEnds.push(`${household}:${line} ${text}`),
      onParked: (household) => parked.push(household),
      ...options,
    }),
  );
  const listener = new Listener(onStep);
  const [sink] = await (await world.start('listener', listener)).create(1, 'Listener');
  for (const name of files) {
    const file = folder.path(`${name}.csv`);
    const [home] = await households.create(1, 'Household', { file, household: name, firstLine: scanFile(file).readings?.firstLine });
    world.connect(home!, sink!, ['readings', 'skipped']);
  }
  await world.run({ until: 1_000 });
  return { listener, rejected, parked, openEnds };
}

test('a file that ends before what is published has become shorter: its household is parked, the others go on', async () => {
  folder.write('cut.csv', [row(400), row(2_100)]);
  folder.write('whole.csv', [row(400), row(2_100), row(4_000)]);
  const { parked } = await listen(['cut', 'whole'], {}, { publishedSeq: () => 3 });
  assert.deepEqual(parked, ['cut']);
});

describe('a second', () => {
  test('holds all rows whose greatest time so far is in it, late ones too', async () => {
    folder.write('a.csv', [row(400), row(2_100), row(2_900), row(1_500), row(5_000), row(5_001)]);
    const { listener } = await listen(['a'], {});
    assert.deepEqual(listener.heard('a'), ['0 1@400', '2 2@2100 3@2900 4@1500', '5 5@5000 6@5001']);
  });

  test('readings name household, device and the source that the first row gives', async () => {
    folder.write('b.csv', ['d,x,1,2,3,4,5', row(400), row(2_100)]);
    const { listener } = await listen(['b'], {});
    const [reading] = listener.steps[0]!.inputs['listener']!['readings']!['household.b'] as Reading[];
    const { household, device, src } = reading!;
    assert.deepEqual([household, device, src], ['b', 'meter', sourceOf('b', 'meter', row(400), 0)]);
    assert.match(src, /^[0-9a-f]{8}$/);
    assert.notEqual(src, sourceOf('b', 'meter', row(400), 1), 'a pass is a source of its own');
  });

  test('households do not wait for each other', async () => {
    folder.write('c.csv', [row(0), row(4_000)]);
    folder.write('d.csv', [row(4_500), row(9_000)]);
    const { listener } = await listen(['c', 'd'], {});
    assert.deepEqual(listener.heard('c'), ['0 1@0', '4 2@4000']);
    assert.deepEqual(listener.heard('d'), ['4 1@4500', '9 2@9000']);
    assert.deepEqual(
      listener.steps.map(({ time }) => time),
      [0, 4, 9],
    );
  });
});

describe('the range of a run', () => {
  const rows = [row(0), row(1_999), row(2_000), row(500), row(3_999), row(4_000), row(2_500)];

  test('ends before the row whose greatest time so far reaches it', async () => {
    folder.write('e.csv', rows);
    const { listener } = await listen(['e'], { endMs: DAY_MS + 4 * SECONDS });
    assert.deepEqual(listener.heard('e'), ['0 1@0', '1 2@1999', '2 3@2000 4@500', '3 5@3999']);
  });

  test('begins with a skip of everything before it, told with the first reading', async () => {
    folder.write('e.csv', rows);
    const { listener } = await listen(['e'], { startMs: DAY_MS + 2 * SECONDS });
    assert.deepEqual(listener.heard('e'), ['2 skip 1-2 3@2000 4@500', '3 5@3999', '4 6@4000 7@2500']);
  });

  test('without a reading of a household tells no skip either', async () => {
    folder.write('e.csv', rows);
    const { listener } = await listen(['e'], { startMs: DAY_MS + 10 * SECONDS });
    assert.deepEqual(listener.heard('e'), []);
  });

  test('rejected rows count up to the last row of the run, and to the end of the file when it is reached', async () => {
    folder.write('f.csv', ['bad', row(0), 'bad', row(1_000), 'bad', row(9_000), 'bad']);
    assert.deepEqual((await listen(['f'], { endMs: DAY_MS + 5 * SECONDS })).rejected, ['f.csv:3', 'f.csv:5']);
    assert.deepEqual((await listen(['f'], {})).rejected, ['f.csv:3', 'f.csv:5', 'f.csv:7', 'f.csv:9']);
  });
});

describe('a loop', () => {
  test('begins again, each pass later and a source of its own, seqs from 1', async () => {
    folder.write('g.csv', [row(0), row(3_000)]);
    const { listener, rejected } = await listen(['g'], { passMs: 60 * SECONDS, endMs: DAY_MS + 121 * SECONDS });
    assert.deepEqual(listener.heard('g'), ['0 1@0', '3 2@3000', '60 1@60000', '63 2@63000', '120 1@120000']);
    const sources = listener.steps.map(({ inputs }) => (inputs['listener']!['readings']!['household.g'] as Reading[])[0]!.src);
    assert.equal(new Set(sources).size, 3);
    assert.deepEqual(rejected, []);
  });

  test('begins with the pass it is told', async () => {
    folder.write('g.csv', [row(0), row(3_000)]);
    const { listener } = await listen(['g'], { passMs: 60 * SECONDS, endMs: DAY_MS + 70 * SECONDS }, { firstPass: 1 });
    assert.deepEqual(listener.heard('g'), ['60 1@60000', '63 2@63000']);
  });

  test('tells a rejected row once', async () => {
    folder.write('h.csv', [row(0), 'bad', row(3_000)]);
    const { rejected } = await listen(['h'], { passMs: 60 * SECONDS, endMs: DAY_MS + 200 * SECONDS });
    assert.deepEqual(rejected, ['h.csv:4']);
  });
});

test('a last row without a line end is told at the end of the file, unless it was rejected', async () => {
  const header = 'date,timestamp,energy,power,power1,power2,power3';
  writeFileSync(folder.path('q.csv'), `${header}\n${row(0)}\n${row(2_000)}`);
  assert.deepEqual((await listen(['q'], {})).openEnds, [`q:3 ${row(2_000)}`]);
  assert.deepEqual((await listen(['q'], { endMs: DAY_MS + 1_000 })).openEnds, [], 'it is not in this run');
  writeFileSync(folder.path('q.csv'), `${header}\n${row(0)}\n2019-12-24 00:0`);
  assert.deepEqual((await listen(['q'], {})).openEnds, []);
  folder.write('q.csv', [row(0)]);
  assert.deepEqual((await listen(['q'], {})).openEnds, []);
});

describe('trouble', () => {
  const many = Array.from({ length: 600 }, (_, i) => row(i * 1_000));

  test('a file that vanishes parks its household; the others go on', async () => {
    folder.write('i.csv', many);
    folder.write('j.csv', many);
    // As one of a thousand files it is read in chunks of about a hundred of these rows.
    const { listener, parked } = await listen(['i', 'j'], {}, { households: 1_000 }, (time) => {
      if (time === 5) rmSync(folder.path('i.csv'));
    });
    assert.deepEqual(parked, ['i']);
    assert.equal(listener.heard('j').length, 600);
    const heard = listener.heard('i').length;
    assert.ok(heard > 50 && heard < 600, `${heard} readings of the file that vanished`);
  });

  test('a row that must not be ends the run when it is asked to', async () => {
    folder.write('k.csv', [row(0), 'bad', row(2_000)]);
    const fail = listen(
      ['k'],
      {},
      {
        onRejected: (path, rejected) => {
          throw new BadRowError(path, rejected);
        },
      },
    );
    await assert.rejects(
      fail,
      ({ cause }: Error) => cause instanceof BadRowError && /k\.csv, line 4: 1 columns instead of 7/.test(cause.message),
    );
  });

  test('a file without an accepted row is a household without readings; its rejected rows are told, in a loop once', async () => {
    writeFileSync(folder.path('l.csv'), 'household\ndate,timestamp,energy,power,power1,power2,power3\n');
    folder.write('m.csv', [row(0)]);
    folder.write('n.csv', ['bad', 'd,1577145600000,1,NaN,3,4,5']);
    for (const range of [{}, { passMs: 60 * SECONDS, endMs: DAY_MS + 50 * SECONDS }]) {
      const { listener, rejected, parked } = await listen(['l', 'm', 'n'], range);
      assert.deepEqual(listener.heard('m'), ['0 1@0']);
      for (const household of ['l', 'n']) assert.deepEqual(listener.heard(household), []);
      assert.deepEqual(rejected, ['n.csv:3', 'n.csv:4']);
      assert.deepEqual(parked, []);
    }
  });

  test('a first reading that comes after the run was planned waits for the next start, which names its source', async () => {
    folder.write('o.csv', ['bad']);
    folder.write('p.csv', [row(0)]);
    const onRejected = () => appendFileSync(folder.path('o.csv'), `${row(1_000)}\n`);
    const { listener } = await listen(['o', 'p'], {}, { onRejected, households: 1_000_000 });
    assert.deepEqual(listener.heard('o'), []);
    assert.deepEqual((await listen(['o', 'p'], {})).listener.heard('o'), ['1 1@1000']);
  });
});
