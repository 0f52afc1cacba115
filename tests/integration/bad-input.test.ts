/** Bad input, the whole way with `fogline run` as a user starts it: taken as it is, quarantined row by row, or refused with what to do. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';
import { type NewRecord, POWER_TOPIC } from '../../common/broker/broker.ts';
import { openBroker } from '../../common/broker/open-broker.ts';
import { systemClock } from '../../common/clock.ts';
import { configWith } from '../../common/config.ts';
import { silentLogger } from '../../common/logger.ts';
import type { Summary } from '../../supervisor/run-view.ts';
import { ensureBuilt } from '../crash/fleet.ts';
import { freePort } from '../doubles/free-port.ts';
import { BAD_DATA_START_MS, BadDataFile, type QuarantineEntry, windowsOf } from '../truth/bad-data.ts';
import { compareExport, describeComparison, isClean } from '../truth/truth.ts';

const ROOT = join(import.meta.dirname, '../..');
const ENTRY = join(ROOT, 'dist/fogline.js');
const TRUTH_TOOL = join(ROOT, '../shared/tools/truth.py');
const needsTruthTool = existsSync(TRUTH_TOOL) ? {} : { skip: 'the other checker is not on this machine (../shared/tools/truth.py)' };
/** What takes longer hangs. */
const DEADLINE_MS = 120_000;
/** Ports of its own: edges of other runs on this machine must not find this cloud. */
const ownPorts: string[] = [];
const NORMAL_RUN = ['--speed', 'max', '--exit-when-done', '--json'];

const folder = mkdtempSync(join(tmpdir(), 'fogline-bad-input-'));
before(async () => {
  ensureBuilt();
  for (const name of ['cloud.http_port', 'link.heartbeat_port', 'link.data_port']) ownPorts.push('--set', `${name}=${await freePort()}`);
});
after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 20 }));

let folders = 0;
function newFolder(name: string): string {
  const dir = join(folder, `${name}-${++folders}`);
  mkdirSync(dir);
  return dir;
}
const newState = () => join(folder, `state-${++folders}`);

function fogline(...args: string[]) {
  const env = { ...process.env, FOGLINE_LOG_LEVEL: 'warn' };
  const result = spawnSync(process.execPath, [ENTRY, ...args], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    cwd: folder,
    timeout: DEADLINE_MS,
    env,
  });
  assert.equal(result.signal, null, `it hangs: fogline ${args.join(' ')}\n${result.stderr}`);
  return result;
}

function summaryIn(stdout: string): Summary {
  return JSON.parse(stdout.trim().split('\n').at(-1) as string) as Summary;
}

function run(state: string, dir: string, exitCode: number, ...more: string[]): Summary {
  const { status, stdout, stderr } = fogline('run', '--data', dir, '--state', state, ...ownPorts, ...NORMAL_RUN, ...more);
  assert.equal(status, exitCode, `${stdout.slice(-2_000)}\n${stderr.slice(-4_000)}`);
  return summaryIn(stdout);
}

function exported(state: string): string {
  const { status, stdout, stderr } = fogline('export', '--state', state);
  assert.equal(status, 0, stderr);
  return stdout;
}

function assertTruth(csv: string, files: readonly BadDataFile[], untilSeconds?: number): void {
  const comparison = compareExport(csv, windowsOf(files, untilSeconds));
  assert.ok(isClean(comparison), describeComparison(comparison));
}

function countOf(files: readonly BadDataFile[], untilSeconds?: number): number {
  return files.reduce((sum, file) => sum + file.readings(untilSeconds).length, 0);
}

const byPlace = (a: QuarantineEntry, b: QuarantineEntry) => (a.file < b.file ? -1 : Number(a.file > b.file)) || a.line - b.line;

function expectedQuarantine(files: readonly BadDataFile[], untilSeconds?: number): QuarantineEntry[] {
  return files.flatMap((file) => file.quarantined(untilSeconds)).sort(byPlace);
}

/** As the table has it and as the file has it. */
function assertQuarantine(state: string, expected: readonly QuarantineEntry[]): void {
  const table = fogline('quarantine', 'list', '--state', state, '--json');
  assert.equal(table.status, 0, table.stderr);
  assert.deepEqual((JSON.parse(table.stdout) as { quarantined: QuarantineEntry[] }).quarantined.sort(byPlace), expected);
  const lines = readFileSync(join(state, 'simulator/quarantine.jsonl'), 'utf8').trimEnd().split('\n');
  assert.deepEqual(lines.map((line) => JSON.parse(line) as QuarantineEntry).sort(byPlace), expected);
  const forPeople = fogline('quarantine', 'list', '--state', state).stdout;
  for (const { line, reason } of expected) assert.match(forPeople, new RegExp(`\\.csv +${line} +${reason}`));
}

