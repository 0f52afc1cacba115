/** Connections that scenarios make over and over. */
import type { Random } from '../../../common/random.ts';
import type { AttributePair, ConnectOptions } from './connections.ts';
import type { Entity } from './entity.ts';
import { CosimError } from './errors.ts';
import type { World } from './world.ts';

/** One attribute to one attribute. */
export function connectOne(
  world: World,
  source: Entity,
  dest: Entity,
  sourceAttr: string,
  destAttr = sourceAttr,
  options: ConnectOptions = {},
): void {
  world.connect(source, dest, [[sourceAttr, destAttr]], options);
}

/** Each source to the destination. */
export function connectManyToOne(
  world: World,
  sources: readonly Entity[],
  dest: Entity,
  pairs: readonly AttributePair[],
  options: ConnectOptions = {},
): void {
  for (const source of sources) world.connect(source, dest, pairs, options);
}

/** The first to the first, the second to the second. @throws CosimError CONNECT_REFUSED for lists of different lengths */
export function connectZip(
  world: World,
  sources: readonly Entity[],
  dests: readonly Entity[],
  pairs: readonly AttributePair[],
  options: ConnectOptions = {},
): void {
  if (sources.length !== dests.length)
    throw refused(`${sources.length} sources and ${dests.length} destinations`, 'give two lists of the same length');
  sources.forEach((source, i) => world.connect(source, dests[i] as Entity, pairs, options));
}

export interface RandomConnectOptions extends ConnectOptions {
  /** The same seed gives the same connections. */
  random: Random;
  /** True, the default: no destination has two sources more than another. False: each is drawn by itself. */
  evenly?: boolean;
  /** Sources of one destination at most; only without `evenly`. */
  maxConnects?: number;
}

/**
 * Each source to one destination that is drawn.
 * @returns the destinations that got a source
 * @throws CosimError CONNECT_REFUSED when there are too few destinations
 */
export function connectRandomly(
  world: World,
  sources: readonly Entity[],
  dests: readonly Entity[],
  pairs: readonly AttributePair[],
  { random, evenly = true, maxConnects = Number.POSITIVE_INFINITY, ...options }: RandomConnectOptions,
): Set<Entity> {
  if (sources.length > 0 && dests.length === 0) throw refused('no destinations', 'give at least one');
  if (!evenly && sources.length > dests.length * maxConnects)
    throw refused(`${sources.length} sources for ${dests.length} destinations of ${maxConnects} each`, 'raise maxConnects');
  const connected = new Set<Entity>();
  const free = evenly ? [] : dests.map((dest) => ({ dest, left: maxConnects }));
  for (const source of sources) {
    if (evenly && free.length === 0) free.push(...dests.map((dest) => ({ dest, left: 1 })));
    const at = random.below(free.length);
    const drawn = free[at] as { dest: Entity; left: number };
    if (--drawn.left === 0) free.splice(at, 1);
    world.connect(source, drawn.dest, pairs, options);
    connected.add(drawn.dest);
  }
  return connected;
}

function refused(message: string, hint: string): CosimError {
  return new CosimError('CONNECT_REFUSED', message, hint);
}
