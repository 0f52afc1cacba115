/**
 * The order of steps. Of one tick, a source steps before its destinations; simulators that go round in a same-time loop take turns, one
 * round (sub-tick) after the other, and whoever only watches the loop steps when it has come to rest.
 *
 * Each simulator gets a path of ranks. The first rank orders simulators and whole loops among each other; within a loop the
 * sub-tick of its group decides, and then the second rank, which orders the members with the connections that lead into the next round left
 * out; and so on, group within group. Two steps compare by tick, rank, sub-tick, rank, sub-tick, …
 */
import type { Connection } from './connections.ts';
import { CosimError } from './errors.ts';
import type { TieredTime } from './tiered-time.ts';

/** Ranks by simulator. Different simulators differ in one of them. */
export type StepOrder = readonly (readonly number[])[];

/** Negative when simulator `a` steps at `aTime` before `b` at `bTime`; 0 only for one simulator and one time. */
export function compareSteps(order: StepOrder, a: number, aTime: TieredTime, b: number, bTime: TieredTime): number {
  if (aTime.tick !== bTime.tick) return aTime.tick - bTime.tick;
  const aRanks = order[a] as readonly number[];
  const bRanks = order[b] as readonly number[];
  for (let level = 0; level < aRanks.length && level < bRanks.length; level++) {
    const byRank = (aRanks[level] as number) - (bRanks[level] as number);
    if (byRank !== 0) return byRank;
    const bySubTick = (aTime.tiers[level] ?? 0) - (bTime.tiers[level] ?? 0);
    if (bySubTick !== 0) return bySubTick;
  }
  return compareDeeper(aRanks.length, aTime, bTime);
}

/** One simulator's own steps: what its ranks do not reach. */
function compareDeeper(level: number, aTime: TieredTime, bTime: TieredTime): number {
  for (let i = level; i < aTime.tiers.length || i < bTime.tiers.length; i++) {
    const bySubTick = (aTime.tiers[i] ?? 0) - (bTime.tiers[i] ?? 0);
    if (bySubTick !== 0) return bySubTick;
  }
  return 0;
}

interface Graph {
  readonly connections: readonly Connection[];
  readonly sids: readonly string[];
  /** Nested groups of each simulator, outermost first. */
  readonly groups: readonly (readonly number[])[];
}

/**
 * Simulators that do not depend on each other keep the order in which they were started.
 * @throws CosimError DATAFLOW_CYCLE for a loop that takes no time, with its connections
 */
export function stepOrder(graph: Graph): StepOrder {
  const ranks: number[][] = graph.sids.map(() => []);
  const edges = graph.connections.filter(({ delay }) => delay.ticks === 0);
  rank(
    graph,
    graph.sids.map((_, index) => index),
    edges,
    0,
    ranks,
  );
  return ranks;
}

/** @param edges those between members, without those that lead into a later round of the groups above `level` */
function rank(graph: Graph, members: readonly number[], edges: readonly Connection[], level: number, ranks: number[][]): void {
  const loops = inOrder(members, edges);
  loops.forEach((loop, position) => {
    for (const member of loop) ranks[member]?.push(position);
    const inside = new Set(loop);
    const round = edges.filter(({ source, dest }) => inside.has(source) && inside.has(dest));
    if (round.length === 0) return;
    const group = graph.groups[loop[0] as number]?.[level];
    if (group === undefined || loop.some((member) => graph.groups[member]?.[level] !== group)) throw cycleError(graph, loop, round);
    const sameRound = round.filter(({ delay }) => (delay.tiers[level] ?? 0) === 0);
    rank(graph, loop, sameRound, level + 1, ranks);
  });
}

