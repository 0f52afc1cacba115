/**
 * A quick look over a whole Gem House file: its earliest and latest accepted reading and its first one. Reads only the
 * timestamps of most rows, from the bytes; a row that would be the earliest or latest of its chunk is checked as a whole,
 * by the same rule as the reader's, so the answer is exact.
 *
 * It also names the first line whose time is far from that of the reading above it.
 */
import { closeSync, fstatSync } from 'node:fs';
import { MS_PER_DAY } from '../../../common/units.ts';
import { BYTE_ORDER_MARK, headerOf, openFile, placeOf, readBytes, splitLine, tooLong } from './gem-house-csv.ts';
import { acceptRow, type Columns } from './gem-house-row.ts';

export interface FileScan {
  bytes: number;
  /** Undefined for a file without an accepted row. */
  readings: { minMs: number; maxMs: number /** The first accepted line as written, without its end. */; firstLine: string } | undefined;
  /** Undefined when no two readings that follow each other are far apart. */
  jump?: TimeJump | undefined;
}

/** The first reading whose time is far from that of the one above it. */
export interface TimeJump {
  line: number;
  fromMs: number;
  toMs: number;
}

/** Times further apart than this are worth a notice. */
export const FAR_DAYS = 31;
export const FAR_MS = FAR_DAYS * MS_PER_DAY;

/** Bytes read at once, and the longest line. */
const SCAN_BYTES = 1 << 20;

const LF = 10;
const CR = 13;
const COMMA = 44;
const QUOTE = 34;
const ZERO = 48;
/** More digits are no time (gem-house-row.ts). */
const TIME_DIGITS_MAX = 16;

interface Found {
  minMs: number;
  maxMs: number;
  firstLine: string | undefined;
  /** Time of the reading above, as far as it is known. */
  previousMs: number | undefined;
  /** Where the line of the jump begins in the file. */
  jump: { offset: number; fromMs: number; toMs: number } | undefined;
  /** Added to a byte's place in its memory it gives the one in the file. */
  origin: number;
}

/** @throws OperatingError DATA_UNREADABLE when the file can't be read or has no Gem House header */
export function scanFile(path: string): FileScan {
  const file = openFile(path, path);
  try {
    const bytes = fstatSync(file).size;
    const found: Found = {
      minMs: Number.POSITIVE_INFINITY,
      maxMs: Number.NEGATIVE_INFINITY,
      firstLine: undefined,
      previousMs: undefined,
      jump: undefined,
      origin: 0,
    };
    const mark = readBytes(path, file, 0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK) ? BYTE_ORDER_MARK.length : 0;
    let columns: Columns | undefined;
    for (let offset = mark; ; ) {
      const chunk = readBytes(path, file, offset, SCAN_BYTES);
      const atEnd = chunk.length < SCAN_BYTES;
      const whole = atEnd ? chunk.length : chunk.lastIndexOf(LF) + 1;
      if (whole === 0 && !atEnd) throw tooLong(placeOf(path, linesBefore(path, file, offset) + 1), SCAN_BYTES);
      found.origin = offset - chunk.byteOffset;
      let lines = chunk.subarray(0, whole);
      if (columns === undefined) {
        const header = headerOf(path, lines);
        columns = header.columns;
        lines = lines.subarray(header.headerBytes);
      }
      scanLines(lines, columns, found);
      if (atEnd) break;
      offset += whole;
    }
    const { minMs, maxMs, firstLine, jump } = found;
    const readings = firstLine === undefined ? undefined : { minMs, maxMs, firstLine };
    if (jump === undefined) return { bytes, readings };
    const { offset, fromMs, toMs } = jump;
    return { bytes, readings, jump: { line: linesBefore(path, file, offset) + 1, fromMs, toMs } };
  } finally {
    closeSync(file);
  }
}

function linesBefore(path: string, file: number, endOffset: number): number {
  let lines = 0;
  for (let offset = 0; offset < endOffset; offset += SCAN_BYTES) {
    const chunk = readBytes(path, file, offset, Math.min(SCAN_BYTES, endOffset - offset));
    for (let at = chunk.indexOf(LF); at >= 0; at = chunk.indexOf(LF, at + 1)) lines++;
  }
  return lines;
}