describe('files that are taken, with rows that are not', () => {
  const dir = join(folder, 'data');
  const state = join(folder, 'state');
  const files: BadDataFile[] = [];
  let growing: BadDataFile;
  let cut: BadDataFile;

  before(() => {
    mkdirSync(dir);
    const columns = ['note', 'power3', 'timestamp', 'power', 'power2', 'more', 'power1', 'energy'];
    const windows = new BadDataFile(dir, 'byte-order-mark-and-crlf', { columns, byteOrderMark: true, lineEnd: '\r\n' });
    const bare = new BadDataFile(dir, 'no-title-no-last-line-end', { title: undefined });
    growing = new BadDataFile(dir, 'grows');
    cut = oddRows(new BadDataFile(dir, 'odd-rows'));
    const none = new BadDataFile(dir, 'no-good-row')
      .bad('d,1,NaN,1,1,1,1', 'energy is not a finite number')
      .bad('x', '1 columns instead of 7');
    const beyond = new BadDataFile(dir, 'beyond-the-end')
      .steady(0, 90)
      .bad('x', '1 columns instead of 7')
      .steady(300, 310)
      .bad('y', '1 columns instead of 7');
    files.push(windows.steady(1, 150).write(), bare.steady(0, 160).write(false), oddTimes(new BadDataFile(dir, 'odd-times')).write());
    files.push(cut.write(false), none.write(), beyond.write(), growing.steady(0, 60).write(), new BadDataFile(dir, 'no-row').write());
  });

  /** Equal times, two rows in a second, times backwards by a little, by more than a window, and to before everything else. */
  function oddTimes(file: BadDataFile): BadDataFile {
    file.steady(0, 20);
    for (const ms of [20_000, 20_000, 20_000, 21_100, 21_900, 21_500, 24_999, 25_000, 12_000, 26_000, 0, 27_000, 27_000]) file.good(ms);
    return file.steady(28, 120).good(40_000).good(118_900);
  }

  function oddRows(file: BadDataFile): BadDataFile {
    const time = BAD_DATA_START_MS + 4_000;
    const fields = ['energy', 'power', 'power1', 'power2', 'power3'];
    file.steady(0, 4);
    for (const [at, word] of ['NaN', 'nan', 'text', 'Infinity', '-inf', '1e999', '', '12 W'].entries()) {
      const cells = ['1', '2', '3', '4', '5'];
      cells[at % fields.length] = word;
      file.bad(`d,${time},${cells.join(',')}`, `${fields[at % fields.length]} is not a finite number`).good(4_500 + at * 100);
    }
    file.bad(`d,${time},1,2,3,4`, '6 columns instead of 7').bad(`d,${time},1,2,3,4,5,6`, '8 columns instead of 7');
    for (const word of ['yesterday', '2019-12-24', '-5', '1e12', '']) file.bad(`d,${word},1,2,3,4,5`, 'timestamp is not a time in ms');
    file.bad('\u0000\u0000\u0000\u0000', '1 columns instead of 7').bad(`"d,${time},1,2,3,4,5`, 'a quote is not closed in its line');
    return file.steady(10, 80).bad('2019-12-24 00:01:20,15771456', '2 columns instead of 7');
  }

  test('in one run: everything that is a reading arrives, the rest is in quarantine with its reason and counted, exit code 0', () => {
    const summary = run(state, dir, 0, '--until', '200');
    const expected = expectedQuarantine(files, 200);
    assert.equal(expected.length, 8 + 2 + 5 + 2 + 1 + 2, 'what lies beyond the end of the run is not counted');
    const { households, readings, published, quarantined, parked, exitCode } = summary;
    const count = countOf(files, 200);
    assert.deepEqual(
      { households, readings, published, quarantined, parked, exitCode },
      { households: 8, readings: count, published: count, quarantined: expected.length, parked: [], exitCode: 0 },
    );
    assertTruth(exported(state), files, 200);
    assertQuarantine(state, expected);
  });

  test('the finished run started again tells the same', () => {
    const before = exported(state);
    const again = run(state, dir, 0, '--until', '200');
    assert.equal(again.quarantined, expectedQuarantine(files, 200).length);
    assert.equal(again.published, countOf(files, 200));
    assert.equal(exported(state), before);
  });

  test('files that grew: the same state goes on, and a row that was cut is a reading when it is whole', () => {
    const held = expectedQuarantine(files, 200);
    growing.steady(60, 260).write();
    cut.dropLast().steady(80, 100).write();
    const summary = run(state, dir, 0);
    assert.equal(summary.readings, countOf(files));
    assertTruth(exported(state), files);
    assert.equal(summary.quarantined, expectedQuarantine(files).length);
    const found = [...new Map([...held, ...expectedQuarantine(files)].map((entry) => [`${entry.file}:${entry.line}`, entry])).values()];
    assertQuarantine(state, found.sort(byPlace));
  });

  test('the other checker says so too', needsTruthTool, () => {
    // It takes a quote as one that may go over several lines, and stops at a NUL.
    const simple = newFolder('simple');
    for (const file of files) {
      const text = readFileSync(file.path, 'utf8').split('\n');
      writeFileSync(join(simple, `${file.household}.csv`), text.filter((line) => !line.includes('"d') && !line.includes('\0')).join('\n'));
    }
    const csv = join(folder, 'export.csv');
    writeFileSync(csv, exported(state));
    const { status, stdout, stderr } = spawnSync('python3', [TRUTH_TOOL, 'compare', csv, simple], { encoding: 'utf8' });
    assert.equal(status, 0, stdout + stderr);
  });
});

