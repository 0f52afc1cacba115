/** Pure: where a time axis has its ticks: round local times, so that midnight is one, on days of 23 and 25 hours too. */
import { MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE, MS_PER_SECOND } from '../../../common/units.ts';
import type { TickKind } from '../format.ts';
import { calendarSpan, localMs, shifted, type Span } from '../zone-time.ts';

export interface TimeTicks {
  startsMs: number[];
  kind: TickKind;
}

const STEPS_MS = [
  ...[1, 2, 5, 10, 15, 30].map((n) => n * MS_PER_SECOND),
  ...[1, 2, 5, 10, 15, 30].map((n) => n * MS_PER_MINUTE),
  ...[1, 2, 3, 6, 12].map((n) => n * MS_PER_HOUR),
];
/** Every zone's local time differs from UTC by a multiple of it, nearly every one's by whole hours. */
const ZONE_STEP_MS = 15 * MS_PER_MINUTE;
const DAY_STEPS = [1, 2, 7, 14];
const MONTH_STEPS = [1, 3, 6];
const MONTH_DAYS = 30.4;
const YEAR_MONTHS = 12;
/** 1970-01-01 was a Thursday: weeks begin on Mondays. */
const MONDAY_OFFSET_DAYS = 3;

/** @param most ticks that have room beside each other */
export function timeTicks(span: Span, zone: string, most: number): TimeTicks {
  const lengthMs = span.toMs - span.fromMs;
  const fits = (stepMs: number) => lengthMs / stepMs <= most;
  const step = STEPS_MS.find(fits);
  if (step !== undefined) return { startsMs: within(span, step, zone), kind: step < MS_PER_MINUTE ? 'second' : 'minute' };
  const days = DAY_STEPS.find((its) => fits(its * MS_PER_DAY));
  if (days !== undefined) {
    const isTick = (startMs: number) => (Math.round(localMs(startMs, zone) / MS_PER_DAY) + MONDAY_OFFSET_DAYS) % days === 0;
    return { startsMs: starts(span, zone, 'day').filter(isTick), kind: 'day' };
  }
  const months = MONTH_STEPS.find((its) => fits(its * MONTH_DAYS * MS_PER_DAY));
  if (months !== undefined) {
    const isTick = (startMs: number) => new Date(localMs(startMs, zone)).getUTCMonth() % months === 0;
    return { startsMs: starts(span, zone, 'month').filter(isTick), kind: 'month' };
  }
  const years = Math.ceil(lengthMs / (YEAR_MONTHS * MONTH_DAYS * MS_PER_DAY) / most);
  const isTick = (startMs: number) => new Date(localMs(startMs, zone)).getUTCFullYear() % years === 0;
  return { startsMs: starts(span, zone, 'year').filter(isTick), kind: 'year' };
}

/** An hour that comes twice has its ticks twice. */
function within({ fromMs, toMs }: Span, stepMs: number, zone: string): number[] {
  const isWholeHours = [fromMs, toMs].every((atMs) => (localMs(atMs, zone) - atMs) % MS_PER_HOUR === 0);
  const byMs = Math.min(stepMs, isWholeHours ? MS_PER_HOUR : ZONE_STEP_MS);
  const found: number[] = [];
  for (let atMs = Math.ceil(fromMs / byMs) * byMs; atMs <= toMs; atMs += byMs) if (localMs(atMs, zone) % stepMs === 0) found.push(atMs);
  return found;
}

/** Days, months or years that begin in the span. */
function starts({ fromMs, toMs }: Span, zone: string, unit: 'day' | 'month' | 'year'): number[] {
  const found: number[] = [];
  let atMs = calendarSpan(fromMs, unit, zone).fromMs;
  for (; atMs <= toMs; atMs = shifted(atMs, 1, unit, zone)) if (atMs >= fromMs) found.push(atMs);
  return found;
}
