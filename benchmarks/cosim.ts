/**
 * How fast is the co-simulation engine beside mosaik 3.7.1? Both run the same scenarios in turn on this machine: every source gives two
 * numbers per entity and tick, one collector adds one of them up. mosaik's side is mosaik_side.py; its Python is FOGLINE_MOSAIK_PYTHON.
 * In-process figures are ratios of ticks per CPU second, so that other work on the machine counts on neither side; over TCP, where the
 * other processes' work is the point, of ticks per second.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { systemClock } from '../common/clock.ts';
import type { Columns, CreatedEntity, Inputs, Outputs, Simulator, SimulatorMeta } from '../edge/simulator/cosim/simulator.ts';
import { World } from '../edge/simulator/cosim/world.ts';
import { remoteSimulator } from '../edge/simulator/remote/start-remote.ts';
import { pythonWith } from '../tests/doubles/python-with.ts';
import { type Figure, median, type Question } from './question.ts';

const MOSAIK_SIDE = join(import.meta.dirname, 'mosaik_side.py');
const ROUNDS = 3;
const MEMORY_TICKS = 1_000_000;

interface Case {
  what: string;
  sources: number;
  entities: number;
  /** Ticks, ours and mosaik's: about a second each. */
  until: number;
  mosaikUntil: number;
  isRemote?: boolean;
  promise: number;
}

const CASES: readonly Case[] = [
  { what: '50 simulators of one entity', sources: 50, entities: 1, until: 5_000, mosaikUntil: 60, promise: 10 },
  { what: '200 simulators of one entity', sources: 200, entities: 1, until: 1_200, mosaikUntil: 6, promise: 50 },
  { what: 'one simulator of 1,000 entities', sources: 1, entities: 1_000, until: 3_000, mosaikUntil: 400, promise: 5 },
  { what: '2 Python simulators over TCP', sources: 2, entities: 1, until: 1_500, mosaikUntil: 1_500, isRemote: true, promise: 1.4 },
  { what: '10 Python simulators over TCP', sources: 10, entities: 1, until: 300, mosaikUntil: 300, isRemote: true, promise: 1.4 },
];

interface Speed {
  ticksPerCpuSecond: number;
  ticksPerSecond: number;
}

export const cosim: Question = {
  name: 'cosim',
  asks: 'the co-simulation engine beside mosaik 3.7.1, times as fast',
  async answer(say): Promise<Figure[]> {
    const python = pythonWith('mosaik');
    if (python === undefined) throw new Error('no Python with mosaik: make one and name it in FOGLINE_MOSAIK_PYTHON');
    const figures: Figure[] = [];
    for (const its of CASES) {
      const [ours, theirs]: [Speed[], Speed[]] = [[], []];
      for (let round = 0; round < ROUNDS; round++) {
        ours.push(await ourSpeed(its, python));
        theirs.push(mosaikSpeed(its, python));
      }
      const speedOf = (speeds: Speed[]) =>
        median(speeds.map((its_) => (its.isRemote === true ? its_.ticksPerSecond : its_.ticksPerCpuSecond)));
      say(`${its.what}: ${Math.round(speedOf(ours))} against ${speedOf(theirs).toFixed(1)} ticks/s`);
      figures.push({ what: its.what, value: speedOf(ours) / speedOf(theirs), unit: 'x', promise: { is: '≥', limit: its.promise } });
    }
    return [...figures, ...(await linearity()), await memory()];
  },
};

/** Cost of a tick per simulator: 1 would be exactly linear. */
async function linearity(): Promise<Figure[]> {
  const perSimulator = async (sources: number, until: number) => {
    const speeds: number[] = [];
    for (let round = 0; round < ROUNDS; round++)
      speeds.push((await ourSpeed({ ...(CASES[0] as Case), sources, until }, '')).ticksPerCpuSecond);
    return 1 / median(speeds) / sources;
  };
  const ratio = (await perSimulator(1_000, 1_000)) / (await perSimulator(10, 100_000));
  return [{ what: 'cost per simulator of 1,000 simulators over that of 10', value: ratio, unit: 'x' }];
}

