/** `fogline simulate` as a process of its own, with the real broker: what is in the topic after kills, stops and second runs. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { BATCH_RECORDS_MAX, POWER_TOPIC } from '../../common/broker/broker.ts';
import { openBroker } from '../../common/broker/open-broker.ts';
import type { ChildEvent } from '../../common/child-events.ts';
import { systemClock } from '../../common/clock.ts';
import { configWith } from '../../common/config.ts';
import { silentLogger } from '../../common/logger.ts';
import { decodeTopicMessage } from '../../common/topic-codec.ts';
import { TINY_START_MS, writeTinyData } from '../truth/tiny-data.ts';
import { trueRows } from '../unit/edge/simulator/models/household-files.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const TSX = import.meta.resolve('tsx');
/** A process that takes longer is stuck. */
const DEADLINE_MS = 120_000;
const SECONDS = 1_000;

const folder = mkdtempSync(join(tmpdir(), 'fogline-simulate-'));
const data = join(folder, 'data');
let states = 0;
const newState = () => join(folder, `state-${++states}`);
before(() => writeTinyData(data, { households: 4, seconds: 900, seed: 3 }));
after(() => rmSync(folder, { recursive: true, force: true }));

interface Ended {
  status: number | null;
  signal: NodeJS.Signals | null;
  stderr: string;
  events: ChildEvent[];
}

function argumentsOf(state: string, more: readonly string[]): string[] {
  return ['--import', TSX, join(ROOT, 'fogline.ts'), 'simulate', '--state', state, '--json', ...more];
}

function simulate(state: string, more: readonly string[], env: Record<string, string> = {}): Ended {
  const result = spawnSync(process.execPath, argumentsOf(state, more), {
    cwd: folder,
    encoding: 'utf8',
    timeout: DEADLINE_MS,
    env: { ...process.env, FOGLINE_LOG_LEVEL: 'warn', ...env },
  });
  const lines = result.stdout.split('\n').filter((line) => line !== '');
  return {
    status: result.status,
    signal: result.signal,
    stderr: result.stderr,
    events: lines.map((line) => JSON.parse(line) as ChildEvent),
  };
}

/** At full speed on the tiny data. */
function replay(state: string, ...more: string[]): Ended {
  return simulate(state, ['--data', data, '--speed', 'max', ...more]);
}

function finished(ended: Ended): Extract<ChildEvent, { event: 'finished' }> {
  assert.equal(ended.status, 0, ended.stderr);
  const last = ended.events.at(-1);
  assert.ok(last?.event === 'finished', JSON.stringify(last));
  return last;
}

/** Values of each partition, in order. */
async function topicOf(state: string): Promise<string[][]> {
  const broker = openBroker(configWith({}), state, systemClock, silentLogger);
  await broker.start();
  try {
    const partitions: string[][] = [];
    for (let partition = 0; partition < (await broker.partitionCount(POWER_TOPIC)); partition++) {
      const { earliestOffset, endOffset } = await broker.logState(POWER_TOPIC, partition);
      const values: string[] = [];
      while (earliestOffset + values.length < endOffset) {
        const records = await broker.read(POWER_TOPIC, partition, earliestOffset + values.length, endOffset, BATCH_RECORDS_MAX);
        assert.ok(records.length > 0);
        for (const { value } of records) values.push(value.toString());
      }
      partitions.push(values);
    }
    return partitions;
  } finally {
    await broker.stop();
  }
}

/**
 * The topic holds exactly the accepted rows of the range, each source in order, with marks and skips.
 * @returns how many records are in it more than once
 */
