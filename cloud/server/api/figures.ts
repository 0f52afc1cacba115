/** Pure: what the API shows, made of what the store and `latest` hold. */
import { annualKwh } from '../../../common/units.ts';
import type { Bucket, HouseholdRow, PowerTotals } from '../storage/series-store.ts';
import type { StateRow } from './api-types.ts';

/** The field whose windows the power figures are made of. */
export const POWER_FIELD = 'power';

/** Below this, an extrapolation to a year is marked "~". */
export const ROUGH_BELOW_HOURS = 1;

/**
 * A household counts in "power now" while its newest window is no older than so many windows, measured against the newest window of all
 * households. One that stopped an hour ago would otherwise keep adding what it drew an hour ago.
 */
export const CURRENT_WINDOWS_MAX = 12;
/** Where readings come more rarely than that, so many of their intervals: a value stands until the next, which may be late. */
export const CURRENT_INTERVALS_MAX = 2;

export const EXTRAPOLATION =
  'annual kWh = mean power in W × 8.76 (8,760 h), of each reporting household over all its windows so far, averaged over the ' +
  'reporting households of the state; EUR = annual kWh × price; no allowance for season or time of day';

/** One row per state, in order of name; a state without a reporting household has null, not 0. */
export function stateRows(
  totals: readonly PowerTotals[],
  households: readonly HouseholdRow[],
  stateNames: ReadonlyMap<string, string>,
  priceEurPerKwh: number,
): StateRow[] {
  const known = countBy(households, (row) => row.state);
  const drawn = countBy(
    households.filter((row) => row.postalCodeFrom === 'drawn'),
    (row) => row.state,
  );
  const reporting = groupBy(
    totals.filter((total) => total.coveredHours > 0),
    (total) => total.state,
  );
  return [...stateNames]
    .map(([state, name]) => {
      const members = reporting.get(state) ?? [];
      const meanW = members.length === 0 ? null : mean(members.map(meanPowerW));
      const yearKwh = meanW === null ? null : annualKwh(meanW);
      const coveredHours = members.length === 0 ? 0 : mean(members.map((member) => member.coveredHours));
      return {
        state,
        name,
        households: Math.max(known.get(state) ?? 0, members.length),
        drawn: drawn.get(state) ?? 0,
        reporting: members.length,
        meanW,
        annualKwh: yearKwh,
        annualEur: yearKwh === null ? null : yearKwh * priceEurPerKwh,
        coveredHours,
        rough: coveredHours < ROUGH_BELOW_HOURS,
      };
    })
    .sort((a, b) => a.name.localeCompare(b.name, 'en'));
}

/** Energy and hours of the time that the readings stand for (intervals.ts); the mean power stays. */
export function totalsOverIntervals(its: PowerTotals, intervalMs: number, windowMs: number): PowerTotals {
  const factor = Math.max(1, intervalMs / windowMs);
  return { ...its, energyKwh: its.energyKwh * factor, coveredHours: its.coveredHours * factor };
}

/** Mean over time, not over readings: an hour with few readings weighs as much as one with many. */
function meanPowerW(total: PowerTotals): number {
  return (total.energyKwh * 1_000) / total.coveredHours;
}

/** What usually lies between two readings of the household; its windows where that is not given. */
type IntervalOf = (household: string) => number;

/** Newest power window of a household: the newest start, its devices of that age added. */
export interface HouseholdPower {
  powerW: number;
  startMs: number;
}

/** By household. A device whose newest window is not current against the household's newest is left out. */
export function powerByHousehold(newest: readonly Bucket[], windowMs: number, intervalMsOf?: IntervalOf): Map<string, HouseholdPower> {
  const powers = new Map<string, HouseholdPower>();
  const buckets = newest.filter((bucket) => bucket.field === POWER_FIELD);
  const newestStart = new Map<string, number>();
  for (const bucket of buckets)
    newestStart.set(bucket.household, Math.max(bucket.startMs, newestStart.get(bucket.household) ?? bucket.startMs));
  for (const bucket of buckets) {
    const startMs = newestStart.get(bucket.household) ?? bucket.startMs;
    if (startMs - bucket.startMs > currentForMs(windowMs, intervalMsOf?.(bucket.household))) continue;
    const before = powers.get(bucket.household);
    powers.set(bucket.household, { powerW: (before?.powerW ?? 0) + bucket.mean, startMs });
  }
  return powers;
}

export interface TotalPower {
  powerW: number | null;
  /** Households in it. */
  current: number;
  /** End of the newest window, null before the first. */
  newestMs: number | null;
}

export function totalPower(powers: ReadonlyMap<string, HouseholdPower>, windowMs: number, intervalMsOf?: IntervalOf): TotalPower {
  let newestStartMs = -Infinity;
  for (const power of powers.values()) newestStartMs = Math.max(newestStartMs, power.startMs);
  if (newestStartMs === -Infinity) return { powerW: null, current: 0, newestMs: null };
  let powerW = 0;
  let current = 0;
  for (const [household, power] of powers) {
    if (newestStartMs - power.startMs > currentForMs(windowMs, intervalMsOf?.(household))) continue;
    powerW += power.powerW;
    current++;
  }
  return { powerW, current, newestMs: newestStartMs + windowMs };
}

function currentForMs(windowMs: number, intervalMs = windowMs): number {
  return Math.max(CURRENT_WINDOWS_MAX * windowMs, intervalMs > windowMs ? CURRENT_INTERVALS_MAX * intervalMs : 0);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function countBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(keyOf(item), (counts.get(keyOf(item)) ?? 0) + 1);
  return counts;
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group === undefined) groups.set(keyOf(item), [item]);
    else group.push(item);
  }
  return groups;
}
