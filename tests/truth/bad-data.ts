/**
 * Household files written row by row for tests of bad input, with what is true of them kept beside: no file is read back, so nothing here
 * can misread a row as the product may.
 */
import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export const BAD_DATA_START_MS = Date.UTC(2019, 11, 24);
const WINDOW_MS = 5_000;
const COLUMNS = ['date', 'timestamp', 'energy', 'power', 'power1', 'power2', 'power3'];
/** W and kWh of a file's units. */
const SCALE = { power: 1e-3, power1: 1e-3, power2: 1e-3, power3: 1e-3, energy: 1e-10 } as const;

interface Row {
  line: number;
  text: string;
  /** A reading: its time and what is in its columns. Undefined for a row that is none. */
  reading?: { timeMs: number; values: Record<keyof typeof SCALE, number> };
  /** Why it is none. */
  reason?: string;
}

interface FileOptions {
  columns?: readonly string[];
  title?: string | undefined;
  byteOrderMark?: boolean;
  lineEnd?: string;
}

export interface QuarantineEntry {
  file: string;
  line: number;
  reason: string;
  raw: string;
}

export class BadDataFile {
  readonly household: string;
  readonly path: string;
  private readonly rows: Row[] = [];
  private readonly options: Required<FileOptions>;
  private rowsAdded = 0;
  private rowsWritten = 0;

  constructor(dir: string, household: string, options: FileOptions = {}) {
    this.household = household;
    this.path = join(dir, `${household}.csv`);
    this.options = { columns: COLUMNS, title: 'household', byteOrderMark: false, lineEnd: '\n', ...options };
  }

  /** A reading so many ms after the start. */
  good(ms: number): this {
    const n = ++this.rowsAdded;
    const timeMs = BAD_DATA_START_MS + ms;
    const [power1, power2, power3] = [100_000 + n * 7, 5_000 - n * 90, n];
    const values = { energy: 90_000_000_000_000 + n * 1_000, power: power1 + power2 + power3, power1, power2, power3 };
    const cells: Record<string, string | number> = { date: '2019-12-24 00:00:00', timestamp: timeMs, ...values };
    const text = this.options.columns.map((name) => cells[name] ?? `more ${n}`).join(',');
    this.rows.push({ line: this.nextLine, text, reading: { timeMs, values } });
    return this;
  }

  /** Readings every 2 s. */
  steady(fromSeconds: number, toSeconds: number): this {
    for (let seconds = fromSeconds; seconds < toSeconds; seconds += 2) this.good(seconds * 1_000 + 300);
    return this;
  }

  bad(text: string, reason: string): this {
    this.rows.push({ line: this.nextLine, text, reason });
    return this;
  }

  /** The last row as it was meant: what was written of it was not whole. */
  dropLast(): this {
    this.rows.pop();
    return this;
  }

  /** @param lastLineEnd the last row has a line end */
  write(lastLineEnd = true): this {
    const { columns, title, byteOrderMark, lineEnd } = this.options;
    const lines = [...(title === undefined ? [] : [title]), columns.join(','), ...this.rows.map(({ text }) => text)];
    this.rowsWritten = this.rows.length;
    writeFileSync(this.path, `${byteOrderMark ? '\uFEFF' : ''}${lines.join(lineEnd)}${lastLineEnd ? lineEnd : ''}`);
    return this;
  }

  /** Adds the rows that are new to the end of the file. */
  append(): this {
    const lines = this.rows.slice(this.rowsWritten).map(({ text }) => `${text}${this.options.lineEnd}`);
    this.rowsWritten = this.rows.length;
    appendFileSync(this.path, lines.join(''));
    return this;
  }

  /** Readings of a run up to there, by the greatest time up to each. */
  readings(untilSeconds = Number.POSITIVE_INFINITY): NonNullable<Row['reading']>[] {
    return this.inRun(untilSeconds).flatMap(({ reading }) => reading ?? []);
  }

  /** Rows that are none, up to the last reading of the run, or to the end of the file when the run reaches it. */
  quarantined(untilSeconds = Number.POSITIVE_INFINITY): QuarantineEntry[] {
    const rows = this.inRun(untilSeconds);
    const isWhole = rows.length === this.rows.length;
    const lastReading = rows.findLastIndex(({ reading }) => reading !== undefined);
    const told = isWhole ? rows : rows.slice(0, lastReading + 1);
    return told.flatMap(({ line, text, reason }) => (reason === undefined ? [] : [{ file: this.path, line, reason, raw: text }]));
  }

  private inRun(untilSeconds: number): Row[] {
    const end = this.rows.findIndex(({ reading }) => reading !== undefined && reading.timeMs >= BAD_DATA_START_MS + untilSeconds * 1_000);
    return end < 0 ? this.rows : this.rows.slice(0, end);
  }

  private get nextLine(): number {
    return this.rows.length + (this.options.title === undefined ? 2 : 3);
  }
}

/** Windows as compareExport wants them, by the definition: mean of all in it, last by time and then by order. */
export function windowsOf(
  files: readonly BadDataFile[],
  untilSeconds?: number,
): Map<string, { values: number[]; lastMs: number; last: number }> {
  const windows = new Map<string, { values: number[]; lastMs: number; last: number }>();
  for (const file of files) {
    for (const { timeMs, values } of file.readings(untilSeconds)) {
      for (const [field, scale] of Object.entries(SCALE)) {
        const value = values[field as keyof typeof SCALE] * scale;
        const key = `${file.household},${field},${Math.floor(timeMs / WINDOW_MS) * WINDOW_MS}`;
        const window = windows.get(key) ?? { values: [], lastMs: timeMs, last: value };
        window.values.push(value);
        if (timeMs >= window.lastMs) [window.lastMs, window.last] = [timeMs, value];
        windows.set(key, window);
      }
    }
  }
  return windows;
}
