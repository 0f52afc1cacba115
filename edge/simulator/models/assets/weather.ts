/**
 * Weather over a street, pure: cloud cover and outdoor temperature as functions of time, place and seed. Everything in one street that
 * has the same weather seed sees the same weather. Any instant can be asked for, in any order: nothing is carried from step to step.
 *
 * Not a forecast and no measured year: it has a plausible yearly course, days that differ, and clouds that come and go.
 */
import { MS_PER_DAY, MS_PER_HOUR } from '../../../../common/units.ts';

export interface Climate {
  longitude_deg: number;
  /** Share of the sky. */
  mean_cloud_cover: number;
  mean_temperature_c: number;
  yearly_amplitude_k: number;
  daily_amplitude_k: number;
  weather_amplitude_k: number;
}

/**
 * Sources. Place: Berlin. Cloud cover: about two thirds of the sky in Germany (synoptic observations of DWD, 5 to 6 oktas).
 * Temperatures: DWD, Germany 1991–2020: mean 9.3 °C, January 0.9 °C, July 18.3 °C, so half the range is 8.7 K. A day swings
 * by about 8 K, and days are up to about 8 K warmer or colder than the season: own estimates.
 */
export const CLIMATE_DEFAULTS: Climate = {
  longitude_deg: 13.4,
  mean_cloud_cover: 0.67,
  mean_temperature_c: 9.3,
  yearly_amplitude_k: 8.7,
  daily_amplitude_k: 4,
  weather_amplitude_k: 8,
};

export const CLIMATE_LIMITS: Partial<Record<keyof Climate, readonly [min: number, max: number]>> = {
  longitude_deg: [-180, 180],
  mean_cloud_cover: [0, 1],
  mean_temperature_c: [-60, 60],
};

const DAYS_PER_YEAR = 365.2425;
/** Coldest about 20 January. */
const COLDEST_DAY = 20;
/** Warmest at three in the afternoon, local mean time. */
const WARMEST_HOUR = 15;
/** Fronts pass in days, clouds in tens of minutes. */
const FRONT_MS = 18 * MS_PER_HOUR;
const CLOUD_MS = 25 * 60_000;
const FRONT_SHARE = 0.7;
/** Skies are mostly either clear or covered; stretching the noise around its middle gives that. */
const CLOUD_CONTRAST = 3;
/** Cutting off what is below 0 or above 1 pulls the mean towards a half; it is set that much farther out. */
const CLIPPING_STRETCH = 1.6;
/** Different noises of one seed. */
const LANE = { front: 1, cloud: 2, airMass: 3 } as const;

/** Share of the sky that clouds cover, 0 to 1. */
export function cloudCover(climate: Climate, seed: number, timeMs: number): number {
  const front = noise(seed, LANE.front, timeMs / FRONT_MS);
  const cloud = noise(seed, LANE.cloud, timeMs / CLOUD_MS);
  const off = FRONT_SHARE * front + (1 - FRONT_SHARE) * cloud - 0.5;
  const middle = 0.5 + CLIPPING_STRETCH * (climate.mean_cloud_cover - 0.5);
  return Math.min(1, Math.max(0, middle + CLOUD_CONTRAST * off));
}

/** Air temperature outside in °C: the year, the day, and the air mass that happens to be there. */
export function outdoorTemperatureC(climate: Climate, seed: number, timeMs: number): number {
  const localMs = timeMs + (climate.longitude_deg / 360) * MS_PER_DAY;
  const days = localMs / MS_PER_DAY;
  const year = -Math.cos((2 * Math.PI * (days - COLDEST_DAY)) / DAYS_PER_YEAR);
  const day = Math.cos(2 * Math.PI * (days - WARMEST_HOUR / 24));
  const airMass = 2 * noise(seed, LANE.airMass, timeMs / (3 * MS_PER_DAY)) - 1;
  return (
    climate.mean_temperature_c + climate.yearly_amplitude_k * year + climate.daily_amplitude_k * day + climate.weather_amplitude_k * airMass
  );
}

/**
 * A number in [0, 1) for each whole index, the same for the same seed on every machine: what a Random gives one after the other, but for
 * any index at once. @param lane different ones have nothing in common
 */
export function uniform(seed: number, lane: number, index: number): number {
  return (mixed(mixed(seed ^ Math.imul(lane, 0x9e3779b1)) ^ index) >>> 0) / 4_294_967_296;
}

/** The last step of MurmurHash3 (32 bits): each bit of the input changes about half of the output. */
function mixed(bits: number): number {
  const once = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  const twice = Math.imul(once ^ (once >>> 13), 0xc2b2ae35);
  return twice ^ (twice >>> 16);
}

/** Smooth between the uniform numbers at whole positions. */
function noise(seed: number, lane: number, position: number): number {
  const index = Math.floor(position);
  const share = position - index;
  const smooth = share * share * (3 - 2 * share);
  return uniform(seed, lane, index) * (1 - smooth) + uniform(seed, lane, index + 1) * smooth;
}
