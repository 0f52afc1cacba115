/** Household files for tests, and what they mean by code that shares nothing with the reader. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const TITLE = 'household';
export const HEADER = 'date,timestamp,energy,power,power1,power2,power3';
/** 2019-12-24T00:00:00Z */
export const DAY_MS = 1_577_145_600_000;

export interface TrueRow {
  timeMs: number;
  /** Greatest event time up to the row. */
  reachedMs: number;
  powerMw: number;
}

export class TestFolder {
  readonly dir = mkdtempSync(join(tmpdir(), 'fogline-simulator-'));

  path(name: string): string {
    return join(this.dir, name);
  }

  /** @param rows lines without their ends */
  write(name: string, rows: readonly string[], lineEnd = '\n'): string {
    writeFileSync(this.path(name), [TITLE, HEADER, ...rows, ''].join(lineEnd));
    return this.path(name);
  }

  remove(): void {
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** A row at so many ms of the day, power in mW. */
export function row(ms: number, powerMw = 100_000): string {
  return `2019-12-24 00:00:00,${DAY_MS + ms},90000000000000,${powerMw},${powerMw - 3_000},2_000,1_000`.replaceAll('_', '');
}

/** The accepted rows of a file without quotes, in its order. */
export function trueRows(path: string): TrueRow[] {
  const lines = readFileSync(path, 'utf8')
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/);
  const headerAt = lines.findIndex((line) => line.split(',').includes('timestamp'));
  const header = lines[headerAt]!.split(',');
  const rows: TrueRow[] = [];
  let reachedMs = 0;
  for (const line of lines.slice(headerAt + 1)) {
    const cells = line.split(',');
    const cell = (name: string) => cells[header.indexOf(name)] ?? '';
    const isSound = ['energy', 'power', 'power1', 'power2', 'power3'].every(
      (name) => cell(name).trim() !== '' && Number.isFinite(Number(cell(name))),
    );
    if (cells.length !== header.length || !/^\d+$/.test(cell('timestamp')) || !isSound) continue;
    const timeMs = Number(cell('timestamp'));
    reachedMs = Math.max(reachedMs, timeMs);
    rows.push({ timeMs, reachedMs, powerMw: Number(cell('power')) });
  }
  return rows;
}