describe('a folder that is refused', () => {
  const header = 'date,timestamp,energy,power,power1,power2,power3';
  const good = (dir: string, household: string) => void new BadDataFile(dir, household).steady(0, 20).write();
  const text = (name: string, content: string) => (dir: string) => {
    good(dir, 'home-1');
    writeFileSync(join(dir, name), content);
  };
  const cases: [what: string, prepare: (dir: string) => void, message: RegExp, remedy: RegExp][] = [
    ['an empty file', text('home-2.csv', ''), /home-2\.csv, line 1, is empty/, /mend it or take it out/],
    [
      'a wrong header',
      text('home-2.csv', 'household\ntime,meterusage\n1,2\n'),
      /home-2\.csv, line 2, is not a Gem House header: "time,met/,
      /columns are date,time/,
    ],
    [
      'a file of something else',
      text('home-2.csv', '\u007fELF\u0002\u0001'),
      /home-2\.csv, line 2, is not a Gem House header/,
      /columns are date,time/,
    ],
    [
      'a missing column',
      text('home-2.csv', `household\n${header.replace(',power2', '')}\n`),
      /home-2\.csv, line 2, has no column power2/,
      /columns are date,time/,
    ],
    [
      'a missing time',
      text('home-2.csv', `${header.replace(',timestamp', '')}\n`),
      /home-2\.csv, line 1, has no column timestamp/,
      /columns are date,time/,
    ],
    [
      'two files for one household',
      text('home-1.CSV', `${header}\n`),
      /home-1\.CSV and .*home-1\.csv are two files for one household/,
      /keep one of them/,
    ],
    [
      'no CSV file',
      (dir) => writeFileSync(join(dir, 'readme.txt'), 'no data'),
      /no-CSV-file-\d+ has no CSV file/,
      /one CSV file per household/,
    ],
    ['no folder', (dir) => rmSync(dir, { recursive: true }), /no-folder-\d+ can not be read/, /name a folder that exists/],
    [
      'a link to nowhere',
      (dir) => symlinkSync('nowhere', join(dir, 'home-2.csv')),
      /home-2\.csv can not be opened \(ENOENT\)/,
      /let this user read it/,
    ],
    [
      'a pipe',
      (dir) => assert.equal(spawnSync('mkfifo', [join(dir, 'home-2.csv')]).status, 0),
      /home-2\.csv is a folder, a pipe/,
      /take it out/,
    ],
    [
      'no reading',
      (dir) => void new BadDataFile(dir, 'home-1').bad('d,x,1,2,3,4,5', '').write(),
      /home-1\.csv, line 3: timestamp is not a time/,
      /compare a row/,
    ],
    [
      'a line without end',
      text('home-2.csv', `${header}\n${'x'.repeat(3 << 20)}`),
      /home-2\.csv, line 2, is a line of more than/,
      /mend it/,
    ],
    ['a file that can not be read', unreadableFile, /home-2\.csv can not be (opened|read) \((EACCES|EIO)\)/, /let this user read it/],
  ];

  /** Root may read everything that has a mode; the memory of a process has no beginning. */
  function unreadableFile(dir: string): void {
    good(dir, 'home-1');
    if (process.getuid?.() === 0) return symlinkSync('/proc/self/mem', join(dir, 'home-2.csv'));
    good(dir, 'home-2');
    chmodSync(join(dir, 'home-2.csv'), 0);
  }

  for (const [what, prepare, message, remedy] of cases) {
    test(`because of ${what}: exit code 4, file, line and what to do`, () => {
      const dir = newFolder(what.replaceAll(' ', '-'));
      prepare(dir);
      const { status, stdout, stderr } = fogline('run', '--data', dir, '--state', newState(), ...ownPorts, ...NORMAL_RUN);
      assert.equal(status, 4, stderr);
      assert.match(stderr, message);
      assert.match(stderr, new RegExp(`what to do: .*${remedy.source}`));
      const { exitCode, error, published } = summaryIn(stdout);
      assert.deepEqual([exitCode, published], [4, 0]);
      assert.match(error ?? '', message);
    });
  }

  test('because of a bad row where none may be: exit code 4, file, line and what to do', () => {
    const dir = newFolder('fail');
    const file = new BadDataFile(dir, 'home-1').steady(0, 20).bad('d,x,1,2,3,4,5', 'timestamp is not a time in ms').steady(20, 30).write();
    const args = ['--data', dir, '--state', newState(), ...ownPorts, ...NORMAL_RUN, '--set', 'simulation.on_bad_row=fail'];
    const { status, stderr } = fogline('run', ...args);
    assert.equal(status, 4, stderr);
    const [{ line }] = file.quarantined() as [QuarantineEntry];
    assert.match(
      stderr,
      new RegExp(`home-1\\.csv, line ${line}: timestamp is not a time in ms[^]*what to do: mend the row, or .*quarantine`),
    );
  });
});

