/** `latest` over a real Redis server: the suite, and what several processes and the server see of each other. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import type { Bucket } from '../../cloud/server/storage/series-store.ts';
import { RedisLatest, type RedisLatestOptions } from '../../cloud/server/storage/redis-latest.ts';
import { systemClock } from '../../common/clock.ts';
import type { Logger } from '../../common/logger.ts';
import { Metrics } from '../../common/metrics.ts';
import { freePort } from '../doubles/free-port.ts';
import { noRedis, RedisServer } from '../doubles/redis-server.ts';
import { bucket, latestSuite, sorted } from '../contract/latest-suite.ts';
import { until } from '../doubles/until.ts';

const noOpenssl = spawnSync('openssl', ['version']).status === 0 ? false : 'openssl is not installed, which makes the certificates';
const server = new RedisServer();
let opened = 0;

if (noRedis === false) before(() => server.start());
after(() => server.stop());

/** Each with a store of its own unless told otherwise. */
function open(options: Partial<RedisLatestOptions> = {}): RedisLatest & { metrics: Metrics; warnings: string[] } {
  const process = ++opened;
  const metrics = new Metrics();
  const warnings: string[] = [];
  const quiet = () => undefined;
  const warn = (fields: object, message: string) => void warnings.push(`${message} ${JSON.stringify(fields)}`);
  const logger: Logger = { debug: quiet, info: quiet, warn, error: warn };
  const latest = new RedisLatest({
    url: server.url(),
    caFile: '',
    keyPrefix: 'test',
    expireMs: 100_000,
    processId: `process-${process}`,
    storeId: () => `store-${process}`,
    newest: async () => [],
    clock: systemClock,
    logger,
    metrics,
    ...options,
  });
  running.add(latest);
  return Object.assign(latest, { metrics, warnings });
}

type Opened = ReturnType<typeof open>;

const needsRedis = { skip: noRedis, timeout: 300_000 };

latestSuite({ name: 'redis', skip: noRedis, open: () => open() });

/** Also after a test that failed: what is left running would hold up the whole run. */
const running = new Set<RedisLatest>();
afterEach(async () => {
  for (const latest of running) await latest.stop();
  running.clear();
});

test('a household is a hash that expires; the index, the mark and the households are all there is', needsRedis, async () => {
  await using run = await started({ storeId: () => 'alone' });
  const [first] = run.all;
  first.put([bucket('a', 10), bucket('a', 20, { field: 'energy' }), bucket('b', 5)]);
  await until(async () => (await server.client.exists('test:alone:latest:a', 'test:alone:latest:b')) === 2);
  assert.deepEqual(Object.keys(await server.client.hgetall('test:alone:latest:a')).sort(), ['meter/energy', 'meter/power']);
  assert.deepEqual(await server.client.zrange('test:alone:latest', 0, '-1'), ['a', 'b']);
  for (const key of ['latest:a', 'latest:b', 'latest', `mark:process-${opened}`]) {
    const leftMs = await server.client.pttl(`test:alone:${key}`);
    assert.ok(leftMs > 0 && leftMs <= 100_000, `${key} expires in ${leftMs} ms`);
  }
  // The test may look with KEYS; the program may not.
  assert.equal((await server.client.keys('test:alone:*')).length, 4);
});

test('two processes of one store show the same, live; another store is not mixed in', needsRedis, async () => {
  await using run = await started({ storeId: () => 'shared' }, { storeId: () => 'shared' }, { storeId: () => 'foreign' });
  const [one, two, foreign] = run.all as [Opened, Opened, Opened];
  const told: Bucket[] = [];
  two.subscribe(1, (windows) => told.push(...windows));
  one.put([bucket('a', 10)]);
  two.put([bucket('b', 7)]);
  await until(async () => (await two.all()).length === 2 && (await one.all()).length === 2);
  assert.deepEqual(sorted(await one.all()), sorted(await two.all()));
  await until(async () => told.some(({ household, startMs }) => household === 'a' && startMs === 10));
  assert.deepEqual(await foreign.all(), []);
});

