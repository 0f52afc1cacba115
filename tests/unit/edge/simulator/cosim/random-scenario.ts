/** Scenarios from a seed: simulators of all types, in and out of groups, with shifted and weak connections. */
import type { Clock } from '../../../../../common/clock.ts';
import { type Random, seededRandom } from '../../../../../common/random.ts';
import type { AttributePair, ConnectOptions } from '../../../../../edge/simulator/cosim/connections.ts';
import { CosimError } from '../../../../../edge/simulator/cosim/errors.ts';
import type { Entity } from '../../../../../edge/simulator/cosim/entity.ts';
import type { RunOptions, RunSummary } from '../../../../../edge/simulator/cosim/run-options.ts';
import type {
  CreatedEntity,
  Inputs,
  OutputRequest,
  Outputs,
  Simulator,
  SimulatorMeta,
  SimulatorType,
} from '../../../../../edge/simulator/cosim/simulator.ts';
import { type Group, World } from '../../../../../edge/simulator/cosim/world.ts';

const TYPES: readonly SimulatorType[] = ['time-based', 'event-based', 'hybrid'];
/** x triggers a hybrid, y does not; of its outputs x comes once, y stays. */
const ATTRS: readonly string[] = ['x', 'y'];

interface Wire {
  source: number;
  dest: number;
  pair: AttributePair;
  options: ConnectOptions;
}

interface Plan {
  types: SimulatorType[];
  /** Path of group numbers. */
  groups: number[][];
  wires: Wire[];
}

/** What each step was, by simulator: `time inputs maxAdvance → next`. */
export type Trace = string[][];

export interface Played {
  trace: Trace;
  summary: RunSummary;
}

/** Answers with its own small arithmetic on what it gets, so that one wrong input changes everything after it. */
class Reckoner implements Simulator {
  readonly trace: string[] = [];
  private readonly type: SimulatorType;
  private readonly random: Random;
  private readonly delayed: (() => Promise<void>) | undefined;
  private sum = 1;
  private rounds = { tick: -1, round: 0 };

  constructor(type: SimulatorType, seed: number, delayed: (() => Promise<void>) | undefined) {
    this.type = type;
    this.random = seededRandom(seed);
    this.delayed = delayed;
  }

  init(): SimulatorMeta {
    const hybrid = this.type === 'hybrid' ? { trigger: ['x'], nonPersistent: ['x'], persistent: ['y'] } : {};
    return { type: this.type, models: { M: { params: [], attrs: [...ATTRS], ...hybrid } } };
  }

  create(): CreatedEntity[] {
    return [{ eid: 'e', type: 'M' }];
  }

  step(time: number, inputs: Inputs, maxAdvance: number): number | null | Promise<number | null> {
    this.rounds = { tick: time, round: time === this.rounds.tick ? this.rounds.round + 1 : 0 };
    for (const value of JSON.stringify(inputs).matchAll(/-?\d+/g)) this.sum = (this.sum * 31 + Number(value[0]) + time) % 9_973;
    const ahead = 1 + this.random.below(4);
    const next = this.type === 'time-based' || this.random.below(3) > 0 ? time + ahead : null;
    this.trace.push(`${time} ${JSON.stringify(inputs)} ${maxAdvance} → ${next}`);
    return this.delayed === undefined ? next : this.delayed().then(() => next);
  }

  getData(wanted: OutputRequest): Outputs | Promise<Outputs> {
    const { tick, round } = this.rounds;
    const values: Record<string, unknown> = {};
    for (const attr of wanted['e'] ?? []) {
      // Events now and then, in a loop fewer and fewer: it has to come to rest.
      const isEvent = this.type === 'event-based' || (this.type === 'hybrid' && attr === 'x');
      if (!isEvent || this.random.below(2 + round * 2) === 0) values[attr] = (this.sum + attr.charCodeAt(0)) % 1_000;
    }
    const data = { e: values };
    const outputs = this.random.below(8) === 0 ? { data, time: tick + 1 + this.random.below(3) } : { data };
    return this.delayed === undefined ? outputs : this.delayed().then(() => outputs);
  }
}

function planOf(seed: number): Plan {
  const random = seededRandom(seed);
  const count = 3 + random.below(5);
  const types = Array.from({ length: count }, () => TYPES[random.below(TYPES.length)] as SimulatorType);
  const groups = Array.from({ length: count }, () => [[], [0], [0], [0, 1]][random.below(4)] as number[]);
  const wires = Array.from({ length: count + random.below(count * 2) }, (): Wire => {
    const [source, dest] = [random.below(count), random.below(count)];
    const pair = [ATTRS[random.below(2)], ATTRS[random.below(2)]] as [string, string];
    const kind = random.below(4);
    const options: ConnectOptions = { initialData: { [pair[0]]: random.below(50) } };
    if (kind === 0) options.timeShifted = 1 + random.below(3);
    else if (kind === 1) options.weak = true;
    else if (random.below(2) === 0) delete options.initialData;
    return { source, dest, pair, options };
  });
  return { types, groups, wires };
}

/** One simulator of the scenario, as it was before the run: `s<number>`. */
export function simulatorOf(seed: number, number: number): Simulator {
  return new Reckoner(planOf(seed).types[number] as SimulatorType, seed * 100 + number, undefined);
}

/**
 * @param delays how long each answer takes, in ms of the clock; undefined answers at once
 * @returns undefined when the scenario is none: a cycle, a weak connection across groups, a loop without end
 */
export async function play(
  seed: number,
  run: RunOptions,
  clock: Clock,
  delays: ((simulator: number) => number) | undefined,
  around?: (simulator: Simulator) => Simulator,
): Promise<Played | undefined> {
  const plan = planOf(seed);
  const world = new World({ clock, ...(around === undefined ? {} : { around }) });
  const places = new Map<string, Group>([['', world]]);
  const placeOf = (path: readonly number[]): Group => {
    const key = path.join('/');
    let place = places.get(key);
    if (place === undefined) places.set(key, (place = placeOf(path.slice(0, -1)).group()));
    return place;
  };
  const simulators = plan.types.map(
    (type, i) => new Reckoner(type, seed * 100 + i, delays === undefined ? undefined : () => clock.sleep(delays(i))),
  );
  const entities: Entity[] = [];
  for (const [i, simulator] of simulators.entries()) {
    const started = await placeOf(plan.groups[i] as number[]).start(`s${i}`, simulator);
    entities.push(...(await started.create(1, 'M')));
  }
  for (const { source, dest, pair, options } of plan.wires) {
    try {
      world.connect(entities[source] as Entity, entities[dest] as Entity, [pair], options);
    } catch (error) {
      if (!(error instanceof CosimError) || error.code !== 'CONNECT_REFUSED') throw error;
    }
  }
  for (const [i, type] of plan.types.entries()) if (type === 'event-based' && i % 2 === 0) world.setInitialEvent(`s${i}`, i);
  try {
    const summary = await world.run(run);
    return { trace: simulators.map(({ trace }) => trace), summary };
  } catch (error) {
    if (error instanceof CosimError && (error.code === 'DATAFLOW_CYCLE' || error.code === 'LOOP_ENDLESS')) return undefined;
    throw error;
  }
}
