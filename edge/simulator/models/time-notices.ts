/**
 * Times that are no accident of a day: a clock that began at 1970, a year with a wrong digit. Such a row is a reading like any other, but
 * the beginning and the end of the run follow from it, so somebody must be told. Pure.
 */
import { MS_PER_DAY } from '../../../common/units.ts';
import { isoTime } from '../../../common/iso-time.ts';
import { placeOf } from './gem-house-csv.ts';
import type { HouseholdFile } from './household-folder.ts';
import { FAR_DAYS, FAR_MS } from './gem-house-scan.ts';

/** Files that are named; the others are counted. */
const NAMED_MAX = 10;

/** A line for each file whose times are far from each other, or from those of the other files. */
export function timeNotices(files: readonly HouseholdFile[]): string[] {
  const spans = files.flatMap(({ scan }) => (scan.readings === undefined ? [] : [scan.readings]));
  const usualMinMs = middleOf(spans.map(({ minMs }) => minMs));
  const usualMaxMs = middleOf(spans.map(({ maxMs }) => maxMs));
  const notices = files.flatMap(({ path, scan }) => {
    const { readings, jump } = scan;
    if (readings === undefined) return [];
    if (jump !== undefined) {
      const { line, fromMs, toMs } = jump;
      const far = `${daysText(toMs - fromMs)} ${toMs > fromMs ? 'after' : 'before'} the reading above it (${isoTime(fromMs)})`;
      return [`${placeOf(path, line)} has the time ${isoTime(toMs)}, ${far}`];
    }
    if (usualMinMs - readings.minMs > FAR_MS)
      return [`${path} begins at ${isoTime(readings.minMs)}, ${daysText(usualMinMs - readings.minMs)} before other households do`];
    if (readings.maxMs - usualMaxMs > FAR_MS)
      return [`${path} ends at ${isoTime(readings.maxMs)}, ${daysText(readings.maxMs - usualMaxMs)} after other households do`];
    return [];
  });
  if (notices.length <= NAMED_MAX) return notices;
  return [...notices.slice(0, NAMED_MAX), `${notices.length - NAMED_MAX} more files have times that are more than ${FAR_DAYS} days apart`];
}

function daysText(ms: number): string {
  return `${Math.round(Math.abs(ms) / MS_PER_DAY)} days`;
}

/** Of an even number the later one. */
function middleOf(times: number[]): number {
  return times.sort((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0;
}
