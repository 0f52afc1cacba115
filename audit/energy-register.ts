/**
 * The meter's energy register against the integral of its power: two measurements of the same thing, so a mistake in units, signs,
 * order of time or a lost hour shows here even if every stage agrees with every other. Pure.
 *
 * What the register counts (seen in the data, docs/decisions/0007-energy-register-tolerance.md): energy drawn, never energy fed in;
 * the phases are netted first, so it is the positive part of `power`, which is their sum. It never turns back.
 *
 * Tolerance, from what is known and not from what fits:
 * - sampling. Between two samples a and b, dt apart, the power is known only at the ends. If it goes from one to the other at
 *   any moment in between, the trapezoid is wrong by at most |b - a|·dt/2 (worst case, all added up: V), and by a random amount of variance
 *   (|b - a|·dt)²/12 when every moment is as likely. Errors of different intervals are independent, so the sum is within 6σ. The
 *   smaller of the two is allowed. Both are taken of the power with its sign: taking the positive part of it makes no difference larger.
 * - ends. Register and power of one row are not read in the same instant, but within one sampling period: at each end of a stretch
 *   |power| × period, the larger |power| of the two rows there.
 * - resolution. The register counts 1e-7 kWh (0.36 Ws), once at each end of a stretch; power comes in steps of 10 mW, half of which
 *   may be missing all the time.
 * - gaps. In an interval longer than a window nothing is known of the power, while the register went on: such intervals are left out on
 *   both sides, and what the register counted in them is told.
 */
export interface EnergyRow {
  timeMs: number;
  powerW: number;
  registerKwh: number;
}

export interface EnergyCheck {
  agrees: boolean;
  /** Counted by the register outside gaps, and by the integral. */
  registerKwh: number;
  integralKwh: number;
  toleranceKwh: number;
  /** Fed in by the integral of the negative power: in no register. */
  fedInKwh: number;
  gaps: number;
  /** Counted by the register while there were no readings. */
  registerInGapsKwh: number;
  /** Times that the register turned back. */
  turnedBack: number;
}

const WS_PER_KWH = 3_600_000;
const REGISTER_STEP_WS = 0.36;
const POWER_STEP_W = 0.01;
const SIGMAS = 6;

/** @param gapMs an interval longer than this is a gap */
export function checkEnergy(rows: Iterable<EnergyRow>, gapMs: number): EnergyCheck {
  let previous: EnergyRow | undefined;
  let [registerWs, integralWs, fedInWs, inGapsWs] = [0, 0, 0, 0];
  let [worstWs, variance, endsWs, seconds] = [0, 0, 0, 0];
  let [gaps, turnedBack, stretches] = [0, 0, 0];
  let isInStretch = false;
  let periodS = 0;
  for (const row of rows) {
    const before = previous;
    previous = row;
    if (before === undefined) continue;
    const dt = (row.timeMs - before.timeMs) / 1_000;
    const countedWs = (row.registerKwh - before.registerKwh) * WS_PER_KWH;
    if (countedWs < 0) turnedBack++;
    if (dt * 1_000 > gapMs) {
      gaps++;
      inGapsWs += countedWs;
      if (isInStretch) endsWs += Math.abs(before.powerW) * periodS;
      isInStretch = false;
      continue;
    }
    if (!isInStretch) {
      stretches++;
      endsWs += Math.max(Math.abs(before.powerW), Math.abs(row.powerW)) * dt;
      isInStretch = true;
    }
    periodS = dt;
    registerWs += countedWs;
    integralWs += ((Math.max(0, before.powerW) + Math.max(0, row.powerW)) / 2) * dt;
    fedInWs -= ((Math.min(0, before.powerW) + Math.min(0, row.powerW)) / 2) * dt;
    const swingWs = Math.abs(row.powerW - before.powerW) * dt;
    worstWs += swingWs / 2;
    variance += swingWs ** 2 / 12;
    seconds += dt;
  }
  if (isInStretch) endsWs += Math.abs(previous?.powerW ?? 0) * periodS;
  const samplingWs = Math.min(worstWs, SIGMAS * Math.sqrt(variance));
  const toleranceWs = samplingWs + endsWs + 2 * stretches * REGISTER_STEP_WS + (POWER_STEP_W / 2) * seconds;
  return {
    agrees: turnedBack === 0 && Math.abs(registerWs - integralWs) <= toleranceWs,
    registerKwh: registerWs / WS_PER_KWH,
    integralKwh: integralWs / WS_PER_KWH,
    toleranceKwh: toleranceWs / WS_PER_KWH,
    fedInKwh: fedInWs / WS_PER_KWH,
    gaps,
    registerInGapsKwh: inGapsWs / WS_PER_KWH,
    turnedBack,
  };
}
