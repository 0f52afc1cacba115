/**
 * The original Gem House download, and how a row of it becomes one of a replay file. Pure.
 *
 *   date,timestamp,energy,power,power1,power2,power3                             (no title line; any order, more columns are allowed)
 *   2017-11-01 00:00:01.604,1509494401604,17522361115000,477550,192650,35510,249390
 *
 * `date` is UTC, with a blank or a T in the middle: in the publisher's own sample it is the same instant as `timestamp`. Where the
 * two differ the timestamp holds, which is all that a replay reads, and the row is counted. A file without the column
 * `timestamp` has its times from `date`, as UTC.
 */
import { MS_PER_DAY, MS_PER_SECOND } from '../../../common/units.ts';
import { type AcceptedRow, acceptRow, type Columns, isHeader } from './gem-house-row.ts';

/** The first two lines of a replay file. */
export const REPLAY_HEAD = 'household\ndate,timestamp,energy,power,power1,power2,power3\n';

const VALUES = ['energy', 'power', 'power1', 'power2', 'power3'] as const;
const REPLAY_COLUMNS: Columns = { count: 7, timestamp: 1, energy: 2, power: 3, power1: 4, power2: 5, power3: 6 };
/** Lines in which the header is looked for: a title may stand before it. */
const HEADER_LINES_MAX = 2;
/** Characters that are shown of a line which is no header. */
const SHOWN_LENGTH_MAX = 80;
/** `date` may be cut to the second. */
const DATE_DIFFERS_FROM_MS = 1_000;

/** Where the columns are; `timestamp` may be missing. */
export interface OriginalColumns {
  count: number;
  date: number | undefined;
  timestamp: number | undefined;
  values: readonly number[];
}

export type OriginalHead =
  | { kind: 'readings'; columns: OriginalColumns; headerLines: number }
  /** A table of something else, like the daily sums of the same download. */
  | { kind: 'other'; reason: string }
  | { kind: 'faulty'; line: number; reason: string };

export interface ReplayRow {
  kind: 'row';
  timeMs: number;
  /** With its line end. */
  line: string;
  dateDiffers: boolean;
}

/** @param lines the first lines of a file, split into fields, without a byte order mark */
export function originalHeadOf(lines: readonly (readonly string[])[]): OriginalHead {
  const at = lines.slice(0, HEADER_LINES_MAX).findIndex(isHeader);
  const header = lines[at];
  if (header === undefined) return noHeader(lines[0] ?? []);
  const missing = VALUES.filter((name) => !header.includes(name));
  if (!header.includes('timestamp') && !header.includes('date')) return faulty(at, 'has neither a column timestamp nor a column date');
  if (missing.length > 0) return faulty(at, `has no column ${missing.join(', ')}`);
  const indexOf = (name: string) => (header.includes(name) ? header.indexOf(name) : undefined);
  const columns = {
    count: header.length,
    date: indexOf('date'),
    timestamp: indexOf('timestamp'),
    values: VALUES.map((name) => header.indexOf(name)),
  };
  const first = lines[at + 1];
  if (columns.timestamp === undefined && first !== undefined && /^\d{4}-\d\d-\d\d$/.test(first[columns.date ?? 0] ?? '')) {
    return { kind: 'other', reason: 'its rows have a day and no time: sums of days, no readings' };
  }
  return { kind: 'readings', columns, headerLines: at + 1 };
}

function noHeader(first: readonly string[]): OriginalHead {
  const isOtherTable = first.length >= 2 && first.every((name) => /^[A-Za-z_][\w ]*$/.test(name));
  if (isOtherTable) return { kind: 'other', reason: `its columns are ${first.join(',').slice(0, SHOWN_LENGTH_MAX)}: no readings` };
  const shown = JSON.stringify(first.join(',').slice(0, SHOWN_LENGTH_MAX));
  return faulty(0, first.length === 0 ? 'is empty, like the whole file' : `is not a Gem House header: ${shown}`);
}

function faulty(index: number, reason: string): OriginalHead {
  return { kind: 'faulty', line: index + 1, reason };
}

/** @returns the row as a replay file has it, or why it is none; numbers stay as they were written */
export function replayRowOf(fields: readonly string[], columns: OriginalColumns): ReplayRow | string {
  if (fields.length !== columns.count) return `${fields.length} columns instead of ${columns.count}`;
  const { date, timestamp } = columns;
  const dateMs = date === undefined ? undefined : timeOf(fields[date] as string);
  if (timestamp === undefined && dateMs === undefined) return 'date is not a time like 2019-12-24 00:00:01.982';
  const time = timestamp === undefined ? String(dateMs) : (fields[timestamp] as string);
  const values = columns.values.map((index) => fields[index] as string);
  const row: AcceptedRow | string = acceptRow(['', time, ...values], REPLAY_COLUMNS);
  if (typeof row === 'string') return row;
  const { timeMs } = row;
  const dateDiffers = date !== undefined && (dateMs === undefined || Math.abs(dateMs - timeMs) >= DATE_DIFFERS_FROM_MS);
  return { kind: 'row', timeMs, line: `${dateTextOf(timeMs)},${time},${values.join(',')}\n`, dateDiffers };
}

const TIME = /^(\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?Z?$/;

/** UTC. Undefined for what is no time, like February 30th. */
export function timeOf(text: string): number | undefined {
  const match = TIME.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second, fraction = ''] = match;
  const ms = Number(fraction.slice(0, 3).padEnd(3, '0'));
  const timeMs = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second), ms);
  const written = `${year}-${month}-${day} ${hour}:${minute}:${second}`;
  return dateTextOf(timeMs) === written ? timeMs : undefined;
}

let dayMs = Number.NaN;
let dayText = '';

/** `YYYY-MM-DD HH:mm:ss`, UTC. Rows of one day follow each other: its text is kept. */
export function dateTextOf(timeMs: number): string {
  const ofDay = ((timeMs % MS_PER_DAY) + MS_PER_DAY) % MS_PER_DAY;
  if (timeMs - ofDay !== dayMs) {
    dayMs = timeMs - ofDay;
    dayText = new Date(dayMs).toISOString().split('T')[0] as string;
  }
  const seconds = Math.floor(ofDay / MS_PER_SECOND);
  return `${dayText} ${twoDigits(Math.floor(seconds / 3_600))}:${twoDigits(Math.floor(seconds / 60) % 60)}:${twoDigits(seconds % 60)}`;
}

function twoDigits(number: number): string {
  return number < 10 ? `0${number}` : String(number);
}