/** Strongly connected sets of members, sources first; of those that are free to go, the one with the earliest started member. */
function inOrder(members: readonly number[], edges: readonly Connection[]): number[][] {
  const dests = new Map<number, Set<number>>(members.map((member) => [member, new Set()]));
  for (const { source, dest } of edges) dests.get(source)?.add(dest);
  const components = componentsOf(members, dests);
  const componentOf = new Map(components.flatMap((component, index) => component.map((member) => [member, index] as const)));
  const after = components.map(() => new Set<number>());
  const sourcesLeft = components.map(() => 0);
  for (const [source, its] of dests) {
    const from = componentOf.get(source) as number;
    for (const dest of its) {
      const to = componentOf.get(dest) as number;
      if (to === from || after[from]?.has(to) === true) continue;
      after[from]?.add(to);
      sourcesLeft[to] = (sourcesLeft[to] as number) + 1;
    }
  }
  const first = (index: number) => (components[index] as number[])[0] as number;
  const ready = components.flatMap((_, index) => (sourcesLeft[index] === 0 ? [index] : [])).sort((a, b) => first(a) - first(b));
  const ordered: number[][] = [];
  for (let at = 0; at < ready.length; at++) {
    const index = ready[at] as number;
    ordered.push(components[index] as number[]);
    const freed: number[] = [];
    for (const to of after[index] as Set<number>) {
      const left = (sourcesLeft[to] as number) - 1;
      sourcesLeft[to] = left;
      if (left === 0) freed.push(to);
    }
    ready.push(...freed.sort((a, b) => first(a) - first(b)));
  }
  return ordered;
}

/** Tarjan's algorithm, without recursion: a chain of thousands of simulators is no reason to overflow the stack. Members ascending. */
function componentsOf(members: readonly number[], dests: ReadonlyMap<number, ReadonlySet<number>>): number[][] {
  const visit = new Map<number, { number: number; low: number; onStack: boolean }>();
  const stack: number[] = [];
  const components: number[][] = [];
  for (const root of members) {
    if (visit.has(root)) continue;
    const path: { at: number; rest: Iterator<number> }[] = [];
    const enter = (at: number) => {
      visit.set(at, { number: visit.size, low: visit.size, onStack: true });
      stack.push(at);
      path.push({ at, rest: (dests.get(at) as ReadonlySet<number>).values() });
    };
    enter(root);
    while (path.length > 0) {
      const { at, rest } = path[path.length - 1] as (typeof path)[number];
      const its = visit.get(at) as { number: number; low: number; onStack: boolean };
      const next = rest.next();
      if (next.done !== true) {
        const known = visit.get(next.value);
        if (known === undefined) enter(next.value);
        else if (known.onStack) its.low = Math.min(its.low, known.number);
        continue;
      }
      path.pop();
      const above = path[path.length - 1];
      if (above !== undefined) {
        const parent = visit.get(above.at) as { low: number };
        parent.low = Math.min(parent.low, its.low);
      }
      if (its.low !== its.number) continue;
      const component = stack.splice(stack.lastIndexOf(at));
      for (const member of component) (visit.get(member) as { onStack: boolean }).onStack = false;
      components.push(component.sort((a, b) => a - b));
    }
  }
  return components;
}

function cycleError({ sids }: Graph, loop: readonly number[], round: readonly Connection[]): CosimError {
  // Every member of the loop has a connection that leads on inside it, so following them must come back.
  const path: Connection[] = [];
  let at = loop[0] as number;
  const met: number[] = [];
  while (!met.includes(at)) {
    met.push(at);
    const on = round.find(({ source }) => source === at) as Connection;
    path.push(on);
    at = on.dest;
  }
  const edges = path.slice(met.indexOf(at)).map(({ sourceId, sourceAttr, dest, destEid, destAttr, delay }) => {
    const weak = delay.tiers.some((added) => added > 0) ? ' (weak)' : '';
    return `  ${sourceId}.${sourceAttr} → ${sids[dest]}.${destEid}.${destAttr}${weak}`;
  });
  return new CosimError(
    'DATAFLOW_CYCLE',
    `these connections make simulators wait for each other within one tick:\n${edges.join('\n')}`,
    'make one of them timeShifted; or weak, with all of these simulators in one group',
  );
}
