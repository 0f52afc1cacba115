/** `fogline doctor` as people start it, on this machine, with a real Redis. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Check } from '../../doctor/check.ts';
import { freePort } from '../doubles/free-port.ts';
import { noRedis, RedisServer } from '../doubles/redis-server.ts';

const ENTRY = fileURLToPath(new URL('../../fogline.ts', import.meta.url));
const COMMAND = ['--import', import.meta.resolve('tsx'), ENTRY, 'doctor'];
/** Whatever else runs on this machine: no port is asked for unless the test says so. */
const NO_PORTS = ['cloud.http_port=0', 'link.heartbeat_port=0', 'link.data_port=0'].flatMap((set) => ['--set', set]);
const folder = mkdtempSync(join(tmpdir(), 'fogline-doctor-'));
after(() => rmSync(folder, { recursive: true }));

interface Report {
  checks: Check[];
  missing: number;
  warnings: number;
}

function run(
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<{ status: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [...COMMAND, ...NO_PORTS, ...args], { cwd: folder, env: { ...process.env, ...env } });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk) => (stdout += String(chunk)));
  child.stderr.on('data', (chunk) => (stderr += String(chunk)));
  return new Promise((resolve) => child.once('close', (status) => resolve({ status, stdout, stderr })));
}

async function examine(args: readonly string[], env: Record<string, string> = {}) {
  const { status, stdout, stderr } = await run([...args, '--json'], env);
  assert.notEqual(stdout, '', stderr);
  const { checks } = JSON.parse(stdout) as Report;
  return { status, stdout, stderr, find: (name: string) => checks.find((check) => check.name === name) };
}

test('here all that is needed is there; nothing is left behind', async () => {
  const { status, stdout } = await run([]);
  assert.equal(status, 0, stdout);
  const lines = stdout.trimEnd().split('\n');
  for (const name of ['node', 'better-sqlite3', 'nanomsg', 'port 0', 'state', 'space', 'sync', 'doorbell', 'chromium'])
    assert(
      lines.some((line) => new RegExp(`^(ok|warn) +${name} `).test(line)),
      `${name}: ${stdout}`,
    );
  assert.match(lines.at(-1) ?? '', /^all that is needed is there, \d+ warnings$/);
  assert.deepEqual(readdirSync(folder), []);
});

test('a taken port is told with its holder', async (t) => {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  t.after(() => server.close());
  const { port } = server.address() as { port: number };
  const { status, find } = await examine(['--set', `cloud.http_port=${port}`]);
  const check = find(`port ${port}`);
  assert.equal(check?.state, 'warn');
  assert.equal(status, 0);
  assert.match(check.remedy ?? '', /--set cloud\.http_port=PORT/);
  if (existsSync('/proc/net/tcp')) assert.match(check.says, new RegExp(`pid ${process.pid}, `));
  const elsewhere = await examine(['--set', 'cloud.http_port=5006', '--set', 'cloud.http_host=192.0.2.1']);
  assert.equal(elsewhere.find('port 5006')?.state, 'missing');
  assert.equal(elsewhere.status, 1);
});

test('a state folder that can not be, and a data folder without households', async () => {
  writeFileSync(join(folder, 'in-the-way'), '');
  const { status, find } = await examine(['--state', join(folder, 'in-the-way', 'state'), '--set', 'simulation.data_dir=.']);
  assert.equal(status, 1);
  assert.equal(find('state')?.state, 'missing');
  assert.match(find('state')?.remedy ?? '', /--state/);
  assert.equal(find('data')?.state, 'missing');
  rmSync(join(folder, 'in-the-way'));
});

test('without compilers and browser: named only when something has to be compiled', async () => {
  const { status, find } = await examine([], { PATH: folder, FOGLINE_CHROMIUM: '' });
  assert.equal(status, 0);
  assert.equal(find('chromium')?.state, 'warn');
  assert.equal(find('compiler') === undefined, find('nanomsg')?.state === 'ok');
});

test('redis: there, with a wrong password, and gone', { skip: noRedis, timeout: 300_000 }, async (t) => {
  const server = new RedisServer();
  t.after(() => server.stop());
  await server.start();
  const healthy = await examine([], { FOGLINE_REDIS_URL: server.url() });
  assert.equal(healthy.status, 0, healthy.stdout);
  const version = /v=(\S+)/.exec(spawnSync('redis-server', ['--version'], { encoding: 'utf8' }).stdout)?.[1];
  assert.deepEqual(healthy.find('redis'), { name: 'redis', state: 'ok', says: `answers, version ${version}` });
  assert.equal(healthy.find('redis password'), undefined);
  await server.client.config('SET', 'maxmemory', '64mb');
  await server.client.config('SET', 'maxmemory-policy', 'allkeys-lru');
  assert.equal((await examine([], { FOGLINE_REDIS_URL: server.url() })).find('redis memory')?.state, 'warn');

  const wrong = await examine([], { FOGLINE_REDIS_URL: server.url('not this one') });
  assert.equal(wrong.status, 3);
  assert.match(wrong.find('redis')?.says ?? '', /refuses the password: WRONGPASS/);
  const secret = join(folder, 'redis-password');
  writeFileSync(secret, `${server.password}\n`);
  const apart = await examine([], { FOGLINE_REDIS_URL: `redis://127.0.0.1:${server.port}`, FOGLINE_REDIS_PASSWORD_FILE: secret });
  assert.deepEqual([apart.status, apart.find('redis')?.state, apart.find('redis password')], [0, 'ok', undefined]);
  rmSync(secret);
  await server.client.config('SET', 'requirepass', '');
  const open = await examine([], { FOGLINE_REDIS_URL: `redis://127.0.0.1:${server.port}` });
  assert.deepEqual([open.status, open.find('redis password')?.state], [0, 'warn']);
  await server.kill();
  const gone = await examine([], { FOGLINE_REDIS_URL: server.url() });
  assert.equal(gone.status, 3);
  assert.match(gone.find('redis')?.says ?? '', /does not answer/);
  for (const { stdout, stderr } of [healthy, wrong, gone])
    assert.doesNotMatch(stdout + stderr, /only for this test|only%20for|not this one/);
});

test('redis: what is no address, and a server that accepts and says nothing', { timeout: 300_000 }, async (t) => {
  const noAddress = await examine([], { FOGLINE_REDIS_URL: 'http://secret@x' });
  assert.deepEqual([noAddress.status, noAddress.find('redis')?.state], [1, 'missing']);
  assert.doesNotMatch(noAddress.stdout, /secret/);
  const free = await freePort();
  const silent = createServer().listen(free, '127.0.0.1');
  t.after(() => silent.close());
  const mute = await examine([], { FOGLINE_REDIS_URL: `redis://:pass@127.0.0.1:${free}` });
  assert.equal(mute.status, 3, mute.stdout);
});
