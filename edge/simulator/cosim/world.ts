/**
 * A scenario: simulators, their entities, the connections between them, and one run. DESIGN.md beside this file has the
 * step rule.
 *
 *   const world = new World({ clock });
 *   const meters = await world.start('meters', new Meters());
 *   const [meter] = await meters.create(1, 'Meter', {});
 *   world.connect(meter, sink, ['power']);
 *   await world.run({ until: 3600 });
 *
 * What does not happen: no step at or after `until`; no two steps of one simulator at the same time; no run ends, well or
 * badly, without finalize of every simulator that was started.
 */
import type { Clock } from '../../../common/clock.ts';
import { extraMethodsOf, type ModelRules, rulesOf } from './attributes.ts';
import { type AttributePair, type Connection, type ConnectOptions, connectionsOf, type Endpoint } from './connections.ts';
import { entitiesOf, type Entity } from './entity.ts';
import { CosimError } from './errors.ts';
import { RelatedGraph } from './related.ts';
import { type AskedWorld, WorldRequests } from './requests.ts';
import { Run } from './run.ts';
import type { LiveRun, RunOptions, RunSummary } from './run-options.ts';
import type { MaybePromise, OutputRequest, Params, Simulator } from './simulator.ts';
import { NO_DELAY } from './tiered-time.ts';

/** Rounds of a same-time loop. */
const LOOP_ITERATIONS_MAX = 100;

export interface WorldOptions {
  clock: Clock;
  /** Seconds per tick. */
  timeResolution?: number;
  /** False: persistent outputs are handed on when they are told, not kept and looked up. */
  cache?: boolean;
  /** Rounds of a same-time loop before the run ends with an error. */
  maxLoopIterations?: number;
  /** Told of things a scenario's author should look at; each once. */
  warn?: (message: string) => void;
  /** Put around every simulator that is started, e.g. to record what is exchanged with it. */
  around?: (simulator: Simulator) => Simulator;
}

/** Simulators that may go round in same-time loops with each other. The world itself is the outermost place, without loops. */
export interface Group {
  /**
   * Several may be started at the same time; the order of the calls is that of the simulators.
   * @param sid name in the scenario, without a dot, used once
   */
  start(sid: string, simulator: Simulator, params?: Params): Promise<StartedSimulator>;
  /** A group within this one: its loops come to rest before this one goes on. */
  group(): Group;
}

/** A started simulator, for making its entities. */
export interface StartedSimulator {
  readonly sid: string;
  /** @returns exactly `num` entities, each with its children */
  create(num: number, model: string, params?: Params): Promise<Entity[]>;
  /** One of the simulator's extra methods. */
  call(method: string, args?: readonly unknown[], named?: Params): Promise<unknown>;
}

/** What the world knows of a simulator. */
interface Member {
  readonly sid: string;
  readonly simulator: Simulator;
  readonly groups: readonly number[];
  /** Who gets its outputs, and who of them may ask it. */
  readonly readers: Set<number>;
  readonly askers: Set<number>;
  readonly eids: Set<string>;
  type: string;
  rules: ReadonlyMap<string, ModelRules>;
  extraMethods: readonly string[];
}

export class World implements Group {
  private readonly graph = new RelatedGraph();
  private readonly options: Required<WorldOptions>;
  private readonly members: Member[] = [];
  private readonly indices = new Map<string, number>();
  private readonly connections: Connection[] = [];
  /** Simulators that only ask each other still have an order. */
  private readonly asking: Connection[] = [];
  private readonly initialEvents = new Map<number, number>();
  private groups = 0;
  private state: 'building' | 'running' | 'over' = 'building';
  private current: Run | undefined;
  private paced = false;

  constructor(options: WorldOptions) {
    const { clock, timeResolution = 1, cache = true, maxLoopIterations = LOOP_ITERATIONS_MAX } = options;
    const { warn = () => {}, around = (simulator) => simulator } = options;
    if (!(timeResolution > 0)) throw misused(`timeResolution is ${timeResolution}`, 'give the seconds of a tick, more than 0');
    if (!Number.isSafeInteger(maxLoopIterations) || maxLoopIterations < 1)
      throw misused(`maxLoopIterations is ${maxLoopIterations}`, 'give a whole number, at least 1');
    const warned = new Set<string>();
    const warnOnce = (message: string) => {
      if (warned.has(message)) return;
      warned.add(message);
      warn(message);
    };
    this.options = { clock, timeResolution, cache, maxLoopIterations, warn: warnOnce, around };
  }

  start(sid: string, simulator: Simulator, params: Params = {}): Promise<StartedSimulator> {
    return this.startIn([], sid, simulator, params);
  }

  group(): Group {
    return this.groupIn([]);
  }

  /** `<name>-<n>`, the first that is free: how mosaik names simulators that a scenario does not name. */
  newSid(name: string): string {
    for (let n = 0; ; n++) if (!this.indices.has(`${name}-${n}`)) return `${name}-${n}`;
  }

