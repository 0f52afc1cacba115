/** How numbers are rounded where they are shown, pure: once, and in every form of an answer alike. */
import { FIELD_UNITS } from '../../../common/units.ts';

/** `rounded` as range queries and their charts are; `full`: as many digits as give the same float64 back. */
export type Numbers = 'full' | 'rounded';

/**
 * No meter is right to a hundredth of a watt, and each digit more makes a day of fifty households a fifth larger; a thousandth of a watt
 * hour is left of an energy.
 * @param unit of the field; a coverage and an energy have their own
 */
export function shownDecimals(unit: string): number {
  return unit === 'kWh' ? ENERGY_DECIMALS : 2;
}

export const ENERGY_DECIMALS = 6;
export const COVERAGE_DECIMALS = 4;

export function rounded(value: number, decimals: number): number {
  const scale = 10 ** decimals;
  return Math.round(value * scale) / scale;
}

/** A window or bucket of one series with the numbers that are shown of it. */
export function shownBucket<Its extends { field: string; mean: number; min: number; max: number; last: number }>(
  its: Its,
  numbers: Numbers,
): Its {
  if (numbers === 'full') return its;
  const decimals = shownDecimals(FIELD_UNITS[its.field] ?? '');
  const [mean, min, max, last] = [its.mean, its.min, its.max, its.last].map((value) => rounded(value, decimals)) as [
    number,
    number,
    number,
    number,
  ];
  return { ...its, mean, min, max, last };
}
