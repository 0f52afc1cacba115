/**
 * Reads a Gem House file row by row. The one door to csv-parse.
 *
 * What does not happen: no file is held, only a chunk of rows; no row is dropped silently: one that can't be used comes out
 * as `rejected`, with its line and the reason; only blank lines are passed over. seq counts the accepted rows from
 * the start of the file, always, so the same row has the same seq in every run, and a file may grow.
 *
 * A line ends with LF or CRLF. A quoted field ends in its line: otherwise that line is rejected, and no other.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { parse } from 'csv-parse/sync';
import { FOGLINE } from '../../../common/installation.ts';
import { OperatingError } from '../../../common/errors.ts';
import { type AcceptedRow, acceptRow, type Columns, columnsOf, isHeader } from './gem-house-row.ts';

export interface GemHouseRow extends AcceptedRow {
  kind: 'row';
  seq: number;
  /** Greatest event time up to this row: when the row is simulated. */
  reachedMs: number;
}

export interface RejectedRow {
  kind: 'rejected';
  line: number;
  reason: string;
  /** The beginning of the line. */
  raw: string;
}

export type GemHouseItem = GemHouseRow | RejectedRow;

/** A last line without its end: more of it may come, and then it means something else. */
export interface OpenEnd {
  line: number;
  /** Byte of the file where it begins. */
  offset: number;
  /** A character for each byte. */
  text: string;
}

/** Bytes read at once from one file. Larger ones make csv-parse slower. */
export const CHUNK_BYTES_MAX = 64 * 1024;
/** Bytes of the longest line that is looked at. */
const LINE_BYTES_MAX = 1 << 20;
/** Characters of a rejected line that are kept. */
const RAW_LENGTH_MAX = 1_000;
/** Characters that are shown of a line which is no header. */
const SHOWN_LENGTH_MAX = 80;

const LF = 10;
const CR = 13;
const QUOTE = 34;
export const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);
const UNQUOTED = { quote: false, record_delimiter: '\n', relax_column_count: true } as const;
const QUOTED = { quote: '"', relax_quotes: true, relax_column_count: true } as const;

/** Shared by all readers: what is in it is used up before the next one reads. */
let buffer = Buffer.allocUnsafe(CHUNK_BYTES_MAX);

export class GemHouseReader {
  readonly path: string;
  /** Known at the end of the file. */
  openEnd: OpenEnd | undefined;
  private readonly chunkBytes: number;
  /** Offset of the first byte not yet read as a row. */
  private offset = 0;
  private atEnd = false;
  private columns: Columns | undefined;
  /** Fields of the lines read, and where the next one is. */
  private records: string[][] = [];
  private next = 0;
  /** Lines as written, where they can't be told from the fields. */
  private lines: readonly string[] | undefined;
  private line = 0;
  private seq = 0;
  private reachedMs = 0;

  constructor(path: string, chunkBytes = CHUNK_BYTES_MAX) {
    this.path = path;
    this.chunkBytes = Math.min(chunkBytes, CHUNK_BYTES_MAX);
  }

  /**
   * The next row, or undefined at the end of the file.
   * @throws OperatingError DATA_UNREADABLE when the file can't be read or has no Gem House header
   */
  read(): GemHouseItem | undefined {
    for (;;) {
      const fields = this.records[this.next];
      if (fields === undefined) {
        if (!this.fill()) return undefined;
        continue;
      }
      const index = this.next++;
      this.line++;
      if (fields.length === 1 && (fields[0] === '' || fields[0] === '\r')) continue;
      const columns = this.columns as Columns;
      trimLineEnd(fields);
      const row = acceptRow(fields, columns);
      if (typeof row === 'string') return this.rejected(fields, index, row);
      const { timeMs, values } = row;
      if (timeMs > this.reachedMs) this.reachedMs = timeMs;
      return { kind: 'row', timeMs, values, seq: ++this.seq, reachedMs: this.reachedMs };
    }
  }

  private rejected(fields: readonly string[], index: number, reason: string): RejectedRow {
    const raw = this.lines?.[index] ?? fields.join(',');
    const unclosed = fields.length === 0;
    return {
      kind: 'rejected',
      line: this.line,
      reason: unclosed ? 'a quote is not closed in its line' : reason,
      raw: raw.slice(0, RAW_LENGTH_MAX),
    };
  }

  /** Reads the next chunk of whole lines. @returns false at the end of the file */
  private fill(): boolean {
    if (this.atEnd) return false;
    let chunk = this.readLines();
    if (this.columns === undefined) {
      const { columns, headerLines, headerBytes } = headerOf(this.path, chunk);
      this.columns = columns;
      this.line = headerLines;
      chunk = chunk.subarray(headerBytes);
    }
    this.lines = undefined;
    this.next = 0;
    if (this.atEnd) this.openEnd = this.openEndOf(chunk);
    this.records = chunk.indexOf(QUOTE) < 0 ? parse(chunk, UNQUOTED) : this.splitQuoted(chunk);
    return true;
  }

  private openEndOf(chunk: Buffer): OpenEnd | undefined {
    const bytes = chunk.subarray(chunk.lastIndexOf(LF) + 1);
    const text = bytes.toString('latin1');
    if (text === '' || text === '\r') return undefined;
    let ends = 0;
    for (let at = chunk.indexOf(LF); at >= 0; at = chunk.indexOf(LF, at + 1)) ends++;
    return { line: this.line + ends + 1, offset: this.offset - bytes.length, text };
  }

  private splitQuoted(chunk: Buffer): string[][] {
    const lines = linesOf(chunk);
    this.lines = lines;
    return lines.map((line) => splitLine(line) ?? []);
  }

