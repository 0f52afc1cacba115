/**
 * Carries outputs to inputs. Three ways, by connection:
 *   read again     (persistent source): a step at t sees the last stored output that has arrived by t, at every step until it is
 *                  replaced. An attribute that this output left out is null.
 *   delivered once (non-persistent source): queued with its time of arrival; a step at t takes everything up to t, of one
 *                  connection the latest.
 *   remembered     (non-persistent source with initialData; without a cache every persistent source): queued, and the latest one is
 *                  seen at every step until a newer one arrives.
 * An output has arrived when its tick plus the shift is reached and the step that made it comes before in the order of steps. So what
 * a step sees never depends on when it was told: a source may be ahead of its readers. A weak connection delays who is triggered, not
 * what is seen: of a source that has stepped before in the same round, this round's output is seen.
 * Inputs are laid out in the order in which the connections were declared, after those that others have set.
 */
import type { Connection } from './connections.ts';
import { CosimError } from './errors.ts';
import type { Columns, Inputs, OutputRequest, Outputs } from './simulator.ts';
import { compareSteps, type StepOrder } from './step-order.ts';
import { addDelay, compareTimes, type Delay, type TieredTime } from './tiered-time.ts';
import type { TraceHash } from './trace-hash.ts';

/** What a simulator has answered, in one of the two layouts. */
export type Answered = Outputs | Columns;

interface StoredOutput {
  /** Valid from. */
  time: TieredTime;
  /** Of the step that made it. */
  made: TieredTime;
  answered: Answered;
}

interface PushedValue {
  /** Of its arrival. */
  time: TieredTime;
  made: TieredTime;
  value: unknown;
}

/** One connection as its destination sees it. */
interface Slot {
  readonly connection: Connection;
  readonly sourceId: string;
  readonly sourceEid: string;
  readonly sourceAttr: string;
  /** Place of the entity among those that are wanted of the source. */
  sourceIndex: number;
  readonly transform: Connection['transform'];
  readonly place: Place;
  /** Undefined for a connection that is not read again. */
  readonly reader: Reader | undefined;
  /** Values that no step has taken, by time and then by when they were told. */
  readonly queue: PushedValue[];
  /** Set for a connection that remembers. Initial data is in the destination's terms: no transform is applied to it. */
  remembered: { value: unknown; isInitial: boolean } | undefined;
  warned: boolean;
}

interface SourceSide {
  readonly all: readonly Slot[];
  /** By entity and attribute. */
  readonly slots: Map<string, Map<string, Slot[]>>;
  readonly wanted: OutputRequest;
  readonly outputs: StoredOutput[];
  /** False when no connection reads again: outputs need not be stored. */
  readonly stores: boolean;
  /** False when storing is all there is to do. */
  readonly pushes: boolean;
  readonly shiftMax: number;
  /** Answers so far. */
  answers: number;
}

/** Stored outputs of one source as they arrive over one delay. */
interface Reader {
  readonly source: number;
  readonly delay: Delay;
  /** What the step that is being gathered sees; undefined before the first output has arrived. */
  answered: Answered | undefined;
}

/** An attribute of an entity that connections lead to. */
interface Place {
  readonly eid: string;
  readonly attr: string;
  /** The inputs that were gathered last, and in them the values by full id of the source. */
  inputs: Inputs | undefined;
  values: Record<string, unknown>;
}

interface DestSide {
  readonly readers: Map<string, Reader>;
  readonly places: Map<string, Place>;
  /** Looked at in every step: read again, or remembered. */
  readonly standing: Slot[];
  /** With something in the queue. */
  readonly pending: Slot[];
  /** Set by others for the next step. */
  set: Inputs | undefined;
}

export interface DataflowOptions {
  connections: readonly Connection[];
  order: StepOrder;
  sids: readonly string[];
  /** False: persistent outputs are remembered where they arrive, not stored where they come from. */
  cache: boolean;
  /** Takes in every value that is given. */
  hash: TraceHash | undefined;
  /** Told of values that are missing or were not asked for. */
  warn: (message: string) => void;
}

/** Answers of a simulator that are looked through for names that nobody asked for: it repeats its mistakes. */
const ANSWERS_LOOKED_THROUGH = 4;

