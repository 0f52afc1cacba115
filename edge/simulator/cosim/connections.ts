/** Connections between attributes, checked when they are made, and the graph they form. */
import type { ModelRules } from './attributes.ts';
import type { Entity } from './entity.ts';
import { CosimError, notSupported } from './errors.ts';
import { type Delay, isImmediate, NO_DELAY } from './tiered-time.ts';

export type AttributePair = string | readonly [source: string, dest: string];

export interface ConnectOptions {
  /** The output arrives that many ticks later; true is 1. Allows cycles. */
  timeShifted?: boolean | number;
  /** The output arrives in a later sub-tick of the same time. Not supported yet: needs groups. */
  weak?: boolean;
  /** By source attribute: what the destination sees before the first output arrives. */
  initialData?: Readonly<Record<string, unknown>>;
  /** Applied to each value delivered. */
  transform?: (value: unknown) => unknown;
  /** The destination may ask the source while it steps. Not supported yet: needs remote simulators. */
  asyncRequests?: boolean;
}

export interface Connection {
  /** Order of declaration. */
  readonly index: number;
  /** Indices of the simulators. */
  readonly source: number;
  readonly dest: number;
  readonly sourceId: string;
  readonly sourceEid: string;
  readonly sourceAttr: string;
  readonly destEid: string;
  readonly destAttr: string;
  readonly delay: Delay;
  /** An output here makes the destination step. */
  readonly triggers: boolean;
  /** Delivered once (pushed) or read again at every step until replaced. */
  readonly once: boolean;
  /** Undefined when none was given. */
  readonly initial: unknown;
  readonly transform: ((value: unknown) => unknown) | undefined;
}

/** One side of a connection. */
export interface Endpoint {
  simulator: number;
  entity: Entity;
  rules: ModelRules;
}

/**
 * @param firstIndex index of the first new connection
 * @throws CosimError CONNECT_REFUSED with everything that is wrong, NOT_SUPPORTED
 */
export function connectionsOf(
  source: Endpoint,
  dest: Endpoint,
  pairs: readonly AttributePair[],
  options: ConnectOptions,
  firstIndex: number,
): Connection[] {
  const shift = shiftOf(options);
  const place = `${source.entity.fullId} → ${dest.entity.fullId}`;
  const faults: string[] = [];
  const connections: Connection[] = [];
  for (const pair of pairs) {
    const [sourceAttr, destAttr] = typeof pair === 'string' ? [pair, pair] : pair;
    const output = source.rules.outputOf(sourceAttr);
    const input = dest.rules.inputOf(destAttr);
    const initial = options.initialData?.[sourceAttr] ?? undefined;
    const hasInitial = options.initialData !== undefined && Object.hasOwn(options.initialData, sourceAttr);
    if (output === undefined) faults.push(`${source.entity.model} has no output ${sourceAttr}`);
    if (input === undefined) faults.push(`${dest.entity.model} has no input ${destAttr}`);
    if (shift > 0 && input === 'non-trigger' && !hasInitial)
      faults.push(`${sourceAttr} → ${destAttr} is time-shifted and needs initialData for ${sourceAttr}`);
    connections.push({
      index: firstIndex + connections.length,
      source: source.simulator,
      dest: dest.simulator,
      sourceId: source.entity.fullId,
      sourceEid: source.entity.eid,
      sourceAttr,
      destEid: dest.entity.eid,
      destAttr,
      delay: shift === 0 ? NO_DELAY : { ...NO_DELAY, ticks: shift },
      triggers: input === 'trigger',
      once: output === 'non-persistent',
      initial,
      transform: options.transform,
    });
  }
  for (const attr of Object.keys(options.initialData ?? {})) {
    if (!connections.some((connection) => connection.sourceAttr === attr)) faults.push(`initialData names ${attr}, which is not connected`);
  }
  if (pairs.length === 0) faults.push('no attributes to connect');
  if (faults.length > 0) throw new CosimError('CONNECT_REFUSED', `${place}: ${faults.join('; ')}`);
  return connections;
}

