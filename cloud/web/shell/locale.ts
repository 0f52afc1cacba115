/** The reader's language, zone and formats. */
import { Formatter } from '../format.ts';
import { rangeOf, zoneOf } from '../range-address.ts';
import { type Translate, translator } from '../words/words.ts';
import { placeStore } from './place.ts';
import { settingsStore } from './settings.ts';
import { useStore } from './store.ts';

export interface Locale {
  /** Words of the reader's language. */
  t: Translate;
  f: Formatter;
}

const made = new Map<string, Locale>();
/** Hundreds of cells of a table ask for the zone of one and the same address. */
let read = { query: '', range: rangeOf(new URLSearchParams()) };

export function useLocale(): Locale {
  const { language, zone: chosen } = useStore(settingsStore);
  const { query } = useStore(placeStore);
  if (read.query !== query) read = { query, range: rangeOf(new URLSearchParams(query)) };
  const zone = zoneOf(read.range, chosen);
  const key = `${language} ${zone}`;
  const before = made.get(key);
  if (before !== undefined) return before;
  const f = new Formatter(language, zone);
  const locale = { f, t: translator(language, f) };
  made.set(key, locale);
  return locale;
}