test('a process that comes later reads what is there, page by page, and writes what it knows better', needsRedis, async () => {
  await using run = await started({ storeId: () => 'pages' });
  const homes = Array.from({ length: 1_234 }, (_, i) => bucket(`home-${i}`, 100 + i));
  run.all[0].put(homes);
  await until(async () => (await server.client.zcard('test:pages:latest')) === homes.length);
  const later = open({ storeId: () => 'pages' });
  later.put([bucket('home-3', 99), bucket('home-4', 5_000)]);
  await later.start();
  await until(async () => (await later.all()).length === homes.length);
  const expected = homes.map((home) => (home.household === 'home-4' ? bucket('home-4', 5_000) : home));
  await until(async () => JSON.stringify(sorted(await later.all())) === JSON.stringify(sorted(expected)));
  await until(async () => (await startIn('pages', 'home-4')) === 5_000);
  assert.equal(await startIn('pages', 'home-3'), 103);
  await later.stop();
});

test('an older window, or fewer readings of the same one, never replaces what another process wrote', needsRedis, async () => {
  await using run = await started({ storeId: () => 'order' });
  run.all[0].put([bucket('a', 50, { count: 4 })]);
  await until(async () => (await startIn('order', 'a')) === 50);
  const late = open({ storeId: () => 'order' });
  late.put([bucket('a', 40), bucket('b', 1)]);
  await late.start();
  await until(async () => (await startIn('order', 'b')) === 1);
  assert.equal(await startIn('order', 'a'), 50);
  await late.stop();
  const fewer = open({ storeId: () => 'order' });
  fewer.put([bucket('a', 50, { count: 3 }), bucket('c', 1)]);
  await fewer.start();
  await until(async () => (await startIn('order', 'c')) === 1);
  assert.match((await server.client.hget('test:order:latest:a', 'meter/power')) ?? '', /^\[50,4,/);
  await fewer.stop();
});

test(
  'foreign data below our prefix: keys of another kind are replaced, values nobody can read are left out and counted',
  needsRedis,
  async () => {
    await server.client.set('test:damaged:latest', 'a text');
    await server.client.rpush('test:damaged:latest:a', 'a list');
    await server.client.hset('test:damaged:latest:b', { 'meter/power': 'no window', '/': '[]', 'meter/x': '[1,1,null,0,0,0,0,0]' });
    await using run = await started({ storeId: () => 'damaged' });
    const [latest] = run.all;
    latest.put([bucket('a', 10), bucket('b', 11)]);
    await until(async () => (await startIn('damaged', 'a')) === 10 && (await startIn('damaged', 'b')) === 11);
    for (const message of ['', 'null', '{"v":1}', '{"v":1,"from":"x","rows":[1,["a"],["a","b","[]"]]}', 'x'.repeat(2_000_000)])
      await server.client.publish('test:damaged:live', message);
    await until(async () => (await outcome(latest, 'unusable')) === 1 + 4 + 3);
    const reader = open({ storeId: () => 'damaged' });
    await reader.start();
    await until(async () => (await reader.all()).length === 2);
    await until(async () => (await outcome(reader, 'unusable')) === 2);
    assert.deepEqual(latest.warnings, []);
    await reader.stop();
  },
);

test('the program never used KEYS or any command whose answer has no bound', needsRedis, async () => {
  const counts = await server.commandCounts();
  for (const used of ['eval', 'hset', 'zadd', 'publish', 'subscribe', 'zrangebylex', 'hscan', 'pexpire'])
    assert.ok((counts.get(used) ?? 0) > 0, `${used}: ${counts.get(used)}`);
  for (const never of ['scan', 'smembers', 'hvals', 'zscan', 'flushall', 'config|set']) assert.equal(counts.get(never), undefined, never);
  // Its one use of each is the test's own, above.
  assert.equal(counts.get('keys'), 1);
  assert.equal(counts.get('hgetall'), 1);
  assert.equal(counts.get('zrange'), 1);
});

test('a wrong password is told once, with what to do, never with the password; the memory goes on', needsRedis, async () => {
  const latest = open({ url: server.url('guessed password') });
  await latest.start();
  await until(async () => latest.warnings.length > 0);
  latest.put([bucket('a', 1)]);
  assert.deepEqual(await latest.all(), [bucket('a', 1)]);
  const tries = (await server.commandCounts()).get('auth') ?? 0;
  await until(async () => ((await server.commandCounts()).get('auth') ?? 0) >= tries + 4);
  assert.equal(latest.warnings.length, 1, latest.warnings.join('\n'));
  assert.match(latest.warnings[0] ?? '', /redis refuses.*WRONGPASS.*password in redis\.url/);
  assert.doesNotMatch(latest.warnings[0] ?? '', /guessed/);
  assert.match(await latest.metrics.text(), /fogline_redis_up 0\n/);
  assert.match(await latest.metrics.text(), /fogline_redis_state\{state="refusing"\} 1/);
  await latest.stop();
});

test('the password may be given apart from the URL, but not in both', needsRedis, async () => {
  const bare = `redis://127.0.0.1:${server.port}`;
  const latest = open({ url: bare, password: server.password });
  await latest.start();
  await until(async () => /fogline_redis_up 1\n/.test(await latest.metrics.text()));
  assert.deepEqual(latest.warnings, []);
  await latest.stop();
  const without = open({ url: bare });
  await without.start();
  await until(async () => without.warnings.length > 0);
  await without.stop();
  assert.throws(
    () => open({ url: server.url(), password: 'hush' }).start(),
    (error: Error) => /redis\.password is another way/.test(error.message) && !/hush|only for/.test(error.message),
  );
});

test('without a server nothing waits: not start, not put, not all, not stop', needsRedis, async () => {
  const gone = new RedisServer();
  await gone.start();
  await gone.kill();
  const latest = open({ url: gone.url(), newest: async () => [bucket('b', 3)] });
  await latest.start();
  latest.put([bucket('a', 1)]);
  assert.deepEqual(await latest.all(), [bucket('a', 1)]);
  await until(async () => latest.warnings.length > 0);
  assert.match(latest.warnings[0] ?? '', /redis is out.*ECONNREFUSED/);
  // What another process has stored comes from the store.
  await until(async () => (await latest.all()).length === 2);
  await latest.stop();
  await gone.stop();
});

test('a frozen server does not hold up stop', needsRedis, async () => {
  const frozen = new RedisServer();
  await frozen.start();
  frozen.freeze();
  const latest = open({ url: frozen.url() });
  await latest.start();
  await systemClock.sleep(100);
  latest.put([bucket('a', 1)]);
  // The deadline of a command is 5 s: whoever waited for it would not be first.
  const winner = await Promise.race([latest.stop().then(() => 'stopped'), systemClock.sleep(2_500).then(() => 'late')]);
  assert.equal(winner, 'stopped');
  frozen.thaw();
  await frozen.stop();
});

test('stop tells nobody of a window that came just before, also while Redis owes an answer', needsRedis, async () => {
  const frozen = new RedisServer();
  await frozen.start();
  await using run = await started({ url: frozen.url() });
  const [latest] = run.all;
  let told = 0;
  latest.subscribe(1, () => told++);
  frozen.freeze();
  latest.put([bucket('a', 1)]);
  // Long enough for the window to be on its way to Redis.
  await systemClock.sleep(500);
  assert.equal(told, 1);
  latest.put([bucket('a', 2)]);
  const stopped = latest.stop();
  const dueAtMs = systemClock.monotonicMs() + 20;
  while (systemClock.monotonicMs() < dueAtMs);
  await stopped;
  assert.equal(told, 1);
  frozen.thaw();
  await frozen.stop();
});

test('rediss: over TLS, with the authority of redis.ca_file; another one is refused', {
  skip: noRedis || noOpenssl,
  timeout: 300_000,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'fogline-redis-tls-'));
  const { certificate, key } = selfSigned(folder, 'server');
  const { certificate: foreign } = selfSigned(folder, 'foreign');
  const secured = new RedisServer();
  const tlsPort = await freePort();
  const tls = ['--tls-port', String(tlsPort), '--tls-cert-file', certificate, '--tls-key-file', key, '--tls-auth-clients', 'no'];
  await secured.start(...tls, '--tls-ca-cert-file', certificate);
  const url = secured.url().replace('redis:', 'rediss:').replace(/\d+$/, String(tlsPort));
  const trusting = open({ url, caFile: certificate });
  const wary = open({ url, caFile: foreign });
  await trusting.start();
  await wary.start();
  trusting.put([bucket('a', 1)]);
  await until(async () => /fogline_redis_up 1\n/.test(await trusting.metrics.text()));
  await until(async () => wary.warnings.length === 1);
  assert.match(wary.warnings[0] ?? '', /redis is out.*certificate/);
  assert.deepEqual(trusting.warnings, []);
  await trusting.stop();
  await wary.stop();
  await secured.stop();
  rmSync(folder, { recursive: true });
});

