/**
 * Synthetic households in the Gem House format, seeded: the same seed gives the same bytes on every machine (no platform's
 * `Math.sin` or date formatting is involved; daily shapes are straight lines between points).
 *
 * Every household has standby power, a morning and an evening peak, a cycling fridge and appliances that come and go; one
 * has a roof of solar modules and feeds in around noon. Rows come every 2 s, now and then after 1, 3 or 4 s, with gaps of seconds to
 * hours. The three phases sum to the power exactly; the energy register integrates what is consumed.
 */
import { createHash } from 'node:crypto';
import type { Random } from '../../../common/random.ts';
import { seededRandom } from '../../../common/random.ts';

/** Changes when the bytes do: old samples are made anew. */
export const GENERATOR_VERSION = 1;
/** 2019-12-24T00:00:00Z */
const DAY_START_MS = 1_577_145_600_000;
const DAY_SECONDS = 86_400;
/** mW for one second, in units of 1e-10 kWh: 1 mWs = 1/3.6e9 kWh = 25/9 units. */
const REGISTER_UNITS_PER_MWS = 25 / 9;
/** Characters of a file that are made at once. */
const PIECE_CHARACTERS = 64 << 10;

/** A home per German state, by ISO 3166-2. */
export const SYNTHETIC_POSTAL_CODES: Readonly<Record<string, string>> = {
  'DE-BW': '70173',
  'DE-BY': '80331',
  'DE-BE': '10115',
  'DE-BB': '14467',
  'DE-HB': '28195',
  'DE-HH': '20095',
  'DE-HE': '60311',
  'DE-MV': '19053',
  'DE-NI': '30159',
  'DE-NW': '40213',
  'DE-RP': '55116',
  'DE-SL': '66111',
  'DE-SN': '01067',
  'DE-ST': '39104',
  'DE-SH': '24103',
  'DE-TH': '99084',
};

/** The state whose home feeds in. */
const FEED_IN_STATE = 'DE-BY';

/** Share of a household's daily swing, by hour: night, morning peak, noon, evening peak. Straight lines between. */
const DAILY_SHAPE: readonly (readonly [hour: number, share: number])[] = [
  [0, 0.18],
  [5, 0.1],
  [6, 0.35],
  [7.5, 0.8],
  [9, 0.4],
  [12, 0.55],
  [14, 0.35],
  [17, 0.6],
  [19, 1],
  [21, 0.75],
  [23, 0.3],
  [24, 0.18],
];
/** Share of the roof's peak power, by hour (UTC, a clear winter's day). */
const SOLAR_SHAPE: readonly (readonly [hour: number, share: number])[] = [
  [0, 0],
  [7.5, 0],
  [9, 0.35],
  [11, 0.9],
  [12, 1],
  [13, 0.85],
  [14.5, 0.35],
  [15.5, 0],
  [24, 0],
];

interface Appliance {
  powerMw: number;
  phase: number;
  /** Chance to be switched on, per second, at full share of the day. */
  starts: number;
  secondsMin: number;
  secondsMax: number;
}

const APPLIANCES: readonly Appliance[] = [
  { powerMw: 2_000_000, phase: 0, starts: 1 / 9_000, secondsMin: 90, secondsMax: 240 },
  { powerMw: 1_100_000, phase: 1, starts: 1 / 14_000, secondsMin: 600, secondsMax: 2_400 },
  { powerMw: 2_400_000, phase: 2, starts: 1 / 20_000, secondsMin: 900, secondsMax: 3_000 },
  { powerMw: 160_000, phase: 1, starts: 1 / 4_000, secondsMin: 1_800, secondsMax: 9_000 },
  { powerMw: 60_000, phase: 2, starts: 1 / 2_000, secondsMin: 600, secondsMax: 7_200 },
];

export interface SyntheticHousehold {
  /** 64 hex digits, like a real one. */
  household: string;
  state: string;
  postalCode: string;
}

export function syntheticHouseholds(seed: number): SyntheticHousehold[] {
  return Object.entries(SYNTHETIC_POSTAL_CODES).map(([state, postalCode]) => ({
    household: createHash('sha256').update(`synthetic household ${state} ${seed}`).digest('hex'),
    state,
    postalCode,
  }));
}

