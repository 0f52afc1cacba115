/** Who can make whom step, and how soon. Pure; in ticks: sub-ticks are left to the order of steps. */
import type { Connection } from './connections.ts';

/** Least delay in ticks, by simulator. */
export type Distances = ReadonlyMap<number, number>;

type Neighbours = readonly Map<number, number>[];

export class Reach {
  /** By destination, the simulators that trigger it; by source, those that it triggers, or that only read it. */
  private readonly triggersOf: Neighbours;
  private readonly triggered: Neighbours;
  private readonly readers: Neighbours;
  private readonly isTriggered: Uint8Array;
  private readonly ancestors = new Map<number, Distances>();
  private readonly reached = new Map<number, Distances>();

  constructor(connections: readonly Connection[], count: number) {
    const none = () => Array.from({ length: count }, () => new Map<number, number>());
    this.triggersOf = none();
    this.triggered = none();
    this.readers = none();
    this.isTriggered = new Uint8Array(count);
    for (const { source, dest, delay, triggers } of connections) {
      note(this.readers[source], dest, delay.ticks);
      if (!triggers) continue;
      if (dest !== source) this.isTriggered[dest] = 1;
      note(this.triggersOf[dest], source, delay.ticks);
      note(this.triggered[source], dest, delay.ticks);
    }
  }

  /** False when nobody can make it step. */
  hasAncestors(simulator: number): boolean {
    return this.isTriggered[simulator] === 1;
  }

  /** Simulators whose steps can make this one step, directly or through others. Itself is left out: what it causes it knows. */
  ancestorsOf(simulator: number): Distances {
    let ancestors = this.ancestors.get(simulator);
    if (ancestors === undefined) this.ancestors.set(simulator, (ancestors = withoutItself(nearest(simulator, this.triggersOf), simulator)));
    return ancestors;
  }

  /** Simulators whose steps may see an output of this one, directly or through others that it makes step. */
  reachedFrom(simulator: number): Distances {
    let reached = this.reached.get(simulator);
    if (reached !== undefined) return reached;
    const all = new Map<number, number>();
    for (const [on, ticks] of nearest(simulator, this.triggered))
      for (const [reader, more] of this.readers[on] as Map<number, number>) note(all, reader, ticks + more);
    reached = withoutItself(all, simulator);
    this.reached.set(simulator, reached);
    return reached;
  }

  /** True when `reader` takes an output of `source` without anybody between. */
  isReadBy(source: number, reader: number): boolean {
    return source !== reader && this.readers[source]?.has(reader) === true;
  }
}

function note(distances: Map<number, number> | undefined, simulator: number, ticks: number): void {
  distances?.set(simulator, Math.min(ticks, distances.get(simulator) ?? Number.POSITIVE_INFINITY));
}

function withoutItself(distances: Map<number, number>, simulator: number): Distances {
  distances.delete(simulator);
  return distances;
}

/** Dijkstra's distances; shifts are few and small, so going over an improved simulator again is cheaper than a heap. */
function nearest(from: number, neighbours: Neighbours): Map<number, number> {
  const distances = new Map<number, number>([[from, 0]]);
  const open = [from];
  for (let next = 0; next < open.length; next++) {
    const at = open[next] as number;
    const soFar = distances.get(at) as number;
    for (const [to, ticks] of neighbours[at] as Map<number, number>) {
      if (soFar + ticks >= (distances.get(to) ?? Number.POSITIVE_INFINITY)) continue;
      distances.set(to, soFar + ticks);
      open.push(to);
    }
  }
  return distances;
}
