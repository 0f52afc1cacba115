/**
 * Pure: calendar arithmetic in a time zone; the page's one door to luxon beside the charts' time axis. A day is from local
 * midnight to local midnight: 23, 24 or 25 hours.
 */
import { DateTime } from 'luxon';

export type CalendarUnit = 'day' | 'week' | 'month' | 'year';

export interface Span {
  fromMs: number;
  /** Not in it. */
  toMs: number;
}

/** The day, ISO week, month or year that holds the instant. */
export function calendarSpan(timeMs: number, unit: CalendarUnit, zone: string): Span {
  const start = DateTime.fromMillis(timeMs, { zone }).startOf(unit);
  return { fromMs: start.toMillis(), toMs: start.plus({ [unit]: 1 }).toMillis() };
}

/** The unit that the span is exactly one of, or undefined. */
export function unitOf({ fromMs, toMs }: Span, zone: string): CalendarUnit | undefined {
  return (['day', 'week', 'month', 'year'] as const).find((unit) => {
    const span = calendarSpan(fromMs, unit, zone);
    return span.fromMs === fromMs && span.toMs === toMs;
  });
}

/** The instant so many units later by the local calendar: the same time of day, also over a change of the clocks. */
export function shifted(timeMs: number, amount: number, unit: CalendarUnit, zone: string): number {
  return DateTime.fromMillis(timeMs, { zone })
    .plus({ [unit]: amount })
    .toMillis();
}

/** The span before (`steps` −1) or after: the neighbouring month of a month, otherwise as long as itself, by local time. */
export function neighbour(span: Span, steps: number, zone: string): Span {
  const unit = unitOf(span, zone);
  if (unit !== undefined) {
    return { fromMs: shifted(span.fromMs, steps, unit, zone), toMs: shifted(span.toMs, steps, unit, zone) };
  }
  const byMs = steps * (localMs(span.toMs, zone) - localMs(span.fromMs, zone));
  return { fromMs: movedLocally(span.fromMs, byMs, zone), toMs: movedLocally(span.toMs, byMs, zone) };
}

/** The same span a year earlier, by local time. */
export function lastYear({ fromMs, toMs }: Span, zone: string): Span {
  return { fromMs: shifted(fromMs, -1, 'year', zone), toMs: shifted(toMs, -1, 'year', zone) };
}

/** The instant whose local time is later by the same amount as `toMs` is later than `fromMs`. */
export function alignedTo(timeMs: number, fromMs: number, toMs: number, zone: string): number {
  return movedLocally(timeMs, localMs(toMs, zone) - localMs(fromMs, zone), zone);
}

/** `2019-12-24T06:00` of an input field of the browser, as local time of the zone; undefined when it is no time. */
export function parseLocal(text: string, zone: string): number | undefined {
  const time = DateTime.fromISO(text, { zone });
  return time.isValid ? time.toMillis() : undefined;
}

/** What an input field of type datetime-local shows. */
export function inputText(timeMs: number, zone: string): string {
  return DateTime.fromMillis(timeMs, { zone }).toFormat("yyyy-MM-dd'T'HH:mm");
}

/** The zone's short name at the instant, e.g. CET, CEST, UTC. */
export function zoneName(timeMs: number, zone: string): string {
  if (zone === 'UTC') return zone;
  // English of Britain knows the European abbreviations; other languages say GMT+1.
  return DateTime.fromMillis(timeMs, { zone, locale: 'en-GB' }).toFormat('ZZZZ');
}

/** The wall clock's reading as if it were UTC. */
export function localMs(timeMs: number, zone: string): number {
  return timeMs + DateTime.fromMillis(timeMs, { zone }).offset * 60_000;
}

function movedLocally(timeMs: number, byMs: number, zone: string): number {
  const local = DateTime.fromMillis(localMs(timeMs, zone) + byMs, { zone: 'UTC' });
  return local.setZone(zone, { keepLocalTime: true }).toMillis();
}