describe('a file that changes while it is replayed', () => {
  /** Runs until the summary; `onSecond` hears each progress. */
  async function watchedRun(state: string, dir: string, speed: string, onSecond: (simulated: number) => void) {
    const args = ['run', '--data', dir, '--state', state, '--speed', speed, ...ownPorts, '--exit-when-done', '--json'];
    const child = spawn(process.execPath, [ENTRY, ...args], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'], timeout: DEADLINE_MS });
    let last = '';
    let stderr = '';
    child.stderr.on('data', (piece) => (stderr += String(piece)));
    createInterface({ input: child.stdout }).on('line', (line) => (last = line));
    // The simulator's own file tells how far it is: run prints the summary only.
    const quarter = setInterval(() => onSecond(simulatedSeconds(state)), 20);
    const status = await new Promise<number | null>((resolve) => child.once('close', resolve));
    clearInterval(quarter);
    return { status, stderr, summary: JSON.parse(last) as Summary };
  }

  function simulatedSeconds(state: string): number {
    const ticks = [0, 1, 2, 3].map((partition) => {
      const path = join(state, `simulator/resume-${partition}.json`);
      return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as { resumeTick: number }).resumeTick : 0;
    });
    return Math.max(...ticks);
  }

  test('one that vanishes parks its household, the others arrive; put back, the same command brings the rest', async () => {
    const [dir, state] = [newFolder('vanishing'), newState()];
    const stays = new BadDataFile(dir, 'stays').steady(0, 8_000).write();
    const goes = new BadDataFile(dir, 'goes').steady(0, 8_000).write();
    const aside = join(folder, 'aside.csv');
    const first = await watchedRun(state, dir, '2000', (simulated) => {
      if (simulated > 200 && existsSync(goes.path)) renameSync(goes.path, aside);
    });
    assert.equal(first.status, 1, first.stderr);
    assert.equal(first.summary.restarts, 0);
    assert.deepEqual(
      first.summary.parked.map(({ household }) => household),
      ['goes'],
    );
    assert.match(first.summary.parked[0]?.reason ?? '', /goes\.csv, line \d+, can not be opened \(ENOENT\)/);
    const held = exported(state).split('\n');
    assertTruth(held.filter((line) => !line.startsWith('goes,')).join('\n'), [stays]);
    const windows = held.filter((line) => line.startsWith('goes,meter,power,')).length;
    assert.ok(windows > 10 && windows < 1_600, `${windows} windows of the file that vanished`);
    const told = JSON.parse(fogline('parked', 'list', '--state', state, '--json').stdout) as { parkedFiles: { household: string }[] };
    assert.deepEqual(told.parkedFiles, first.summary.parked);

    const still = run(state, dir, 1);
    assert.deepEqual(still.parked, first.summary.parked, 'still parked');
    renameSync(aside, goes.path);
    assert.deepEqual(run(state, dir, 0).parked, []);
    assertTruth(exported(state), [stays, goes]);
  });

  test('a last row that was cut inside its last number parks its household when it is whole; the others go on', () => {
    const [dir, state] = [newFolder('cut'), newState()];
    const other = new BadDataFile(dir, 'other').steady(0, 40).write();
    const whole = new BadDataFile(dir, 'cut').good(500).good(2_500).write();
    const text = readFileSync(whole.path, 'utf8');
    // A digit is missing, and nobody can see it.
    writeFileSync(whole.path, `${text.trimEnd()}5`);
    assert.equal(run(state, dir, 0).readings, countOf([other]) + 2);
    writeFileSync(whole.path, `${text.trimEnd()}57\n`);
    other.steady(40, 60).append();
    const { parked, readings } = run(state, dir, 1);
    assert.match(parked[0]?.reason ?? '', /cut\.csv, line 4, had no line end when it was published, and reads otherwise now/);
    assert.deepEqual([parked.length, readings], [1, countOf([other]) + 2]);
  });

  test('one that grows is no trouble: the next run brings what this one did not', async () => {
    const [dir, state] = [newFolder('growing'), newState()];
    const other = new BadDataFile(dir, 'other').steady(0, 400).write();
    const grows = new BadDataFile(dir, 'grows').steady(0, 200).write();
    let seconds = 200;
    const { status, stderr, summary } = await watchedRun(state, dir, '100', () => {
      grows.steady(seconds, (seconds += 2)).append();
    });
    assert.equal(status, 0, stderr);
    assert.ok(seconds > 210, 'it grew while it was replayed');
    assert.deepEqual([summary.quarantined, summary.parked], [0, []]);
    assert.ok(countOf([other]) + 100 <= (summary.readings ?? 0));
    assert.equal(run(state, dir, 0).readings, countOf([other, grows]));
    assertTruth(exported(state), [other, grows]);
  });
});

