/** What one simulator may ask of the world, for as long as the world lives. */
import { CosimError } from './errors.ts';
import type { RelatedGraph } from './related.ts';
import type { Run } from './run.ts';
import {
  isPromise,
  type MaybePromise,
  type OutputRequest,
  type Outputs,
  type RelatedEntities,
  type Requests,
  type Simulator,
} from './simulator.ts';

/** What the requests of all simulators share. */
export interface AskedWorld {
  readonly graph: RelatedGraph;
  /** @returns undefined for an unknown name */
  indexOf(sid: string): number | undefined;
  simulatorAt(index: number): Simulator;
  sidAt(index: number): string;
  /** What a connection from `asked` to `asker` allows: nothing without one, data alone, or requests too (asyncRequests). */
  reachOf(asked: number, asker: number): 'none' | 'data' | 'requests';
  /** Undefined before and after the run. */
  readonly run: Run | undefined;
  readonly isPaced: boolean;
}

export class WorldRequests implements Requests {
  private readonly world: AskedWorld;
  private readonly asker: number;

  constructor(world: AskedWorld, asker: number) {
    this.world = world;
    this.asker = asker;
  }

  progress(): number {
    return this.world.run?.percent ?? 0;
  }

  relatedGraph(): RelatedEntities {
    return this.world.graph.whole();
  }

  relatedTo(fullIds: readonly string[]): Record<string, RelatedEntities['nodes']> {
    return Object.fromEntries(fullIds.map((id) => [id, this.world.graph.of(id)]));
  }

  getData(wanted: OutputRequest): MaybePromise<Record<string, Record<string, unknown>>> {
    const run = this.running('getData');
    const found: Record<string, Record<string, unknown>> = {};
    const missing = new Map<number, Record<string, string[]>>();
    for (const [fullId, attrs] of Object.entries(wanted)) {
      const { index, eid } = this.asked(fullId);
      const values: Record<string, unknown> = {};
      found[fullId] = values;
      for (const attr of attrs) {
        const stored = run.storedValue(index, eid, attr, this.asker);
        if (stored !== undefined) values[attr] = stored;
        else addTo(missing, index, eid, attr);
      }
    }
    const answers = [...missing].map(([index, its]) => {
      const answer = this.world.simulatorAt(index).getData(its);
      return isPromise(answer) ? answer.then((outputs) => this.merge(found, index, outputs)) : this.merge(found, index, answer);
    });
    return answers.some(isPromise) ? Promise.all(answers).then(() => found) : found;
  }

  setData(values: Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, unknown>>>>>>): void {
    const run = this.running('setData');
    for (const [sourceId, dests] of Object.entries(values)) {
      for (const [destId, attrs] of Object.entries(dests)) {
        const { index, eid } = this.asked(destId);
        for (const [attr, value] of Object.entries(attrs)) run.setData(index, sourceId, eid, attr, value);
      }
    }
  }

  setEvent(tick: number): void {
    const run = this.running('setEvent');
    if (!this.world.isPaced)
      throw new CosimError('REQUEST_REFUSED', `${this.sid} set an event, but the run does not keep to real time`, 'run with an rtFactor');
    if (!Number.isSafeInteger(tick) || tick < 0)
      throw new CosimError('REQUEST_REFUSED', `${this.sid} set an event at ${String(tick)}`, 'a whole tick is wanted');
    run.setEvent(this.asker, tick);
  }

  private get sid(): string {
    return this.world.sidAt(this.asker);
  }

  private merge(found: Record<string, Record<string, unknown>>, index: number, { data }: Outputs): void {
    for (const [eid, values] of Object.entries(data)) Object.assign(found[`${this.world.sidAt(index)}.${eid}`] ?? {}, values);
  }

  private running(call: string): Run {
    const { run } = this.world;
    if (run === undefined) throw new CosimError('REQUEST_REFUSED', `${this.sid} called ${call} outside of a run`, 'call it while stepping');
    return run;
  }

  private asked(fullId: string): { index: number; eid: string } {
    const dot = fullId.indexOf('.');
    const index = dot < 0 ? undefined : this.world.indexOf(fullId.slice(0, dot));
    if (index === undefined)
      throw new CosimError('ENTITY_UNKNOWN', `${this.sid} asked for ${fullId}, which does not exist`, 'name it by its full id, sid.eid');
    const reach = this.world.reachOf(index, this.asker);
    if (reach !== 'requests') throw this.unreachable(fullId, this.world.sidAt(index), reach);
    return { index, eid: fullId.slice(dot + 1) };
  }

  private unreachable(fullId: string, asked: string, reach: 'none' | 'data'): CosimError {
    const { sid } = this;
    if (reach === 'none') {
      const message = `${sid} asked for ${fullId}, but no connection leads from ${asked} to ${sid}`;
      return new CosimError('ASYNC_NOT_CONNECTED', message, `connect an entity of ${asked} to one of ${sid} with asyncRequests`);
    }
    const message = `${sid} asked for ${fullId}, but the connection from ${asked} to ${sid} is without asyncRequests`;
    return new CosimError('ASYNC_NOT_ENABLED', message, `give the connection from ${asked} to ${sid} asyncRequests`);
  }
}

function addTo(missing: Map<number, Record<string, string[]>>, index: number, eid: string, attr: string): void {
  const byEid = missing.get(index) ?? {};
  missing.set(index, byEid);
  (byEid[eid] ??= []).push(attr);
}
