/**
 * Turns one file of the download into a replay file: as a stream, under a name of its own that gets the real one when all is
 * written and synced. Nobody sees half of a file, and none is replaced unless that was asked for.
 */
import { linkSync, renameSync, rmSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ConfigError, OperatingError } from '../../common/errors.ts';
import type { SourceFile } from './import-source.ts';
import { BYTE_ORDER_MARK, inaccessible, placeOf, type RejectedRow, splitLine, tooLong, unreadable } from './models/gem-house-csv.ts';
import { type OriginalHead, originalHeadOf, REPLAY_HEAD, type ReplayRow, replayRowOf } from './models/gem-house-original.ts';
import { isMeterUsage, METER_USAGE_INTERVAL_SECONDS, METER_USAGE_REPLAY_HEAD, meterUsageRowOf } from './models/meter-usage-csv.ts';

/** Bytes of text that are written at once. */
const WRITE_BYTES = 1 << 20;
/** Bytes of the longest line. */
const LINE_BYTES_MAX = 1 << 20;
/** Characters of a rejected line that are kept. */
const RAW_LENGTH_MAX = 1_000;
/** Lines that tell what a file is. */
const HEAD_LINES = 3;
const LF = 10;

/** How the rows of one file become those of its replay file. */
export interface RowRule {
  headerLines: number;
  replayHead: string;
  /** What usually lies between two rows, where that is longer than a window. */
  intervalSeconds?: number;
  /** `missing`: the file itself says that there is no reading. */
  rowOf: (fields: readonly string[]) => ReplayRow | 'missing' | { reason: string };
}

export type ImportHead = { kind: 'readings'; rule: RowRule } | Exclude<OriginalHead, { kind: 'readings' }>;

export interface ImportedFile {
  household: string;
  rows: number;
  quarantined: number;
  /** Rows that say that there is no reading. */
  missing: number;
  /** Rows whose `date` is another instant than their `timestamp`. */
  datesDiffer: number;
  /** Rows earlier than one before them. */
  late: number;
  firstMs: number;
  lastMs: number;
}

export interface ImportHooks {
  onRejected(row: RejectedRow): void;
  /** After each piece that was read. */
  onProgress(bytes: number, rows: number): void;
  signal: AbortSignal;
}

/** What a file is, from its first lines. */
export async function readHead(file: SourceFile): Promise<ImportHead> {
  let bytes = Buffer.alloc(0);
  for await (const chunk of piecesOf(file)) {
    bytes = Buffer.concat([bytes, chunk]);
    if (bytes.length >= LINE_BYTES_MAX || linesOf(bytes).length > HEAD_LINES) break;
  }
  if (bytes.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK)) bytes = bytes.subarray(BYTE_ORDER_MARK.length);
  const lines = bytes.length === 0 ? [] : linesOf(bytes).slice(0, HEAD_LINES).map(fieldsOf);
  if (isMeterUsage(lines[0] ?? []))
    return {
      kind: 'readings',
      rule: { headerLines: 1, replayHead: METER_USAGE_REPLAY_HEAD, intervalSeconds: METER_USAGE_INTERVAL_SECONDS, rowOf: meterUsageRowOf },
    };
  const head = originalHeadOf(lines);
  if (head.kind !== 'readings') return head;
  const { columns, headerLines } = head;
  const rowOf = (fields: readonly string[]) => {
    const row = replayRowOf(fields, columns);
    return typeof row === 'string' ? { reason: row } : row;
  };
  return { kind: 'readings', rule: { headerLines, replayHead: REPLAY_HEAD, rowOf } };
}

/**
 * @returns what was written; nothing is when no row was accepted, or the signal came
 * @throws OperatingError DATA_UNREADABLE, DISK_FULL; ConfigError when the target is there and `force` is not set
 */
export async function importFile(
  file: SourceFile,
  target: string,
  force: boolean,
  rule: RowRule,
  hooks: ImportHooks,
): Promise<ImportedFile> {
  const making = join(dirname(target), `.${basename(target)}.${process.pid}.part`);
  try {
    const handle = await open(making, 'w');
    let result: ImportedFile;
    try {
      result = await convert(file, handle, basename(target, '.csv'), rule, hooks);
      await handle.sync();
    } finally {
      await handle.close();
    }
    if (result.rows > 0 && !hooks.signal.aborted) putInPlace(making, target, force);
    return result;
  } catch (error) {
    throw explained(error, dirname(target));
  } finally {
    rmSync(making, { force: true });
  }
}