function scanLines(lines: Buffer, columns: Columns, found: Found): void {
  if (lines.indexOf(QUOTE) >= 0) return checkEveryLine(lines, columns, found);
  const { previousMs } = found;
  const extremes = found.firstLine === undefined ? undefined : extremesOf(lines, columns, found);
  if (extremes === undefined) return checkEveryLineUntilFirst(lines, columns, found);
  for (const { timeMs, at } of extremes) {
    if (at < 0 || (timeMs >= found.minMs && timeMs <= found.maxMs)) continue;
    if (checkLine(lineAt(lines, at), columns, found) !== undefined) continue;
    found.previousMs = previousMs;
    return checkEveryLine(lines, columns, found);
  }
}

/** Until the first accepted row is known, every line is checked; the rest of the chunk goes the quick way. */
function checkEveryLineUntilFirst(lines: Buffer, columns: Columns, found: Found): void {
  let at = 0;
  while (at < lines.length && found.firstLine === undefined) {
    found.previousMs = checkLine(lineAt(lines, at), columns, found);
    at = endOfLine(lines, at) + 1;
  }
  if (at < lines.length) scanLines(lines.subarray(at), columns, found);
}

function checkEveryLine(lines: Buffer, columns: Columns, found: Found): void {
  for (let at = 0; at < lines.length; at = endOfLine(lines, at) + 1) {
    const timeMs = checkLine(lineAt(lines, at), columns, found);
    if (timeMs === undefined) continue;
    if (isFar(timeMs, found)) noteJump(lines, at, timeMs, found);
    found.previousMs = timeMs;
  }
}

function isFar(timeMs: number, { previousMs }: Found): boolean {
  return previousMs !== undefined && Math.abs(timeMs - previousMs) > FAR_MS;
}

function noteJump(lines: Buffer, at: number, toMs: number, found: Found): void {
  found.jump ??= { offset: found.origin + lines.byteOffset + at, fromMs: found.previousMs as number, toMs };
}

/** @returns its time when the line is an accepted row */
function checkLine(line: string, columns: Columns, found: Found): number | undefined {
  const row = acceptRow(splitLine(line) ?? [], columns);
  if (typeof row === 'string') return undefined;
  found.firstLine ??= line;
  found.minMs = Math.min(found.minMs, row.timeMs);
  found.maxMs = Math.max(found.maxMs, row.timeMs);
  return row.timeMs;
}

/** The lines with the least and the greatest number in the timestamp column; `at` -1 when no line has one. */
function extremesOf(lines: Buffer, columns: Columns, found: Found): [{ timeMs: number; at: number }, { timeMs: number; at: number }] {
  const { timestamp: timestampColumn } = columns;
  const least = { timeMs: Number.POSITIVE_INFINITY, at: -1 };
  const greatest = { timeMs: Number.NEGATIVE_INFINITY, at: -1 };
  for (let start = 0; start < lines.length; ) {
    let at = start;
    for (let column = 0; column < timestampColumn && at < lines.length; at++) if (lines[at] === COMMA) column++;
    const digitsAt = at;
    let timeMs = 0;
    for (; at < lines.length; at++) {
      const digit = (lines[at] as number) - ZERO;
      if (digit < 0 || digit > 9) break;
      timeMs = timeMs * 10 + digit;
    }
    // A line with fewer columns runs into the next one here: then what is found is checked, rejected, and every line looked at.
    if (at > digitsAt && at - digitsAt <= TIME_DIGITS_MAX) {
      if (timeMs < least.timeMs) [least.timeMs, least.at] = [timeMs, start];
      if (timeMs > greatest.timeMs) [greatest.timeMs, greatest.at] = [timeMs, start];
      if (!isFar(timeMs, found)) found.previousMs = timeMs;
      else if (found.jump === undefined && typeof acceptRow(splitLine(lineAt(lines, start)) ?? [], columns) !== 'string') {
        noteJump(lines, start, timeMs, found);
        found.previousMs = timeMs;
      }
    }
    start = endOfLine(lines, start) + 1;
  }
  return [least, greatest];
}

function lineAt(lines: Buffer, start: number): string {
  const end = endOfLine(lines, start);
  return lines.toString('utf8', start, end > start && lines[end - 1] === CR ? end - 1 : end);
}

function endOfLine(lines: Buffer, start: number): number {
  const end = lines.indexOf(LF, start);
  return end < 0 ? lines.length : end;
}
