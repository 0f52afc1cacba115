/** The whole way with `fogline run`, as a user starts it: what the cloud exports is the truth. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ensureBuilt } from '../crash/fleet.ts';
import { compareExport, describeComparison, isClean, type Range, trueWindows } from '../truth/truth.ts';
import { writeTinyData } from '../truth/tiny-data.ts';
import { ANY_PORTS } from '../doubles/any-ports.ts';

const ROOT = join(import.meta.dirname, '../..');
const ENTRY = join(ROOT, 'dist/fogline.js');
const REAL_DATA = join(ROOT, '../shared/data/gem-house');
const TRUTH_TOOL = join(ROOT, '../shared/tools/truth.py');
const needsRealData = existsSync(REAL_DATA) ? {} : { skip: 'the Gem House data are not on this machine (../shared/data/gem-house)' };

const folder = mkdtempSync(join(tmpdir(), 'fogline-pipeline-'));
const tiny = join(folder, 'tiny');
before(() => {
  ensureBuilt();
  writeTinyData(tiny, { households: 3, seconds: 1_200, seed: 11 });
});
after(() => rmSync(folder, { recursive: true, force: true }));

let states = 0;
const newState = () => join(folder, `state-${++states}`);

function fogline(...args: string[]) {
  return spawnSync(process.execPath, [ENTRY, ...args], { encoding: 'utf8', maxBuffer: 1 << 30, cwd: folder });
}

/** Runs to the end and returns the summary. */
function run(state: string, dataDir: string, ...more: string[]): Record<string, number> {
  const result = fogline('run', '--data', dataDir, '--state', state, '--speed', 'max', '--exit-when-done', '--json', ...ANY_PORTS, ...more);
  assert.equal(result.status, 0, `${result.stdout.slice(-2_000)}\n${result.stderr.slice(-4_000)}`);
  return JSON.parse(result.stdout.trim().split('\n').at(-1) as string);
}

function assertTruth(state: string, dataDir: string, range: Range = {}): void {
  const exported = fogline('export', '--state', state);
  assert.equal(exported.status, 0, exported.stderr);
  const comparison = compareExport(exported.stdout, trueWindows(dataDir, range));
  assert.ok(isClean(comparison), describeComparison(comparison));
}

/** The same by the tool that shares nothing with this project. */
function assertTruthByTool(state: string, dataDir: string, ...range: string[]): void {
  const file = join(folder, 'export.csv');
  assert.equal(fogline('export', '--state', state, '--output', file).status, 0);
  const result = spawnSync('python3', [TRUTH_TOOL, 'compare', file, dataDir, ...range], { encoding: 'utf8' });
  assert.equal(result.status, 0, result.stdout + result.stderr);
}

function someHouseholds(count: number): string {
  const dir = join(folder, `real-${count}`);
  if (existsSync(dir)) return dir;
  mkdirSync(dir);
  for (const name of readdirSync(REAL_DATA).sort().slice(0, count)) cpSync(join(REAL_DATA, name), join(dir, name));
  return dir;
}

test('three households with late rows, two rows in a second, a gap and a row nobody can read', () => {
  const state = newState();
  const summary = run(state, tiny);
  assert.equal(summary['households'], 3);
  assert.equal(summary['quarantined'], 3);
  assertTruth(state, tiny);
});

test('an hour of twelve real households', needsRealData, () => {
  const state = newState();
  run(state, REAL_DATA, '--until', '3600');
  assertTruth(state, REAL_DATA, { untilSeconds: 3_600 });
  assertTruthByTool(state, REAL_DATA, '--until', '3600');
});

test('to 3602 s and then to 7200 s on the same state is the truth at 7200 s', needsRealData, () => {
  const state = newState();
  run(state, REAL_DATA, '--until', '3602');
  run(state, REAL_DATA, '--until', '7200');
  assertTruthByTool(state, REAL_DATA, '--until', '7200');
});

test('a run that begins later holds just its range, and the skipped seqs are declared', needsRealData, () => {
  const state = newState();
  run(state, REAL_DATA, '--start', '1800', '--until', '3600');
  assertTruthByTool(state, REAL_DATA, '--from', '1800', '--until', '3600');
});

for (const count of [1, 2]) {
  test(`${count} real household${count > 1 ? 's' : ''}`, needsRealData, () => {
    const state = newState();
    run(state, someHouseholds(count), '--until', '3600');
    assertTruthByTool(state, someHouseholds(count), '--until', '3600');
  });
}

test('the whole day of twelve real households', needsRealData, () => {
  const state = newState();
  run(state, REAL_DATA);
  assertTruthByTool(state, REAL_DATA);
});

test('a file that grew: the same state goes on with the new rows', () => {
  const dir = join(folder, 'growing');
  const state = newState();
  writeTinyData(dir, { households: 1, seconds: 300, seed: 5 });
  run(state, dir);
  writeTinyData(dir, { households: 1, seconds: 700, seed: 5 });
  run(state, dir);
  assertTruth(state, dir);
});

test('another data set on a state is refused with the remedy, --fresh keeps the old one aside', () => {
  const state = newState();
  const other = join(folder, 'other');
  writeTinyData(other, { households: 2, seconds: 60, seed: 77 });
  run(state, tiny, '--until', '60');
  const refused = fogline('run', '--data', other, '--state', state, '--speed', 'max', '--exit-when-done', '--json');
  assert.equal(refused.status, 2);
  assert.match(refused.stderr + refused.stdout, /--fresh/);
  run(state, other, '--fresh');
  assertTruth(state, other);
  assert.ok(
    readdirSync(folder).some((name) => name.startsWith(`state-${states}.old`)),
    'the old state is kept aside',
  );
});

test('usage errors are exit 2 and say what to write', () => {
  const stray = fogline('run', '60');
  assert.equal(stray.status, 2);
  assert.match(stray.stderr, /--until 60/);
  const empty = join(folder, 'empty');
  mkdirSync(empty);
  writeFileSync(join(empty, 'readme.txt'), 'no data');
  const noData = fogline('run', '--data', empty, '--state', newState(), '--speed', 'max', '--exit-when-done', '--json');
  assert.equal(noData.status, 4, noData.stderr);
});
