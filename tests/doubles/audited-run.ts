/** `fogline audit` as people start it, on runs of its own and on copies of them that somebody has tampered with. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { ensureBuilt } from '../crash/fleet.ts';
import { writeMeteredData } from '../truth/metered-data.ts';
import { ANY_PORTS } from './any-ports.ts';

const ENTRY = join(import.meta.dirname, '../../dist/fogline.js');

export interface Refusal {
  household: string;
  stage: string;
  window: string | null;
  what: string;
  remedy: string;
}

export interface Report {
  agrees: boolean;
  run: string;
  windows: number;
  waiting: number;
  refused: number;
  refusals: Refusal[];
  declared: { household: string; stage: string; reason: string; readings: number }[];
  devices: {
    household: string;
    truth: string;
    source: Totals;
    topic: Totals;
    edge: Totals;
    cloud: Totals;
    latest: string;
    declared: number;
  }[];
  energy: { household: string; agrees: boolean; registerKwh: number; integralKwh: number; toleranceKwh: number; fedInKwh: number }[];
}

type Totals = { readings: number; firstSeq: number; lastSeq: number; digest: string } | null;

/** Of this test file's process. */
export const folder = mkdtempSync(join(tmpdir(), 'fogline-audit-'));
// For those who import the checks alone, and make no run here.
process.once('exit', cleanUp);
export const dataDir = join(folder, 'data');
/** State of a run of an hour of three households that has ended. */
export const whole = join(folder, 'whole');
let copies = 0;

export function prepare(): void {
  ensureBuilt();
  writeMeteredData(dataDir, { households: 3, seconds: 3_600, seed: 4 });
  run(whole, dataDir);
}

export function cleanUp(): void {
  rmSync(folder, { recursive: true, force: true });
}

/** A path in the folder that nothing is at. */
export function newPath(): string {
  return join(folder, `copy-${++copies}`);
}

export function fogline(...args: string[]) {
  return spawnSync(process.execPath, [ENTRY, ...args], { encoding: 'utf8', maxBuffer: 1 << 30, cwd: folder });
}

export function run(state: string, data: string, ...more: string[]): void {
  const result = fogline('run', '--data', data, '--state', state, '--speed', 'max', '--exit-when-done', '--json', ...ANY_PORTS, ...more);
  assert.equal(result.status, 0, `${result.stdout.slice(-2_000)}\n${result.stderr.slice(-4_000)}`);
}

export function audit(state: string, data = dataDir, ...more: string[]): Report {
  const result = fogline('audit', '--state', state, '--data', data, '--json', ...more);
  assert.ok(result.status === 0 || result.status === 1, `exit ${result.status}: ${result.stderr}`);
  const report = JSON.parse(result.stdout) as Report;
  assert.equal(report.agrees, result.status === 0);
  assert.equal(report.agrees, report.refused === 0);
  return report;
}

export function assertYes(report: Report): void {
  assert.deepEqual(report.refusals, []);
  assert.ok(report.agrees && report.windows > 0 && report.devices.length > 0);
}

/** Every stage has just what the source has. */
export function assertSameAtEveryStage(report: Report): void {
  for (const { household, source, topic, edge, cloud } of report.devices) {
    assert.ok((source?.readings ?? 0) > 100, household);
    for (const stage of [topic, edge, cloud]) assert.deepEqual(stage, source, household);
  }
}

export function copyOf(state: string): string {
  const copy = newPath();
  cpSync(state, copy, { recursive: true });
  return copy;
}

export function inFile(path: string, change: (database: Database.Database) => void): void {
  const database = new Database(path, { fileMustExist: true });
  database.transaction(() => change(database))();
  database.close();
}

export const iso = (timeMs: number) => new Date(timeMs).toISOString();

/** The audit says no and names household, stage and window in at least one difference. */
export function assertNamed(report: Report, named: { household: string; stage: string; window?: number | undefined; what?: RegExp }): void {
  assert.equal(report.agrees, false, 'the audit has said yes');
  const found = report.refusals.find(
    ({ household, stage, window, what }) =>
      household === named.household &&
      stage === named.stage &&
      (named.window === undefined || window === iso(named.window)) &&
      (named.what === undefined || named.what.test(what)),
  );
  assert.ok(found !== undefined, `${JSON.stringify(named)} is not in ${JSON.stringify(report.refusals.slice(0, 10), null, 1)}`);
  assert.ok(found.remedy.length > 10);
}