async function assertTopic(state: string, fromSeconds = 0, untilSeconds = Number.POSITIVE_INFINITY): Promise<number> {
  const partitions = await topicOf(state);
  const readings = new Map<string, string[]>();
  let repeated = 0;
  for (const values of partitions) {
    const distinct = new Set(values);
    repeated += values.length - distinct.size;
    for (const value of distinct) {
      const message = decodeTopicMessage(Buffer.from(value));
      assert.notEqual(message.kind, 'unreadable');
      if (message.kind !== 'reading') continue;
      const { household, seq, timeMs, values: fields } = message.reading;
      readings.set(household, [...(readings.get(household) ?? []), `${seq} ${timeMs} ${fields['power']}`]);
    }
  }
  const names = readdirSync(data);
  assert.equal(readings.size, names.length);
  for (const name of names) {
    const rows = trueRows(join(data, name)).map(({ timeMs, reachedMs, powerMw }, i) => ({
      reachedMs,
      text: `${i + 1} ${timeMs} ${powerMw / 1_000}`,
    }));
    const t0Ms = TINY_START_MS;
    const inRun = rows.filter(({ reachedMs }) => reachedMs >= t0Ms + fromSeconds * SECONDS && reachedMs < t0Ms + untilSeconds * SECONDS);
    assert.ok(inRun.length > 50);
    assert.deepEqual(
      readings.get(name.replace('.csv', '')),
      inRun.map(({ text }) => text),
      name,
    );
  }
  return repeated;
}

test('a whole run: every row once, marks, end marks, the events for programs', async () => {
  const state = newState();
  const ended = replay(state);
  const { published, quarantined, parked, run } = finished(ended);
  const rows = readdirSync(data).reduce((sum, name) => sum + trueRows(join(data, name)).length, 0);
  assert.deepEqual({ published, quarantined, parked }, { published: rows, quarantined: 4, parked: [] });
  const [ready] = ended.events;
  assert.ok(ready?.event === 'ready' && ready.part === 'simulate');
  assert.deepEqual(
    [ready.run, ready.households, ready.dataLabel, ready.t0, ready.startSeconds],
    [run, 4, '', '2019-12-24T00:00:00.000Z', 0],
  );
  assert.equal(await assertTopic(state), 0);
  const quarantine = readFileSync(join(state, 'simulator/quarantine.jsonl'), 'utf8').trimEnd().split('\n');
  assert.equal(quarantine.length, 4);

  const before = await topicOf(state);
  const ends = before.map((values) => values.filter((value) => value.includes('"end":true')).length);
  assert.deepEqual(
    ends,
    before.map(() => 1),
  );
  const again = finished(replay(state));
  assert.deepEqual([again.run, again.quarantined], [run, 4], 'a finished run is told again');
  assert.deepEqual(await topicOf(state), before, 'and nothing of it published again');
});

test('a part of the time, and then on to the end, on the same state', async () => {
  const state = newState();
  const first = finished(replay(state, '--start', '100', '--until', '302'));
  assert.equal(await assertTopic(state, 100, 302), 0);
  const second = finished(replay(state, '--start', '100'));
  assert.notEqual(second.run, first.run);
  assert.equal(await assertTopic(state, 100), 0);
  const skips = (await topicOf(state)).flat().filter((value) => value.includes('"skip"'));
  assert.equal(skips.length, 4, 'each household says once what is not in the run');
});

for (const failpoint of ['simulator_before_append', 'simulator_after_append_before_resume_save', 'simulator_after_resume_save']) {
  test(`killed at ${failpoint}, twice, then gone on with`, async () => {
    const state = newState();
    const small = ['--data', data, '--speed', 'max', '--set', 'simulation.buffer_records=1000'];
    for (const nth of [2, 1]) {
      const { signal, stderr } = simulate(state, small, { FOGLINE_FAILPOINT: `${failpoint}:${nth}` });
      assert.equal(signal, 'SIGKILL', `not reached: ${stderr}`);
    }
    finished(simulate(state, small));
    const repeated = await assertTopic(state);
    const partitions = (await topicOf(state)).length;
    assert.ok(repeated <= 2 * partitions * BATCH_RECORDS_MAX);
    if (failpoint === 'simulator_after_append_before_resume_save') assert.ok(repeated > 0, 'the produce that was not saved is there twice');
  });
}

