/** What the parameters of an entity set become for each of its entities: %(…)s filled in, numbers drawn. Pure. */
import { seededRandom, seedOf } from '../../../common/random.ts';
import type { Params } from '../cosim/simulator.ts';
import type { Path } from './json-comments.ts';
import { DrawParam, type EntityEntry, SameParam } from './scenario-file.ts';
import { type Mistake, suggestion } from './scenario-shape.ts';
import { transformOf } from './scenario-transform.ts';

/** What %(…)s stand for. */
export type Variables = Readonly<Record<string, unknown>>;

export interface EntityBatch {
  num: number;
  params: Params;
}

/** Same draw for the same file, set, entity and parameter, whatever else the file holds. */
interface Place {
  set: string;
  seed: number;
  index: number;
}

const PLACEHOLDER = /%(?:\((\w*)\)s|%|[^]?)/g;
const DRAWS_MAX = 2 ** 31;
/** That toFixed takes. */
const DECIMALS_MAX = 100;

/**
 * What create() is called with, in this order. Entities that are all alike come from one call.
 * @param each what is known of each entity, e.g. its file; without files, as many as `count` says
 * @param mistakes gets what can't be filled in
 */
export function batchesOf(
  set: string,
  entry: EntityEntry,
  seed: number,
  each: readonly Variables[],
  mistakes: (mistake: Mistake) => void,
): EntityBatch[] {
  const params = entry.params ?? {};
  if (!Object.values(params).some(varies)) return [{ num: each.length, params }];
  const met = new Set<string>();
  const once = (mistake: Mistake) => {
    const text = JSON.stringify(mistake);
    if (!met.has(text)) mistakes(mistake);
    met.add(text);
  };
  return each.map((its, index) => {
    const variables = { index, number: index + 1, seed, ...its };
    return { num: 1, params: paramsOf(params, { set, seed, index }, variables, once) };
  });
}

function varies(value: unknown): boolean {
  if (typeof value === 'string') return value.includes('%');
  if (Array.isArray(value)) return value.some(varies);
  return typeof value === 'object' && value !== null && ('$draw' in value || '$param' in value || Object.values(value).some(varies));
}

function paramsOf(
  params: NonNullable<EntityEntry['params']>,
  place: Place,
  variables: Variables,
  mistakes: (mistake: Mistake) => void,
): Params {
  const filled: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(params)) {
    const path: Path = ['entities', place.set, 'params', name];
    const refuse = (message: string) => mistakes({ path, message });
    if (typeof value === 'object' && value !== null && '$draw' in value) filled[name] = drawn(value, place, name, refuse);
    else if (typeof value === 'object' && value !== null && '$param' in value) filled[name] = same(value, filled, refuse);
    else filled[name] = fill(value, variables, refuse);
  }
  return filled;
}

function drawn(value: unknown, { set, seed, index }: Place, name: string, refuse: (message: string) => void): unknown {
  const parsed = DrawParam.safeParse(value);
  if (!parsed.success) return refuse('$draw wants the numbers min, max and step, and nothing beside it');
  const { min, max, step } = (parsed.data as { $draw: { min: number; max: number; step: number } }).$draw;
  // The last step counts although its quotient may be a hair below a whole number.
  const choices = Math.floor((max - min) / step + 1e-9) + 1;
  if (choices < 1 || choices > DRAWS_MAX) return refuse(`$draw has no number from ${min} to ${max} in steps of ${step}`);
  return asWritten(min + step * seededRandom(seedOf(`${seed} ${set} ${index} ${name}`)).below(choices), min, step);
}

/** 0.7 + 2 · 0.1 is 0.9, not a hair below: with as many decimals as min and step are written with. */
function asWritten(value: number, ...written: readonly number[]): number {
  const decimals = Math.max(...written.map(decimalsOf));
  return decimals > DECIMALS_MAX ? value : Number(value.toFixed(decimals)) + 0;
}

function decimalsOf(value: number): number {
  const [, fraction = '', exponent = '0'] = /^[^.e]*(?:\.(\d+))?(?:e(.+))?$/.exec(String(value)) ?? [];
  return Math.max(0, fraction.length - Number(exponent));
}

function same(value: unknown, filled: Params, refuse: (message: string) => void): unknown {
  const parsed = SameParam.safeParse(value);
  if (!parsed.success) return refuse('$param wants the name of a parameter, and at most transform beside it');
  const { $param: other, transform } = parsed.data as { $param: string; transform?: Parameters<typeof transformOf>[0] };
  if (!Object.hasOwn(filled, other))
    return refuse(`no parameter ${other} stands before this one: ${suggestion(other, Object.keys(filled))}`);
  const source = filled[other];
  if (transform === undefined) return source;
  return typeof source === 'number' ? transformOf(transform, '')(source) : refuse(`${other} is no number, so it can't be transformed`);
}

/** Texts within lists and objects too. */
function fill(value: unknown, variables: Variables, refuse: (message: string) => void): unknown {
  if (Array.isArray(value)) return value.map((item) => fill(item, variables, refuse));
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fill(item, variables, refuse)]));
  if (typeof value !== 'string') return value;
  const only = /^%\((\w*)\)s$/.exec(value)?.[1];
  if (only !== undefined && Object.hasOwn(variables, only)) return variables[only];
  return value.replace(PLACEHOLDER, (found, name: string | undefined) => {
    if (found === '%%') return '%';
    if (name !== undefined && Object.hasOwn(variables, name)) return textOf(variables[name]);
    refuse(`${found} stands for nothing: ${suggestion(name ?? found, Object.keys(variables))}; and %% is a percent sign`);
    return found;
  });
}

function textOf(variable: unknown): string {
  return typeof variable === 'string' || typeof variable === 'number' ? String(variable) : '';
}