test('records of the topic that nobody can use are parked with their offset, and nobody is held up', async () => {
  const [dir, state] = [newFolder('topic'), newState()];
  const home = new BadDataFile(dir, 'home').steady(0, 60).write();
  const future = { v: 2, household: 'home', device: 'meter', src: 'later', seq: 1, t: BAD_DATA_START_MS, values: { power: 1 } };
  const records: [value: string, reason: RegExp][] = [
    ['not a record', /^not JSON$/],
    [JSON.stringify({ time: '2019-12-24T00:00:00Z', meterusage: 12 }), /^version undefined, this edge reads 1$/],
    [JSON.stringify({ v: 1, device_id: 'meter-7', power: 249 }), /^household, device or src is not an id$/],
    [JSON.stringify(future), /^version 2, this edge reads 1$/],
    [`{"v":1,"note":"${'x'.repeat(950_000)}"}`, /^record of 9\d+ bytes, at most 900000 are read$/],
  ];
  const config = configWith({});
  const broker = openBroker(config, state, systemClock, silentLogger);
  await broker.start();
  const expected: [number, number][] = [];
  try {
    await broker.ensureTopic(POWER_TOPIC, { partitions: config.broker.partitions, retentionMs: config.broker.retention_hours * 3_600_000 });
    for (let partition = 0; partition < 2; partition++) {
      const batch: NewRecord[] = records.map(([value]) => ({ key: null, value: Buffer.from(value) }));
      const { baseOffset } = await broker.append(POWER_TOPIC, partition, batch);
      expected.push(...records.map((_, i): [number, number] => [partition, baseOffset + i]));
    }
  } finally {
    await broker.stop();
  }
  const { readings, unreadable: counted, exitCode } = run(state, dir, 0);
  assert.deepEqual([readings, counted, exitCode], [countOf([home]), expected.length, 0]);
  assertTruth(exported(state), [home]);
  const { status, stdout, stderr } = fogline('parked', 'list', '--state', state, '--json');
  assert.equal(status, 0, stderr);
  const { parked, unreadable } = JSON.parse(stdout) as {
    parked: unknown[];
    unreadable: { count: number; last: { partition: number; offset: number; reason: string }[] };
  };
  assert.deepEqual([parked, unreadable.count], [[], expected.length]);
  assert.deepEqual(
    unreadable.last.map(({ partition, offset }) => [partition, offset]),
    expected,
  );
  unreadable.last.forEach(({ reason }, i) => assert.match(reason, records[i % records.length]![1]));
  assert.match(fogline('parked', 'list', '--state', state).stdout, /10 records of the topic unreadable[^]*partition 1 offset 3 +version 2/);
});
