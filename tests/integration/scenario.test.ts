/** `fogline simulate --scenario FILE` as a process: into the topic, among simulators only, and with a simulator behind a wire. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { ChildEvent, ScenarioSummary } from '../../common/child-events.ts';
import { writeMeteredData } from '../truth/metered-data.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const STREET = join(ROOT, 'edge/simulator/scenario/street.scenario.jsonc');
const TSX = import.meta.resolve('tsx');
/** A process that takes longer is stuck. */
const DEADLINE_MS = 120_000;

const folder = mkdtempSync(join(tmpdir(), 'fogline-scenario-'));
after(() => rmSync(folder, { recursive: true, force: true }));

function simulate(file: string, ...more: string[]) {
  const args = ['--import', TSX, join(ROOT, 'fogline.ts'), 'simulate', '--scenario', file, ...more];
  const env = { ...process.env, FOGLINE_LOG_LEVEL: 'warn' };
  return spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8', timeout: DEADLINE_MS, env });
}

function finished(file: string, ...more: string[]): Extract<ChildEvent, { event: 'finished' }> {
  const { status, stdout, stderr } = simulate(file, '--json', ...more);
  assert.equal(status, 0, stderr);
  const last = JSON.parse(stdout.trimEnd().split('\n').at(-1) as string) as ChildEvent;
  assert.ok(last.event === 'finished', stdout);
  return last;
}

function written(name: string, value: unknown): string {
  writeFileSync(join(folder, name), JSON.stringify(value, null, 1));
  return join(folder, name);
}

/** A roof that is measured, and written down. */
function roofs(roof: object, paper = 'paper.csv'): Record<string, unknown> {
  return {
    start: '2023-06-21T10:00:00Z',
    until: 30,
    seed: 3,
    speed: 'max',
    simulators: {
      roofs: roof,
      points: { model: 'grid-connection' },
      paper: { model: 'collector', params: { file: paper } },
    },
    entities: {
      pvs: { simulator: 'roofs', model: 'PV', count: 2, params: { tilt_deg: 20 } },
      gcps: { simulator: 'points', model: 'GridConnection', count: 2 },
      sheet: { simulator: 'paper', model: 'Collector' },
    },
    connections: [
      { from: 'pvs', to: 'gcps', pattern: 'zip', attributes: ['power'] },
      { from: 'gcps', to: 'sheet', pattern: 'manyToOne', attributes: ['grid_power'] },
    ],
  };
}

const SERVED = {
  command: `'${process.execPath}' --import '${TSX}' '${join(ROOT, 'fogline.ts')}' serve pv %(addr)s`,
  params: { start: '2023-06-21T10:00:00Z', seed: 3 },
};

test('the street goes into the topic; twice the same trace; gone on with, and not with another scenario', () => {
  const street = ['--speed', 'max', '--until', '120'];
  const first = finished(STREET, '--state', 'one', ...street);
  const second = finished(STREET, '--state', 'two', ...street);
  const { traceHash, profile } = first.scenario as ScenarioSummary;
  assert.equal(first.published, 50 * 24);
  assert.match(traceHash, /^[0-9a-f]{16}$/);
  assert.equal(second.scenario?.traceHash, traceHash);
  assert.equal(profile.find(({ sid }) => sid === 'pv')?.steps, 24);
  const again = finished(STREET, '--state', 'one', ...street);
  assert.deepEqual([again.run, again.published, again.scenario], [first.run, 50 * 24, undefined], 'a finished run is told again');
  assert.deepEqual([first.finishedBefore, again.finishedBefore], [undefined, true]);
  assert.match(simulate(STREET, '--state', 'one', ...street).stdout, /^nothing was simulated, .*finished before/m);
  const longer = finished(STREET, '--state', 'one', '--speed', 'max', '--until', '180');
  assert.equal(longer.published, 50 * 36, 'nothing twice');
  const changed = join(folder, 'changed.jsonc');
  writeFileSync(changed, readFileSync(STREET, 'utf8').replace('"seed": 17', '"seed": 18'));
  const { status, stderr } = simulate(changed, '--state', 'one', ...street);
  assert.equal(status, 2);
  assert.match(stderr, /belongs to another run: it is of another scenario/);
});

test('simulators among themselves: a table, the hash, a file beside the scenario; nothing is kept', () => {
  const { status, stdout, stderr } = simulate(written('alone.json', roofs({ model: 'pv' })));
  assert.equal(status, 0, stderr);
  assert.match(stdout, /^simulation finished\nsimulator +steps +in steps +waiting +waited for\nroofs +6 /m);
  assert.match(stdout, /^trace hash: [0-9a-f]{16}\n$/m);
  const lines = readFileSync(join(folder, 'paper.csv'), 'utf8').trimEnd().split('\n');
  assert.equal(lines.length, 1 + 6 * 2);
});

