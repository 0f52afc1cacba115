/**
 * Carries outputs to inputs. Two ways, by connection:
 *   read again   (persistent source): a step at t sees the last stored output valid at or before t minus the shift, at every
 *                step until it is replaced. An attribute that this output left out is null.
 *   delivered once (non-persistent source): queued with its time; a step at t takes everything up to t, of one connection the
 *                latest. With initialData into a non-trigger attribute the last value is remembered instead.
 * Inputs are laid out in the order in which the connections were declared.
 */
import type { Connection } from './connections.ts';
import type { Inputs, OutputRequest, Outputs } from './simulator.ts';
import { addDelay, type TieredTime } from './tiered-time.ts';

interface StoredOutput {
  tick: number;
  data: Outputs['data'];
}

interface PushedValue {
  tick: number;
  value: unknown;
}

/** One connection as its destination sees it. */
interface Slot {
  readonly connection: Connection;
  /** Delivered-once values that no step has taken, by time and then arrival. */
  readonly queue: PushedValue[];
  /** Set for a delivered-once connection that remembers. */
  remembered: { value: unknown } | undefined;
  warned: boolean;
}

interface SourceSide {
  /** By entity and attribute. */
  readonly slots: Map<string, Map<string, Slot[]>>;
  readonly wanted: OutputRequest;
  readonly outputs: StoredOutput[];
  /** False when no connection reads again: outputs need not be stored. */
  readonly stores: boolean;
  readonly shiftMax: number;
}

interface DestSide {
  /** Looked at in every step: read again, or remembered. */
  readonly standing: Slot[];
  /** With something in the queue. */
  readonly pending: Slot[];
}

export class Dataflow {
  private readonly sids: readonly string[];
  private readonly sources: SourceSide[];
  private readonly dests: DestSide[];
  private readonly warn: (message: string) => void;

  /** @param warn told of values that are missing or were not asked for */
  constructor(connections: readonly Connection[], sids: readonly string[], warn: (message: string) => void) {
    this.sids = sids;
    const bySource: Slot[][] = sids.map(() => []);
    this.dests = bySource.map(() => ({ standing: [], pending: [] }));
    for (const connection of connections) {
      const slot = slotOf(connection);
      bySource[connection.source]?.push(slot);
      if (!connection.once || slot.remembered !== undefined) this.dests[connection.dest]?.standing.push(slot);
    }
    this.sources = bySource.map(sourceSideOf);
    this.warn = warn;
  }

  /** What getData is asked for after each step; undefined when nothing is connected. */
  wantedOf(simulator: number): OutputRequest | undefined {
    const source = this.sources[simulator] as SourceSide;
    return source.slots.size === 0 ? undefined : source.wanted;
  }

  /** The inputs of a step at `tick`. Delivered-once values are gone from the queues. */
  gather(simulator: number, tick: number): Inputs {
    const { standing, pending } = this.dests[simulator] as DestSide;
    const inputs: Inputs = {};
    if (pending.length > 1) pending.sort((a, b) => a.connection.index - b.connection.index);
    let at = 0;
    let kept = 0;
    for (const slot of pending) {
      while (at < standing.length && (standing[at] as Slot).connection.index < slot.connection.index)
        this.giveStanding(inputs, standing[at++] as Slot, tick);
      const taken = takeQueued(slot.queue, tick);
      if (slot.queue.length > 0) pending[kept++] = slot;
      if (taken === undefined) continue;
      if (slot.remembered === undefined) give(inputs, slot.connection, taken.value);
      else slot.remembered.value = taken.value;
    }
    pending.length = kept;
    while (at < standing.length) this.giveStanding(inputs, standing[at++] as Slot, tick);
    return inputs;
  }

  /**
   * Takes the outputs of one step.
   * @param now tick that the run has reached; outputs that no step from here on can ask for are dropped
   * @param trigger called for each simulator that must step because of them, with the time
   */
  deliver(
    simulator: number,
    time: TieredTime,
    data: Outputs['data'],
    now: number,
    trigger: (dest: number, time: TieredTime) => void,
  ): void {
    const source = this.sources[simulator] as SourceSide;
    if (source.stores) store(source, time.tick, data, now);
    for (const eid in data) {
      const byAttr = source.slots.get(eid);
      const values = data[eid] as Readonly<Record<string, unknown>>;
      for (const attr in values) {
        const slots = byAttr?.get(attr);
        if (slots === undefined) {
          this.warn(`${this.sids[simulator]}.${eid} gave ${attr}, which was not asked for`);
          continue;
        }
        for (const slot of slots) this.push(slot, time, values[attr], trigger);
      }
    }
  }