  /** @param pairs names of attributes; one name for both sides, or [source, destination] */
  connect(source: Entity, dest: Entity, pairs: readonly AttributePair[], options: ConnectOptions = {}): void {
    this.requireBuilding('connect');
    const from = this.endpoint(source);
    const to = this.endpoint(dest);
    const made = connectionsOf(from, to, pairs, options, this.connections.length);
    this.connections.push(...made);
    for (const { persistent, triggers, initial, sourceId, sourceAttr, destAttr } of made) {
      if (persistent || triggers || initial !== undefined) continue;
      this.options.warn(`${sourceId}.${sourceAttr} is an event, but ${destAttr} of ${dest.fullId} does not step for it: it is seen once`);
    }
    this.graph.connect(source.fullId, dest.fullId);
    const asked = this.members[from.simulator] as Member;
    asked.readers.add(to.simulator);
    if (options.asyncRequests !== true) return;
    asked.askers.add(to.simulator);
    if (made.length === 0) this.asking.push(askingOf(from, to));
  }

  /** Replaces the first step of a simulator of any type. An event-based one has none otherwise. */
  setInitialEvent(sid: string, tick = 0): void {
    this.requireBuilding('setInitialEvent');
    if (!Number.isSafeInteger(tick) || tick < 0) throw misused(`an event at ${tick} is not at a tick`, 'give a whole tick from 0 on');
    this.initialEvents.set(this.requireIndexOf(sid), tick);
  }

  /** Asks the simulators directly, by full id and attribute; also before the run. */
  async getData(entities: readonly Entity[], attrs: readonly string[]): Promise<Record<string, Readonly<Record<string, unknown>>>> {
    const answers: Record<string, Readonly<Record<string, unknown>>> = {};
    for (const sid of new Set(entities.map((entity) => entity.sid))) {
      const asked = entities.filter((entity) => entity.sid === sid);
      const { simulator } = this.members[this.requireIndexOf(sid)] as Member;
      const wanted: OutputRequest = Object.fromEntries(asked.map(({ eid }) => [eid, attrs]));
      const { data } = await simulator.getData(wanted);
      for (const { eid, fullId } of asked) answers[fullId] = data[eid] ?? {};
    }
    return answers;
  }

  /** Once per world. Rejects with a CosimError; an aborted run resolves. */
  async run(options: RunOptions): Promise<RunSummary> {
    this.requireBuilding('run');
    this.state = 'running';
    try {
      this.paced = (options.rtFactor ?? 0) > 0;
      this.current = new Run(this.members, this.connections, this.asking, this.initialEvents, { ...this.options, ...options });
      await this.setupDone();
      const summary = await this.current.run();
      await this.finalize();
      return summary;
    } catch (error) {
      await this.finalize().catch(() => undefined); // What ended the run is the error to tell.
      throw error;
    }
  }

  /** Undefined before the run. */
  live(): LiveRun | undefined {
    return this.current?.live();
  }

  /** Finalizes the simulators of a world that is not run. */
  async stop(): Promise<void> {
    if (this.state === 'building') await this.finalize();
  }

  private groupIn(groups: readonly number[]): Group {
    const inside = [...groups, this.groups++];
    return { start: (sid, simulator, params = {}) => this.startIn(inside, sid, simulator, params), group: () => this.groupIn(inside) };
  }

  private async startIn(groups: readonly number[], sid: string, its: Simulator, params: Params): Promise<StartedSimulator> {
    this.requireBuilding('start');
    if (sid === '' || sid.includes('.')) throw misused(`${sid} can't name a simulator`, 'choose a name without a dot');
    if (this.indices.has(sid)) throw misused(`two simulators are called ${sid}`, 'give each a name of its own');
    const simulator = this.options.around(its);
    const index = this.members.length;
    const member: Member = {
      sid,
      simulator,
      groups,
      readers: new Set(),
      askers: new Set(),
      eids: new Set(),
      type: '',
      rules: new Map(),
      extraMethods: [],
    };
    this.members.push(member);
    this.indices.set(sid, index);
    const { timeResolution } = this.options;
    const meta = await told(sid, 'init', () => simulator.init(sid, timeResolution, params, new WorldRequests(this.asked, index)));
    member.rules = rulesOf(sid, meta);
    member.type = meta.type;
    member.extraMethods = extraMethodsOf(sid, meta);
    return {
      sid,
      create: (num, model, modelParams = {}) => this.create(member, num, model, modelParams),
      call: (method, args = [], named = {}) => this.call(member, method, args, named),
    };
  }

  /** What requests see of this world. */
  private get asked(): AskedWorld {
    const { members, indices, graph } = this;
    const currentRun = () => (this.state === 'running' ? this.current : undefined);
    const isPaced = () => this.paced;
    return {
      graph,
      indexOf: (sid) => indices.get(sid),
      simulatorAt: (index) => (members[index] as Member).simulator,
      sidAt: (index) => (members[index] as Member).sid,
      reachOf: (asked, asker) => {
        if (members[asked]?.askers.has(asker) === true) return 'requests';
        return members[asked]?.readers.has(asker) === true ? 'data' : 'none';
      },
      get run() {
        return currentRun();
      },
      get isPaced() {
        return isPaced();
      },
    };
  }