/** Told of each simulator that must step because of an output, with the time. */
type Trigger = (dest: number, time: TieredTime) => void;

export class Dataflow {
  private readonly sids: readonly string[];
  private readonly order: StepOrder;
  private readonly sources: SourceSide[];
  private readonly dests: DestSide[];
  private readonly hash: TraceHash | undefined;
  private readonly warn: (message: string) => void;

  constructor({ connections, order, sids, cache, hash, warn }: DataflowOptions) {
    this.sids = sids;
    this.order = order;
    const bySource: Slot[][] = sids.map(() => []);
    this.dests = bySource.map(() => ({ readers: new Map(), places: new Map(), standing: [], pending: [], set: undefined }));
    for (const connection of connections) {
      const dest = this.dests[connection.dest] as DestSide;
      const slot = slotOf(connection, dest, cache);
      bySource[connection.source]?.push(slot);
      if (slot.reader !== undefined || slot.remembered !== undefined) dest.standing.push(slot);
    }
    this.sources = bySource.map(sourceSideOf);
    this.hash = hash;
    this.warn = warn;
  }

  /** What getData is asked for after each step; undefined when nothing is connected. */
  wantedOf(simulator: number): OutputRequest | undefined {
    const source = this.sources[simulator] as SourceSide;
    return source.slots.size === 0 ? undefined : source.wanted;
  }

  /** The inputs of a step at `time`. Queued values up to it are taken. */
  gather(simulator: number, time: TieredTime): Inputs {
    const dest = this.dests[simulator] as DestSide;
    const { standing, pending } = dest;
    const inputs: Inputs = dest.set ?? {};
    if (dest.set !== undefined) this.hash?.add(simulator, inputs);
    dest.set = undefined;
    for (const reader of dest.readers.values()) {
      reader.answered = this.lastArrived(reader, simulator, time)?.answered;
    }
    if (pending.length > 1) pending.sort((a, b) => a.connection.index - b.connection.index);
    let at = 0;
    let kept = 0;
    for (const slot of pending) {
      while (at < standing.length && (standing[at] as Slot).connection.index < slot.connection.index)
        this.giveStanding(inputs, standing[at++] as Slot);
      const taken = this.takeQueued(slot, time);
      if (slot.queue.length > 0) pending[kept++] = slot;
      if (taken === undefined) continue;
      if (slot.remembered === undefined) this.give(inputs, slot, taken.value);
      else slot.remembered = { value: taken.value, isInitial: false };
    }
    pending.length = kept;
    while (at < standing.length) this.giveStanding(inputs, standing[at++] as Slot);
    return inputs;
  }

  /**
   * Takes the outputs of one step.
   * @param time from which they are valid; `made` is that of the step
   * @param now tick that everybody has reached; outputs that no step from there on can ask for are dropped
   * @param trigger called for each simulator that must step because of them, with the time
   */
  deliver(simulator: number, made: TieredTime, time: TieredTime, answered: Answered, now: number, trigger: Trigger): void {
    const source = this.sources[simulator] as SourceSide;
    if (source.stores) store(source, { time, made, answered }, now);
    if (source.answers++ >= ANSWERS_LOOKED_THROUGH && !source.pushes) return;
    if ('columns' in answered) {
      for (const slot of source.all) {
        const value = columnValue(answered, slot);
        if (value !== undefined) this.push(slot, { time, made, value }, trigger);
      }
      return;
    }
    const { data } = answered;
    for (const eid in data) {
      const byAttr = source.slots.get(eid);
      const values = data[eid] as Readonly<Record<string, unknown>>;
      if (typeof values !== 'object' || values === null) throw noValues(`${this.sids[simulator]}.${eid}`, made, values);
      for (const attr in values) {
        const slots = byAttr?.get(attr);
        if (slots === undefined) {
          this.warn(`${this.sids[simulator]}.${eid} gave ${attr}, which was not asked for`);
          continue;
        }
        for (const slot of slots) this.push(slot, { time, made, value: values[attr] }, trigger);
      }
    }
  }

