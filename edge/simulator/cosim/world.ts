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
 * What does not happen: no step at or after `until`; no two calls of one simulator at the same time; no run ends, well or
 * badly, without finalize of every simulator that was started.
 */
import type { Clock } from '../../../common/clock.ts';
import { type ModelRules, rulesOf } from './attributes.ts';
import { type AttributePair, type Connection, type ConnectOptions, connectionsOf, type Endpoint } from './connections.ts';
import { entitiesOf, type Entity } from './entity.ts';
import { CosimError, notSupported } from './errors.ts';
import { Run, type RunOptions, type RunSummary } from './run.ts';
import type { Params, Simulator } from './simulator.ts';

export interface WorldOptions {
  clock: Clock;
  /** Seconds per tick. */
  timeResolution?: number;
  /** Told of things a scenario's author should look at; each once. */
  warn?: (message: string) => void;
}

/** A started simulator, for making its entities. */
export interface StartedSimulator {
  readonly sid: string;
  create(num: number, model: string, params?: Params): Promise<Entity[]>;
}

/** What the world knows of a simulator. */
export interface Member {
  readonly sid: string;
  readonly simulator: Simulator;
  readonly type: string;
  readonly rules: ReadonlyMap<string, ModelRules>;
  readonly eids: Set<string>;
}

export class World {
  private readonly clock: Clock;
  private readonly timeResolution: number;
  private readonly warn: (message: string) => void;
  private readonly members: Member[] = [];
  private readonly connections: Connection[] = [];
  private readonly initialEvents = new Map<number, number>();
  private state: 'building' | 'running' | 'over' = 'building';

  constructor({ clock, timeResolution = 1, warn = () => {} }: WorldOptions) {
    this.clock = clock;
    this.timeResolution = timeResolution;
    this.warn = warn;
  }

  /** @param sid name in the scenario, without a dot, used once */
  async start(sid: string, simulator: Simulator, params: Params = {}): Promise<StartedSimulator> {
    this.requireBuilding('start');
    if (sid === '' || sid.includes('.')) throw new CosimError('WORLD_MISUSED', `${sid} can't name a simulator: it must have no dot`);
    if (this.members.some((member) => member.sid === sid)) throw new CosimError('WORLD_MISUSED', `two simulators are called ${sid}`);
    const meta = await simulator.init(sid, this.timeResolution, params);
    const rules = rulesOf(sid, meta);
    const member: Member = { sid, simulator, type: meta.type, rules, eids: new Set() };
    this.members.push(member);
    return { sid, create: (num, model, modelParams = {}) => this.create(member, num, model, modelParams) };
  }

  /** Same-time loops need groups of simulators. */
  group(): never {
    throw notSupported('group()', 'make one connection of the loop timeShifted');
  }

  /** @param pairs names of attributes; one name for both sides, or [source, destination] */
  connect(source: Entity, dest: Entity, pairs: readonly AttributePair[], options: ConnectOptions = {}): void {
    this.requireBuilding('connect');
    this.connections.push(...connectionsOf(this.endpoint(source), this.endpoint(dest), pairs, options, this.connections.length));
  }

  /** Replaces the first step of a simulator of any type. An event-based one has none otherwise. */
  setInitialEvent(sid: string, tick = 0): void {
    this.requireBuilding('setInitialEvent');
    if (!Number.isSafeInteger(tick) || tick < 0) throw new CosimError('WORLD_MISUSED', `an event at ${tick} is not at a tick`);
    this.initialEvents.set(this.indexOf(sid), tick);
  }

  /** Asks the simulators directly, by full id and attribute; also before the run. */
  async getData(entities: readonly Entity[], attrs: readonly string[]): Promise<Record<string, Readonly<Record<string, unknown>>>> {
    const answers: Record<string, Readonly<Record<string, unknown>>> = {};
    for (const sid of new Set(entities.map((entity) => entity.sid))) {
      const asked = entities.filter((entity) => entity.sid === sid);
      const member = this.members[this.indexOf(sid)] as Member;
      const { data } = await member.simulator.getData(Object.fromEntries(asked.map(({ eid }) => [eid, attrs])));
      for (const { eid, fullId } of asked) answers[fullId] = data[eid] ?? {};
    }
    return answers;
  }

  /** Once per world. Rejects with what a simulator threw or a CosimError; an aborted run resolves. */
  async run(options: RunOptions): Promise<RunSummary> {
    this.requireBuilding('run');
    this.state = 'running';
    try {
      const run = new Run(this.members, this.connections, this.initialEvents, {
        ...options,
        clock: this.clock,
        timeResolution: this.timeResolution,
        warn: this.warn,
      });
      await this.setupDone();
      const summary = await run.run();
      await this.finalize();
      return summary;
    } catch (error) {
      await this.finalize().catch(() => undefined); // What ended the run is the error to tell.
      throw error;
    }
  }

  /** Finalizes the simulators of a world that is not run. */
  async stop(): Promise<void> {
    if (this.state === 'building') await this.finalize();
  }

  private async setupDone(): Promise<void> {
    await Promise.all(this.members.map(({ simulator }) => simulator.setupDone?.()));
  }

  /** Every simulator, also when one of them fails; the first failure is thrown. */
  private async finalize(): Promise<void> {
    this.state = 'over';
    const failures: unknown[] = [];
    for (const { simulator } of this.members) {
      try {
        await simulator.finalize?.();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }

  private async create(member: Member, num: number, model: string, params: Params): Promise<Entity[]> {
    this.requireBuilding('create');
    const rules = member.rules.get(model);
    const refuse = (reason: string) => new CosimError('CREATE_REFUSED', `${member.sid}: ${reason}`);
    if (rules === undefined) throw refuse(`no model ${model}; it has ${[...member.rules.keys()].join(', ')}`);
    if (rules.meta.public === false) throw refuse(`${model} is not public`);
    const unknown = Object.keys(params).find((name) => !rules.meta.params.includes(name));
    if (unknown !== undefined) throw refuse(`${model} has no parameter ${unknown}; it has ${rules.meta.params.join(', ')}`);
    return entitiesOf(member.sid, num, model, await member.simulator.create(num, model, params), member.eids);
  }

  private endpoint(entity: Entity): Endpoint {
    const simulator = this.indexOf(entity.sid);
    const member = this.members[simulator] as Member;
    const rules = member.rules.get(entity.model);
    if (rules === undefined || !member.eids.has(entity.eid))
      throw new CosimError('CONNECT_REFUSED', `${entity.fullId} is not of this world`);
    return { simulator, entity, rules };
  }

  private indexOf(sid: string): number {
    const index = this.members.findIndex((member) => member.sid === sid);
    if (index < 0) throw new CosimError('WORLD_MISUSED', `no simulator is called ${sid}`);
    return index;
  }

  private requireBuilding(call: string): void {
    if (this.state !== 'building') throw new CosimError('WORLD_MISUSED', `${call}() after run(): a world runs once`);
  }
}
