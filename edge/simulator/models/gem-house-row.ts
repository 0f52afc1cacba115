/**
 * What a row of a Gem House file must be, and what it means. Pure. One rule for everybody: the reader, and the scan that
 * looks for the earliest reading.
 *
 *   household                                                   (a title line, may be missing)
 *   date,timestamp,energy,power,power1,power2,power3            (any order, more columns are allowed)
 *   2019-12-24 00:00:01,1577145601982,90823166859000,249050,98090,111870,39090
 */
import { kwhFromRegister, wattsFromMilliwatts } from '../../../common/units.ts';

/** Where the known columns are. A file of power alone has -1 for energy and the phases. */
export interface Columns {
  count: number;
  timestamp: number;
  energy: number;
  power: number;
  power1: number;
  power2: number;
  power3: number;
}

export interface AcceptedRow {
  timeMs: number;
  /** A file of power alone gives power alone. */
  values: {
    readonly power: number;
    readonly power1?: number;
    readonly power2?: number;
    readonly power3?: number;
    readonly energy?: number;
  };
}

const POWER_ALONE = ['timestamp', 'power'] as const;
const KNOWN_COLUMNS = ['timestamp', 'energy', 'power', 'power1', 'power2', 'power3'] as const;
/** Digits that a float64 holds exactly. */
const EXACT_DIGITS = 15;
/** The latest instant that a Date holds, and its digits. */
const TIME_MS_MAX = 8.64e15;
const TIME_DIGITS_MAX = 16;
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;
const ZERO = 48;
const MINUS = 45;

/** Whether a line is meant as the header, complete or not. A title names one thing at most. */
export function isHeader(fields: readonly string[]): boolean {
  return KNOWN_COLUMNS.filter((name) => fields.includes(name)).length >= 2;
}

/** @returns the columns, or what is wrong with the header */
export function columnsOf(header: readonly string[]): Columns | string {
  const missing = KNOWN_COLUMNS.filter((name) => !header.includes(name));
  // One that has some of the other columns was meant to have them all.
  const isPowerAlone = POWER_ALONE.every((name) => header.includes(name)) && missing.length === KNOWN_COLUMNS.length - POWER_ALONE.length;
  if (missing.length > 0 && !isPowerAlone) return `no column ${missing.join(', ')}`;
  const columns = { count: header.length } as Columns;
  for (const name of KNOWN_COLUMNS) columns[name] = header.indexOf(name);
  return columns;
}

/** @returns the row, or why it is rejected */
export function acceptRow(fields: readonly string[], columns: Columns): AcceptedRow | string {
  if (fields.length !== columns.count) return `${fields.length} columns instead of ${columns.count}`;
  const timeMs = digitsOf(fields[columns.timestamp] as string);
  if (timeMs === undefined) return 'timestamp is not a time in ms';
  const power = numberOf(fields[columns.power] as string);
  if (columns.energy < 0)
    return Number.isFinite(power) ? { timeMs, values: { power: wattsFromMilliwatts(power) } } : 'power is not a finite number';
  const power1 = numberOf(fields[columns.power1] as string);
  const power2 = numberOf(fields[columns.power2] as string);
  const power3 = numberOf(fields[columns.power3] as string);
  const energy = numberOf(fields[columns.energy] as string);
  // The sum is NaN as soon as one of them is; it may also be that of huge numbers, so each is looked at then.
  if (!Number.isFinite(power + power1 + power2 + power3 + energy)) {
    for (const name of KNOWN_COLUMNS.slice(1))
      if (!Number.isFinite(numberOf(fields[columns[name]] as string))) return `${name} is not a finite number`;
  }
  return {
    timeMs,
    values: {
      power: wattsFromMilliwatts(power),
      power1: wattsFromMilliwatts(power1),
      power2: wattsFromMilliwatts(power2),
      power3: wattsFromMilliwatts(power3),
      energy: kwhFromRegister(energy),
    },
  };
}

/** A time is all digits, and one that a Date holds. */
function digitsOf(text: string): number | undefined {
  const { length } = text;
  if (length === 0 || length > TIME_DIGITS_MAX) return undefined;
  let value = 0;
  for (let i = 0; i < length; i++) {
    const digit = text.charCodeAt(i) - ZERO;
    if (digit < 0 || digit > 9) return undefined;
    value = value * 10 + digit;
  }
  return value <= TIME_MS_MAX ? value : undefined;
}

/** NaN for what is no number. Most are plain integers: those are read without a regular expression. */
function numberOf(text: string): number {
  const { length } = text;
  const first = text.charCodeAt(0) === MINUS ? 1 : 0;
  if (length === first || length - first > EXACT_DIGITS) return slowNumberOf(text);
  let value = 0;
  for (let i = first; i < length; i++) {
    const digit = text.charCodeAt(i) - ZERO;
    if (digit < 0 || digit > 9) return slowNumberOf(text);
    value = value * 10 + digit;
  }
  return first === 1 ? -value : value;
}

function slowNumberOf(text: string): number {
  const trimmed = text.trim();
  return NUMBER.test(trimmed) ? Number(trimmed) : Number.NaN;
}