  /** Arrives with the destination's next step, as if from `sourceId`. */
  set(dest: number, sourceId: string, eid: string, attr: string, value: unknown): void {
    const side = this.dests[dest] as DestSide;
    side.set ??= {};
    valuesAt(side.set, eid, attr)[sourceId] = value;
  }

  /** What a source has told last that is valid at the tick; undefined when nothing is stored. */
  storedValue(source: number, eid: string, attr: string, tick: number): unknown {
    const { outputs, wanted } = this.sources[source] as SourceSide;
    for (let at = outputs.length - 1; at >= 0; at--) {
      const { time, answered } = outputs[at] as StoredOutput;
      if (time.tick > tick) continue;
      if (!('columns' in answered)) return answered.data[eid]?.[attr];
      return answered.columns[attr]?.[Object.keys(wanted).indexOf(eid)];
    }
    return undefined;
  }

  private push(slot: Slot, { time, made, value }: PushedValue, trigger: Trigger): void {
    const { connection, queue } = slot;
    const arrival = addDelay(time, connection.delay);
    if (slot.reader === undefined) {
      if (queue.length === 0) (this.dests[connection.dest] as DestSide).pending.push(slot);
      let at = queue.length;
      while (at > 0 && compareTimes((queue[at - 1] as PushedValue).time, arrival) > 0) at--;
      queue.splice(at, 0, { time: arrival, made, value });
    }
    if (connection.triggers) trigger(connection.dest, arrival);
  }

  /** One of the few places where every nanosecond counts: it runs for each value of each step. */
  private giveStanding(inputs: Inputs, slot: Slot): void {
    const { reader } = slot;
    if (reader === undefined) {
      const { value, isInitial } = slot.remembered as { value: unknown; isInitial: boolean };
      if (isInitial) this.lay(inputs, slot, value);
      else this.give(inputs, slot, value);
      return;
    }
    const { answered } = reader;
    if (answered === undefined) {
      this.give(inputs, slot, slot.connection.initial ?? null);
      return;
    }
    const value = 'columns' in answered ? columnValue(answered, slot) : answered.data[slot.sourceEid]?.[slot.sourceAttr];
    if (value === undefined) this.warnMissing(slot);
    this.give(inputs, slot, value ?? null);
  }

  private give(inputs: Inputs, slot: Slot, value: unknown): void {
    const { transform } = slot;
    this.lay(inputs, slot, transform === undefined || value === null ? value : transformed(slot.connection, transform, value));
  }

  private lay(inputs: Inputs, slot: Slot, given: unknown): void {
    const { place } = slot;
    if (place.inputs !== inputs) {
      place.inputs = inputs;
      place.values = valuesAt(inputs, place.eid, place.attr);
    }
    place.values[slot.sourceId] = given;
    if (this.hash !== undefined) this.hash.addInput(slot.connection.dest, slot.connection.index, given);
  }

  /** Of what has arrived the last stored, not the one with the greatest time. */
  private lastArrived({ source, delay }: Reader, dest: number, by: TieredTime): StoredOutput | undefined {
    const { outputs } = this.sources[source] as SourceSide;
    for (let at = outputs.length - 1; at >= 0; at--) {
      const output = outputs[at] as StoredOutput;
      if (this.hasArrived(output.time.tick + delay.ticks, source, output.made, dest, by)) return output;
    }
    return undefined;
  }

  /** The latest value that has arrived; all that have leave the queue. */
  private takeQueued({ queue, connection }: Slot, by: TieredTime): PushedValue | undefined {
    const { source, dest } = connection;
    let latest: PushedValue | undefined;
    let kept = 0;
    for (const pushed of queue) {
      if (this.hasArrived(pushed.time.tick, source, pushed.made, dest, by)) latest = pushed;
      else queue[kept++] = pushed;
    }
    queue.length = kept;
    return latest;
  }

  /** @param tick of arrival; `made` is the step that told it */
  private hasArrived(tick: number, source: number, made: TieredTime, dest: number, by: TieredTime): boolean {
    return tick < by.tick || (tick === by.tick && compareSteps(this.order, source, made, dest, by) < 0);
  }