test('a second error of a socket is heard too, and does not end the process', async (t) => {
  const port = await freePort();
  const met: Socket[] = [];
  const silent = createServer((socket) => void met.push(socket)).listen(port, '127.0.0.1');
  t.after(() => {
    silent.close();
    for (const socket of met) socket.destroy();
  });
  const made: Socket[] = [];
  const onSocket = (message: unknown) => void made.push((message as { socket: Socket }).socket);
  subscribe('net.client.socket', onSocket);
  const latest = open({ url: `redis://:p@127.0.0.1:${port}` });
  await latest.start();
  await until(async () => made.some((socket) => !socket.connecting));
  unsubscribe('net.client.socket', onSocket);
  const socket = made.find(({ connecting }) => !connecting)!;
  socket.emit('error', new Error('certificate refused'));
  // Nobody listening would make this one throw.
  socket.emit('error', new Error('alert: certificate refused'));
  await until(async () => latest.warnings.length === 1);
  assert.match(latest.warnings[0]!, /redis is out.*certificate refused/);
  await latest.stop();
});

test('plain text to another machine is said at the start', async () => {
  const latest = open({ url: 'redis://:p@192.0.2.1' });
  await latest.start();
  assert.match(latest.warnings[0] ?? '', /plain text/);
  await latest.stop();
});

