/** Pure: what the 16 states are called. The API has codes, and German names for its own readers. */
import type { Language } from '../format.ts';

const STATE_NAMES: Readonly<Record<string, Readonly<Record<Language, string>>>> = {
  'DE-BW': { en: 'Baden-Württemberg', de: 'Baden-Württemberg' },
  'DE-BY': { en: 'Bavaria', de: 'Bayern' },
  'DE-BE': { en: 'Berlin', de: 'Berlin' },
  'DE-BB': { en: 'Brandenburg', de: 'Brandenburg' },
  'DE-HB': { en: 'Bremen', de: 'Bremen' },
  'DE-HH': { en: 'Hamburg', de: 'Hamburg' },
  'DE-HE': { en: 'Hesse', de: 'Hessen' },
  'DE-MV': { en: 'Mecklenburg-Western Pomerania', de: 'Mecklenburg-Vorpommern' },
  'DE-NI': { en: 'Lower Saxony', de: 'Niedersachsen' },
  'DE-NW': { en: 'North Rhine-Westphalia', de: 'Nordrhein-Westfalen' },
  'DE-RP': { en: 'Rhineland-Palatinate', de: 'Rheinland-Pfalz' },
  'DE-SL': { en: 'Saarland', de: 'Saarland' },
  'DE-SN': { en: 'Saxony', de: 'Sachsen' },
  'DE-ST': { en: 'Saxony-Anhalt', de: 'Sachsen-Anhalt' },
  'DE-SH': { en: 'Schleswig-Holstein', de: 'Schleswig-Holstein' },
  'DE-TH': { en: 'Thuringia', de: 'Thüringen' },
};

/** @param code ISO 3166-2; one that nobody knows is its own name */
export function stateName(code: string, language: Language): string {
  return STATE_NAMES[code]?.[language] ?? code;
}

/** In every language, for searches: a reader of the English page may know only the German name. */
export function stateNames(code: string): string[] {
  const names = STATE_NAMES[code];
  return names === undefined ? [code] : [...new Set(Object.values(names))];
}

/** Rows of the API with the names of the reader's language. */
export function named<Row extends { state: string; name: string }>(rows: Iterable<Row>, language: Language): Row[] {
  return [...rows].map((row) => ({ ...row, name: stateName(row.state, language) }));
}