  private warnMissing(slot: Slot): void {
    if (slot.warned) return;
    slot.warned = true;
    const { sourceId, sourceAttr, destEid } = slot.connection;
    this.warn(`${sourceId} gave no ${sourceAttr} although it is persistent; ${destEid} gets null`);
  }
}

/** @throws CosimError TRANSFORM_FAILED */
function transformed(connection: Connection, transform: (value: unknown) => unknown, value: unknown): unknown {
  try {
    return transform(value);
  } catch (error) {
    const { sourceId, sourceAttr, destEid, destAttr } = connection;
    const reason = error instanceof Error ? error.message : String(error);
    throw new CosimError(
      'TRANSFORM_FAILED',
      `the transform of ${sourceId}.${sourceAttr} → ${destEid}.${destAttr} failed: ${reason}`,
      'correct the transform: it gets every value of the source but null',
      { cause: error },
    );
  }
}

function noValues(fullId: string, { tick }: TieredTime, told: unknown): CosimError {
  return new CosimError(
    'ANSWER_INVALID',
    `getData of the step at ${tick} gave ${String(told)} for ${fullId}: values by attribute are wanted`,
    'answer values by entity and attribute',
  );
}

function columnValue({ columns }: Columns, { sourceAttr, sourceIndex }: Slot): unknown {
  const column = columns[sourceAttr];
  return column === undefined ? undefined : column[sourceIndex];
}

function slotOf(connection: Connection, dest: DestSide, cache: boolean): Slot {
  const { persistent, initial, destEid, destAttr, sourceId, sourceEid, sourceAttr, transform } = connection;
  const remembers = persistent ? !cache : initial !== undefined;
  return {
    connection,
    sourceId,
    sourceEid,
    sourceAttr,
    sourceIndex: -1,
    transform,
    place: placeOf(dest, destEid, destAttr),
    reader: persistent && cache ? readerOf(dest, connection) : undefined,
    queue: [],
    remembered: remembers ? { value: initial ?? null, isInitial: true } : undefined,
    warned: false,
  };
}

function placeOf({ places }: DestSide, eid: string, attr: string): Place {
  const key = JSON.stringify([eid, attr]);
  let place = places.get(key);
  if (place === undefined) places.set(key, (place = { eid, attr, inputs: undefined, values: {} }));
  return place;
}

function readerOf({ readers }: DestSide, { source, delay }: Connection): Reader {
  const key = JSON.stringify([source, delay]);
  let reader = readers.get(key);
  if (reader === undefined) readers.set(key, (reader = { source, delay, answered: undefined }));
  return reader;
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
  let pushes = false;
  let shiftMax = 0;
  for (const { connection, reader } of slots) {
    if (reader === undefined || connection.triggers) pushes = true;
    if (reader === undefined) continue;
    stores = true;
    shiftMax = Math.max(shiftMax, connection.delay.ticks);
  }
  const wanted = Object.fromEntries([...byEntity].map(([eid, byAttr]) => [eid, [...byAttr.keys()]]));
  const places = new Map(Object.keys(wanted).map((eid, index) => [eid, index]));
  for (const slot of slots) slot.sourceIndex = places.get(slot.sourceEid) as number;
  return {
    all: slots,
    slots: byEntity,
    wanted,
    outputs: [],
    stores,
    pushes,
    shiftMax,
    answers: 0,
  };
}

/** An output for the same time replaces the stored one as a whole. */
function store(source: SourceSide, stored: StoredOutput, now: number): void {
  const { outputs, shiftMax } = source;
  const same = outputs.findIndex(({ time }) => compareTimes(time, stored.time) === 0);
  if (same >= 0) outputs.splice(same, 1);
  outputs.push(stored);
  // No step to come asks for anything before `now - shiftMax`; for that instant the last one before it is enough.
  const neededTick = now - shiftMax;
  for (let at = outputs.length - 1; at > 0; at--) {
    if ((outputs[at] as StoredOutput).time.tick >= neededTick) continue;
    outputs.splice(0, at);
    return;
  }
}

function valuesAt(inputs: Inputs, eid: string, attr: string): Record<string, unknown> {
  const attrs = (inputs[eid] ??= {});
  return (attrs[attr] ??= {});
}