test('stopped by SIGTERM before its end it does not look finished, and is gone on with', async () => {
  const state = newState();
  const child: ChildProcess = spawn(process.execPath, argumentsOf(state, ['--data', data, '--speed', '200']), {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = new Promise<[number | null, NodeJS.Signals | null]>((resolve) =>
    child.once('exit', (code, signal) => resolve([code, signal])),
  );
  let heard = '';
  await new Promise<void>((resolve) => {
    child.stdout!.on('data', (piece: Buffer) => {
      heard += piece.toString();
      if (heard.includes('"progress"')) resolve();
    });
    child.once('exit', () => resolve());
  });
  child.kill('SIGTERM');
  assert.deepEqual(await exited, [130, null], heard);
  assert.ok(!heard.includes('"finished"'), 'it was stopped on the way');
  const there = (await topicOf(state)).flat().length;
  assert.ok(there > 0);
  finished(replay(state));
  await assertTopic(state);
  assert.ok((await topicOf(state)).flat().length > there);
});

test('what can not be replayed is refused with what to do', () => {
  const used = newState();
  finished(replay(used, '--until', '60'));
  const empty = join(folder, 'empty');
  mkdirSync(empty);
  const foreign = join(folder, 'foreign');
  mkdirSync(foreign);
  writeFileSync(join(foreign, 'meter.csv'), 'time,meterusage\n2019-01-01 00:15,12\n');
  const refusals: [string, Ended, number, RegExp][] = [
    [
      'a start after the data',
      replay(newState(), '--start', '5000'),
      2,
      /--start[\s\S]*\d+ s after the earliest reading, at 2\d{3}-[\dT:.-]+Z/,
    ],
    ['an end at the start', replay(newState(), '--start', '60', '--until', '60'), 2, /--until[\s\S]*--start/],
    ['another start on the same state', replay(used, '--start', '10'), 2, /starts at 0 s, not at 10 s[\s\S]*--fresh/],
    ['a folder without a file', simulate(newState(), ['--data', empty]), 4, /has no CSV file/],
    ['a folder that is not there', simulate(newState(), ['--data', join(folder, 'nowhere')]), 4, /can not be read/],
    ['another format', simulate(newState(), ['--data', foreign]), 4, /meter\.csv, line 1, is not a Gem House header: "time,meterusage"/],
    [
      'a bad row where none may be',
      replay(newState(), '--set', 'simulation.on_bad_row=fail'),
      4,
      /home-\d\.csv, line \d+: timestamp is not a time/,
    ],
  ];
  for (const [name, { status, stderr }, code, message] of refusals) {
    assert.equal(status, code, `${name}: ${stderr}`);
    assert.match(stderr, message, name);
  }
});

test('a household that had to be parked makes the exit code 1, each time; the others are in the topic', async () => {
  const [dir, state] = [join(folder, 'parks'), newState()];
  const rows = (household: string) => join(dir, `${household}.csv`);
  mkdirSync(dir);
  for (const name of readdirSync(data).slice(0, 2)) writeFileSync(join(dir, name), readFileSync(join(data, name)));
  const whole = readFileSync(rows('home-2'), 'utf8');
  writeFileSync(rows('home-2'), whole.slice(0, -2));
  const first = finished(simulate(state, ['--data', dir, '--speed', 'max']));
  writeFileSync(rows('home-2'), whole);
  for (const time of ['first', 'second']) {
    const { status, events, stderr } = simulate(state, ['--data', dir, '--speed', 'max']);
    assert.equal(status, 1, `${time} time: ${stderr}`);
    const last = events.at(-1);
    assert.ok(last?.event === 'finished');
    assert.deepEqual([last.published, last.parked.map(({ household }) => household)], [first.published, ['home-2']]);
  }
  const ends = (await topicOf(state)).flat().filter((value) => value.includes(`"end":true`) && value.includes('home-2'));
  assert.equal(ends.length, 1, 'the first run ended with it, the second one without');
});

test('a run far beyond the data ends with the data, at any speed', () => {
  const state = newState();
  const { published } = finished(simulate(state, ['--data', data, '--until', '100000000', '--speed', '2000']));
  assert.ok(published > 1_000);
});
