/** Puts a checked scenario file together as a world, and runs it. */
import { resolve } from 'node:path';
import { MS_PER_SECOND } from '../../../common/units.ts';
import type { Clock } from '../../../common/clock.ts';
import type { Logger } from '../../../common/logger.ts';
import { seededRandom, seedOf } from '../../../common/random.ts';
import { connectManyToOne, connectRandomly, connectZip } from '../cosim/connect-patterns.ts';
import type { Entity } from '../cosim/entity.ts';
import { CosimError } from '../cosim/errors.ts';
import type { RunOptions, RunSummary } from '../cosim/run-options.ts';
import type { Params, Simulator } from '../cosim/simulator.ts';
import { type Group, type StartedSimulator, World } from '../cosim/world.ts';
import { ASSET_SIMULATORS } from '../models/assets/registry.ts';
import { type Launch, remoteSimulator, type StartRemoteOptions } from '../remote/start-remote.ts';
import type { KnownSet } from './checking.ts';
import { connectOptions, setName } from './connection-check.ts';
import { batchesOf, type Variables } from './entity-params.ts';
import type { Path } from './json-comments.ts';
import type { CheckedScenario } from './scenario-check.ts';
import type { ConnectionEntry, GroupTree, SetReference, SimulatorEntry } from './scenario-file.ts';
import { startParams } from './simulator-check.ts';

export interface ScenarioRunOptions {
  scenario: CheckedScenario;
  /** Simulators of this program beside the assets, by model. */
  makers: Readonly<Record<string, (params: Params) => Simulator>>;
  /** What is known of each household file of the replay. */
  households: readonly Variables[];
  run: RunOptions;
  clock: Clock;
  logger: Logger;
  /** Of this process, for commands. */
  environment: Readonly<Record<string, string | undefined>>;
  /** Put around each simulator, e.g. what records it. */
  around?: (simulator: Simulator) => Simulator;
  /** Told before anything starts: for who looks on. */
  onWorld?: (world: World) => void;
}

/** The tick of the end, for so many simulated seconds. */
export function untilTick({ file }: CheckedScenario, untilSeconds: number): number {
  // 0.3 s in ticks of 0.1 s are 3 of them, although the quotient is a hair above.
  return Math.ceil(untilSeconds / (file.timeResolutionSeconds ?? 1) - 1e-9);
}

/** Rejects with a CosimError that says where in the file; every simulator is finalized then too. */
export async function runCheckedScenario(options: ScenarioRunOptions): Promise<RunSummary> {
  const { scenario, run, clock, logger, around, onWorld } = options;
  const { timeResolutionSeconds: timeResolution, cache, maxLoopIterations, rtStrict, rtToleranceMs, lazyStepping } = scenario.file;
  const world = new World({
    clock,
    warn: (message) => logger.warn({}, message),
    ...given({ timeResolution, cache, maxLoopIterations, around }),
  });
  onWorld?.(world);
  try {
    await build(world, options);
  } catch (error) {
    await world.stop().catch(() => undefined); // What ended it is the error to tell.
    throw error;
  }
  return world.run({ ...given({ rtStrict, rtToleranceMs, lazyStepping }), ...run });
}

async function build(world: World, options: ScenarioRunOptions): Promise<void> {
  const { scenario } = options;
  const { file, sets } = scenario;
  const simulators = await startAll(world, options);
  const entities = new Map<string, readonly Entity[]>();
  for (const set of sets) {
    const its = simulators.get(set.simulator.sid) as StartedSimulator;
    entities.set(set.name, await placed(scenario, ['entities', set.name], () => createSet(its, set, options)));
  }
  for (const [i, entry] of (file.connections ?? []).entries()) {
    if (entities.has(setName(entry.from)) && entities.has(setName(entry.to)))
      await placed(scenario, ['connections', i], async () => connectSets(world, scenario, entry, i, entities));
  }
  for (const [sid, tick] of Object.entries(file.initialEvents ?? {})) if (simulators.has(sid)) world.setInitialEvent(sid, tick);
  for (const [i, { simulator, method, args, named }] of (file.calls ?? []).entries())
    await placed(scenario, ['calls', i], async () => simulators.get(simulator)?.call(method, args, named));
}

/** All at the same time; a process takes its time to start. When one fails, the others come to rest first. */
async function startAll(world: World, options: ScenarioRunOptions): Promise<Map<string, StartedSimulator>> {
  const { scenario } = options;
  const { file, simulators } = scenario;
  const groups = new Map<string | undefined, Group>([[undefined, world]]);
  makeGroups(world, file.groups ?? {}, '', groups);
  const starts = simulators.map(({ sid, entry }) => {
    const group = groups.get(entry.group) as Group;
    return placed(scenario, ['simulators', sid], () => group.start(sid, simulatorOf(options, sid, entry), paramsOf(file, entry)));
  });
  const outcomes = await Promise.allSettled(starts);
  const failed = outcomes.find(({ status }) => status === 'rejected') as PromiseRejectedResult | undefined;
  if (failed !== undefined) throw failed.reason;
  return new Map(outcomes.map((outcome) => (outcome as PromiseFulfilledResult<StartedSimulator>).value).map((its) => [its.sid, its]));
}

