/** What the checks of a scenario file know so far, and the mistakes they have found. */
import type { ModelRules } from '../cosim/attributes.ts';
import { CosimError } from '../cosim/errors.ts';
import type { CreatedEntity, Params, Simulator } from '../cosim/simulator.ts';
import type { EntityBatch, Variables } from './entity-params.ts';
import type { Path } from './json-comments.ts';
import type { EntityEntry, ScenarioFile, SimulatorEntry } from './scenario-file.ts';
import type { Mistake } from './scenario-shape.ts';

export interface KnownSimulator {
  sid: string;
  index: number;
  entry: SimulatorEntry;
  /** Nested groups around it, outermost first. */
  groups: readonly number[];
  /** Undefined for one outside of this process, and where a mistake hides them: nothing is checked against them then. */
  rules: ReadonlyMap<string, ModelRules> | undefined;
  extraMethods: readonly string[] | undefined;
  /** Tells what create would answer. */
  probe: Pick<Simulator, 'create'> | undefined;
}

export interface KnownSet {
  name: string;
  entry: EntityEntry;
  simulator: KnownSimulator;
  rules: ModelRules | undefined;
  /** Undefined where only the run will tell. */
  count: number | undefined;
  /** What the probe answered. */
  probed: readonly CreatedEntity[] | undefined;
  /** What is known of each of its files; undefined without files. */
  files: readonly Variables[] | undefined;
  batches: readonly EntityBatch[];
}

export interface Checking {
  readonly file: ScenarioFile;
  readonly folder: string;
  readonly fingerprint: string;
  /** Names that stand in the file: whatever is wrong with such a thing is told where it stands, not where it is used. */
  readonly names: { simulators: readonly string[]; entities: readonly string[] };
  /** Those that are left out. */
  readonly absent: Set<string>;
  readonly simulators: Map<string, KnownSimulator>;
  readonly sets: Map<string, KnownSet>;
  readonly mistakes: Mistake[];
}

export function refuse({ mistakes }: Checking, path: Path, message: string): void {
  mistakes.push({ path, message });
}

/**
 * Does it with all parameters; without those that are refused, one after the other, so that no mistake hides the next.
 * @returns what came of it with those that are left
 */
export function attemptParams<T>(checking: Checking, path: Path, params: Params, act: (some: Params) => T): T | undefined {
  let removed: RegExp | undefined;
  for (let left = params; ; ) {
    const outcome = refusalOr(() => act(left));
    if (!(outcome instanceof CosimError)) return outcome.value;
    const { message } = outcome;
    // What it says of a parameter that was left out is no mistake of the file.
    if (removed?.test(message) === true) return undefined;
    refuseBy(checking, path, outcome);
    const differs = (name: string) => {
      const its = refusalOr(() => act(without(left, [name])));
      return !(its instanceof CosimError) || its.message !== message;
    };
    const cause = Object.keys(left).find(differs);
    if (cause === undefined) return undefined;
    left = without(left, [cause]);
    removed = new RegExp(`\\b${cause.replace(/\W/g, '\\$&')}\\b`);
  }
}

function refusalOr<T>(act: () => T): { value: T } | CosimError {
  try {
    return { value: act() };
  } catch (error) {
    if (error instanceof CosimError) return error;
    throw error;
  }
}

export function without(params: Params, names: readonly string[]): Params {
  return Object.fromEntries(Object.entries(params).filter(([name]) => !names.includes(name)));
}

/** Does it; what the engine or a simulator refuses is a mistake of the file. */
export function attempt<T>(checking: Checking, path: Path, act: () => T): T | undefined {
  try {
    return act();
  } catch (error) {
    if (!(error instanceof CosimError)) throw error;
    refuseBy(checking, path, error);
    return undefined;
  }
}

function refuseBy(checking: Checking, path: Path, { message, hint }: CosimError): void {
  refuse(checking, path, message.includes('\n') ? `${message}\n${hint}` : `${message}: ${hint}`);
}
