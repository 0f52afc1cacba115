/** What a reader chose for this browser, as it is kept in it. What can't be read is as if nothing had been chosen. */
import type { Language } from '../format.ts';

export interface Settings {
  theme: 'system' | 'light' | 'dark';
  language: Language;
  zone: 'site' | 'utc';
  /** Decimal sign of CSV files; with a comma the columns are parted by semicolons. */
  csv: 'dot' | 'comma';
}

export const THEMES: readonly Settings['theme'][] = ['system', 'light', 'dark'];
/** In their own names. */
export const LANGUAGES: Readonly<Record<Language, string>> = { en: 'English', de: 'Deutsch' };
export const ZONES: readonly Settings['zone'][] = ['site', 'utc'];
export const CSV_KINDS: readonly Settings['csv'][] = ['dot', 'comma'];

export const SETTINGS_KEY = 'fogline.settings';

/** As the reader left them. */
export function keptSettings(): Settings {
  return { ...settingsByDefault(), ...kept() };
}

export function settingsByDefault(): Settings {
  const language = globalThis.navigator?.language.startsWith('de') ? 'de' : 'en';
  return { theme: 'system', language, zone: 'site', csv: 'dot' };
}

function kept(): Partial<Settings> {
  try {
    const its = JSON.parse(localStorage.getItem(SETTINGS_KEY) ?? '{}') as Partial<Record<keyof Settings, unknown>>;
    const theme = THEMES.find((one) => one === its.theme);
    const language = (Object.keys(LANGUAGES) as Language[]).find((one) => one === its.language);
    const zone = ZONES.find((one) => one === its.zone);
    const csv = CSV_KINDS.find((one) => one === its.csv);
    return { ...(theme && { theme }), ...(language && { language }), ...(zone && { zone }), ...(csv && { csv }) };
  } catch {
    return {};
  }
}