function shiftOf({ timeShifted = false, weak = false, asyncRequests = false }: ConnectOptions): number {
  if (weak) throw notSupported('connect(…, { weak })', 'use timeShifted, which delays by a tick');
  if (asyncRequests) throw notSupported('connect(…, { asyncRequests })', 'connect the attributes themselves');
  const shift = Number(timeShifted);
  if (Number.isSafeInteger(shift) && shift >= 0) return shift;
  throw new CosimError('CONNECT_REFUSED', `timeShifted is ${String(timeShifted)}, a whole number of ticks is wanted`);
}

/**
 * Rank of each simulator: of one tick, a source steps before its destinations. Simulators that do not depend on each
 * other keep the order in which they were started.
 * @param sids names by index
 * @throws CosimError DATAFLOW_CYCLE for a cycle without delay
 */
export function ranksOf(connections: readonly Connection[], sids: readonly string[]): number[] {
  const destsOf = sids.map(() => new Set<number>());
  for (const { source, dest, delay } of connections) if (isImmediate(delay)) destsOf[source]?.add(dest);
  const sourcesLeft = sids.map(() => 0);
  for (const dests of destsOf) for (const dest of dests) sourcesLeft[dest] = (sourcesLeft[dest] as number) + 1;
  const ranks = sids.map(() => -1);
  const ready = sids.map((_, index) => index).filter((index) => sourcesLeft[index] === 0);
  let ranked = 0;
  for (let index = ready.shift(); index !== undefined; index = ready.shift()) {
    ranks[index] = ranked++;
    for (const dest of destsOf[index] as Set<number>) {
      const left = (sourcesLeft[dest] as number) - 1;
      sourcesLeft[dest] = left;
      if (left === 0) ready.push(dest);
    }
  }
  if (ranked < sids.length) throw cycleError(destsOf, ranks, sids);
  return ranks;
}

function cycleError(destsOf: readonly Set<number>[], ranks: readonly number[], sids: readonly string[]): CosimError {
  // Every simulator without a rank has a source without one, so going against the arrows must come back.
  const unranked = ranks.flatMap((rank, index) => (rank === -1 ? [index] : []));
  const path: number[] = [unranked[0] as number];
  for (;;) {
    const at = path[0] as number;
    const before = unranked.find((index) => destsOf[index]?.has(at)) as number;
    const met = path.indexOf(before);
    path.unshift(before);
    if (met >= 0) {
      const cycle = path.slice(0, met + 2).map((index) => sids[index]);
      return new CosimError(
        'DATAFLOW_CYCLE',
        `these simulators wait for each other in one tick: ${cycle.join(' → ')}; make one connection timeShifted`,
      );
    }
  }
}

/**
 * For each simulator: the simulators whose steps can make it step, directly or through others, with the least delay in
 * ticks. Itself is left out: what it causes it knows.
 */
export function triggerDistances(connections: readonly Connection[], count: number): ReadonlyMap<number, number>[] {
  const sourcesOf: Map<number, number>[] = Array.from({ length: count }, () => new Map<number, number>());
  for (const { source, dest, delay, triggers } of connections) {
    if (!triggers) continue;
    const sources = sourcesOf[dest] as Map<number, number>;
    sources.set(source, Math.min(sources.get(source) ?? Number.POSITIVE_INFINITY, delay.ticks));
  }
  return sourcesOf.map((_, index) => distancesTo(index, sourcesOf));
}

function distancesTo(dest: number, sourcesOf: readonly ReadonlyMap<number, number>[]): Map<number, number> {
  const distances = new Map<number, number>([[dest, 0]]);
  const open = [dest];
  // Shifts are few and small: going over an improved simulator again is cheaper than a heap.
  for (let at = open.shift(); at !== undefined; at = open.shift()) {
    const soFar = distances.get(at) as number;
    for (const [source, ticks] of sourcesOf[at] as ReadonlyMap<number, number>) {
      const distance = soFar + ticks;
      if (distance >= (distances.get(source) ?? Number.POSITIVE_INFINITY)) continue;
      distances.set(source, distance);
      open.push(source);
    }
  }
  distances.delete(dest);
  return distances;
}
