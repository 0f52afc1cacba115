/**
 * What the clocks of a time zone show, pure. A day begins at local midnight (or at the first instant that there is) and has 23, 24 or 25
 * hours in Germany.
 */
import { DateTime, IANAZone } from 'luxon';
import { MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE } from '../../../common/units.ts';

/** The German states' own time zone. */
export const SITE_TIME_ZONE = 'Europe/Berlin';

/** No change of the clocks takes more away. */
const SHORTEST_DAY_MS = 22 * MS_PER_HOUR;

export type CalendarUnit = 'day' | 'week' | 'month' | 'year';

/** True for the name of an IANA zone that this machine knows, `UTC` among them. */
export function isTimeZone(name: string): boolean {
  return IANAZone.isValidZone(name);
}

/** Local time minus UTC at the instant. */
export function offsetMs(timeZone: string, timeMs: number): number {
  return IANAZone.create(timeZone).offset(timeMs) * MS_PER_MINUTE;
}

/** Start of the day, ISO week, month or year that holds the instant. */
export function startOfUnit(timeZone: string, unit: CalendarUnit, timeMs: number): number {
  return DateTime.fromMillis(timeMs, { zone: timeZone }).startOf(unit).toMillis();
}

/** Start of the one after that which begins at `startMs`. */
export function nextUnit(timeZone: string, unit: CalendarUnit, startMs: number): number {
  // Nearly every one goes from midnight to midnight with the same offset at both; asking for all of it costs ten times as much.
  const offset = offsetMs(timeZone, startMs);
  const nextMs = nextMidnight(unit, startMs + offset) - offset;
  if (offsetMs(timeZone, nextMs) === offset) return nextMs;
  return DateTime.fromMillis(startMs, { zone: timeZone })
    .plus({ [unit]: 1 })
    .startOf(unit)
    .toMillis();
}

/** By a clock that is never changed. @returns NaN where the unit does not begin at midnight */
function nextMidnight(unit: CalendarUnit, localMs: number): number {
  if (localMs % MS_PER_DAY !== 0) return Number.NaN;
  if (unit === 'day') return localMs + MS_PER_DAY;
  if (unit === 'week') return localMs + 7 * MS_PER_DAY;
  const date = new Date(localMs);
  if (unit === 'month') return date.setUTCMonth(date.getUTCMonth() + 1);
  return date.setUTCFullYear(date.getUTCFullYear() + 1);
}

/** ISO weekday (1 is Monday) and hour that the clocks show. */
export function weekdayAndHour(timeZone: string, timeMs: number): { weekday: number; hour: number } {
  const { weekday, hour } = DateTime.fromMillis(timeMs, { zone: timeZone });
  return { weekday, hour };
}

/** Days, for callers that walk through time: most questions are about the day of the last one. */
export class LocalDays {
  private readonly timeZone: string;
  private startMs = Number.NaN;
  private endMs = Number.NaN;

  constructor(timeZone: string) {
    this.timeZone = timeZone;
  }

  /** Start of the day that holds the instant. */
  startOf(timeMs: number): number {
    if (!(timeMs >= this.startMs && timeMs < this.endMs)) {
      const isNext = timeMs >= this.endMs && timeMs - this.endMs < SHORTEST_DAY_MS;
      this.startMs = isNext ? this.endMs : startOfUnit(this.timeZone, 'day', timeMs);
      this.endMs = nextUnit(this.timeZone, 'day', this.startMs);
    }
    return this.startMs;
  }

  /** Start of the day after the one that holds the instant. */
  endOf(timeMs: number): number {
    this.startOf(timeMs);
    return this.endMs;
  }

  /** The first start of a day at or after the instant. */
  startAtOrAfter(timeMs: number): number {
    const startMs = this.startOf(timeMs);
    return startMs === timeMs ? startMs : this.endMs;
  }
}
