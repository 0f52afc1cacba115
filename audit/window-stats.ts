/** Statistics of one field over some readings, as the audit adds them up itself. Pure. */
import { isoTime } from '../common/iso-time.ts';

export interface FieldStats {
  count: number;
  sum: number;
  /** Sum of the absolute values: what the rounding of the sum is measured by. */
  magnitude: number;
  min: number;
  max: number;
  first: number;
  firstMs: number;
  firstOrder: number;
  last: number;
  lastMs: number;
  lastOrder: number;
}

/** Half a unit in the last place, relative: what one addition of float64 rounds by at most. */
const ROUNDING = 2 ** -53;

export function oneReading(value: number, timeMs: number, order: number): FieldStats {
  const ends = { first: value, firstMs: timeMs, firstOrder: order, last: value, lastMs: timeMs, lastOrder: order };
  return { count: 1, sum: value, magnitude: Math.abs(value), min: value, max: value, ...ends };
}

/** into += other; first and last go by time, then by order (source, then seq). */
export function addStats(into: FieldStats, other: FieldStats): void {
  into.count += other.count;
  into.sum += other.sum;
  into.magnitude += other.magnitude;
  into.min = Math.min(into.min, other.min);
  into.max = Math.max(into.max, other.max);
  if (other.firstMs < into.firstMs || (other.firstMs === into.firstMs && other.firstOrder < into.firstOrder)) {
    into.first = other.first;
    into.firstMs = other.firstMs;
    into.firstOrder = other.firstOrder;
  }
  if (other.lastMs > into.lastMs || (other.lastMs === into.lastMs && other.lastOrder > into.lastOrder)) {
    into.last = other.last;
    into.lastMs = other.lastMs;
    into.lastOrder = other.lastOrder;
  }
}

/**
 * Two sums of the same n numbers, added in different orders, differ by at most 2·(n-1) roundings of the sum of their
 * absolute values. Everything else must be the same bit for bit.
 */
export function sumTolerance(count: number, magnitude: number): number {
  return 2 * count * ROUNDING * magnitude;
}

/** The first thing that differs, in words; undefined when they agree. */
export function differenceOf(held: FieldStats, truth: FieldStats): string | undefined {
  if (held.count !== truth.count) return `${held.count} readings instead of ${truth.count}`;
  if (!(Math.abs(held.sum - truth.sum) <= sumTolerance(truth.count, truth.magnitude))) {
    return `mean ${held.sum / held.count} instead of ${truth.sum / truth.count}`;
  }
  for (const name of ['min', 'max', 'first', 'last'] as const) {
    if (!Object.is(held[name] + 0, truth[name] + 0)) return `${name} ${held[name]} instead of ${truth[name]}`;
  }
  return undefined;
}

interface Times {
  firstMs: number | null;
  lastMs: number | null;
}

/** The same for the times of the first and the last reading. */
export function timeDifferenceOf(held: Times, truth: Times): string | undefined {
  for (const [name, its, wanted] of [
    ['first', held.firstMs, truth.firstMs],
    ['last', held.lastMs, truth.lastMs],
  ] as const) {
    if (its !== wanted) return `the ${name} reading at ${timeText(its)} instead of ${timeText(wanted)}`;
  }
  return undefined;
}

const timeText = (timeMs: number | null) => (timeMs === null ? 'no time' : isoTime(timeMs));
