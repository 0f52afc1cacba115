/** `simulate --record`, `replay` and `trace` as processes of their own. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const TSX = import.meta.resolve('tsx');
/** A process that takes longer is stuck. */
const DEADLINE_MS = 120_000;
const PIPE_BYTES = 65_536;
/** Until the command has written what it has, and would end. */
const LATE_SECONDS = 4;

const folder = mkdtempSync(join(tmpdir(), 'fogline-trace-commands-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const ENTRY = [process.execPath, '--import', TSX, join(ROOT, 'fogline.ts')] as const;

interface Ended {
  status: number | null;
  stdout: string;
  stderr: string;
}

function fogline(...words: string[]): Ended {
  const [node, ...args] = [...ENTRY, ...words];
  const env = { ...process.env, FOGLINE_LOG_LEVEL: 'warn' };
  const { status, stdout, stderr } = spawnSync(node as string, args, { cwd: folder, encoding: 'utf8', timeout: DEADLINE_MS, env });
  return { status, stdout, stderr };
}

/** A roof at noon and a battery that gets what the roof gives as its set-point. */
function scenario(peakPower_w: number): string {
  return JSON.stringify({
    start: '2023-06-21T10:00:00Z',
    until: 600,
    speed: 'max',
    seed: 1,
    simulators: { battery: { model: 'battery' }, 'pv-0': { model: 'pv' }, paper: { model: 'collector', params: { file: 'paper.csv' } } },
    entities: {
      roof: { simulator: 'pv-0', model: 'PV', params: { peak_power_w: peakPower_w } },
      store: { simulator: 'battery', model: 'Battery' },
      sheet: { simulator: 'paper', model: 'Collector' },
    },
    connections: [
      { from: 'roof', to: 'store', attributes: [['power', 'setpoint']] },
      { from: 'store', to: 'sheet', attributes: ['power', 'soc'] },
    ],
  });
}

const traces = { first: join(folder, 'first.trace'), same: join(folder, 'same.trace'), other: join(folder, 'other.trace') };

before(() => {
  for (const [name, peakPower_w] of [
    ['first', 5_000],
    ['same', 5_000],
    ['other', 5_500],
  ] as const) {
    const file = join(folder, `${name}.json`);
    writeFileSync(file, scenario(peakPower_w));
    const ended = fogline('simulate', '--state', join(folder, name), '--scenario', file, '--record', traces[name]);
    assert.equal(ended.status, 0, ended.stderr);
  }
});

test('each simulator answers as recorded, in this process and behind a wire', () => {
  for (const sid of ['pv-0', 'battery', 'paper']) {
    const ended = fogline('replay', traces.first, '--simulator', sid);
    assert.deepEqual([ended.status, ended.stderr], [0, '']);
    assert.match(ended.stdout, new RegExp(`^${sid} answers as recorded in all of \\d+ steps\n$`));
  }
  const served = [...ENTRY, 'serve', 'battery', '%(addr)s'].map((word) => `"${word}"`).join(' ');
  const ended = fogline('replay', traces.first, '--simulator', 'battery', '--command', served, '--json');
  assert.equal(ended.status, 0, ended.stdout + ended.stderr);
  const told = JSON.parse(ended.stdout) as { equal: boolean; steps: number };
  assert.equal(told.equal, true);
  assert.ok(told.steps >= 120, `${told.steps} steps`);
});

test('a difference, a name that nobody has, two ways to one simulator', () => {
  const wrong = fogline('replay', traces.first, '--simulator', 'pv-0', '--model', 'battery', '--json');
  assert.equal(wrong.status, 1);
  assert.equal((JSON.parse(wrong.stdout) as { difference: { what: string } }).difference.what, 'init');
  const nobody = fogline('replay', traces.first, '--simulator', 'none', '--model', 'pv');
  assert.equal(nobody.status, 2);
  assert.match(nobody.stderr, /no simulator none\n.*name one of battery, pv-0, paper/);
  const typo = fogline('replay', traces.first, '--simulator', 'nope');
  assert.equal(typo.status, 2);
  assert.match(typo.stderr, /no simulator nope\n.*name one of battery, pv-0, paper/);
  assert.equal(fogline('replay', traces.first, '--simulator', 'pv-0', '--command', 'x', '--connect', 'y').status, 2);
  assert.equal(fogline('replay', join(folder, 'first.json'), '--simulator', 'pv-0').status, 4);
});

test('diff: two runs of one scenario are equal, another roof is named', () => {
  const same = fogline('trace', 'diff', traces.first, traces.same);
  assert.deepEqual([same.status, same.stderr], [0, '']);
  assert.match(same.stdout, /^all of \d+ steps are equal\n$/);
  const other = fogline('trace', 'diff', traces.first, traces.other);
  assert.equal(other.status, 1);
  assert.match(other.stdout, /before the run, pv-0: create › 1 › params › peak_power_w: 5000 \| 5500/);
  assert.match(other.stdout, /the runs part at 0, pv-0, its step 1: outputs of \S+ › power/);
  const told = JSON.parse(fogline('trace', 'diff', traces.first, traces.other, '--json').stdout) as {
    equal: boolean;
    cause: { sid: string };
  };
  assert.deepEqual([told.equal, told.cause.sid], [false, 'pv-0']);
});

test('show: the steps of one simulator, in a piece of time', () => {
  const shown = fogline('trace', 'show', traces.first, '--simulator', 'battery', '--from', '5', '--to', '20');
  assert.equal(shown.status, 0, shown.stderr);
  assert.match(shown.stdout, /\n10 battery: maxAdvance \d+, next \d+\n {2}< \S+\.setpoint from pv-0\.\S+ = -?[\d.]+\n/);
  assert.doesNotMatch(shown.stdout, /\n25 battery|\n\d+ pv-0/);
  const lines = fogline('trace', 'show', traces.first, '--json').stdout.trim().split('\n');
  assert.equal((JSON.parse(lines[0] as string) as { format: string }).format, 'fogline-trace');
  assert.equal((JSON.parse(lines.at(-1) as string) as { end: { steps: number } }).end.steps, lines.length - 2);
  writeFileSync(join(folder, 'torn.trace'), readFileSync(traces.first).subarray(0, -200));
  const torn = fogline('trace', 'show', join(folder, 'torn.trace'));
  assert.equal(torn.status, 0);
  assert.match(torn.stderr, /ends before its run did/);
});

test('show: who reads its pipe late gets all of it', () => {
  const words = [...ENTRY, 'trace', 'show', traces.first, '--json'].map((word) => `'${word}'`).join(' ');
  const whole = join(folder, 'whole.txt');
  const shell = (command: string) => spawnSync('sh', ['-c', command], { cwd: folder, encoding: 'utf8', maxBuffer: 1 << 24 });
  assert.equal(shell(`${words} > '${whole}'`).status, 0);
  const said = readFileSync(whole, 'utf8');
  assert.ok(said.length > PIPE_BYTES, 'more than a pipe holds');
  assert.equal(shell(`${words} | { sleep ${LATE_SECONDS}; cat; }`).stdout, said);
});

test('of a recording that ends before its run did, only what is there counts', () => {
  const header = gunzipSync(readFileSync(traces.first)).toString().split('\n')[0];
  const empty = join(folder, 'empty.trace');
  writeFileSync(empty, `${header}\n`);
  const diff = fogline('trace', 'diff', traces.first, empty, '--json');
  assert.equal(diff.status, 1, diff.stdout);
  assert.equal((JSON.parse(diff.stdout) as { equal: boolean }).equal, false);
  const replay = fogline('replay', empty, '--simulator', 'pv-0');
  assert.equal(replay.status, 1);
  assert.match(replay.stdout, /^no step of pv-0 is in the recording: nothing was compared\n$/);
  assert.match(replay.stderr, /ends before its run did/);
  const torn = fogline('replay', join(folder, 'torn.trace'), '--simulator', 'pv-0');
  assert.equal(torn.status, 0, torn.stderr);
  assert.match(torn.stdout, /^pv-0 answers as recorded in all of \d+ steps\n$/);
  assert.match(torn.stderr, /ends before its run did/);
});
