/** Pure: the series that can be chosen, and the search among them. */
import { stateNames } from '../../words/state-names.ts';

export interface Catalogue {
  fields: readonly string[];
  households: readonly { household: string; state: string }[];
  /** Codes of the states where somebody lives. */
  states: readonly string[];
  /** References of single devices, by household, as far as they were asked for. */
  devices: ReadonlyMap<string, readonly string[]>;
}

export interface Option {
  key: string;
  /** What choosing it adds: one series, or one of each household. */
  refs: readonly string[];
  kind: 'all' | 'state' | 'household' | 'device' | 'each';
}

/** Households whose devices are listed: of more nobody reads them all, and each is a question. */
export const OPENED_HOUSEHOLDS_MAX = 5;
/** Entries of the list; the rest is found by typing. */
export const OPTIONS_MAX = 60;
/** Fields that most charts are of come first. */
const FIRST_FIELD = 'power';

export const NO_CATALOGUE: Catalogue = { fields: [], households: [], states: [], devices: new Map() };

/** All that hold every word of the text, in the reference or in the label. */
export function optionsFor(catalogue: Catalogue, text: string, labelOf: (option: Option) => string): { options: Option[]; more: number } {
  const words = wordsOf(text);
  const found = allOptions(catalogue).filter((option) => holds(`${option.key} ${labelOf(option)} ${inAllLanguages(option)}`, words));
  return { options: found.slice(0, OPTIONS_MAX), more: Math.max(0, found.length - OPTIONS_MAX) };
}

/** The households whose devices are worth asking for: all where there are few, else those that the text means. */
export function openedHouseholds({ households, states, fields }: Catalogue, text: string): string[] {
  const ids = households.map(({ household }) => household);
  if (ids.length <= OPENED_HOUSEHOLDS_MAX) return ids;
  const known = [...fields, ...states, ...states.flatMap(stateNames)].map((its) => its.toLowerCase());
  const words = wordsOf(text).filter((word) => !known.some((its) => its.includes(word)));
  const subjects = words.map((word) => word.split(/[/.]/)[0] ?? word).filter((word) => word !== '');
  return ids.filter((id) => subjects.some((word) => id.toLowerCase().includes(word))).slice(0, OPENED_HOUSEHOLDS_MAX);
}

function allOptions({ fields, households, states, devices }: Catalogue): Option[] {
  const ordered = firstFirst(fields);
  const one = (kind: Option['kind'], ref: string): Option => ({ key: ref, refs: [ref], kind });
  const each: Option = { key: `*.${FIRST_FIELD}`, refs: households.map(({ household }) => `${household}.${FIRST_FIELD}`), kind: 'each' };
  return [
    ...ordered.map((field) => one('all', `all.${field}`)),
    ...(households.length < 2 || !fields.includes(FIRST_FIELD) ? [] : [each]),
    ...households.flatMap(({ household }) => {
      const its = devices.get(household) ?? [];
      return [
        ...firstFirst(fieldsOf(its)).map((field) => one('household', `${household}.${field}`)),
        ...its.map((ref) => one('device', ref)),
      ];
    }),
    ...states.flatMap((code) => ordered.map((field) => one('state', `state:${code}.${field}`))),
  ];
}

function inAllLanguages({ key, kind }: Option): string {
  return kind === 'state' ? stateNames(key.slice(key.indexOf(':') + 1, key.lastIndexOf('.'))).join(' ') : '';
}

function firstFirst(fields: readonly string[]): string[] {
  return [...fields].sort((a, b) => Number(b === FIRST_FIELD) - Number(a === FIRST_FIELD));
}

/** Of a household whose devices were not asked for only the field that every meter has is sure. */
function fieldsOf(devices: readonly string[]): string[] {
  const its = new Set(devices.map((ref) => ref.slice(ref.lastIndexOf('.') + 1)));
  return its.size === 0 ? [FIRST_FIELD] : [...its];
}

function holds(text: string, words: readonly string[]): boolean {
  const lower = text.toLowerCase();
  return words.every((word) => lower.includes(word));
}

function wordsOf(text: string): string[] {
  return text
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '');
}
