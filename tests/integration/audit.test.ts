/** `fogline audit` and `fogline why` on real runs: yes to what is right, however it came about, and what can't be compared. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Fleet, type PartName } from '../crash/fleet.ts';
import {
  assertNamed,
  assertSameAtEveryStage,
  assertYes,
  audit,
  cleanUp,
  copyOf,
  dataDir,
  fogline,
  folder,
  inFile,
  iso,
  prepare,
  run,
  whole,
} from '../doubles/audited-run.ts';
import { METERED_START_MS, writeMeteredData } from '../truth/metered-data.ts';

const REAL_DATA = join(import.meta.dirname, '../../../shared/data/gem-house');
const needsRealData = existsSync(REAL_DATA) ? {} : { skip: 'the Gem House data are not on this machine (../shared/data/gem-house)' };

before(prepare);
after(cleanUp);

// ---- what is right -----------------------------------------------------------------------------------------

test('yes: late rows, rows set aside, gaps, a home that feeds in', () => {
  const report = audit(whole);
  assertYes(report);
  assertSameAtEveryStage(report);
  assert.deepEqual([report.run, report.waiting, report.devices.length], ['ended', 0, 3]);
  assert.deepEqual(
    report.declared.map(({ household, stage, readings }) => [household, stage, readings]),
    [1, 2, 3].map((home) => [`home-${home}`, 'source', 2]),
  );
  const fedIn = report.energy.filter(({ fedInKwh }) => fedInKwh > 0).map(({ household }) => household);
  assert.deepEqual(fedIn, ['home-2']);
  assert.ok(report.energy.every(({ agrees, toleranceKwh, registerKwh }) => agrees && toleranceKwh < registerKwh));
  const text = fogline('audit', '--state', whole, '--data', dataDir).stdout;
  assert.match(text, /audit: yes, all agree: 3 households/);
});

test('yes: a run that begins later; what is before it is declared', () => {
  const state = join(folder, 'later');
  run(state, dataDir, '--start', '1200', '--until', '2400');
  const report = audit(state);
  assertYes(report);
  assertSameAtEveryStage(report);
  assert.ok(report.declared.some(({ reason, readings }) => reason === 'not in run' && readings > 500));
  assert.ok(report.devices.every(({ declared, source }) => declared === 0 && (source?.firstSeq ?? 0) > 500));
  // Going on is the same state with more rows.
  run(state, dataDir, '--start', '1200', '--until', '3000');
  assertYes(audit(state));
  const declaredAway = copyOf(state);
  inFile(join(declaredAway, 'cloud/series.db'), (database) => database.exec('UPDATE gaps SET to_seq = to_seq + 100'));
  assertNamed(audit(declaredAway), { household: 'home-1', stage: 'cloud', what: /the run holds them/ });
});

test('yes: after kill -9 of every part, while it runs and in the end', async () => {
  const fleet = new Fleet({ dataDir, speed: '200' });
  try {
    const { httpPort } = await fleet.open();
    fleet.startAll();
    for (const part of ['edge', 'cloud', 'simulate', 'edge', 'cloud', 'simulate'] satisfies PartName[]) {
      await new Promise((resolve) => setTimeout(resolve, 900));
      await fleet.kill(part);
      fleet.start(part);
    }
    await fleet.until('rows are acknowledged', ({ acked }) => acked > 20);
    const running = audit(fleet.stateDir, dataDir, '--url', `http://127.0.0.1:${httpPort}`);
    assertYes(running);
    assert.equal(running.run, 'not ended');
    assert.match(fogline('audit', '--state', fleet.stateDir, '--data', dataDir).stdout, /compared up to what is covered/);
    await fleet.untilDone();
    const report = audit(fleet.stateDir, dataDir, '--url', `http://127.0.0.1:${httpPort}`);
    assertYes(report);
    assertSameAtEveryStage(report);
    assert.deepEqual([report.run, report.waiting], ['ended', 0]);
    assert.ok(report.devices.every(({ latest }) => latest === 'agrees'));
  } finally {
    await fleet.stop();
  }
});

test('yes: a loop, each pass a source of its own; a file that grew is missed until it is replayed', () => {
  const [data, state, grownState] = [join(folder, 'looped'), join(folder, 'looped-state'), join(folder, 'grown-state')];
  writeMeteredData(data, { households: 2, seconds: 600, seed: 9 });
  run(state, data, '--loop', '--start', '700', '--until', '2000');
  const report = audit(state, data);
  assertYes(report);
  assert.deepEqual(new Set(report.devices.map(({ household }) => household)), new Set(['home-1', 'home-2']));
  assert.ok(report.devices.length >= 6);
  const path = join(data, 'home-1.csv');
  const text = readFileSync(path, 'utf8');
  writeFileSync(path, text.split('\n').slice(0, 200).join('\n').concat('\n'));
  run(grownState, data);
  assertYes(audit(grownState, data));
  writeFileSync(path, text);
  assertNamed(audit(grownState, data), { household: 'home-1', stage: 'topic', what: /not in the topic/ });
  run(grownState, data);
  assertYes(audit(grownState, data));
});

// ---- what can't be compared --------------------------------------------------------------------------------

test('exit 4: no files, no run, no store', () => {
  const empty = join(folder, 'empty');
  mkdirSync(empty);
  for (const args of [
    ['--state', whole, '--data', empty],
    ['--state', whole, '--data', join(folder, 'nowhere')],
    ['--state', empty, '--data', dataDir],
  ]) {
    const result = fogline('audit', ...args);
    assert.equal(result.status, 4, result.stdout + result.stderr);
    assert.match(result.stderr, /what to do: /);
  }
  const bodiless = copyOf(whole);
  rmSync(join(bodiless, 'cloud'), { recursive: true });
  assert.equal(fogline('audit', '--state', bodiless, '--data', dataDir).status, 4);
  assert.deepEqual(readdirSync(empty), [], 'looking makes nothing');
});

// ---- why ---------------------------------------------------------------------------------------------------

test('why: every stage has its say about one window', () => {
  const time = METERED_START_MS + 1_000_000;
  const args = ['why', 'home-1', iso(time), '--state', whole, '--data', dataDir];
  const { stdout, status } = fogline(...args);
  assert.equal(status, 0);
  for (const expected of [/^household home-1, window 2019-12-24T00:16:40.000Z to /, /source:\n {2}line \d+: meter [0-9a-f]{8} seq \d+/]) {
    assert.match(stdout, expected);
  }
  for (const expected of [
    /topic:\n {2}partition \d, offset \d+: /,
    /outbox row \d+, acked: /,
    /cloud:\n {2}part: meter/,
    /no cloud server/,
  ]) {
    assert.match(stdout, expected);
  }
  const answer = JSON.parse(fogline(...args, '--json').stdout) as { stages: { stage: string; holds: string[] }[] };
  const seqs = (stage: string) =>
    answer.stages.find((its) => its.stage === stage)?.holds.flatMap((line) => /seq (\d+)/.exec(line)?.[1] ?? []);
  assert.ok((seqs('source')?.length ?? 0) >= 2);
  assert.deepEqual(seqs('topic'), seqs('source'));
  assert.equal(fogline('why', 'home-9', iso(time), '--state', whole, '--data', dataDir).status, 2);
  assert.equal(fogline('why', 'home-1', 'noon', '--state', whole, '--data', dataDir).status, 2);
});

test('why: a number is seconds of the recording, as with export', () => {
  const named = (...args: string[]) => fogline('why', ...args, '--state', whole, '--data', dataDir);
  const bySeconds = named('home-1', '1000');
  assert.deepEqual([bySeconds.status, bySeconds.stderr], [0, '']);
  assert.match(bySeconds.stdout, /window 2019-12-24T00:16:40.000Z to .*\nsource:\n {2}line /);
  assert.equal(bySeconds.stdout, named('home-1', iso(METERED_START_MS + 1_000_000)).stdout);
  assert.equal(bySeconds.stdout, named('home-1', String(METERED_START_MS + 1_000_000)).stdout);
  // The last window is one of the run, to its end.
  assert.equal(named('home-1', '3599').status, 0);
});

test('why, exit 2: a time outside of the run is told the span, a mistyped household the one meant', () => {
  for (const time of ['4000', '1970-01-01T00:10:00Z', '2019-12-23T23:59:59Z', '999999999']) {
    const { status, stdout, stderr } = fogline('why', 'home-1', time, '--state', whole, '--data', dataDir);
    assert.equal(status, 2, stdout + stderr);
    assert.match(stderr, /outside of the run, which goes from 2019-12-24T00:00:00.000Z to 2019-12-24T00:59:5/);
    assert.match(stderr, /what to do: .*second 0 to 3\d{3}/);
  }
  const { status, stderr } = fogline('why', 'hone-2', '600', '--state', whole, '--data', dataDir);
  assert.equal(status, 2);
  assert.match(stderr, /no file of household hone-2/);
  assert.match(stderr, /did you mean home-2\? Otherwise there are home-1, home-2, home-3/);
});

// ---- real data ---------------------------------------------------------------------------------------------

test('the day of the twelve real households: all agree, and registers fit', needsRealData, () => {
  const state = join(folder, 'real');
  run(state, REAL_DATA);
  const report = audit(state, REAL_DATA);
  assertYes(report);
  assertSameAtEveryStage(report);
  assert.equal(report.energy.length, 12);
  for (const { household, registerKwh, toleranceKwh } of report.energy)
    assert.ok(toleranceKwh / registerKwh < 0.01, `${household}: a tolerance that finds an error of one percent`);
  assert.equal(report.energy.filter(({ fedInKwh }) => fedInKwh > 1).length, 1);
});
