/**
 * Breadth-first search over every interleaving of a scenario. Safety is checked in every state; from every state the run
 * without faults must end with the truth. The first counterexample found is a shortest one.
 */
import { calmed, checkComplete, complete } from './small-model-completion.ts';
import { checkCloud } from './small-model-cloud.ts';
import { checkEdges } from './small-model-invariants.ts';
import { type Model, Violation } from './small-model-edge.ts';
import { type Step, successors } from './small-model-steps.ts';
import { durableKey, stateKey } from './small-model-keys.ts';
import { type CloudDisk, emptyWorld, type Fault, type World } from './small-model-world.ts';

export interface Found {
  scenario: string;
  /** Faults that happened in some state. */
  faults: Set<string>;
  states: number;
  steps: number;
  completions: number;
  /** What went wrong, and the shortest way there. */
  counterexample: { message: string; trace: string[] } | undefined;
}

/** The way to a world: which of the steps was taken, each time. */
interface Path {
  before: Path | undefined;
  step: number;
}

interface Node {
  world: World;
  path: Path | undefined;
}

export function explore(model: Model, statesMax: number): Found {
  const search = new Search(model);
  let steps = 0;
  let frontier: Node[] = [];
  const result = (counterexample: Found['counterexample']): Found => {
    return {
      scenario: model.scenario.name,
      faults: search.faults,
      states: search.states,
      steps,
      completions: search.completions,
      counterexample,
    };
  };
  try {
    frontier = search.visit({ world: emptyWorld(model.scenario), path: undefined });
    while (frontier.length > 0) {
      const nodes = frontier;
      frontier = [];
      for (const node of nodes) {
        for (const next of search.expand(node)) {
          steps++;
          frontier.push(...search.visit(next));
        }
      }
      if (search.states > statesMax) throw new Error(`${model.scenario.name}: more than ${statesMax} states; give it smaller bounds`);
    }
  } catch (error) {
    if (!(error instanceof Wrong)) throw error;
    return result({ message: error.message, trace: traceOf(model, error.path) });
  }
  return result(undefined);
}

/** A violation, and where. */
class Wrong extends Error {
  readonly path: Path | undefined;

  constructor(violation: Violation, path: Path | undefined) {
    super(violation.message);
    this.path = path;
  }
}

function located<T>(path: Path | undefined, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof Violation ? new Wrong(error, path) : error;
  }
}

/** Walks the way once more, this time with words. */
function traceOf(model: Model, path: Path | undefined): string[] {
  const indexes: number[] = [];
  for (let at = path; at !== undefined; at = at.before) indexes.unshift(at.step);
  let world = emptyWorld(model.scenario);
  return indexes.map((index) => {
    const taken = [...successors(model, world)][index] as { step: Step; world: World };
    world = taken.world;
    return taken.step.name();
  });
}

class Search {
  private readonly model: Model;
  private readonly seen = new Set<number>();
  private readonly completed = new Set<number>();
  private readonly checkedDisks = new WeakSet<CloudDisk>();
  readonly faults = new Set<string>();

  constructor(model: Model) {
    this.model = model;
  }

  get states(): number {
    return this.seen.size;
  }

  get completions(): number {
    return this.completed.size;
  }

  private isNew(world: World): boolean {
    const hash = hashOf(stateKey(world, this.model.scenario.looksAtOffsets));
    if (this.seen.has(hash)) return false;
    this.seen.add(hash);
    return true;
  }

  private check(world: World): void {
    if (!this.checkedDisks.has(world.cloud.disk)) {
      checkCloud(this.model, world.cloud.disk);
      this.checkedDisks.add(world.cloud.disk);
    }
    checkEdges(world);
    const calm = calmed(this.model, world);
    const hash = hashOf(durableKey(calm, this.model.scenario.looksAtOffsets));
    if (this.completed.has(hash)) return;
    this.completed.add(hash);
    try {
      checkComplete(this.model, complete(this.model, calm));
    } catch (error) {
      if (error instanceof Violation) throw new Violation(`without any further fault: ${error.message}`);
      throw error;
    }
  }

  /** The node itself, checked, if its state is new. */
  visit(node: Node): Node[] {
    if (!this.isNew(node.world)) return [];
    for (const [fault, left] of Object.entries(node.world.left))
      if (left < (this.model.scenario.budget[fault as Fault] ?? 0)) this.faults.add(fault);
    located(node.path, () => this.check(node.world));
    return [node];
  }

  /** What the steps from here lead to. A violation inside a step is reported where the step begins. */
  expand({ world, path }: Node): Node[] {
    const next = located(path, () => [...successors(this.model, world)]);
    return next.map((successor, index) => ({ world: successor.world, path: { before: path, step: index } }));
  }
}

/** 53 bits: among a million states two share a hash once in 18,000 searches. */
function hashOf(text: string): number {
  let high = 0xdeadbeef;
  let low = 0x41c6ce57;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    high = Math.imul(high ^ code, 2654435761);
    low = Math.imul(low ^ code, 1597334677);
  }
  high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909);
  low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909);
  return 4294967296 * (2097151 & low) + (high >>> 0);
}
