/** Pure: what the states are compared by, and in which words a figure stands. */
import type { StateRow } from '../../../server/api/api-types.ts';
import { type Formatter, marked } from '../../format.ts';
import type { Translate } from '../../words/words.ts';

/** The reader's words and formats. */
interface Locale {
  t: Translate;
  f: Formatter;
}

export const MEASURES = ['kwh', 'w', 'eur', 'households', 'coverage'] as const;
export type Measure = (typeof MEASURES)[number];

/** Less than this and a year's figure is mostly a guess at the rest of the day. */
export const EXTRAPOLATED_BELOW_HOURS = 24;
export const HOURS_PER_YEAR = 8_760;
/** States that can be told apart side by side. */
export const COMPARED_MAX = 3;

export function measureOf(text: string | null): Measure {
  return MEASURES.find((its) => its === text) ?? 'kwh';
}

/** Share of the range of which there is data; null where nobody reports. */
export function coverageOf(row: StateRow, rangeHours: number | null): number | null {
  if (row.reporting === 0 || rangeHours === null || rangeHours <= 0) return null;
  return Math.min(1, row.coveredHours / rangeHours);
}

/** Null where there is nothing to compare: a state without a household has none of these, not 0. */
export function valueOf(row: StateRow, measure: Measure, rangeHours: number | null): number | null {
  switch (measure) {
    case 'kwh':
      return row.annualKwh;
    case 'w':
      return row.meanW;
    case 'eur':
      return row.annualEur;
    case 'households':
      return row.households === 0 ? null : row.households;
    case 'coverage':
      return coverageOf(row, rangeHours);
  }
}

/** The figure with its unit, and with `~` where it is a first guess. */
export function valueText(row: StateRow, measure: Measure, rangeHours: number | null, { f }: Pick<Locale, 'f'>): string {
  const value = valueOf(row, measure, rangeHours);
  const isGuess = row.rough && (measure === 'kwh' || measure === 'eur');
  return marked(amountText(value, measure, { f }), isGuess);
}

/** An amount of the measure with its unit. */
export function amountText(value: number | null, measure: Measure, { f }: Pick<Locale, 'f'>): string {
  switch (measure) {
    case 'kwh':
      return f.annual(value);
    case 'w':
      return f.power(value);
    case 'eur':
      return f.eur(value);
    case 'households':
      return f.number(value);
    case 'coverage':
      return f.percent(value, value !== null && value < 0.1 ? 1 : 0);
  }
}

/** Why there is no figure. */
export function missingText(row: Pick<StateRow, 'households'>, { t }: Pick<Locale, 't'>): string {
  return t(row.households === 0 ? 'states.noHousehold' : 'states.noReading');
}

/** True where the year is made of less than a day. */
export function isExtrapolated(row: Pick<StateRow, 'reporting' | 'coveredHours'>): boolean {
  return row.reporting > 0 && row.coveredHours < EXTRAPOLATED_BELOW_HOURS;
}

/** How the year's figure came about; empty where there is none. */
export function howMade(row: Pick<StateRow, 'reporting' | 'coveredHours'>, { t, f }: Locale): string {
  if (row.reporting === 0) return '';
  const made = t('states.howMade', {
    length: lengthText(row.coveredHours, { f }),
    share: yearShare(row.coveredHours, { f }),
    n: row.reporting,
  });
  return isExtrapolated(row) ? `${made} ${t('states.extrapolatedNote')}` : made;
}

/** To the tenth of an hour: 23.8 h is not yet a day. */
export function lengthText(hours: number, { f }: Pick<Locale, 'f'>): string {
  return hours < 1 ? f.length(hours) : f.amount(hours, 'h');
}

function yearShare(hours: number, { f }: Pick<Locale, 'f'>): string {
  const share = hours / HOURS_PER_YEAR;
  const least = 0.001;
  return share < least ? `< ${f.percent(least, 1)}` : f.percent(share, share < 0.1 ? 1 : 0);
}

/** States chosen for comparison, as they stand in the address. */
export function comparedOf(text: string | null, known: ReadonlySet<string>): string[] {
  const codes = (text ?? '').split(',').filter((code) => known.has(code));
  return [...new Set(codes)].slice(0, COMPARED_MAX);
}

/** Chosen or no longer chosen; the fourth is not taken. */
export function toggled(codes: readonly string[], code: string): string[] {
  if (codes.includes(code)) return codes.filter((its) => its !== code);
  return codes.length >= COMPARED_MAX ? [...codes] : [...codes, code];
}
