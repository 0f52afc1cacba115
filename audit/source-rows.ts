/**
 * The household files, read for the audit alone: nothing of the simulator's reader is in here, so a mistake there is not
 * repeated. The rules are those of data/README.md, and R1: src is the first 8 hex digits of the SHA-256 of household, device and
 * first accepted line, one below the other (a later pass of a loop adds `pass N`); the n-th accepted row is seq n.
 *
 * A whole file is held as columns of numbers, 60 bytes a row: one household at a time.
 */
import { createHash } from 'node:crypto';
import { closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { OperatingError } from '../common/errors.ts';
import { addReadingDigest, type Digest, textDigest } from '../common/protocol/digest.ts';

/** The one device of a Gem House household. */
export const METER = 'meter';
/** Fields of a reading, and what a column's number is divided by: milliwatt to W, 1e-10 kWh to kWh. */
export const FIELD_SCALES = [
  ['energy', 1e10],
  ['power', 1e3],
  ['power1', 1e3],
  ['power2', 1e3],
  ['power3', 1e3],
] as const;
export const FIELDS = FIELD_SCALES.map(([field]) => field);

const CHUNK_BYTES = 1 << 20;
/** The latest instant that a Date holds. */
const TIME_MS_MAX = 8.64e15;
const DECIMAL = /^\s*[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?\s*$/;

export interface RejectedLine {
  line: number;
  reason: string;
}

export interface SourceFile {
  household: string;
  path: string;
}

/** Row i is seq i + 1. */
export interface SourceRows extends SourceFile {
  /** A model's readings are known from the topic alone. */
  kind: 'file' | 'model';
  device: string;
  /** Columns of `values`. */
  fields: readonly string[];
  /** What stands there, for people: `the file`, `the file's rows`. */
  told: { whole: string; rows: string };
  count: number;
  lines: number[];
  timesMs: number[];
  /** Greatest time up to the row: R10's T. */
  reachedMs: number[];
  /** By field, in the order of `fields`. */
  values: number[][];
  rejected: RejectedLine[];
  /** For each rejected line the number of accepted rows before it. */
  rejectedAfter: number[];
  firstLine: string | undefined;
}

/** @throws OperatingError DATA_UNREADABLE: no folder, or no CSV file in it */
export function sourceFiles(dir: string): SourceFile[] {
  let names: string[];
  try {
    names = readdirSync(dir).filter((name) => name.endsWith('.csv') && !name.startsWith('.') && statSync(join(dir, name)).isFile());
  } catch (cause) {
    throw unreadable(`${dir} can not be read`, cause);
  }
  if (names.length === 0) throw unreadable(`${dir} has no CSV file`);
  return names.sort().map((name) => ({ household: basename(name, '.csv'), path: join(dir, name) }));
}

/** @throws OperatingError DATA_UNREADABLE */
export function readSource(file: SourceFile): SourceRows {
  const rows: SourceRows = {
    ...file,
    kind: 'file',
    device: METER,
    fields: FIELDS,
    told: { whole: 'the file', rows: "the file's rows" },
    count: 0,
    lines: [],
    timesMs: [],
    reachedMs: [],
    values: FIELDS.map(() => []),
    rejected: [],
    rejectedAfter: [],
    firstLine: undefined,
  };
  let header: string[] | undefined;
  let number = 0;
  for (const line of linesOf(file.path)) {
    number++;
    if (header === undefined) {
      const cells = cellsOf(line) ?? [];
      if (cells.includes('timestamp')) {
        header = cells;
        if (isPowerAlone(header)) Object.assign(rows, { fields: ['power'], values: [[]] });
      } else if (number === 2) break;
    } else if (line !== '') takeLine(rows, header, line, number);
  }
  const absent = ['timestamp', ...FIELDS].filter((column) => header?.includes(column) !== true);
  if (isPowerAlone(header)) return rows;
  if (absent.length > 0) throw unreadable(`${file.path} has no column ${absent.join(', ')} in its first two lines`);
  return rows;
}

function takeLine(rows: SourceRows, header: readonly string[], line: string, number: number): void {
  const cells = cellsOf(line);
  const reject = (reason: string) => {
    rows.rejected.push({ line: number, reason });
    rows.rejectedAfter.push(rows.count);
  };
  if (cells === undefined) return reject('a quote is not closed');
  if (cells.length !== header.length) return reject(`${cells.length} columns`);
  const time = cells[header.indexOf('timestamp')] as string;
  if (!/^\d{1,16}$/.test(time) || Number(time) > TIME_MS_MAX) return reject('timestamp');
  const numbers = rows.fields.map((field) => {
    const text = cells[header.indexOf(field)] as string;
    return DECIMAL.test(text) ? Number(text) : Number.NaN;
  });
  const wrong = numbers.findIndex((value) => !Number.isFinite(value));
  if (wrong >= 0) return reject(rows.fields[wrong] as string);
  const timeMs = Number(time);
  rows.firstLine ??= line;
  rows.lines.push(number);
  rows.timesMs.push(timeMs);
  rows.reachedMs.push(Math.max(timeMs, rows.reachedMs.at(-1) ?? 0));
  numbers.forEach((value, field) => (rows.values[field] as number[]).push(value / scaleOf(rows.fields[field])));
  rows.count++;
}

/** A file of power alone has none of the other columns. */
function isPowerAlone(header: readonly string[] | undefined): boolean {
  const there = FIELDS.filter((field) => header?.includes(field) === true);
  return header?.includes('timestamp') === true && there.length === 1 && there[0] === 'power';
}

function scaleOf(field: string | undefined): number {
  return FIELD_SCALES.find(([its]) => its === field)?.[1] as number;
}

/** @param pass counts from 0 */
export function srcOf(household: string, firstLine: string, pass: number): string {
  const text = [household, METER, firstLine, ...(pass === 0 ? [] : [`pass ${pass}`])].join('\n');
  return createHash('sha256').update(text).digest('hex').slice(0, 8);
}

/** Running sums of the hashes: what any range of seqs adds up to, in two look-ups. */
export class SourceDigests {
  private readonly high: Uint32Array;
  private readonly low: Uint32Array;

  constructor(rows: SourceRows, src: string, shiftMs: number) {
    this.high = new Uint32Array(rows.count + 1);
    this.low = new Uint32Array(rows.count + 1);
    const source = textDigest(`${rows.household}/${rows.device}/${src}`);
    const sum: Digest = { high: 0, low: 0 };
    const values: Record<string, number> = {};
    for (let i = 0; i < rows.count; i++) {
      rows.fields.forEach((field, at) => (values[field] = rows.values[at]?.[i] as number));
      addReadingDigest(sum, source, i + 1, (rows.timesMs[i] as number) + shiftMs, values);
      this.high[i + 1] = sum.high;
      this.low[i + 1] = sum.low;
    }
  }

  /** Of the seqs in the intervals, as far as the source has them: sum of (to) - sum of (from - 1) mod 2^64. */
  of(intervals: Iterable<readonly [number, number]>): Digest {
    const last = this.high.length - 1;
    let total = 0n;
    for (const [from, to] of intervals) total += this.upTo(Math.min(to, last)) - this.upTo(Math.min(from - 1, last));
    total = BigInt.asUintN(64, total);
    return { high: Number(total >> 32n), low: Number(total & 0xffffffffn) };
  }

  private upTo(seq: number): bigint {
    return (BigInt(this.high[seq] as number) << 32n) | BigInt(this.low[seq] as number);
  }
}

/** Lines without their ends (LF or CRLF) and without a byte order mark. */
function* linesOf(path: string): Generator<string> {
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  let file: number | undefined;
  try {
    file = openSync(path, 'r');
    let rest = Buffer.alloc(0);
    let isFirst = true;
    for (;;) {
      const length = readSync(file, chunk, 0, CHUNK_BYTES, null);
      let bytes = Buffer.concat([rest, chunk.subarray(0, length)]);
      if (isFirst && bytes.length >= 3 && bytes.readUIntBE(0, 3) === 0xefbbbf) bytes = bytes.subarray(3);
      isFirst = false;
      let at = 0;
      for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, at)) {
        yield textOf(bytes, at, end);
        at = end + 1;
      }
      rest = bytes.subarray(at);
      if (length > 0) continue;
      if (rest.length > 0) yield textOf(rest, 0, rest.length);
      return;
    }
  } catch (cause) {
    throw unreadable(`${path} can not be read`, cause);
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

function textOf(bytes: Buffer, from: number, to: number): string {
  return bytes.toString('utf8', from, to > from && bytes[to - 1] === 13 ? to - 1 : to);
}

/** Cells of a line; one that begins with a quote ends at the next single quote. Undefined when that is missing. */
function cellsOf(line: string): string[] | undefined {
  if (!line.includes('"')) return line.split(',');
  const cells: string[] = [];
  for (let at = 0; at <= line.length; ) {
    if (line[at] === '"') {
      const quoted = /^"((?:[^"]|"")*)"(?=,|$)/.exec(line.slice(at));
      if (quoted === null) return undefined;
      cells.push((quoted[1] as string).replaceAll('""', '"'));
      at += quoted[0].length + 1;
    } else {
      const end = line.indexOf(',', at);
      cells.push(line.slice(at, end < 0 ? undefined : end));
      at = end < 0 ? line.length + 1 : end + 1;
    }
  }
  return cells;
}

function unreadable(message: string, cause?: unknown): OperatingError {
  const hint = 'name the folder that was replayed with --data DIR: one CSV file per household (data/README.md)';
  return new OperatingError('DATA_UNREADABLE', message, { retryable: false, hint, cause });
}
