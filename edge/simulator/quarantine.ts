/**
 * Rejected rows, kept as JSON lines {file, line, reason, raw}. A file is read from its beginning in every run, so rows that were written
 * by an earlier run are counted and not written again.
 */
import { appendFileSync, closeSync, ftruncateSync, openSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from '../../common/logger.ts';
import type { RejectedRow } from './models/gem-house-csv.ts';

/** Bytes of lines waiting to be written. */
const FLUSH_BYTES = 64 * 1024;
/** Bytes the file may reach. What comes then is counted only. */
const QUARANTINE_BYTES_MAX = 64 << 20;

export class Quarantine {
  /** Rejected rows of this run. */
  count = 0;
  private readonly path: string;
  private readonly logger: Logger;
  /** Greatest line number written, by file name. */
  private readonly written = new Map<string, number>();
  private bytes = 0;
  private waiting: string[] = [];
  private waitingBytes = 0;

  constructor(stateFolder: string, logger: Logger) {
    this.path = join(stateFolder, 'quarantine.jsonl');
    this.logger = logger;
  }

  open(): void {
    const text = statSync(this.path, { throwIfNoEntry: false }) === undefined ? '' : readFileSync(this.path, 'utf8');
    const whole = text.lastIndexOf('\n') + 1;
    if (whole < text.length) this.cut(Buffer.byteLength(text.slice(0, whole)));
    this.bytes = whole;
    for (const line of text.slice(0, whole).split('\n')) {
      if (line === '') continue;
      const row = JSON.parse(line) as { file: string; line: number };
      this.written.set(row.file, Math.max(row.line, this.written.get(row.file) ?? 0));
    }
  }

  add(file: string, row: RejectedRow): void {
    this.count++;
    if (row.line <= (this.written.get(file) ?? 0)) return;
    this.written.set(file, row.line);
    const line = `${JSON.stringify({ file, line: row.line, reason: row.reason, raw: row.raw })}\n`;
    if (this.bytes > QUARANTINE_BYTES_MAX) return;
    this.bytes += line.length;
    if (this.bytes > QUARANTINE_BYTES_MAX) {
      this.logger.warn({ path: this.path, limit: QUARANTINE_BYTES_MAX }, 'the quarantine is full; further rows are only counted');
      return;
    }
    this.waiting.push(line);
    this.waitingBytes += line.length;
    if (this.waitingBytes >= FLUSH_BYTES) this.flush();
  }

  flush(): void {
    if (this.waiting.length === 0) return;
    appendFileSync(this.path, this.waiting.join(''));
    this.waiting = [];
    this.waitingBytes = 0;
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