function makeGroups(place: Group, tree: GroupTree, above: string, all: Map<string | undefined, Group>): void {
  for (const [name, inner] of Object.entries(tree)) {
    const group = place.group();
    const path = above === '' ? name : `${above}/${name}`;
    all.set(path, group);
    makeGroups(group, inner, path, all);
  }
}

function paramsOf(file: CheckedScenario['file'], entry: SimulatorEntry): Params {
  return entry.model === undefined ? (entry.params ?? {}) : startParams(file, entry);
}

function simulatorOf({ scenario, makers, clock, logger, environment }: ScenarioRunOptions, sid: string, entry: SimulatorEntry): Simulator {
  const { model, apiVersion, stepTimeoutSeconds, startTimeoutSeconds } = entry;
  const make = model === undefined ? undefined : (makers[model] ?? ASSET_SIMULATORS[model]);
  if (make !== undefined) return make(paramsOf(scenario.file, entry));
  const options: StartRemoteOptions = {
    clock,
    environment,
    launch: launchOf(scenario, sid, entry),
    warn: (message) => logger.warn({}, message),
    onOutput: (simulator, line, stream) => logger.info({ simulator, stream }, line),
    ...given({ python: scenario.file.python, apiVersion }),
    ...(stepTimeoutSeconds === undefined ? {} : { callTimeoutMs: stepTimeoutSeconds * MS_PER_SECOND }),
    ...(startTimeoutSeconds === undefined ? {} : { startTimeoutMs: startTimeoutSeconds * MS_PER_SECOND }),
  };
  return remoteSimulator(options);
}

function launchOf({ folder }: CheckedScenario, sid: string, { command, connect, cwd = '.', env }: SimulatorEntry): Launch {
  if (command !== undefined) return { cmd: command, cwd: resolve(folder, cwd), ...given({ env }) };
  if (connect !== undefined) return { connect };
  throw new Error(`nobody makes the simulator ${sid}`);
}

async function createSet(simulator: StartedSimulator, set: KnownSet, { scenario, households }: ScenarioRunOptions): Promise<Entity[]> {
  const { name, entry, batches } = set;
  const isReplay = entry.onePerFile !== undefined && 'dataset' in entry.onePerFile;
  const its = isReplay ? replayBatches(scenario, set, households) : batches;
  const entities: Entity[] = [];
  for (const { num, params } of its) entities.push(...(await simulator.create(num, entry.model, params)));
  if (its.length === 0) throw new CosimError('CREATE_REFUSED', `${name} has no entities`, 'name a folder with files');
  return entities;
}

function replayBatches({ file, fingerprint }: CheckedScenario, { name, entry }: KnownSet, households: readonly Variables[]) {
  const each = households.map((its) => ({ ...its, scenario: fingerprint }));
  return batchesOf(name, entry, file.seed ?? 1, each, () => undefined);
}

function connectSets(
  world: World,
  scenario: CheckedScenario,
  entry: ConnectionEntry,
  i: number,
  all: ReadonlyMap<string, readonly Entity[]>,
): void {
  const { pattern = 'one', attributes = [], evenly, maxConnects } = entry;
  const [from, to] = [entitiesOf(entry.from, all), entitiesOf(entry.to, all)];
  const options = connectOptions(entry, `connections[${i}]`);
  if (pattern === 'zip') connectZip(world, from, to, attributes, options);
  else if (pattern === 'random') {
    const seed = seedOf(`${scenario.file.seed ?? 1} connections ${i} ${entry.seed ?? ''}`);
    connectRandomly(world, from, to, attributes, { ...options, random: seededRandom(seed), ...given({ evenly, maxConnects }) });
  } else if (pattern === 'manyToOne') connectManyToOne(world, from, only(entry.to, to), attributes, options);
  else if (pattern === 'oneToMany') for (const dest of to) world.connect(only(entry.from, from), dest, attributes, options);
  else world.connect(only(entry.from, from), only(entry.to, to), attributes, options);
}

function entitiesOf(reference: SetReference, all: ReadonlyMap<string, readonly Entity[]>): readonly Entity[] {
  const whole = all.get(setName(reference)) as readonly Entity[];
  if (typeof reference === 'string') return whole;
  const { of, children, index } = reference;
  const part = children === undefined ? whole : whole.flatMap((entity) => childrenOf(entity, children));
  if (index === undefined) return part;
  const entity = part[index];
  if (entity === undefined) throw refused(`${of} has ${part.length} of them, none at ${index}`, 'count from 0');
  return [entity];
}

function childrenOf({ children }: Entity, type: string): Entity[] {
  return children.flatMap((child) => [...(child.model === type ? [child] : []), ...childrenOf(child, type)]);
}

function only(reference: SetReference, entities: readonly Entity[]): Entity {
  const [entity, more] = entities;
  if (entity !== undefined && more === undefined) return entity;
  throw refused(`${setName(reference)} has ${entities.length} entities, one is wanted`, 'choose another pattern, or an index');
}

function refused(message: string, hint: string): CosimError {
  return new CosimError('CONNECT_REFUSED', message, hint);
}

/** Does it; what is refused is told with its place in the file. */
async function placed<T>({ place }: CheckedScenario, path: Path, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof CosimError)) throw error;
    throw new CosimError(error.code, `${place(path)}: ${error.message}`, error.hint, { cause: error, ...error.place });
  }
}

type Given<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

function given<T extends object>(values: T): Given<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Given<T>;
}
