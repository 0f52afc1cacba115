/** Times as people and files write them: ISO-8601 in UTC outside, integer milliseconds inside. */

/** Greatest distance from 1970 that a Date holds; the same limit both ways. */
const DATE_MS_MAX = 8.64e15;

/** e.g. 2019-12-24T00:00:05.000Z. A time no Date holds is shown as the nearest one that can be. */
export function isoTime(timeMs: number): string {
  return new Date(Math.min(DATE_MS_MAX, Math.max(-DATE_MS_MAX, timeMs))).toISOString();
}

const ISO_WITH_ZONE = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2})|Z)$/;

/**
 * ISO-8601 with a zone (`2019-12-24T06:00:00Z`, `…+01:00`; a day alone as `2019-12-24Z`) or epoch milliseconds. A local
 * time without a zone is refused: it means another instant on every machine.
 * @returns milliseconds UTC, or undefined when the text is no such time
 */
export function parseTime(text: string): number | undefined {
  if (/^-?\d{1,16}$/.test(text)) {
    const timeMs = Number(text);
    return Math.abs(timeMs) <= DATE_MS_MAX ? timeMs : undefined;
  }
  if (!ISO_WITH_ZONE.test(text)) return undefined;
  const timeMs = Date.parse(text.length === 11 ? text.slice(0, 10) : text);
  return Number.isNaN(timeMs) ? undefined : timeMs;
}

/** What to tell who wrote a time that parseTime refuses. */
export const TIME_REMEDY = 'write a time with its zone, e.g. 2019-12-24T06:00:00Z, or milliseconds since 1970';