/** Heap after a million steps over that after a tenth of them. */
async function memory(): Promise<Figure> {
  const heaps: number[] = [];
  const collect = (globalThis as { gc?: () => void }).gc;
  const world = new World({ clock: systemClock });
  const sink = new Sink();
  const [end] = await (await world.start('sink', sink)).create(1, 'M');
  for (const source of await (await world.start('source', new Source())).create(1, 'M')) world.connect(source, end!, ['p', 'q']);
  sink.onStep = (tick) => {
    if (tick % (MEMORY_TICKS / 10) !== 0) return;
    collect?.();
    heaps.push(process.memoryUsage().heapUsed);
  };
  await world.run({ until: MEMORY_TICKS });
  const [early, late] = [median(heaps.slice(1, 4)), median(heaps.slice(-3))];
  return { what: 'heap at the end of a million ticks over that at their beginning', value: late / early, unit: 'x' };
}

async function ourSpeed({ sources, entities, until, isRemote }: Case, python: string): Promise<Speed> {
  const world = new World({ clock: systemClock });
  const started = (sid: string, simulator: Simulator, kind: 'Source' | 'Sink') =>
    world.start(sid, isRemote === true ? pythonSimulator(python, kind) : simulator);
  const [end] = await (await started('sink', new Sink(), 'Sink')).create(1, 'M');
  const all = await Promise.all(Array.from({ length: sources }, (_, i) => started(`source-${i}`, new Source(), 'Source')));
  for (const source of all) for (const entity of await source.create(entities, 'M')) world.connect(entity, end!, ['p', 'q']);
  const cpu = process.cpuUsage();
  const beganMs = systemClock.monotonicMs();
  await world.run({ until });
  const { user, system } = process.cpuUsage(cpu);
  return { ticksPerCpuSecond: (until / (user + system)) * 1e6, ticksPerSecond: (until / (systemClock.monotonicMs() - beganMs)) * 1_000 };
}

function pythonSimulator(python: string, kind: 'Source' | 'Sink'): Simulator {
  const launch = { cmd: `%(python)s ${MOSAIK_SIDE} --sim ${kind} %(addr)s` };
  return remoteSimulator({ clock: systemClock, launch, python, environment: process.env });
}

function mosaikSpeed({ sources, entities, mosaikUntil, isRemote = false }: Case, python: string): Speed {
  const given = JSON.stringify({ sources, entities, until: mosaikUntil, remote: isRemote });
  const { status, stdout, stderr } = spawnSync(python, [MOSAIK_SIDE, given], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`mosaik_side.py failed: ${stderr.slice(-1_000)}`);
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Speed;
}

const META: SimulatorMeta = { type: 'time-based', models: { M: { params: [], attrs: ['p', 'q'] } } };

class Source implements Simulator {
  private count = 0;
  private tick = 0;

  init(): SimulatorMeta {
    return META;
  }

  create(num: number): CreatedEntity[] {
    return Array.from({ length: num }, () => ({ eid: `e${this.count++}`, type: 'M' }));
  }

  step(time: number): number {
    this.tick = time;
    return time + 1;
  }

  getData(): Outputs {
    throw new Error('getColumns is asked');
  }

  getColumns(): Columns {
    const p: number[] = [];
    const q: number[] = [];
    for (let i = 0; i < this.count; i++) {
      p.push(this.tick);
      q.push(this.tick * 0.5);
    }
    return { columns: { p, q } };
  }
}

class Sink implements Simulator {
  onStep: (tick: number) => void = () => {};
  private sum = 0;

  init(): SimulatorMeta {
    return META;
  }

  create(): CreatedEntity[] {
    return [{ eid: 's', type: 'M' }];
  }

  step(time: number, inputs: Inputs): number {
    const values = inputs['s']?.['p'] as Record<string, number>;
    for (const source in values) this.sum += values[source] as number;
    this.onStep(time);
    return time + 1;
  }

  getData(): Outputs {
    return { data: {} };
  }
}