test('household files without a topic are a study: their readings reach the other simulators, nothing is kept', () => {
  writeMeteredData(join(folder, 'homes'), { households: 2, seconds: 120, seed: 5 });
  const file = written('study.json', {
    speed: 'max',
    simulators: { homes: { model: 'household' }, paper: { model: 'collector', params: { file: 'study.csv' } } },
    entities: {
      homes: {
        simulator: 'homes',
        model: 'Household',
        onePerFile: { dataset: 'households' },
        params: { file: '%(path)s', household: '%(household)s', firstLine: '%(firstLine)s' },
      },
      sheet: { simulator: 'paper', model: 'Collector' },
    },
    connections: [{ from: 'homes', to: 'sheet', pattern: 'manyToOne', attributes: ['readings'] }],
  });
  const secondsIn = (text: string) =>
    text
      .trimEnd()
      .split('\n')
      .slice(1)
      .map((line) => Number(line.split(',')[0]));
  const whole = simulate(file, '--data', 'homes', '--state', 'study');
  assert.equal(whole.status, 0, whole.stderr);
  assert.match(
    whole.stdout,
    /^replaying 2 households for \S+study\.json, 1\d\d s\n[\s\S]*^replay finished\n(\d+ rows left out: they are no readings\n)?simulator /m,
  );
  const all = secondsIn(readFileSync(join(folder, 'study.csv'), 'utf8'));
  assert.ok(all.length > 100 && (all.at(-1) as number) > 100);
  assert.ok(!existsSync(join(folder, 'study')), 'nothing is kept');
  const { scenario } = finished(file, '--data', 'homes', '--start', '30', '--until', '60');
  const part = secondsIn(readFileSync(join(folder, 'study.csv'), 'utf8'));
  assert.deepEqual(
    part,
    all.filter((second) => second >= 30 && second < 60),
  );
  assert.match(scenario?.traceHash ?? '', /^[0-9a-f]{16}$/);
});

test('a study tells rows that are no readings and goes on, or ends with exit 4 when it is to', () => {
  writeMeteredData(join(folder, 'spoilt'), { households: 1, seconds: 60, seed: 5 });
  const path = join(folder, 'spoilt/home-1.csv');
  writeFileSync(path, `${readFileSync(path, 'utf8')}no,reading\n`);
  const args = [join(folder, 'study.json'), '--data', 'spoilt'] as const;
  const { status, stdout, stderr } = simulate(...args);
  assert.equal(status, 0, stderr);
  assert.match(stdout, /^\d+ rows? left out: they are no readings$/m);
  assert.match(stderr, /home-1\.csv[^\n]*the row is no reading and is left out/);
  assert.equal(simulate(...args, '--set', 'simulation.on_bad_row=fail').status, 4);
});

test('a simulator behind a wire gives the same values; what only the run can tell names the place in the file', () => {
  const alone = finished(written('alone.json', roofs({ model: 'pv' }, 'alone.csv')));
  const served = finished(written('served.json', roofs(SERVED, 'served.csv')));
  assert.equal(readFileSync(join(folder, 'served.csv'), 'utf8'), readFileSync(join(folder, 'alone.csv'), 'utf8'));
  assert.equal(served.scenario?.traceHash, alone.scenario?.traceHash);
  const wrong = roofs(SERVED) as { connections: { attributes: unknown }[] };
  (wrong.connections[0] as { attributes: unknown }).attributes = [['powr', 'power']];
  const { status, stderr } = simulate(written('wrong.json', wrong));
  assert.equal(status, 2, stderr);
  assert.match(stderr, /wrong\.json:\d+: connections\[0\]: .*PV has no output powr[\s\S]*what to do \(the author of the scenario\)/);
  const gone = simulate(written('gone.json', roofs({ command: `'${process.execPath}' -e 'process.exit(3)' %(addr)s` })));
  assert.equal(gone.status, 1, gone.stderr);
  assert.match(gone.stderr, /gone\.json:\d+: simulators\.roofs: roofs: its process ended with exit code 3/);
  const { stdout } = simulate(join(folder, 'gone.json'), '--json');
  const told = JSON.parse(stdout.trimEnd().split('\n').at(-1) as string) as ChildEvent;
  assert.ok(told.event === 'error', stdout);
  assert.deepEqual([told.code, told.exitCode], ['SIMULATOR_NOT_STARTED', 1]);
});

test('a scenario without a topic that is stopped before its end is no success', async () => {
  const file = written('slow.json', { ...roofs({ model: 'pv' }), until: 3_600, speed: 1 });
  const child = spawn(process.execPath, ['--import', TSX, join(ROOT, 'fogline.ts'), 'simulate', '--scenario', file], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: DEADLINE_MS,
  });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (piece: string) => {
    if (text === '') child.kill('SIGINT');
    text += piece;
  });
  const [code] = await once(child, 'close');
  assert.equal(code, 130, text);
  assert.match(text, /stopped before its end; the same command begins anew\n$/);
});

