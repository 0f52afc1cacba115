/** The range that a query asks for, with its words resolved. */
import { MS_PER_DAY, windowStartMs } from '../../../common/units.ts';
import type { ApiParts } from './api-parts.ts';
import type { HouseholdRow, RangeQuery, Resolution } from '../storage/series-store.ts';
import { PROBLEM_DETAILS } from './problem-details.ts';
import { badParameter } from './query.ts';
import { resolveTime, type TimeBases, type TimeWord } from './time-word.ts';

/** Milliseconds UTC: from ≤ t < to. */
export interface AskedRange {
  from?: number;
  to?: number;
}

type Parts = Pick<ApiParts, 'overview' | 'clock' | 'settings'>;

/** What `first`, `latest` and `now` mean at this moment: begin of the first window stored and end of the newest, of all households. */
export async function timeBases({ overview, clock, settings }: Parts): Promise<TimeBases> {
  return { nowMs: clock.nowMs(), ...storedSpan((await overview.current()).households.values(), settings.windowMs) };
}

/** Begin of the first window stored and end of the newest; null before the first. */
export function storedSpan(
  households: Iterable<Pick<HouseholdRow, 'firstMs' | 'lastMs'>>,
  windowMs: number,
): { firstMs: number | null; latestMs: number | null } {
  let firstMs: number | null = null;
  let latestMs: number | null = null;
  for (const row of households) {
    if (row.firstMs === null || row.lastMs === null) continue;
    const startMs = windowStartMs(row.firstMs, windowMs);
    const endMs = windowStartMs(row.lastMs, windowMs) + windowMs;
    if (firstMs === null || startMs < firstMs) firstMs = startMs;
    if (latestMs === null || endMs > latestMs) latestMs = endMs;
  }
  return { firstMs, latestMs };
}

/** Asks nothing of the store while both times are fixed. @throws Problem 400 where from lies after to */
export async function askedRange(
  parts: Parts,
  { from, to }: { from?: TimeWord | undefined; to?: TimeWord | undefined },
): Promise<AskedRange> {
  const isFixed = [from, to].every((word) => word === undefined || word.base === 'fixed');
  const bases = isFixed ? NO_BASES : await timeBases(parts);
  const range: AskedRange = {
    ...(from === undefined ? {} : { from: inCalendar(resolveTime(from, bases)) }),
    ...(to === undefined ? {} : { to: inCalendar(resolveTime(to, bases)) }),
  };
  checkOrder(range);
  return range;
}

const NO_BASES: TimeBases = { nowMs: 0, firstMs: null, latestMs: null };

/** Nothing is stored beyond; before it the clocks of towns were their own. */
const CALENDAR_FROM_MS = Date.UTC(1900, 0, 1);
const CALENDAR_TO_MS = Date.UTC(2200, 0, 1);

function inCalendar(timeMs: number): number {
  return Math.min(CALENDAR_TO_MS, Math.max(CALENDAR_FROM_MS, timeMs));
}

/** An empty answer would hide the slip. */
export function checkOrder({ from, to }: AskedRange): void {
  if (from === undefined || to === undefined || from <= to) return;
  throw badParameter(PROBLEM_DETAILS.worded('from-after-to', { parameter: 'from' }));
}

/** What is a day older than the newest window changes only when an edge brings a backlog: then a kept answer is so old. */
const OLD_MAX_AGE_SECONDS = 300;
/** What is an hour older than the newest window. */
const RECENT_MAX_AGE_SECONDS = 30;

/**
 * Cache-Control of an answer about a range: of one in fixed times that ended long before the newest window a browser may keep it
 * for a while, of any other it asks every time and hears 304 when nothing changed. Never in a cache that others share.
 */
export function cacheControl(isFixed: boolean, toMs: number, latestMs: number | null): string {
  const ageMs = latestMs === null || !isFixed ? 0 : latestMs - toMs;
  if (ageMs >= MS_PER_DAY) return `private, max-age=${OLD_MAX_AGE_SECONDS}`;
  if (ageMs >= MS_PER_DAY / 24) return `private, max-age=${RECENT_MAX_AGE_SECONDS}`;
  return 'private, no-cache';
}

/** The store's query; parameters that were not given stay out. */
export function rangeQuery(query: {
  household?: string | undefined;
  field?: string | undefined;
  from?: number | undefined;
  to?: number | undefined;
  resolution?: Resolution | undefined;
}): RangeQuery {
  return {
    resolution: query.resolution ?? 'raw',
    ...(query.household === undefined ? {} : { household: query.household }),
    ...(query.field === undefined ? {} : { field: query.field }),
    ...(query.from === undefined ? {} : { fromMs: query.from }),
    ...(query.to === undefined ? {} : { toMs: query.to }),
  };
}
