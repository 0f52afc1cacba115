/** What systemd is told: by the real parts, over a real socket that is read as systemd reads it. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../common/clock.ts';
import { processEnvironment } from '../../common/config.ts';
import { silentLogger } from '../../common/logger.ts';
import { ServiceManager } from '../../common/service-manager.ts';
import { ensureBuilt } from '../crash/fleet.ts';
import { ANY_PORTS } from '../doubles/any-ports.ts';
import { NotifySocket, noNotifySocket } from '../doubles/notify-socket.ts';
import { until } from '../doubles/until.ts';

const ENTRY = join(import.meta.dirname, '../../dist/fogline.js');
const WATCHDOG_MS = 900;
/** Several watchdogs long: a sign of life that still comes is seen. */
const SILENCE_MS = 4 * WATCHDOG_MS;
const folder = mkdtempSync(join(tmpdir(), 'fogline-manager-'));

before(() => ensureBuilt());
after(() => rmSync(folder, { recursive: true, force: true }));

function exitOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => child.once('exit', (code) => resolve(code)));
}

for (const part of ['cloud', 'edge']) {
  test(`${part}: ready when it serves, signs of life, stopping when it is told to stop`, { skip: noNotifySocket }, async (t) => {
    const socket = new NotifySocket();
    await socket.start();
    t.after(() => socket.stop());
    const env = { ...process.env, ...socket.environment(WATCHDOG_MS) };
    const args = [ENTRY, part, '--state', join(folder, part), '--json', ...ANY_PORTS];
    const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
    const exited = exitOf(child);
    t.after(() => child.kill('SIGKILL'));
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
    await until(() => socket.count('READY=1') === 1, 'READY=1');
    await until(() => said.includes('"event":"ready"'), 'the part to say so itself');
    await until(() => socket.count('WATCHDOG=1') >= 4, 'signs of life');
    child.kill('SIGTERM');
    await until(() => socket.count('STOPPING=1') === 1, 'STOPPING=1');
    assert.equal(await exited, 0);
    assert.equal(socket.words[0]?.word, 'READY=1');
    assert.equal(socket.words.at(-1)?.word, 'STOPPING=1');
    assert.deepEqual(
      socket.words.filter(({ known }) => !known),
      [],
      'systemd drops the word of a sender that is gone already',
    );
  });
}

test('a start that takes over a damaged store asks for time before it is ready', { skip: noNotifySocket }, async (t) => {
  const socket = new NotifySocket();
  await socket.start();
  t.after(() => socket.stop());
  const state = join(folder, 'damaged');
  mkdirSync(join(state, 'cloud'), { recursive: true });
  writeFileSync(join(state, 'cloud/series.db'), Buffer.alloc(32_768, 'garbage '));
  const args = [ENTRY, 'cloud', '--state', state, '--json', ...ANY_PORTS];
  const child = spawn(process.execPath, args, { env: { ...process.env, ...socket.environment(WATCHDOG_MS) }, stdio: 'ignore' });
  const exited = exitOf(child);
  t.after(() => child.kill('SIGKILL'));
  await until(() => socket.count('READY=1') === 1, 'READY=1');
  assert.equal(socket.count('EXTEND_TIMEOUT_USEC=600000000'), 1, 'once a minute at most');
  child.kill('SIGTERM');
  assert.equal(await exited, 0);
});

test('a stuck event loop gives no sign of life', { skip: noNotifySocket }, async (t) => {
  const socket = new NotifySocket();
  await socket.start();
  t.after(() => socket.stop());
  const env = { ...process.env, ...socket.environment(WATCHDOG_MS) };
  const entry = fileURLToPath(new URL('../doubles/stuck-process.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', entry], { env, stdio: ['ignore', 'inherit', 'inherit'] });
  const exited = exitOf(child);
  t.after(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  await until(() => socket.count('WATCHDOG=1') >= 3, 'signs of life');
  child.kill('SIGUSR2');
  // One may be on its way.
  await systemClock.sleep(WATCHDOG_MS);
  const before = socket.count('WATCHDOG=1');
  await systemClock.sleep(SILENCE_MS);
  assert.equal(socket.count('WATCHDOG=1'), before);
});

test('nobody is told where nobody asked, nor by a part of fogline run', async () => {
  assert.deepEqual(processEnvironment({}).manager, { wantsWord: false, watchdogMs: undefined });
  assert.deepEqual(processEnvironment({ NOTIFY_SOCKET: '/s', WATCHDOG_USEC: '60000000' }).manager, { wantsWord: true, watchdogMs: 60_000 });
  assert.equal(processEnvironment({ NOTIFY_SOCKET: '/s', WATCHDOG_USEC: '1000', WATCHDOG_PID: '1' }).manager.watchdogMs, undefined);
  assert.equal(processEnvironment({ NOTIFY_SOCKET: '/s', FOGLINE_CHILD_OF_RUN: '1' }).manager.wantsWord, false);

  const program = join(folder, 'systemd-notify');
  const called = join(folder, 'called');
  writeFileSync(program, `#!/bin/sh\necho "$@" >> ${called}\nexit 1\n`);
  chmodSync(program, 0o755);
  const { PATH: path } = process.env;
  process.env['PATH'] = `${folder}${delimiter}${path}`;
  try {
    const silent = new ServiceManager({ wantsWord: false, watchdogMs: 10 }, systemClock, silentLogger);
    const stop = new AbortController();
    silent.ready(stop.signal);
    await systemClock.sleep(300);
    assert.equal(existsSync(called), false);
    // One that can't be told is named in the log, once, and the part goes on.
    const errors: string[] = [];
    const logger = { ...silentLogger, error: (_fields: object, message: string) => void errors.push(message) };
    const told = new ServiceManager({ wantsWord: true, watchdogMs: 30 }, systemClock, logger);
    told.ready(stop.signal);
    await until(() => existsSync(called), 'the child');
    await systemClock.sleep(300);
    stop.abort();
    await until(() => !process.getActiveResourcesInfo().includes('ProcessWrap'), 'the children of the last signs of life');
    assert.deepEqual(errors, ['the service manager could not be told']);
  } finally {
    process.env['PATH'] = path;
  }
});