async function convert(
  file: SourceFile,
  handle: FileHandle,
  household: string,
  { headerLines, replayHead, rowOf }: RowRule,
  hooks: ImportHooks,
): Promise<ImportedFile> {
  const result: ImportedFile = {
    household,
    rows: 0,
    quarantined: 0,
    missing: 0,
    datesDiffer: 0,
    late: 0,
    firstMs: Infinity,
    lastMs: -Infinity,
  };
  let text = replayHead;
  let line = 0;
  const take = (written: string) => {
    line++;
    if (line <= headerLines || written === '') return;
    const fields = splitLine(written);
    const row = fields === undefined ? { reason: 'a quote is not closed in its line' } : rowOf(fields);
    if (row === 'missing') {
      result.missing++;
      return;
    }
    if ('reason' in row) {
      result.quarantined++;
      hooks.onRejected({ kind: 'rejected', line, reason: row.reason, raw: written.slice(0, RAW_LENGTH_MAX) });
      return;
    }
    result.rows++;
    if (row.dateDiffers) result.datesDiffer++;
    if (row.timeMs < result.lastMs) result.late++;
    result.firstMs = Math.min(result.firstMs, row.timeMs);
    result.lastMs = Math.max(result.lastMs, row.timeMs);
    text += row.line;
  };
  for await (const { lines, bytes } of wholeLines(file, () => line + 1)) {
    for (const written of lines) take(written);
    hooks.onProgress(bytes, result.rows);
    if (hooks.signal.aborted) return result;
    if (text.length < WRITE_BYTES) continue;
    await handle.writeFile(text);
    text = '';
  }
  await handle.writeFile(text);
  return result;
}

/** The lines without their ends, some at a time; the last one may have none. `bytes` counts what was read for them. */
async function* wholeLines(file: SourceFile, nextLine: () => number): AsyncGenerator<{ lines: string[]; bytes: number }> {
  let rest = Buffer.alloc(0);
  for await (const chunk of piecesOf(file)) {
    const end = chunk.lastIndexOf(LF) + 1;
    if (end === 0) {
      rest = Buffer.concat([rest, chunk]);
      if (rest.length > LINE_BYTES_MAX) throw tooLong(placeOf(file.name, nextLine()), LINE_BYTES_MAX);
      yield { lines: [], bytes: chunk.length };
      continue;
    }
    const lines = linesOf(rest.length === 0 ? chunk.subarray(0, end) : Buffer.concat([rest, chunk.subarray(0, end)]));
    lines.pop();
    rest = Buffer.from(chunk.subarray(end));
    yield { lines, bytes: chunk.length };
  }
  if (rest.length > 0) yield { lines: linesOf(rest), bytes: 0 };
}

async function* piecesOf(file: SourceFile): AsyncGenerator<Buffer> {
  try {
    yield* file.read();
  } catch (cause) {
    throw cause instanceof OperatingError ? cause : inaccessible(file.name, 'can not be read', cause);
  }
}

function linesOf(bytes: Buffer): string[] {
  const text = bytes.toString('utf8');
  return text.includes('\r') ? text.split(/\r?\n/) : text.split('\n');
}

function fieldsOf(line: string): string[] {
  return splitLine(line) ?? [];
}

/** @throws OperatingError for what is not meant as a file of readings, or is one with columns missing */
export function refuseFaulty(file: SourceFile, head: ImportHead): void {
  if (head.kind === 'faulty') throw unreadable(placeOf(file.name, head.line), head.reason);
}

function putInPlace(making: string, target: string, force: boolean): void {
  if (force) {
    renameSync(making, target);
    return;
  }
  try {
    // Unlike renaming, this never replaces a file that somebody made meanwhile.
    linkSync(making, target);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') throw isThere([target]);
    renameSync(making, target);
  }
}

export function isThere(targets: readonly string[]): ConfigError {
  const more = targets.length > 1 ? ` and ${targets.length - 1} more` : '';
  return new ConfigError(`${targets[0]}${more} already there`, 'name an empty folder, or replace them with --force');
}

/** What the disk refused, for people. */
function explained(error: unknown, folder: string): unknown {
  const { code, path } = error as NodeJS.ErrnoException;
  if (code === 'ENOSPC' || code === 'EDQUOT') return notEnoughSpace(folder, error);
  if (path === undefined || error instanceof OperatingError) return error;
  return new ConfigError(`${folder} can not be written (${code})`, 'name a folder that this user may write', { cause: error });
}

export function notEnoughSpace(folder: string, cause?: unknown): OperatingError {
  return new OperatingError('DISK_FULL', `there is not enough space in ${folder}`, {
    retryable: false,
    hint: 'name a folder on another disk; replay files are about as large as the unpacked download',
    cause,
  });
}
