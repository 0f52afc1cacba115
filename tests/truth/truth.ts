/**
 * The true windows of a folder of household files, computed by code that shares nothing with the product, and the comparison of
 * an export with them. The rules are those of data/README.md; the checker's own test plants errors that it must find.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';

/** File units to W and kWh. */
const SCALE: Record<string, number> = { power: 1e-3, power1: 1e-3, power2: 1e-3, power3: 1e-3, energy: 1e-10 };
const WINDOW_MS = 5_000;
/** Values are compared relatively; means are sums in another order. */
const TOLERANCE = 1e-9;

interface TrueWindow {
  values: number[];
  lastMs: number;
  last: number;
}

export interface Comparison {
  expected: number;
  missing: string[];
  extra: string[];
  duplicated: string[];
  wrong: string[];
}

export interface Range {
  fromSeconds?: number;
  untilSeconds?: number;
}

interface Row {
  timeMs: number;
  values: Record<string, number>;
}

function readRows(file: string): Row[] {
  const lines = readFileSync(file, 'utf8')
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/);
  const headerAt = lines.findIndex((line) => line.split(',').includes('timestamp'));
  const header = (lines[headerAt] ?? '').split(',');
  const rows: Row[] = [];
  for (const line of lines.slice(headerAt + 1)) {
    const cells = line.split(',');
    const timestamp = cells[header.indexOf('timestamp')] ?? '';
    if (cells.length !== header.length || !/^\d+$/.test(timestamp)) continue;
    const values: Record<string, number> = {};
    let sound = true;
    for (const [field, scale] of Object.entries(SCALE)) {
      const cell = cells[header.indexOf(field)] ?? '';
      const value = Number(cell);
      if (cell.trim() === '' || !Number.isFinite(value)) sound = false;
      values[field] = value * scale;
    }
    if (sound) rows.push({ timeMs: Number(timestamp), values });
  }
  return rows;
}

/** True windows by `household,field,windowStartMs`. */
export function trueWindows(dataDir: string, range: Range = {}): Map<string, TrueWindow> {
  const homes = readdirSync(dataDir)
    .filter((name) => name.endsWith('.csv'))
    .map((name) => ({ household: basename(name, '.csv'), rows: readRows(join(dataDir, name)) }));
  const earliestMs = Math.min(
    ...homes.flatMap(({ rows }) => (rows.length === 0 ? [] : [rows.reduce((min, row) => Math.min(min, row.timeMs), Infinity)])),
  );
  const t0 = Math.floor(earliestMs / 1000) * 1000;
  const fromMs = t0 + (range.fromSeconds ?? 0) * 1000;
  const untilMs = range.untilSeconds === undefined ? Number.POSITIVE_INFINITY : t0 + range.untilSeconds * 1000;
  const windows = new Map<string, TrueWindow>();
  for (const { household, rows } of homes) {
    let reachedMs = 0;
    for (const { timeMs, values } of rows) {
      reachedMs = Math.max(reachedMs, timeMs);
      if (reachedMs < fromMs || reachedMs >= untilMs) continue;
      for (const [field, value] of Object.entries(values)) {
        const key = `${household},${field},${Math.floor(timeMs / WINDOW_MS) * WINDOW_MS}`;
        const window = windows.get(key);
        if (window === undefined) windows.set(key, { values: [value], lastMs: timeMs, last: value });
        else {
          window.values.push(value);
          if (timeMs >= window.lastMs) [window.lastMs, window.last] = [timeMs, value];
        }
      }
    }
  }
  return windows;
}

/** Compares an export (CSV text with a header) with the truth. */
export function compareExport(csv: string, truth: Map<string, TrueWindow>): Comparison {
  const [headerLine, ...lines] = csv.trimEnd().split('\n');
  const header = (headerLine ?? '').split(',');
  const result: Comparison = { expected: truth.size, missing: [], extra: [], duplicated: [], wrong: [] };
  const seen = new Set<string>();
  for (const line of lines) {
    const cells = line.split(',');
    const cell = (name: string) => cells[header.indexOf(name)] ?? '';
    const key = `${cell('household')},${cell('field')},${Date.parse(cell('window_start'))}`;
    if (seen.has(key)) result.duplicated.push(key);
    seen.add(key);
    const window = truth.get(key);
    if (window === undefined) {
      result.extra.push(key);
      continue;
    }
    const sum = window.values.reduce((total, value) => total + value, 0);
    const want = {
      mean: sum / window.values.length,
      min: window.values.reduce((a, b) => Math.min(a, b)),
      max: window.values.reduce((a, b) => Math.max(a, b)),
      last: window.last,
    };
    const differs = Object.entries(want).some(
      ([name, value]) => !(Math.abs(Number(cell(name)) - value) <= TOLERANCE * Math.max(1, Math.abs(value))),
    );
    if (differs || Number(cell('count')) !== window.values.length) result.wrong.push(key);
  }
  for (const key of truth.keys()) if (!seen.has(key)) result.missing.push(key);
  return result;
}

/** One line for a failing test: counts, and the first of each kind. */
export function describeComparison({ expected, missing, extra, duplicated, wrong }: Comparison): string {
  const kind = (name: string, keys: string[]) => `${name} ${keys.length}${keys.length > 0 ? ` (${keys[0]})` : ''}`;
  const kinds = [kind('missing', missing), kind('extra', extra), kind('duplicated', duplicated), kind('wrong', wrong)];
  return `expected ${expected}, ${kinds.join(', ')}`;
}

export function isClean({ expected, missing, extra, duplicated, wrong }: Comparison): boolean {
  return expected > 0 && missing.length + extra.length + duplicated.length + wrong.length === 0;
}
