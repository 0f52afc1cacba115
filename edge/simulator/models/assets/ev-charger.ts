/**
 * A wallbox at home, pure. Who comes when, and how much the car then wants, is drawn from the seed for each day; a car that is plugged in
 * charges at once at full power until it has what it wants or leaves. Energy is counted at the wallbox: losses of the car's
 * charger are in it.
 */
import { MS_PER_DAY, MS_PER_HOUR } from '../../../../common/units.ts';
import { uniform } from './weather.ts';

export interface EvChargerSettings {
  power_max_w: number;
  /** Share of days on which the car is plugged in. */
  plug_in_share: number;
  arrival_hour: number;
  arrival_spread_hours: number;
  stay_hours: number;
  stay_spread_hours: number;
  energy_wanted_wh: number;
  /** The car wants between 1 − spread and 1 + spread of it. */
  energy_spread_share: number;
}

/**
 * Sources. 11 kW: the usual wallbox (three phases of 16 A). Energy: a German car drives about 13,000 km a year (KBA, Verkehr in
 * Kilometern) and takes about 20 kWh per 100 km at the plug (ADAC Ecotest), 7.1 kWh a day, so about 12 kWh on six days out of ten.
 * Home in the early evening and away in the morning: Mobilität in Deutschland 2017, the spreads are own estimates. Hours are UTC.
 */
export const EV_CHARGER_DEFAULTS: EvChargerSettings = {
  power_max_w: 11_000,
  plug_in_share: 0.6,
  arrival_hour: 16.5,
  arrival_spread_hours: 3,
  stay_hours: 13,
  stay_spread_hours: 2,
  energy_wanted_wh: 11_900,
  energy_spread_share: 0.6,
};

/** Within them a visit begins at most four hours off its day, and the longest one ends before the next can begin. */
export const EV_CHARGER_LIMITS: Partial<Record<keyof EvChargerSettings, readonly [min: number, max: number]>> = {
  plug_in_share: [0, 1],
  arrival_hour: [0, 24],
  arrival_spread_hours: [0, 4],
  stay_hours: [0, 14],
  stay_spread_hours: [0, 2],
  energy_spread_share: [0, 1],
};

/** A car at the wallbox. */
export interface EvVisit {
  arrivalMs: number;
  departureMs: number;
  wanted_wh: number;
}

export interface EvChargerState {
  /** Arrival of the visit that `delivered_wh` counts for. */
  arrivalMs: number;
  delivered_wh: number;
}

export interface EvChargerStep {
  /** Mean power of the step. */
  power_w: number;
  /** What the car that is there at the end of the step still wants. */
  energy_wanted_wh: number;
  isPluggedIn: boolean;
  after: EvChargerState;
}

export const NO_VISIT: EvChargerState = { arrivalMs: Number.NEGATIVE_INFINITY, delivered_wh: 0 };

const LANE = { plugsIn: 11, arrival: 12, stay: 13, energy: 14 } as const;

/** The visit that begins on the day (days since 1970, UTC). */
export function visitOf(settings: EvChargerSettings, seed: number, day: number): EvVisit | undefined {
  if (uniform(seed, LANE.plugsIn, day) >= settings.plug_in_share) return undefined;
  const around = (lane: number, spread: number) => (2 * uniform(seed, lane, day) - 1) * spread;
  const arrivalHour = settings.arrival_hour + around(LANE.arrival, settings.arrival_spread_hours);
  const stayHours = settings.stay_hours + around(LANE.stay, settings.stay_spread_hours);
  const arrivalMs = Math.round(day * MS_PER_DAY + arrivalHour * MS_PER_HOUR);
  return {
    arrivalMs,
    departureMs: arrivalMs + Math.round(stayHours * MS_PER_HOUR),
    wanted_wh: settings.energy_wanted_wh * (1 + around(LANE.energy, settings.energy_spread_share)),
  };
}

/** @param seconds at most an hour; a step may see the end of one visit and the beginning of the next. */
export function evChargerStep(
  settings: EvChargerSettings,
  seed: number,
  before: EvChargerState,
  timeMs: number,
  seconds: number,
): EvChargerStep {
  const endMs = timeMs + seconds * 1_000;
  const day = Math.floor(timeMs / MS_PER_DAY);
  let after = before;
  let energy_wh = 0;
  let isPluggedIn = false;
  let energy_wanted_wh = 0;
  for (const on of [day - 1, day, day + 1]) {
    const visit = visitOf(settings, seed, on);
    if (visit === undefined || visit.departureMs <= timeMs || visit.arrivalMs >= endMs) continue;
    const delivered_wh = after.arrivalMs === visit.arrivalMs ? after.delivered_wh : deliveredBefore(settings, visit, timeMs);
    const hours = (Math.min(endMs, visit.departureMs) - Math.max(timeMs, visit.arrivalMs)) / MS_PER_HOUR;
    const given_wh = Math.max(0, Math.min(settings.power_max_w * hours, visit.wanted_wh - delivered_wh));
    energy_wh += given_wh;
    after = { arrivalMs: visit.arrivalMs, delivered_wh: delivered_wh + given_wh };
    isPluggedIn = visit.departureMs > endMs;
    energy_wanted_wh = isPluggedIn ? Math.max(0, visit.wanted_wh - after.delivered_wh) : 0;
  }
  return { power_w: (energy_wh * 3_600) / seconds, energy_wanted_wh, isPluggedIn, after };
}

/** What a car has got that came before the first step: it has charged since. */
function deliveredBefore({ power_max_w }: EvChargerSettings, { arrivalMs, wanted_wh }: EvVisit, timeMs: number): number {
  return Math.min(wanted_wh, (power_max_w * Math.max(0, timeMs - arrivalMs)) / MS_PER_HOUR);
}
