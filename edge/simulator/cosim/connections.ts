/** Connections between attributes, checked when they are made. */
import type { ModelRules } from './attributes.ts';
import type { Entity } from './entity.ts';
import { CosimError } from './errors.ts';
import { type Delay, NO_DELAY } from './tiered-time.ts';

export type AttributePair = string | readonly [source: string, dest: string];

export interface ConnectOptions {
  /** The output arrives that many ticks later; true is 1. Allows cycles. */
  timeShifted?: boolean | number;
  /** The output arrives in the next round of the same tick. Only within a group; allows same-time loops. */
  weak?: boolean;
  /** By source attribute: what the destination sees before the first output arrives. */
  initialData?: Readonly<Record<string, unknown>>;
  /** Applied to each value delivered that is not null. */
  transform?: (value: unknown) => unknown;
  /** The destination may ask the source for data, and set its inputs, while it steps. */
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
  /** The source's output stays until replaced; else it is delivered once. */
  readonly persistent: boolean;
  /** Undefined when none was given. */
  readonly initial: unknown;
  readonly transform: ((value: unknown) => unknown) | undefined;
}

/** One side of a connection. */
export interface Endpoint {
  simulator: number;
  entity: Entity;
  rules: ModelRules;
  /** Nested groups around the simulator, outermost first. */
  groups: readonly number[];
}

/**
 * @param firstIndex index of the first new connection
 * @throws CosimError CONNECT_REFUSED with everything that is wrong
 */
export function connectionsOf(
  source: Endpoint,
  dest: Endpoint,
  pairs: readonly AttributePair[],
  options: ConnectOptions,
  firstIndex: number,
): Connection[] {
  const { initialData = {}, transform } = options;
  const faults: string[] = [];
  const delay = delayOf(source, dest, options, faults);
  const connections: Connection[] = [];
  for (const pair of pairs) {
    const [sourceAttr, destAttr] = typeof pair === 'string' ? [pair, pair] : pair;
    const output = source.rules.outputOf(sourceAttr);
    const input = dest.rules.inputOf(destAttr);
    if (output === undefined) faults.push(`${source.entity.model} has no output ${sourceAttr}`);
    if (input === undefined) faults.push(`${dest.entity.model} has no input ${destAttr}`);
    if (isDelayed(delay) && input === 'non-trigger' && !Object.hasOwn(initialData, sourceAttr))
      faults.push(`${sourceAttr} → ${destAttr} arrives later, so it needs initialData for ${sourceAttr}`);
    connections.push({
      index: firstIndex + connections.length,
      source: source.simulator,
      dest: dest.simulator,
      sourceId: source.entity.fullId,
      sourceEid: source.entity.eid,
      sourceAttr,
      destEid: dest.entity.eid,
      destAttr,
      delay,
      triggers: input === 'trigger',
      persistent: output === 'persistent',
      initial: initialData[sourceAttr] ?? undefined,
      transform,
    });
  }
  for (const attr of Object.keys(initialData)) {
    if (!connections.some((connection) => connection.sourceAttr === attr)) faults.push(`initialData names ${attr}, which is not connected`);
  }
  if (pairs.length === 0 && options.asyncRequests !== true) faults.push('no attributes to connect');
  if (faults.length > 0) {
    const place = `${source.entity.fullId} → ${dest.entity.fullId}`;
    throw new CosimError('CONNECT_REFUSED', `${place}: ${faults.join('; ')}`, 'correct this connection of the scenario');
  }
  return connections;
}

function isDelayed({ ticks, tiers }: Delay): boolean {
  return ticks > 0 || tiers.some((added) => added > 0);
}

function delayOf(source: Endpoint, dest: Endpoint, { timeShifted = false, weak = false }: ConnectOptions, faults: string[]): Delay {
  const ticks = Number(timeShifted);
  if (!Number.isSafeInteger(ticks) || ticks < 0) faults.push(`timeShifted is ${String(timeShifted)}, a whole number of ticks is wanted`);
  let shared = 0;
  while (shared < dest.groups.length && source.groups[shared] === dest.groups[shared]) shared++;
  if (weak && shared === 0) faults.push('a weak connection needs a group that both simulators are in');
  if (ticks === 0 && dest.groups.length === 0) return NO_DELAY;
  const tiers = Array.from({ length: shared }, (_, tier) => (weak && tier === shared - 1 ? 1 : 0));
  return { ticks, tiers, depth: dest.groups.length };
}