  private async setupDone(): Promise<void> {
    await Promise.all(this.members.map(({ sid, simulator }) => told(sid, 'setupDone', () => simulator.setupDone?.(), 'setup_done')));
  }

  /** Every simulator at the same time, also when one of them fails; the first failure is thrown. */
  private async finalize(): Promise<void> {
    this.state = 'over';
    const ended = await Promise.allSettled(
      this.members.map(({ sid, simulator }) => told(sid, 'finalize', () => simulator.finalize?.(), 'stop')),
    );
    const failed = ended.find(({ status }) => status === 'rejected') as PromiseRejectedResult | undefined;
    if (failed !== undefined) throw failed.reason;
  }

  private async create(member: Member, num: number, model: string, params: Params): Promise<Entity[]> {
    this.requireBuilding('create');
    const rules = member.rules.get(model);
    const refuse = (reason: string) => new CosimError('CREATE_REFUSED', `${member.sid}: ${reason}`, 'correct the call of create()');
    if (rules === undefined) throw refuse(`no model ${model}; it has ${[...member.rules.keys()].join(', ')}`);
    if (rules.meta.public === false) throw refuse(`${model} is not public`);
    const unknown = Object.keys(params).find((name) => !rules.meta.params.includes(name));
    if (unknown !== undefined) throw refuse(`${model} has no parameter ${unknown}; it has ${rules.meta.params.join(', ')}`);
    const created = await told(member.sid, `create of ${num} ${model}`, () => member.simulator.create(num, model, params), 'create');
    const entities = entitiesOf(member.sid, num, model, created, member.eids);
    for (const entity of entities) this.graph.add(entity);
    for (const entity of entities) this.graph.relate(entity);
    return entities;
  }

  private async call(member: Member, method: string, args: readonly unknown[], named: Params): Promise<unknown> {
    const { sid, simulator, extraMethods } = member;
    if (simulator.call === undefined || !extraMethods.includes(method)) {
      const known = extraMethods.length === 0 ? 'it has none' : `it has ${extraMethods.join(', ')}`;
      throw misused(`${sid} has no extra method ${method}; ${known}`, 'name one that its meta lists');
    }
    return told(sid, `extra method ${method}`, () => simulator.call?.(method, args, named), method);
  }

  private endpoint(entity: Entity): Endpoint {
    const simulator = this.requireIndexOf(entity.sid);
    const member = this.members[simulator] as Member;
    const rules = member.rules.get(entity.model);
    if (rules === undefined || !member.eids.has(entity.eid))
      throw new CosimError('CONNECT_REFUSED', `${entity.fullId} is not of this world`, 'connect entities that create() has answered');
    return { simulator, entity, rules, groups: member.groups };
  }

  private requireIndexOf(sid: string): number {
    const index = this.indices.get(sid);
    if (index === undefined) throw misused(`no simulator is called ${sid}`, 'start it first');
    return index;
  }

  private requireBuilding(call: string): void {
    if (this.state !== 'building') throw misused(`${call}() after run(): a world runs once`, 'make a new World');
  }
}

/** Calls a simulator outside of its steps. @param name of the call in mosaik @throws CosimError that names simulator and call */
async function told<Answer>(sid: string, call: string, ask: () => MaybePromise<Answer>, name = call): Promise<Answer> {
  try {
    return await ask();
  } catch (error) {
    // One that knows its simulator knows too whether it was called at all.
    if (error instanceof CosimError) throw error.place.sid === undefined ? error.at({ sid, call: name }) : error;
    throw new CosimError(
      'SIMULATOR_FAILED',
      `${sid} failed in its ${call}: ${error instanceof Error ? error.message : String(error)}`,
      `correct ${sid}, or what it was given; its own error is the cause of this one`,
      { cause: error, sid, call: name },
    );
  }
}

function misused(message: string, hint: string): CosimError {
  return new CosimError('WORLD_MISUSED', message, hint);
}

/** The order that asyncRequests alone give: whoever asks steps after the one it asks. */
function askingOf(asked: Endpoint, asker: Endpoint): Connection {
  return {
    index: -1,
    source: asked.simulator,
    dest: asker.simulator,
    sourceId: asked.entity.fullId,
    sourceEid: asked.entity.eid,
    sourceAttr: '(asyncRequests)',
    destEid: asker.entity.eid,
    destAttr: '(asyncRequests)',
    delay: asker.groups.length === 0 ? NO_DELAY : { ticks: 0, tiers: [], depth: asker.groups.length },
    triggers: false,
    persistent: true,
    initial: undefined,
    transform: undefined,
  };
}