/** The household's file in pieces: a whole day of rows as strings would keep the garbage collector busy for seconds. */
export function* syntheticFile({ state }: SyntheticHousehold, seed: number): Generator<string> {
  const random = seededRandom(createHash('sha256').update(`synthetic rows ${state} ${seed}`).digest().readInt32BE(0));
  const home = new Home(random, state === FEED_IN_STATE);
  let piece = 'household\ndate,timestamp,energy,power,power1,power2,power3\n';
  const offsetMs = random.below(1_000);
  let register = 40_000_000_000_000 + random.below(1_000_000) * 100_000_000;
  let lastSecond = 0;
  for (let second = random.below(2); second < DAY_SECONDS; second += stepSeconds(random)) {
    const [phase1, phase2, phase3] = home.at(second);
    const power = phase1 + phase2 + phase3;
    register += Math.round(Math.max(0, power) * (second - lastSecond) * REGISTER_UNITS_PER_MWS);
    lastSecond = second;
    piece += `${clockText(second)},${DAY_START_MS + second * 1_000 + offsetMs},${register},${power},${phase1},${phase2},${phase3}\n`;
    if (piece.length < PIECE_CHARACTERS) continue;
    yield piece;
    piece = '';
  }
  yield piece;
}

/** One home without a file around it. */
export class Home {
  private readonly random: Random;
  private readonly standbyMw: number;
  private readonly swingMw: number;
  private readonly solarPeakMw: number;
  private readonly fridgeSeconds: number;
  private readonly endsAt = APPLIANCES.map(() => 0);
  private second = 0;

  constructor(random: Random, feedsIn: boolean) {
    this.random = random;
    this.standbyMw = 60_000 + random.below(90_000);
    this.swingMw = 150_000 + random.below(350_000);
    this.solarPeakMw = feedsIn ? 6_000_000 : 0;
    this.fridgeSeconds = 2_400 + random.below(1_200);
  }

  /** Power of the three phases in mW. Seconds since a midnight, never earlier than asked for before. */
  at(second: number): [number, number, number] {
    const hour = (second % DAY_SECONDS) / 3_600;
    const share = shapeAt(DAILY_SHAPE, hour);
    const phases: [number, number, number] = [this.standbyMw, 0, 0];
    phases[1] += Math.round(this.swingMw * share * (0.9 + 0.2 * this.random.next()));
    phases[2] += second % this.fridgeSeconds < this.fridgeSeconds / 3 ? 85_000 + this.random.below(4_000) : 2_000;
    this.switchAppliances(second, share);
    APPLIANCES.forEach(({ powerMw, phase }, i) => {
      if ((this.endsAt[i] as number) > second) phases[phase as 0] += powerMw + this.random.below(powerMw / 50);
    });
    const solarMw = Math.round(this.solarPeakMw * shapeAt(SOLAR_SHAPE, hour) * (0.85 + 0.15 * this.random.next()));
    for (let i = 0; i < 3; i++) phases[i as 0] -= Math.floor(solarMw / 3);
    return phases;
  }

  private switchAppliances(second: number, share: number): void {
    const elapsed = second - this.second;
    this.second = second;
    APPLIANCES.forEach(({ starts, secondsMin, secondsMax }, i) => {
      if ((this.endsAt[i] as number) > second || this.random.next() >= starts * share * elapsed) return;
      this.endsAt[i] = second + secondsMin + this.random.below(secondsMax - secondsMin);
    });
  }
}

/** Mostly 2 s; now and then a little off, rarely a gap of minutes, very rarely of hours. */
function stepSeconds(random: Random): number {
  const dice = random.next();
  if (dice < 0.97) return 2;
  if (dice < 0.9999) return 1 + random.below(4);
  if (dice < 0.999985) return 10 + random.below(600);
  return 1_800 + random.below(5_400);
}

function shapeAt(shape: readonly (readonly [number, number])[], hour: number): number {
  let at = 1;
  while (at < shape.length - 1 && (shape[at] as readonly [number, number])[0] <= hour) at++;
  const [fromHour, from] = shape[at - 1] as readonly [number, number];
  const [toHour, to] = shape[at] as readonly [number, number];
  return from + ((to - from) * (hour - fromHour)) / (toHour - fromHour);
}

function clockText(second: number): string {
  return `2019-12-24 ${two(Math.floor(second / 3_600))}:${two(Math.floor(second / 60) % 60)}:${two(second % 60)}`;
}

function two(value: number): string {
  return value < 10 ? `0${value}` : `${value}`;
}
