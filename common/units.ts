/**
 * Units of the fields and conversions from the Gem House files. Consumption is positive, feed-in negative.
 * Imports nothing: the web page uses it too.
 */

/** Length of a window unless `edge.window_seconds` says otherwise. */
export const DEFAULT_WINDOW_MS = 5_000;
export const HOURS_PER_YEAR = 8_760;
export const MS_PER_SECOND = 1_000;
export const MS_PER_MINUTE = 60_000;
export const MS_PER_HOUR = 3_600_000;
export const MS_PER_DAY = 86_400_000;
export const MS_PER_WEEK = 604_800_000;

/**
 * Unit of each field: those of a Gem House meter, and those of a household with assets, which add up to its `power`. A battery's state of
 * charge is a share of its capacity.
 */
export const FIELD_UNITS: Readonly<Record<string, string>> = {
  power: 'W',
  power1: 'W',
  power2: 'W',
  power3: 'W',
  energy: 'kWh',
  base_power: 'W',
  pv_power: 'W',
  battery_power: 'W',
  ev_power: 'W',
  heat_pump_power: 'W',
  battery_soc: '%',
};

/** Gem House power columns are integer milliwatts. */
export function wattsFromMilliwatts(mw: number): number {
  return mw / 1_000;
}

/** The Gem House energy register counts 1e-10 kWh. */
export function kwhFromRegister(register: number): number {
  return register / 1e10;
}

/** Energy of a year at this mean power: mean W × 8.76 = kWh. */
export function annualKwh(meanW: number): number {
  return (meanW * HOURS_PER_YEAR) / 1_000;
}

/** Start of the window of `windowMs` that holds the instant. */
export function windowStartMs(timeMs: number, windowMs: number): number {
  return Math.floor(timeMs / windowMs) * windowMs;
}
