/** Looks at the shape of a scenario file: what is missing, misspelled or of another kind, in words for its author. */
import type { z } from 'zod';
import { nearestWord } from '../../../common/nearest-word.ts';
import type { Path } from './json-comments.ts';
import { ScenarioFile, scenarioJsonSchema } from './scenario-file.ts';

export interface Mistake {
  path: Path;
  message: string;
  /** It names a key that may not be there at all. */
  isUnknownKey?: boolean;
}

export interface Shape {
  /** What is of the right shape, so that one mistake does not hide the others. */
  file: ScenarioFile;
  mistakes: Mistake[];
  /** Names that stand in the file, also of what is not of the right shape. */
  names: { simulators: string[]; entities: string[] };
}

type Json = Record<string, unknown>;
type Issue = z.core.$ZodIssue;

const KINDS: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  tuple: 'a list',
  object: 'an object',
  record: 'an object',
  null: 'null',
};
/** More names than these help nobody. */
const SHOWN_MAX = 12;
const NAME_RULE = 'a name is letters, digits, _ and -, a letter first';

export function shapeOf(raw: unknown): Shape {
  const names = { simulators: keysOf(raw, 'simulators'), entities: keysOf(raw, 'entities') };
  const whole = ScenarioFile.safeParse(raw);
  if (whole.success) return { file: whole.data, mistakes: [], names };
  const schema = scenarioJsonSchema();
  const found = (its: readonly Issue[], value: unknown) => its.flatMap((issue) => mistakesOf(issue, [], value, schema));
  const mistakes = found(whole.error.issues, raw);
  const known = withoutUnknownKeys(raw, mistakes);
  const rest = ScenarioFile.safeParse(known);
  return { file: rest.success ? rest.data : soundPart(known, found(rest.error.issues, known)), mistakes, names };
}

/** "did you mean …?" for an unknown name, and what is known. */
export function suggestion(word: string, known: readonly string[]): string {
  if (known.length === 0) return 'there are none';
  const all = known.length === 1 || known.length > SHOWN_MAX ? '' : ` There are ${known.join(', ')}`;
  return `did you mean ${nearestWord(word, known)}?${all}`;
}

/** A misspelled key does not keep its neighbours from being looked at. */
function withoutUnknownKeys(raw: unknown, mistakes: readonly Mistake[]): unknown {
  const known = structuredClone(raw);
  for (const { path, isUnknownKey } of mistakes) {
    const owner = isUnknownKey === true ? valueAt(known, path.slice(0, -1)) : undefined;
    if (isObject(owner)) delete owner[path.at(-1) as string];
  }
  return known;
}

/** The file without entries and values that a mistake lies in. */
function soundPart(raw: unknown, mistakes: readonly Mistake[]): ScenarioFile {
  const file = isObject(raw) ? { ...raw } : {};
  for (const { path } of mistakes) {
    const section = file[path[0] as string];
    const key = path[1];
    if (key === undefined) delete file[path[0] as string];
    else if (Array.isArray(section)) section[key as number] = undefined;
    else if (isObject(section)) delete section[key as string];
  }
  return { ...file, simulators: isObject(file['simulators']) ? file['simulators'] : {} } as ScenarioFile;
}

function mistakesOf(issue: Issue, above: Path, raw: unknown, schema: Json): Mistake[] {
  const path = [...above, ...(issue.path as (string | number)[])];
  const value = valueAt(raw, path);
  const mistake = (message: string): Mistake[] => [{ path, message }];
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => unknownKey(path, key, knownKeys(schema, path)));
    case 'invalid_union':
      return unionMistakes(issue.errors, path, raw, schema);
    case 'invalid_type':
      return mistake(value === undefined ? `is missing: ${wanted(issue)} is wanted` : `${wanted(issue)} is wanted, not ${shown(value)}`);
    case 'invalid_key':
    case 'invalid_format':
      return mistake(`${shown(path.at(-1))} can't be a name: ${NAME_RULE}`);
    default:
      return mistake(`${wanted(issue)} is wanted, not ${shown(value)}`);
  }
}

/** Of several shapes that are allowed, the one that was meant; all of them when that can't be told. */
function unionMistakes(branches: readonly (readonly Issue[])[], path: Path, raw: unknown, schema: Json): Mistake[] {
  const meant = branches.filter((issues) => !issues.some((issue) => issue.path.length === 0 && issue.code !== 'unrecognized_keys'));
  const value = valueAt(raw, path);
  if (meant.length > 1 && isObject(value)) {
    const known = knownKeys(schema, path);
    const unknown = Object.keys(value).filter((key) => !known.includes(key));
    if (unknown.length > 0) return unknown.map((key) => unknownKey(path, key, known));
  }
  const likeliest = meant.sort((a, b) => a.length - b.length)[0];
  if (likeliest !== undefined) return likeliest.flatMap((issue) => mistakesOf(issue, path, raw, schema));
  const kinds = new Set(branches.flatMap((issues) => issues.filter((issue) => issue.path.length === 0).map(wanted)));
  return [{ path, message: `${[...kinds].join(' or ')} is wanted, not ${shown(value)}` }];
}

function unknownKey(path: Path, key: string, known: readonly string[]): Mistake {
  return { path: [...path, key], message: `is not known here: ${suggestion(key, known)}`, isUnknownKey: true };
}

function wanted(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      return KINDS[issue.expected] ?? issue.expected;
    case 'invalid_value':
      return `${issue.values.length > 1 ? 'one of ' : ''}${issue.values.map((value) => JSON.stringify(value)).join(', ')}`;
    case 'too_small':
      return issue.origin === 'array'
        ? `at least ${issue.minimum} item`
        : `a number ${issue.inclusive === true ? 'from' : 'above'} ${issue.minimum}`;
    case 'too_big':
      return issue.origin === 'array' ? `at most ${issue.maximum} items` : `a number up to ${issue.maximum}`;
    default:
      return issue.message;
  }
}

/** Properties that the schema knows at a path, of all alternatives. */
function knownKeys(schema: Json, path: Path): string[] {
  let places: Json[] = alternatives(schema, schema);
  for (const step of path) {
    places = places.flatMap((place) => {
      const next =
        typeof step === 'number'
          ? itemAt(place, step)
          : ((place['properties'] as Json | undefined)?.[step] ?? place['additionalProperties']);
      return isObject(next) ? alternatives(schema, next) : [];
    });
  }
  return [...new Set(places.flatMap((place) => Object.keys((place['properties'] as Json | undefined) ?? {})))];
}

function itemAt(place: Json, index: number): unknown {
  return (place['prefixItems'] as unknown[] | undefined)?.[index] ?? place['items'];
}

function alternatives(schema: Json, place: Json): Json[] {
  const reference = /^#\/\$defs\/(.+)$/.exec(String(place['$ref']))?.[1];
  const direct = reference === undefined ? place : ((schema['$defs'] as Record<string, Json>)[reference] as Json);
  return Array.isArray(direct['anyOf']) ? (direct['anyOf'] as Json[]).flatMap((its) => alternatives(schema, its)) : [direct];
}

function keysOf(raw: unknown, section: string): string[] {
  const its = isObject(raw) ? raw[section] : undefined;
  return isObject(its) ? Object.keys(its) : [];
}

function valueAt(raw: unknown, path: Path): unknown {
  let value = raw;
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Json)[step];
  }
  return value;
}

function shown(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  return isObject(value) ? 'an object' : JSON.stringify(value);
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