function selfSigned(folder: string, name: string): { certificate: string; key: string } {
  const certificate = join(folder, `${name}.pem`);
  const key = join(folder, `${name}.key`);
  const subject = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1'];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];
  const made = spawnSync('openssl', ['req', '-x509', ...curve, '-nodes', '-days', '2', '-keyout', key, '-out', certificate, ...subject]);
  assert.equal(made.status, 0, String(made.stderr));
  return { certificate, key };
}

test('a URL that is none is refused without repeating it', async () => {
  for (const url of [
    '',
    'redis',
    'http://:secret@h',
    'redis://:secret@h:99999',
    'redis://:%zz@secret',
    'redis://:secret@h/db',
    'redis://:secret@h?x=1',
  ]) {
    assert.throws(
      () => open({ url }).start(),
      (error: Error & { remedy?: string }) =>
        /redis\.url/.test(error.message) && !/secret/.test(`${error.message}${error.remedy}${error.cause}`),
    );
  }
});

async function started(...options: Partial<RedisLatestOptions>[]) {
  const all = options.map(open) as [Opened, ...Opened[]];
  for (const latest of all) await latest.start();
  for (const latest of all) await until(async () => /fogline_redis_up 1\n/.test(await latest.metrics.text()));
  return {
    all,
    async [Symbol.asyncDispose]() {
      for (const latest of all) await latest.stop();
    },
  };
}

async function startIn(store: string, household: string): Promise<number | undefined> {
  if ((await server.client.type(`test:${store}:latest:${household}`)) !== 'hash') return undefined;
  const text = await server.client.hget(`test:${store}:latest:${household}`, 'meter/power');
  return text?.startsWith('[') === true ? (JSON.parse(text) as number[])[0] : undefined;
}

async function outcome(latest: Opened, name: string): Promise<number> {
  return Number(new RegExp(`fogline_redis_windows_total\\{outcome="${name}"\\} (\\d+)`).exec(await latest.metrics.text())?.[1] ?? 0);
}
