/**
 * Runs one scenario of the mosaik conformance suite: `run-scenario.ts FILE`, from check.py. Simulators are processes of their own, as the
 * file says; what happened goes to _result.json in MOSAIK_CONF_TRACE_DIR.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { systemClock } from '../../common/clock.ts';
import type { ConnectOptions } from '../../edge/simulator/cosim/connections.ts';
import type { Entity } from '../../edge/simulator/cosim/entity.ts';
import { CosimError } from '../../edge/simulator/cosim/errors.ts';
import { type Group, type StartedSimulator, World } from '../../edge/simulator/cosim/world.ts';
import { type Launch, remoteSimulator } from '../../edge/simulator/remote/start-remote.ts';

interface Transform {
  op: 'mul' | 'add' | 'clamp';
  value: number | [number, number];
}

interface Started {
  sim: string;
  sim_id?: string;
  params?: Record<string, unknown>;
}

interface Scenario {
  sim_config: Record<string, Launch & { api_version?: string }>;
  start: (Started | { group: Scenario['start'] })[];
  create: { sim_id: string; model: string; num?: number; params?: Record<string, unknown> }[];
  connections: {
    src: string;
    dest: string;
    attrs: [string, string][];
    time_shifted?: boolean | number;
    weak?: boolean;
    initial_data?: Record<string, unknown>;
    async_requests?: boolean;
    transform?: Transform;
  }[];
  initial_events?: Record<string, number>;
  extra_calls?: { sim_id: string; method: string; args?: unknown[]; kwargs?: Record<string, unknown> }[];
  until: number;
  run?: { rt_factor?: number; rt_strict?: boolean; lazy_stepping?: boolean };
  world?: { time_resolution?: number; cache?: boolean; max_loop_iterations?: number };
  mosaik_config?: { start_timeout?: number };
}

type Phase = 'start' | 'create' | 'connect' | 'extra' | 'run';

const MS_PER_SECOND = 1_000;

const scenarioFile = process.argv[2] as string;
const environment = process.env;
const traceFolder = environment['MOSAIK_CONF_TRACE_DIR'] ?? dirname(scenarioFile);
const warnings: string[] = [];
let phase: Phase = 'start';

await main();

async function main(): Promise<void> {
  const scenario = JSON.parse(readFileSync(scenarioFile, 'utf8')) as Scenario;
  const { time_resolution, cache, max_loop_iterations } = scenario.world ?? {};
  const world = new World({
    clock: systemClock,
    ...given({ timeResolution: time_resolution, cache, maxLoopIterations: max_loop_iterations }),
    warn: (message) => warnings.push(message),
  });
  const extra: unknown[] = [];
  let error: { type: string; phase: Phase; message: string } | null = null;
  try {
    await play(world, scenario, extra);
  } catch (thrown) {
    process.stderr.write(`${thrown instanceof Error ? thrown.stack : String(thrown)}\n`);
    error = { type: thrown instanceof CosimError ? thrown.code : 'Error', phase, message: String(thrown) };
  }
  await world.stop();
  writeFileSync(join(traceFolder, '_result.json'), JSON.stringify({ error, extra, warnings }));
}

async function play(world: World, scenario: Scenario, extra: unknown[]): Promise<void> {
  const simulators = new Map<string, StartedSimulator>();
  const entities = new Map<string, Entity>();
  await startAll(world, world, scenario, scenario.start, simulators);
  const register = (entity: Entity) => {
    entities.set(entity.fullId, entity);
    entity.children.forEach(register);
  };
  phase = 'create';
  for (const { sim_id, model, num = 1, params } of scenario.create) {
    (await simulatorOf(simulators, sim_id).create(num, model, params)).forEach(register);
  }
  phase = 'connect';
  for (const { src, dest, attrs, time_shifted, weak, initial_data, async_requests, transform } of scenario.connections) {
    const options = given({
      timeShifted: time_shifted,
      weak,
      initialData: initial_data,
      asyncRequests: async_requests,
      transform: transform === undefined ? undefined : transformOf(transform),
    });
    world.connect(entities.get(src) as Entity, entities.get(dest) as Entity, attrs, options as ConnectOptions);
  }
  for (const [sid, tick] of Object.entries(scenario.initial_events ?? {})) world.setInitialEvent(sid, tick);
  phase = 'extra';
  for (const { sim_id, method, args, kwargs } of scenario.extra_calls ?? [])
    extra.push(await simulatorOf(simulators, sim_id).call(method, args, kwargs));
  phase = 'run';
  const { rt_factor, rt_strict, lazy_stepping } = scenario.run ?? {};
  await world.run({ until: scenario.until, ...given({ rtFactor: rt_factor, rtStrict: rt_strict, lazyStepping: lazy_stepping }) });
}

async function startAll(
  world: World,
  group: Group,
  scenario: Scenario,
  items: Scenario['start'],
  simulators: Map<string, StartedSimulator>,
): Promise<void> {
  for (const item of items) {
    if ('group' in item) {
      await startAll(world, group.group(), scenario, item.group, simulators);
      continue;
    }
    const { sim, sim_id, params } = item;
    const { api_version, ...launch } = scenario.sim_config[sim] as Launch & { api_version?: string };
    const startSeconds = scenario.mosaik_config?.start_timeout;
    const simulator = remoteSimulator({
      clock: systemClock,
      launch,
      environment,
      onOutput: (sid, line) => process.stderr.write(`${sid}: ${line}\n`),
      ...given({
        python: environment['MOSAIK_CONF_PYTHON'],
        apiVersion: api_version,
        startTimeoutMs: startSeconds === undefined ? undefined : startSeconds * MS_PER_SECOND,
      }),
    });
    const sid = sim_id ?? world.newSid(sim);
    simulators.set(sid, await group.start(sid, simulator, params));
  }
}

function simulatorOf(simulators: ReadonlyMap<string, StartedSimulator>, sid: string): StartedSimulator {
  const simulator = simulators.get(sid);
  if (simulator === undefined) throw new Error(`the scenario starts no ${sid}`);
  return simulator;
}

function transformOf({ op, value }: Transform): (input: unknown) => unknown {
  if (op === 'clamp') {
    const [low, high] = value as [number, number];
    return (input) => Math.max(low, Math.min(high, input as number));
  }
  return op === 'mul' ? (input) => (input as number) * (value as number) : (input) => (input as number) + (value as number);
}

/** Without what is undefined. */
function given<T extends object>(options: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
