/** Pure: what the cloud or an edge says, in the reader's language where these pages have words for it, in its own English where not. */
import type { ParkedReasonCode } from '../../server/api/api-types.ts';
import type { Text } from '../words/dictionary.ts';
import { type Translate, WORDS } from '../words/words.ts';

export interface Told {
  text: string;
  /** Their own words stand there. */
  isEnglish: boolean;
  /** Follows the text. */
  quoted?: Told;
}

export type Values = Readonly<Record<string, string | number>>;

/** Words that quote something end with it. */
const QUOTES = ['fault', 'reason', 'detail'] as const;

/** A cloud of another version may say what these pages do not know. */
export function knownKey<Key extends keyof typeof WORDS>(key: Key): Key | undefined {
  return Object.hasOwn(WORDS, key) ? key : undefined;
}

/** @param quoted instead of the English that the values have for it */
export function told(t: Translate, key: keyof typeof WORDS | undefined, values: Values, english: string, quoted?: Told): Told {
  if (key === undefined) return { text: english, isEnglish: true };
  const fill = t as (key: string, values: Values) => string;
  const texts: Text = WORDS[key].en;
  const quote = QUOTES.find((name) => [texts].flat().some((text) => text.endsWith(`{${name}}`)));
  if (quote === undefined) return { text: fill(key, values), isEnglish: false };
  const text = fill(key, { ...values, [quote]: '' });
  const its = quoted ?? { text: String(values[quote] ?? ''), isEnglish: true };
  return its.text === '' ? { text: text.replace(/:? $/, ''), isEnglish: false } : { text, isEnglish: false, quoted: its };
}

/** Why a household is held back. */
export function parkedTold(t: Translate, reason: string, figure: { code: string; values: Values } | null | undefined): Told {
  return told(t, knownKey(`parked.${figure?.code as ParkedReasonCode}`), figure?.values ?? {}, reason);
}

export function toldText({ text, quoted }: Told): string {
  return quoted === undefined ? text : `${text}${toldText(quoted)}`;
}