  private push(slot: Slot, time: TieredTime, value: unknown, trigger: (dest: number, time: TieredTime) => void): void {
    const { connection, queue } = slot;
    const arrival = addDelay(time, connection.delay);
    if (connection.once) {
      if (queue.length === 0) (this.dests[connection.dest] as DestSide).pending.push(slot);
      let at = queue.length;
      while (at > 0 && (queue[at - 1] as PushedValue).tick > arrival.tick) at--;
      if (at === queue.length) queue.push({ tick: arrival.tick, value });
      else queue.splice(at, 0, { tick: arrival.tick, value });
    }
    if (connection.triggers) trigger(connection.dest, arrival);
  }

  private giveStanding(inputs: Inputs, slot: Slot, tick: number): void {
    const { connection, remembered } = slot;
    if (remembered !== undefined) {
      give(inputs, connection, remembered.value);
      return;
    }
    const { outputs } = this.sources[connection.source] as SourceSide;
    const stored = lastValid(outputs, tick - connection.delay.ticks);
    if (stored === undefined) {
      give(inputs, connection, connection.initial ?? null);
      return;
    }
    const value = stored.data[connection.sourceEid]?.[connection.sourceAttr];
    if (value === undefined && !slot.warned) {
      slot.warned = true;
      this.warn(`${connection.sourceId} gave no ${connection.sourceAttr} although it is persistent; ${connection.destEid} gets null`);
    }
    give(inputs, connection, value ?? null);
  }
}

function slotOf(connection: Connection): Slot {
  const remembers = connection.once && !connection.triggers && connection.initial !== undefined;
  return { connection, queue: [], remembered: remembers ? { value: connection.initial } : undefined, warned: false };
}

function sourceSideOf(slots: readonly Slot[]): SourceSide {
  const byEntity = new Map<string, Map<string, Slot[]>>();
  for (const slot of slots) {
    const { sourceEid, sourceAttr } = slot.connection;
    let byAttr = byEntity.get(sourceEid);
    if (byAttr === undefined) byEntity.set(sourceEid, (byAttr = new Map()));
    const same = byAttr.get(sourceAttr);
    if (same === undefined) byAttr.set(sourceAttr, [slot]);
    else same.push(slot);
  }
  let stores = false;
  let shiftMax = 0;
  for (const { connection } of slots) {
    if (connection.once) continue;
    stores = true;
    shiftMax = Math.max(shiftMax, connection.delay.ticks);
  }
  return {
    slots: byEntity,
    wanted: Object.fromEntries([...byEntity].map(([eid, byAttr]) => [eid, [...byAttr.keys()]])),
    outputs: [],
    stores,
    shiftMax,
  };
}

/** An output for the same tick replaces the stored one as a whole. */
function store(source: SourceSide, tick: number, data: Outputs['data'], now: number): void {
  const { outputs, shiftMax } = source;
  const same = outputs.find((output) => output.tick === tick);
  if (same === undefined) outputs.push({ tick, data });
  else same.data = data;
  // No step to come asks for anything before `now - shiftMax`, and for that instant the last valid one is enough.
  const oldest = lastValidIndex(outputs, now - shiftMax);
  if (oldest > 0) outputs.splice(0, oldest);
}

function lastValid(outputs: readonly StoredOutput[], tick: number): StoredOutput | undefined {
  return outputs[lastValidIndex(outputs, tick)];
}

/** The last stored, not the one with the greatest time. */
function lastValidIndex(outputs: readonly StoredOutput[], tick: number): number {
  for (let at = outputs.length - 1; at >= 0; at--) if ((outputs[at] as StoredOutput).tick <= tick) return at;
  return -1;
}

/** The latest value up to `tick`; everything up to it leaves the queue. */
function takeQueued(queue: PushedValue[], tick: number): PushedValue | undefined {
  let due = 0;
  while (due < queue.length && (queue[due] as PushedValue).tick <= tick) due++;
  if (due === 0) return undefined;
  const latest = queue[due - 1];
  if (due === queue.length) queue.length = 0;
  else queue.splice(0, due);
  return latest;
}

function give(inputs: Inputs, connection: Connection, value: unknown): void {
  const { destEid, destAttr, sourceId, transform } = connection;
  const attrs = (inputs[destEid] ??= {});
  const sources = (attrs[destAttr] ??= {});
  sources[sourceId] = transform === undefined || value === null ? value : transform(value);
}
