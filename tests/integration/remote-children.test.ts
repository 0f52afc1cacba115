/** What becomes of the processes of simulators: when this program ends by a signal, and when a command leaves its simulator behind. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { systemClock } from '../../common/clock.ts';
import { CosimError } from '../../edge/simulator/cosim/errors.ts';
import { World } from '../../edge/simulator/cosim/world.ts';
import { remoteSimulator, type StartRemoteOptions } from '../../edge/simulator/remote/start-remote.ts';
import { isAlive } from '../doubles/process-state.ts';
import { until } from '../doubles/until.ts';

const PEER = join(import.meta.dirname, '../doubles/wire-peer.py');
const TSX = import.meta.resolve('tsx');
const python = process.env['FOGLINE_PYTHON'] || 'python3';
const DEADLINE_MS = 60_000;

const folder = mkdtempSync(join(tmpdir(), 'fogline-children-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const moduleAt = (path: string) => JSON.stringify(import.meta.resolve(`../../${path}`));
/** A scenario as a program: PROGRAM PYTHON PEER [heed]. Its simulator hangs in its first step; with `heed` it listens to SIGTERM, once. */
const PROGRAM = `
  import { systemClock as clock } from ${moduleAt('common/clock.ts')};
  import { World } from ${moduleAt('edge/simulator/cosim/world.ts')};
  import { remoteSimulator } from ${moduleAt('edge/simulator/remote/start-remote.ts')};
  const [, , python, peer, heed] = process.argv;
  if (heed === 'heed') process.once('SIGTERM', () => process.stdout.write('heard SIGTERM\\n'));
  const world = new World({ clock });
  const launch = { cmd: \`%(python)s "\${peer}" %(addr)s notes\`, env: { SCRIPT: '{"delaySeconds": 600, "ignoreSigterm": 1}' } };
  const onOutput = (_, line) => process.stdout.write(line + '\\n');
  const peers = await world.start('peer', remoteSimulator({ clock, environment: process.env, python, launch, onOutput }));
  await peers.create(1, 'M');
  await world.run({ until: 2 });
`;

function pidIn(text: string): number {
  return Number(/^pid (\d+)$/m.exec(text)?.[1] ?? Number.NaN);
}

describe('a scenario as a program that a signal ends while its simulator hangs', () => {
  async function hanging(...words: string[]) {
    rmSync(join(folder, 'notes'), { force: true });
    const path = join(folder, 'program.mjs');
    writeFileSync(path, PROGRAM);
    const program = spawn(process.execPath, ['--import', TSX, path, python, PEER, ...words], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: 2 * DEADLINE_MS,
      killSignal: 'SIGKILL',
    });
    let text = '';
    program.stdout.setEncoding('utf8').on('data', (piece: string) => {
      text += piece;
    });
    await until(() => existsSync(join(folder, 'notes')) && /^step 0/m.test(readFileSync(join(folder, 'notes'), 'utf8')), 'a step');
    const pid = pidIn(text);
    assert.ok(isAlive(pid), text);
    return { program, pid, text: () => text };
  }

  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    test(`${signal}: it dies of it, and the simulator with it`, async () => {
      const { program, pid } = await hanging();
      const ended = once(program, 'exit');
      program.kill(signal);
      assert.deepEqual(await ended, [null, signal]);
      await until(() => !isAlive(pid), `process ${pid} has ended`);
    });
  }

  test('a signal that it listens to itself ends nobody', async () => {
    const { program, pid, text } = await hanging('heed');
    const ended = once(program, 'exit');
    program.kill('SIGTERM');
    await until(() => text().includes('heard SIGTERM'), 'heard');
    await systemClock.sleep(200);
    assert.ok(isAlive(pid));
    assert.equal(program.exitCode ?? program.signalCode, null);
    program.kill('SIGTERM');
    assert.deepEqual(await ended, [null, 'SIGTERM'], 'it listened once');
    await until(() => !isAlive(pid), `process ${pid} has ended`);
  });
});

describe('a command that starts its simulator in the background and ends', () => {
  async function play(command: string, script: object, options: Partial<StartRemoteOptions> = {}) {
    rmSync(join(folder, 'notes'), { force: true });
    const written: string[] = [];
    const peer = remoteSimulator({
      clock: systemClock,
      python,
      environment: process.env,
      launch: { cmd: command, cwd: folder, env: { SCRIPT: JSON.stringify(script), PEER } },
      onOutput: (_, line) => void written.push(line),
      ...options,
    });
    const world = new World({ clock: systemClock });
    let failure: unknown;
    try {
      await (await world.start('peer', peer)).create(1, 'M');
      await world.run({ until: 2 });
    } catch (error) {
      failure = error;
    } finally {
      await world.stop();
    }
    return { failure, pid: pidIn(written.join('\n')) };
  }
  const BACKGROUND = 'sh -c "%(python)s $PEER %(addr)s notes & exit 0"';
  const notes = () => readFileSync(join(folder, 'notes'), 'utf8').trim().split('\n');

  test('the simulator steps, takes its time to finish, and none is left', async () => {
    const { failure, pid } = await play(BACKGROUND, { finalizeSeconds: 0.5 });
    assert.equal(failure, undefined);
    assert.deepEqual(notes().slice(-2), ['stop', 'finished']);
    assert.ok(pid > 0 && !isAlive(pid));
  });

  test('one that does not end is ended, whatever it thinks of SIGTERM', async () => {
    const { failure, pid } = await play(BACKGROUND, { finalizeSeconds: 600, ignoreSigterm: 1 }, { stopTimeoutMs: 300 });
    assert.equal(failure, undefined);
    assert.equal(notes().at(-1), 'stop');
    await until(() => !isAlive(pid), `process ${pid} has ended`);
  });

  test('what never connects is ended with the time limit', async () => {
    const command = 'sh -c "sleep 600 & echo pid $!; exit 0" %(addr)s';
    const { failure, pid } = await play(command, {}, { startTimeoutMs: 1_500 });
    assert.ok(failure instanceof CosimError);
    assert.match(failure.message, /did not connect within 1\.5 s/);
    assert.ok(pid > 0);
    await until(() => !isAlive(pid), `process ${pid} has ended`);
  });

  test('what a failed command has left behind is ended at once', async () => {
    const { failure, pid } = await play('sh -c "%(python)s $PEER 127.0.0.1:1 notes; sleep 600 & echo pid $!; exit 3"', {});
    assert.ok(failure instanceof CosimError);
    assert.match(failure.message, /ended with exit code 3/);
    await until(() => !isAlive(pid), `process ${pid} has ended`);
  });
});