test('mistakes are told before anything starts, exit 2', () => {
  const wrong = roofs({ command: `'${process.execPath}' -e 'require("fs").writeFileSync("started", "")' %(addr)s` });
  const { status, stderr } = simulate(written('mistakes.json', { ...wrong, untill: 5, initialEvents: { roof: 0 } }));
  assert.equal(status, 2);
  assert.match(
    stderr,
    /has 2 mistakes:[\s\S]*mistakes\.json:\d+: untill: [\s\S]*mistakes\.json:\d+: initialEvents\.roof: [\s\S]*what to do/,
  );
  assert.throws(() => readFileSync(join(folder, 'started')));
  const looped = simulate(STREET, '--loop', '--start', '5');
  assert.equal(looped.status, 2);
  assert.match(looped.stderr, /replays no household files, so --start, --loop means nothing/);
  assert.match(simulate('nowhere.json').stderr, /nowhere\.json can't be read/);
});

const PEER = join(ROOT, 'tests/doubles/wire-peer.py');

/** One simulator behind a wire, that does what the script says. */
function peers(script: object, more: object = {}): Record<string, unknown> {
  const command = `'${process.env['FOGLINE_PYTHON'] || 'python3'}' '${PEER}' %(addr)s notes`;
  return {
    until: 4,
    speed: 1_000,
    simulators: { peer: { command, env: { SCRIPT: JSON.stringify(script) } } },
    entities: { m: { simulator: 'peer', model: 'M' } },
    ...more,
  };
}

test('late steps are told at the end, by the tolerance that the file gives', () => {
  const slow = { delaySeconds: 0.2 };
  const told = simulate(written('late.json', peers(slow, { rtToleranceMs: 20 })));
  assert.equal(told.status, 0, told.stderr);
  assert.match(told.stdout, /^[1-3] steps? began late, by \d+ ms at most\ntrace hash: /m);
  const patient = peers(slow, { rtToleranceMs: 600_000, rtStrict: true });
  const { status, stdout, stderr } = simulate(written('patient.json', patient));
  assert.equal(status, 0, stderr);
  assert.doesNotMatch(stdout, /began late/);
  const strict = simulate(written('strict.json', peers(slow, { rtToleranceMs: 20, rtStrict: true })));
  assert.equal(strict.status, 1);
  assert.match(strict.stderr, /TOO_SLOW/);
});

function lastError(stdout: string): Extract<ChildEvent, { event: 'error' }> {
  const told = JSON.parse(stdout.trimEnd().split('\n').at(-1) as string) as ChildEvent;
  assert.ok(told.event === 'error', stdout);
  return told;
}

test('an error for programs says who must act, and simulator, call and tick where they are known', () => {
  const failed = simulate(written('raises.json', peers({ raise: 'no wind' })), '--json');
  const { code, whoActs, sid, call, time, exitCode } = lastError(failed.stdout);
  assert.deepEqual(
    { code, whoActs, sid, call, time, exitCode },
    { code: 'SIMULATOR_FAILED', whoActs: 'the author of the simulator', sid: 'peer', call: 'step', time: 0, exitCode: 1 },
  );
  const next = lastError(simulate(written('next.json', peers({ next: '0' })), '--json').stdout);
  assert.deepEqual([next.code, next.sid, next.call, next.time], ['NEXT_STEP_INVALID', 'peer', 'step', 0]);
  const gone = lastError(
    simulate(written('ends.json', roofs({ command: `'${process.execPath}' -e '' %(addr)s`, startTimeoutSeconds: 1 })), '--json').stdout,
  );
  assert.deepEqual([gone.code, gone.sid, gone.call, gone.time], ['SIMULATOR_NOT_STARTED', 'roofs', undefined, undefined]);
});

test('nobody at the other end is exit 3, for each command that connects', () => {
  const nobody = simulate(written('nobody.json', roofs({ connect: '127.0.0.1:1' })), '--json');
  assert.equal(nobody.status, 3, nobody.stderr);
  const { code, sid, exitCode } = lastError(nobody.stdout);
  assert.deepEqual([code, sid, exitCode], ['PEER_UNREACHABLE', 'roofs', 3]);
  const fogline = (...words: string[]) =>
    spawnSync(process.execPath, ['--import', TSX, join(ROOT, 'fogline.ts'), ...words], {
      cwd: folder,
      encoding: 'utf8',
      timeout: DEADLINE_MS,
    });
  const trace = join(folder, 'alone.trace');
  assert.equal(simulate(written('alone.json', roofs({ model: 'pv' })), '--record', trace).status, 0);
  assert.equal(fogline('replay', trace, '--simulator', 'roofs', '--connect', '127.0.0.1:1').status, 3);
  assert.equal(fogline('serve', 'pv', '127.0.0.1:1').status, 3);
  const late = fogline('serve', 'pv', '127.0.0.1:0', '--remote', '--timeout', '1');
  assert.equal(late.status, 3, late.stderr);
  assert.equal(fogline('serve', 'pv', 'nowhere').status, 2);
});
