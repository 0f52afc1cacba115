/**
 * docker-compose.yml against the schema of compose, which check-jsonschema brings along, and against what we promise of it. The
 * commands in it run for real where they can: Redis with its own start script. Images are not fetched.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { freePort } from '../../doubles/free-port.ts';
import { pythonWith } from '../../doubles/python-with.ts';
import { noRedis } from '../../doubles/redis-server.ts';

interface Service {
  image: string;
  ports: unknown[];
  volumes: unknown[];
  environment: Record<string, string>;
  command?: string[];
  healthcheck: { test: string[]; interval: string; retries: number };
  profiles?: unknown;
}

interface Compose {
  services: Record<string, Service>;
  volumes: Record<string, unknown>;
}

const TOP = fileURLToPath(new URL('../../..', import.meta.url));
const FILE = join(TOP, 'docker-compose.yml');
const PYTHON = pythonWith('check_jsonschema', 'ruamel.yaml') ?? '';
const TO_JSON = 'import json, sys; from ruamel.yaml import YAML; json.dump(YAML(typ="safe").load(sys.stdin), sys.stdout)';
const noChecker = PYTHON === '' && 'no Python with check-jsonschema: pip install check-jsonschema, or set FOGLINE_PYTHON';
const needsChecker = { skip: noChecker };
const PATIENT_MS = 20_000;

let compose: Compose;

before(() => {
  if (noChecker === false) compose = parse(readFileSync(FILE, 'utf8')) as Compose;
});

function parse(yaml: string): unknown {
  const { status, stdout, stderr } = spawnSync(PYTHON, ['-c', TO_JSON], { input: yaml, encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout);
}

function check(file: string) {
  const args = ['-m', 'check_jsonschema', '--builtin-schema', 'vendor.compose-spec', file];
  return spawnSync(PYTHON, args, { encoding: 'utf8', timeout: 60_000 });
}

test('it is what compose understands; a mistyped key would be found', needsChecker, (t) => {
  const { status, stdout, stderr } = check(FILE);
  assert.equal(status, 0, stdout + stderr);
  const folder = mkdtempSync(join(tmpdir(), 'fogline-compose-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const planted = join(folder, 'docker-compose.yml');
  writeFileSync(planted, readFileSync(FILE, 'utf8').replace('healthcheck:', 'healthchek:'));
  assert.equal(check(planted).status, 1);
});

test('Kafka and Redis start without profiles, each from a pinned image', needsChecker, () => {
  assert.deepEqual(Object.keys(compose.services).sort(), ['kafka', 'redis']);
  for (const [name, { image, profiles }] of Object.entries(compose.services)) {
    assert.equal(profiles, undefined, name);
    assert.match(image, /^[a-z0-9./-]+:\d+\.\d+\.\d+(-[a-z0-9.]+)?(@sha256:[0-9a-f]{64})?$/, name);
  }
  assert.match(compose.services['kafka']?.image ?? '', /^apache\/kafka:/);
});

test('ports are bound to this machine, data lie in named volumes, each service has a health check', needsChecker, () => {
  for (const [name, { ports, volumes, healthcheck }] of Object.entries(compose.services)) {
    assert.equal(ports.length, 1, name);
    for (const port of ports) assert.match(String(port), /^127\.0\.0\.1:\d+:\d+$/, name);
    assert.equal(volumes.length, 1, name);
    for (const volume of volumes) {
      const source = /^([a-z][a-z0-9-]*):\//.exec(String(volume))?.[1] ?? '';
      assert(Object.hasOwn(compose.volumes, source), `${name}: ${String(volume)} is not a named volume`);
    }
    assert.equal(healthcheck.test[0], 'CMD-SHELL', name);
    assert.ok(healthcheck.retries > 0 && healthcheck.interval !== '', name);
  }
});

test('Kafka: its data lie on the volume, topics are ours to make, an acknowledged record is on the disk', needsChecker, () => {
  const { environment, volumes } = compose.services['kafka'] as Service;
  assert.equal(String(volumes[0]).split(':')[1], environment['KAFKA_LOG_DIRS']);
  assert.equal(environment['KAFKA_AUTO_CREATE_TOPICS_ENABLE'], 'false');
  assert.equal(environment['KAFKA_LOG_MESSAGE_TIMESTAMP_TYPE'], 'LogAppendTime');
  assert.equal(environment['KAFKA_LOG_FLUSH_INTERVAL_MESSAGES'], '1');
  for (const [name, value] of Object.entries(environment)) if (name.endsWith('REPLICATION_FACTOR')) assert.equal(value, '1', name);
  const host = /HOST:\/\/([^,]+)/.exec(environment['KAFKA_ADVERTISED_LISTENERS'] ?? '')?.[1];
  assert.equal(host, '127.0.0.1:9092');
});

test('no secret in the file; the password comes from .env, which git does not see and whose example is empty', needsChecker, () => {
  const { environment } = compose.services['redis'] as Service;
  assert.match(environment['REDIS_PASSWORD'] ?? '', /^\$\{REDIS_PASSWORD:\?[^}]+\}$/);
  for (const [name, service] of Object.entries(compose.services)) {
    for (const [key, value] of Object.entries(service.environment))
      if (/PASS|SECRET|TOKEN|KEY/.test(key)) assert.match(value, /^\$\{/, `${name}.${key}`);
  }
  const text = readFileSync(FILE, 'utf8');
  for (const [word] of text.matchAll(/(?:requirepass|REDISCLI_AUTH=)\s*\S+/g)) assert.match(word, /\$\$REDIS_PASSWORD$/);
  const ignored = spawnSync('git', ['check-ignore', '--no-index', '.env'], { cwd: TOP });
  if (ignored.error === undefined && ignored.status !== 128) assert.equal(ignored.status, 0, '.env is not in .gitignore');
  assert.match(readFileSync(join(TOP, '.gitignore'), 'utf8'), /^\.env$/m);
  assert.match(readFileSync(join(TOP, '.env.example'), 'utf8'), /^REDIS_PASSWORD=$/m);
});

test('the start script of Redis: password, persistence, nothing on the command line', { skip: noChecker || noRedis }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'fogline-compose-'));
  const port = await freePort();
  const [shell = '', option = '', script = ''] = (compose.services['redis'] as Service).command ?? [];
  assert.deepEqual([shell, option], ['sh', '-c']);
  // As compose hands it over, with the folder and the port of this test.
  const own = script.replaceAll('$$', '$').replace('dir /data', `dir ${folder}\nport ${port}\nbind 127.0.0.1`);
  const child = spawn(shell, [option, own], { env: { ...process.env, REDIS_PASSWORD: 'p-of-this-test' }, stdio: 'ignore' });
  t.after(async () => {
    await ended(child);
    rmSync(folder, { recursive: true });
  });
  const client = await connected(port, 'p-of-this-test');
  t.after(() => client.disconnect());
  await assert.rejects(connected(port, 'another', 1), /WRONGPASS/);
  assert.deepEqual(await client.config('GET', 'appendonly'), ['appendonly', 'yes']);
  assert.deepEqual(await client.config('GET', 'maxmemory-policy'), ['maxmemory-policy', 'noeviction']);
  assert.deepEqual(await client.config('GET', 'save'), ['save', '']);
  const shown = spawnSync('ps', ['-o', 'args=', '-p', String(child.pid)], { encoding: 'utf8' });
  if (shown.status === 0) assert.match(shown.stdout, /^redis-server/);
  if (shown.status === 0) assert.doesNotMatch(shown.stdout, /p-of-this-test/);
});

async function connected(port: number, password: string, attempts = PATIENT_MS / 50): Promise<Redis> {
  for (let attempt = 1; ; attempt++) {
    const options = { host: '127.0.0.1', port, password, protocol: 2, replyMapping: 'legacy', lazyConnect: true } as const;
    const client = new Redis({ ...options, retryStrategy: () => null });
    let cause: Error | undefined;
    client.on('error', (error: Error) => {
      cause ??= error;
    });
    try {
      await client.connect();
      await client.ping();
      return client;
    } catch (error) {
      client.disconnect();
      if (attempt >= attempts) throw cause ?? error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await exited;
}
