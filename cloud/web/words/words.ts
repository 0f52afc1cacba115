/**
 * Pure: every word of the pages, in English and German side by side, so that none can be missing. Each page has a file of its own in
 * this folder; tests/unit/cloud/web/words.test.ts finds keys that nobody uses and words that stand in a page instead of here.
 */
import type { Formatter, Language } from '../format.ts';
import { ALERT_WORDS } from './alert-words.ts';
import { CHART_WORDS } from './chart-words.ts';
import { EXPLORE_WORDS } from './explore-words.ts';
import { FLEET_WORDS } from './fleet-words.ts';
import { HOUSEHOLDS_WORDS } from './households-words.ts';
import { OVERVIEW_WORDS } from './overview-words.ts';
import { PARKED_WORDS } from './parked-words.ts';
import { PROBLEM_WORDS } from './problem-words.ts';
import { SHELL_WORDS } from './shell-words.ts';
import { STATES_WORDS } from './states-words.ts';

export const WORDS = {
  ...SHELL_WORDS,
  ...CHART_WORDS,
  ...OVERVIEW_WORDS,
  ...STATES_WORDS,
  ...HOUSEHOLDS_WORDS,
  ...EXPLORE_WORDS,
  ...FLEET_WORDS,
  ...ALERT_WORDS,
  ...PARKED_WORDS,
  ...PROBLEM_WORDS,
};

export type WordKey = keyof typeof WORDS;

/** Names in braces of a text. */
type NamesIn<T> = T extends `${string}{${infer Name}}${infer Rest}` ? Name | NamesIn<Rest> : never;
type NamesOf<K extends WordKey> = (typeof WORDS)[K]['en'] extends readonly [infer One, infer Other]
  ? NamesIn<One> | NamesIn<Other>
  : NamesIn<(typeof WORDS)[K]['en']>;
/** Numbers are written as the language does; `n` also chooses between one and many. */
type Values<K extends WordKey> = [NamesOf<K>] extends [never] ? [] : [values: Readonly<Record<NamesOf<K>, string | number>>];

/** `t('overview.households', { n: 3 })` */
export type Translate = <K extends WordKey>(key: K, ...values: Values<K>) => string;

export function translator(language: Language, format: Formatter): Translate {
  return (key, ...[values]) => {
    const text: string | readonly [string, string] = WORDS[key][language];
    const given: Readonly<Record<string, string | number>> = values ?? {};
    const chosen = typeof text === 'string' ? text : text[given['n'] === 1 ? 0 : 1];
    return chosen.replace(/\{(\w+)\}/g, (_, name: string) => {
      const value = given[name] ?? '';
      return typeof value === 'number' ? format.number(value) : value;
    });
  };
}
