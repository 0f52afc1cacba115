/**
 * Rejected rows, kept as JSON lines {file, line, reason, raw} in quarantine.jsonl. A file is read from its beginning in every run, so
 * rows that were written by an earlier run are counted and not written again. How many rows a run rejected is kept too: a run that has
 * ended reads no file when it is started again.
 */
import { appendFileSync, closeSync, ftruncateSync, openSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from '../../common/logger.ts';
import type { RejectedRow } from './models/gem-house-csv.ts';
import { readStateFile, saveStateFile } from './state-file.ts';

/** A rejected row as it is kept. */
export interface QuarantinedRow {
  file: string;
  line: number;
  reason: string;
  /** The beginning of the line. */
  raw: string;
}

/** Bytes of lines waiting to be written. */
const FLUSH_BYTES = 64 * 1024;
/** Bytes the file may reach. What comes then is counted only. */
const QUARANTINE_BYTES_MAX = 64 << 20;
/** Runs whose count is kept, the newest last. */
const RUNS_MAX = 100;

export class Quarantine {
  /** Rejected rows of this run. */
  count = 0;
  private readonly path: string;
  private readonly countsPath: string;
  private readonly logger: Logger;
  /** Greatest line number written, by file name. */
  private readonly written = new Map<string, number>();
  private rowsWritten = 0;
  private bytes = 0;
  private waiting: string[] = [];
  private waitingBytes = 0;

  constructor(stateFolder: string, logger: Logger) {
    this.path = pathIn(stateFolder);
    this.countsPath = join(stateFolder, 'quarantine-counts.json');
    this.logger = logger;
  }

  open(): void {
    const text = statSync(this.path, { throwIfNoEntry: false }) === undefined ? '' : readFileSync(this.path, 'utf8');
    const whole = text.lastIndexOf('\n') + 1;
    if (whole < text.length) this.cut(Buffer.byteLength(text.slice(0, whole)));
    this.bytes = whole;
    for (const row of rowsOf(text)) {
      this.written.set(row.file, Math.max(row.line, this.written.get(row.file) ?? 0));
      this.rowsWritten++;
    }
  }

  add(file: string, row: RejectedRow): void {
    this.count++;
    if (row.line <= (this.written.get(file) ?? 0)) return;
    this.written.set(file, row.line);
    const line = `${JSON.stringify({ file, line: row.line, reason: row.reason, raw: row.raw } satisfies QuarantinedRow)}\n`;
    if (this.bytes > QUARANTINE_BYTES_MAX) return;
    this.bytes += line.length;
    if (this.bytes > QUARANTINE_BYTES_MAX) {
      this.logger.warn({ path: this.path, limit: QUARANTINE_BYTES_MAX }, 'the quarantine is full; further rows are only counted');
      return;
    }
    this.waiting.push(line);
    this.rowsWritten++;
    this.waitingBytes += line.length;
    if (this.waitingBytes >= FLUSH_BYTES) this.flush();
  }

  flush(): void {
    if (this.waiting.length === 0) return;
    appendFileSync(this.path, this.waiting.join(''));
    this.waiting = [];
    this.waitingBytes = 0;
  }

  /** Before the run's end mark: once that is there, nobody reads the files again. */
  keepCount(run: string): void {
    this.flush();
    const others = Object.entries(this.counts()).filter(([its]) => its !== run);
    saveStateFile(this.countsPath, Object.fromEntries([...others, [run, this.count]].slice(-RUNS_MAX)));
  }

  /** For a run that goes on without reading what was read before. */
  takeCount(run: string): void {
    this.count = this.counts()[run] ?? this.rowsWritten;
  }

  private counts(): Record<string, number> {
    return (readStateFile(this.countsPath) ?? {}) as Record<string, number>;
  }

  /** A line that a crash left unfinished is written again. */
  private cut(bytes: number): void {
    const file = openSync(this.path, 'r+');
    try {
      ftruncateSync(file, bytes);
    } finally {
      closeSync(file);
    }
  }
}

/** What is in quarantine, in the order of finding; a line that is being written is left out. */
export function readQuarantine(stateFolder: string): QuarantinedRow[] {
  const path = pathIn(stateFolder);
  return statSync(path, { throwIfNoEntry: false }) === undefined ? [] : rowsOf(readFileSync(path, 'utf8'));
}

function pathIn(stateFolder: string): string {
  return join(stateFolder, 'quarantine.jsonl');
}

/** A line that a power cut spoilt is passed over: its row is found and written again when its file is read. */
function rowsOf(text: string): QuarantinedRow[] {
  const lines = text.slice(0, text.lastIndexOf('\n') + 1).split('\n');
  return lines.flatMap((line) => {
    try {
      return [JSON.parse(line) as QuarantinedRow];
    } catch {
      return [];
    }
  });
}
