/** A poison household with real processes: it parks alone, and when its reason is mended a person's word brings the rest of it. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import Database from 'better-sqlite3';
import { sealSources } from '../doubles/older-series-file.ts';
import type { NewRecord } from '../../common/broker/broker.ts';
import { encodeMark, encodeReading } from '../../common/topic-codec.ts';
import { ensureBuilt, Fleet } from '../crash/fleet.ts';
import { appendToTopic } from '../doubles/topic-append.ts';
import { BAD_DATA_START_MS, BadDataFile, windowsOf } from '../truth/bad-data.ts';
import { compareExport, describeComparison, isClean } from '../truth/truth.ts';

const ENTRY = join(import.meta.dirname, '../../dist/fogline.js');
const YEAR_MS = 31_536_000_000;
const WRONG_SRC = 'wrongclock';

const folder = mkdtempSync(join(tmpdir(), 'fogline-parked-'));
before(() => ensureBuilt());
after(() => rmSync(folder, { recursive: true, force: true }));

interface HeldBack {
  parked: { household: string; reason: string; rows: number }[];
}

function fogline(...args: string[]) {
  return spawnSync(process.execPath, [ENTRY, ...args], { encoding: 'utf8', timeout: 300_000 });
}

function heldBack(fleet: Fleet): HeldBack {
  const { status, stdout, stderr } = fogline('parked', 'list', '--state', fleet.stateDir, '--json');
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout) as HeldBack;
}

function resume(fleet: Fleet, ...households: string[]): void {
  const { status, stdout, stderr } = fogline('parked', 'resume', ...households, '--state', fleet.stateDir);
  assert.equal(status, 0, stderr);
  assert.match(stdout, /asked: .*goes on within seconds/);
}

/** What the meter sent while its clock was a year ahead: after it nothing of the right time may come. */
async function appendWrongTime(stateDir: string, household: string): Promise<void> {
  const timeMs = BAD_DATA_START_MS + YEAR_MS;
  const reading = { household, device: 'meter', src: WRONG_SRC, seq: 1, timeMs, values: { power: 1 } };
  const records: NewRecord[] = [
    { key: household, value: encodeReading(reading) },
    { key: null, value: encodeMark({ timeMs: timeMs + 60_000, run: 'earlier', end: false, last: [] }) },
  ];
  await appendToTopic(stateDir, household, records);
}

/** What an operator does who knows that the source was wrong: it does not count as an earlier one any more. */
function mendCloud(stateDir: string): void {
  const database = new Database(join(stateDir, 'cloud/series.db'), { fileMustExist: true, timeout: 10_000 });
  try {
    const { changes } = database.prepare('UPDATE sources SET first_ms = NULL, greatest_ms = NULL WHERE src = ?').run(WRONG_SRC);
    assert.equal(changes, 1);
    sealSources(database, WRONG_SRC);
  } finally {
    database.close();
  }
}

function assertTruth(csv: string, files: readonly BadDataFile[], isMeant: (line: string) => boolean): void {
  const lines = csv.split('\n').filter((line, i) => i === 0 || isMeant(line));
  const comparison = compareExport(lines.join('\n'), windowsOf(files));
  assert.ok(isClean(comparison), describeComparison(comparison));
}

test('a poison household parks alone; resumed too early it parks again; mended and resumed, all of it arrives', async () => {
  const healthy = ['home-1', 'home-2'].map((household) => new BadDataFile(folder, household).steady(0, 300).write());
  const poison = new BadDataFile(folder, 'poison').steady(0, 300).write();
  const fleet = new Fleet({ dataDir: folder });
  await fleet.open();
  try {
    fleet.start('cloud');
    fleet.start('edge');
    await fleet.until('the edge runs', () => true);
    // Killed before its first reading: the state is its own now, and the topic empty. A new state would refuse another's records.
    fleet.start('simulate', 'simulator_before_append');
    assert.equal(await fleet.ended('simulate'), 'SIGKILL');
    await appendWrongTime(fleet.stateDir, 'poison');
    await fleet.until('the wrong reading is stored', ({ acked }) => acked === 1);

    fleet.start('simulate');
    assert.equal(await fleet.ended('simulate'), 0);
    const status = await fleet.untilDone();
    assert.deepEqual(
      status.parked.map(({ household }) => household),
      ['poison'],
    );
    assertTruth(fleet.exportCsv(), healthy, (line) => !line.startsWith('poison,'));
    const [parked] = heldBack(fleet).parked;
    assert.equal(parked?.household, 'poison');
    assert.match(parked?.reason ?? '', /rejected at seq 1\.\.\d+: second source/);
    assert.equal(parked?.rows, new Set([...windowsOf([poison]).keys()].map((key) => key.split(',')[2])).size, 'all its windows wait');

    const parkedLines = () => fleet.logOf('edge').filter((line) => line.includes('household parked')).length;
    assert.equal(parkedLines(), 1);
    resume(fleet, 'poison');
    await fleet.until('it is parked again, as nothing was mended', ({ parked: its }) => parkedLines() === 2 && its.length === 1);
    assert.equal(heldBack(fleet).parked[0]?.rows, parked?.rows, 'and nothing of it is lost');

    mendCloud(fleet.stateDir);
    resume(fleet);
    await fleet.until(
      'everything has arrived',
      (its) => its.parked.length === 0 && its.queued + its.sent === 0 && its.runs.every(({ done }) => done),
    );
    assert.deepEqual(heldBack(fleet).parked, []);
    const wrongTime = new Date(BAD_DATA_START_MS + YEAR_MS).toISOString().slice(0, 10);
    assertTruth(fleet.exportCsv(), [...healthy, poison], (line) => !line.includes(wrongTime));
  } finally {
    await fleet.stop();
  }
});