  /** Whole lines from the offset on; at the end of the file also a last one without a line end. */
  private readLines(): Buffer {
    const place = this.offset === 0 ? this.path : placeOf(this.path, this.line + 1);
    const file = openFile(place, this.path);
    try {
      if (fstatSync(file).size < this.offset) throw unreadable(place, 'is gone: the file became shorter while it was read');
      if (this.offset === 0)
        this.offset = readBytes(place, file, 0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK) ? BYTE_ORDER_MARK.length : 0;
      for (let wanted = this.chunkBytes; ; wanted *= 2) {
        const bytes = readBytes(place, file, this.offset, wanted);
        this.atEnd = bytes.length < wanted;
        const whole = this.atEnd ? bytes.length : bytes.lastIndexOf(LF) + 1;
        // The first chunk holds the title line and the header.
        const isEnough = this.columns === undefined ? whole > bytes.indexOf(LF) + 1 : whole > 0;
        if (isEnough || this.atEnd) {
          this.offset += whole;
          return bytes.subarray(0, whole);
        }
        if (wanted >= LINE_BYTES_MAX) throw tooLong(placeOf(this.path, this.line + 1), LINE_BYTES_MAX);
      }
    } finally {
      closeSync(file);
    }
  }
}

/**
 * Where the known columns are.
 * @param start the first lines of the file, without a byte order mark
 * @throws OperatingError DATA_UNREADABLE for a file without a Gem House header
 */
export function headerOf(path: string, start: Buffer): { columns: Columns; headerLines: number; headerBytes: number } {
  if (start.length === 0) throw unreadable(placeOf(path, 1), 'is empty, like the whole file');
  const lines: string[] = [];
  let headerBytes = 0;
  while (lines.length < 2 && headerBytes < start.length) {
    const end = start.indexOf(LF, headerBytes);
    const line = start.toString('utf8', headerBytes, end < 0 ? start.length : end).replace(/\r$/, '');
    headerBytes = end < 0 ? start.length : end + 1;
    const headerLines = lines.push(line);
    const header = splitLine(line) ?? [];
    if (!isHeader(header)) continue;
    const columns = columnsOf(header);
    if (typeof columns === 'string') throw unreadable(placeOf(path, headerLines), `has ${columns}`);
    return { columns, headerLines, headerBytes };
  }
  // A title has no columns; what has some was meant as the header.
  const at = lines[0]?.includes(',') === true ? 1 : 2;
  const shown = JSON.stringify((lines[at - 1] ?? '').slice(0, SHOWN_LENGTH_MAX));
  throw unreadable(placeOf(path, at), `is not a Gem House header: ${shown}`);
}

/** True when the line that had no end is still the same, with its end or without. */
export function standsAsRead(path: string, { offset, text }: OpenEnd): boolean {
  const line = Buffer.from(text, 'latin1');
  const file = openFile(path, path);
  try {
    const bytes = readBytes(path, file, offset, line.length + 2);
    const rest = bytes.subarray(line.length).toString('latin1');
    return bytes.subarray(0, line.length).equals(line) && (rest === '' || rest.startsWith('\n') || rest.startsWith('\r'));
  } finally {
    closeSync(file);
  }
}

/** How a line of a file is named to people. */
export function placeOf(path: string, line: number): string {
  return `${path}, line ${line},`;
}

export function tooLong(place: string, bytesMax: number): OperatingError {
  return unreadable(place, `is a line of more than ${bytesMax} bytes`);
}

/** Fields of a line, which may have quotes; undefined when a quote is not closed. */
export function splitLine(line: string): string[] | undefined {
  if (!line.includes('"')) return line.split(',');
  try {
    return parse(line, QUOTED)[0] ?? [''];
  } catch {
    return undefined;
  }
}

/** Takes the CR of a CRLF off the last field. */
function trimLineEnd(fields: string[]): string[] {
  const last = fields[fields.length - 1];
  if (last !== undefined && last.charCodeAt(last.length - 1) === CR) fields[fields.length - 1] = last.slice(0, -1);
  return fields;
}

function linesOf(chunk: Buffer): string[] {
  const lines = chunk.toString('utf8').split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines.map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line));
}

export function openFile(place: string, path: string): number {
  try {
    return openSync(path, 'r');
  } catch (cause) {
    throw inaccessible(place, 'can not be opened', cause);
  }
}

/** Up to `length` bytes, in a buffer that the next call overwrites. Fewer only at the end of the file. */
export function readBytes(place: string, file: number, offset: number, length: number): Buffer {
  if (buffer.length < length) buffer = Buffer.allocUnsafe(length);
  let filled = 0;
  try {
    while (filled < length) {
      const count = readSync(file, buffer, filled, length - filled, offset + filled);
      if (count === 0) break;
      filled += count;
    }
  } catch (cause) {
    throw inaccessible(place, 'can not be read', cause);
  }
  return buffer.subarray(0, filled);
}

/** What is in the file is of no use. */
export function unreadable(place: string, what: string): OperatingError {
  return new OperatingError('DATA_UNREADABLE', `${place} ${what}`, {
    retryable: false,
    hint:
      'its columns are date,timestamp,energy,power,power1,power2,power3 (data/README.md); mend it or take it out of the folder; ' +
      `${FOGLINE} import converts the original download`,
  });
}

/** The file itself can't be had. */
export function inaccessible(place: string, what: string, cause: unknown): OperatingError {
  const code = (cause as NodeJS.ErrnoException).code ?? (cause as Error).message;
  return new OperatingError('DATA_UNREADABLE', `${place} ${what} (${code})`, {
    retryable: false,
    hint: 'let this user read it, put it back if it is gone, or take it out of the folder',
    cause,
  });
}
