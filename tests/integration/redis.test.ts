/**
 * Two cloud processes that share `latest` through a real Redis, and everything that can happen to it. Beside them a cloud without Redis
 * takes the same parts at the same time: acks with Redis in trouble are compared with acks without any.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { systemClock } from '../../common/clock.ts';
import { CloudProcess, ShippingEdge } from '../doubles/cloud-process.ts';
import { type FaultyProxy, startFaultyProxy } from '../doubles/faulty-proxy.ts';
import { noRedis, RedisServer } from '../doubles/redis-server.ts';
import { until } from '../doubles/until.ts';

const PATIENT_MS = 60_000;
/** What is promised: the copy is whole so soon after Redis came back. */
const REFILL_WITHIN_MS = 30_000;
/** How long an answer of Redis takes while it is slow or asleep. Frozen it takes for ever. */
const ANSWER_MS = 2_000;
const WINDOWS_PER_ROUND = 20;
/** Both clouds share a disk and two cores; the medians of a round differ by less. */
const ACK_RATIO_MAX = 4;
const HOUSEHOLDS = Array.from({ length: 30 }, (_, i) => `home-${String(i).padStart(2, '0')}`);

const folder = mkdtempSync(join(tmpdir(), 'fogline-redis-clouds-'));
const server = new RedisServer();
const clouds: CloudProcess[] = [];
const edges: ShippingEdge[] = [];
let proxy: FaultyProxy;

/** Receives, and reaches Redis through the proxy. */
let receiving: CloudProcess;
/** On the same store, directly at Redis; receives nothing. */
let reading: CloudProcess;
let edge: ShippingEdge;
/** To the cloud without Redis. */
let plainEdge: ShippingEdge;

async function setUp(): Promise<void> {
  await server.start('--enable-debug-command', 'yes');
  proxy = await startFaultyProxy({ targetPort: server.port });
  const url = server.url();
  receiving = await startCloud('shared', url.replace(`:${server.port}`, `:${proxy.port}`));
  reading = await startCloud('shared', url);
  const plain = await startCloud('plain', undefined);
  edge = await startEdge(receiving);
  plainEdge = await startEdge(plain);
  await receiving.watch();
  await reading.watch();
  // What is said of the start is another matter: the second process finds the first one's beat.
  for (const cloud of clouds) cloud.log.length = 0;
}

async function startCloud(state: string, redisUrl: string | undefined): Promise<CloudProcess> {
  const cloud = new CloudProcess(join(folder, state), redisUrl);
  clouds.push(cloud);
  await cloud.start();
  return cloud;
}

async function startEdge(cloud: CloudProcess): Promise<ShippingEdge> {
  const started = new ShippingEdge(cloud.ready!.dataPort, HOUSEHOLDS);
  edges.push(started);
  await started.start();
  return started;
}

const needsRedis = { skip: noRedis, timeout: 300_000 };

if (noRedis === false) before(setUp);
after(async () => {
  for (const started of edges) await started.stop();
  for (const cloud of clouds) await cloud.stop();
  await proxy?.stop();
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

afterEach(() => {
  for (const cloud of clouds) cloud.log.length = 0;
});

test('in health: two processes show the same, live, and it was Redis that told', needsRedis, async () => {
  await untilWhole();
  assert.deepEqual(await Promise.all(clouds.map(readiness)), [
    [200, 'up'],
    [200, 'up'],
    [200, 'off'],
  ]);
  const before = await server.commandCounts();
  const received = (await outcome(reading, 'received')) ?? 0;
  await shipRound();
  await untilShown(receiving);
  await untilShown(reading);
  const counts = await server.commandCounts();
  for (const name of ['eval', 'hset', 'publish']) assert.ok((counts.get(name) ?? 0) > (before.get(name) ?? 0), `${name} was called`);
  assert.ok((counts.get('hset') ?? 0) >= HOUSEHOLDS.length);
  assert.ok(((await outcome(reading, 'received')) ?? 0) >= received + HOUSEHOLDS.length);
  await untilWhole();
  for (const never of ['keys', 'scan', 'hgetall', 'smembers', 'zrange']) assert.equal(counts.get(never), undefined, never);
  assert.deepEqual(warnings(), []);
});

test('2 s slow in every answer: nothing waits, and it is no outage', needsRedis, async () => {
  proxy.setFault({ kind: 'delay', ms: ANSWER_MS / 2 });
  await shipRoundLive();
  await systemClock.sleep(8_000);
  await shipRoundLive();
  assert.deepEqual(warnings(), []);
  assert.equal(await receiving.metric('fogline_redis_up'), 1);
  assert.ok(((await receiving.metric('fogline_redis_coalesced_windows')) ?? 0) > 0, 'later windows took the place of waiting ones');
  proxy.setFault({ kind: 'pass' });
  await untilShown(reading);
  await untilWhole();
});

test('asleep for 2 s', needsRedis, async () => {
  const asleep = server.client.call('DEBUG', 'SLEEP', String(ANSWER_MS / 1_000));
  await shipRoundLive();
  await asleep;
  await untilShown(reading);
  await untilWhole();
  assert.deepEqual(warnings(), []);
});

test('frozen: out after a while, told once by each process; whole again after', needsRedis, async () => {
  server.freeze();
  await shipRoundLive();
  await untilState('out');
  for (const cloud of [receiving, reading]) assert.deepEqual(await readiness(cloud), [200, 'down'], 'it serves its own newest windows');
  await shipRoundLive();
  await untilShown(reading);
  server.thaw();
  await untilWhole(REFILL_WITHIN_MS);
  assert.deepEqual(warnings(), ['redis is out', 'redis is out']);
});

test('killed, away, and back empty', needsRedis, async () => {
  await server.kill();
  await untilState('out');
  for (let round = 0; round < 3; round++) await shipRoundLive();
  await untilShown(reading);
  await server.start('--enable-debug-command', 'yes');
  await untilWhole(REFILL_WITHIN_MS);
  assert.deepEqual(warnings(), ['redis is out', 'redis is out']);
});

test('flushed while nothing new comes: every household is written anew', needsRedis, async () => {
  await server.client.flushall();
  assert.equal(await server.client.dbsize(), 0);
  await untilWhole(REFILL_WITHIN_MS);
  // One process has refilled it; the other finds that its own mark is gone too.
  await until(async () => warnings().length === 2, 'both processes to notice', { more });
  await shipRoundLive();
  await untilShown(reading);
  await untilWhole();
  assert.deepEqual(warnings(), ['redis was emptied', 'redis was emptied']);
});

test('full of what others keep there: refused once, still live in both, whole as soon as there is room', needsRedis, async () => {
  const batch = Array.from({ length: 2_000 }, (_, i) => [`foreign-${i}`, 'x'.repeat(2_000)]).flat();
  await server.client.mset(...batch);
  await server.client.config('SET', 'maxmemory-policy', 'noeviction');
  await server.client.config('SET', 'maxmemory', '2mb');
  await assert.rejects(server.client.set('more', '1'), /OOM/);
  await shipRoundLive();
  await untilState('refusing');
  const received = (await outcome(reading, 'received')) ?? 0;
  await shipRoundLive();
  await until(async () => ((await outcome(reading, 'received')) ?? 0) > received, 'publishing to go on', { more });
  await untilShown(reading);
  await server.client.config('SET', 'maxmemory', '0');
  await untilWhole(REFILL_WITHIN_MS);
  assert.deepEqual(warnings(), ['redis refuses', 'redis refuses']);
  assert.match(reasons(), /OOM/);
  assert.equal(await server.client.get('foreign-1999'), 'x'.repeat(2_000));
});

test('the password changed: refused, told with what to do, whole when it is right again', needsRedis, async () => {
  await server.client.config('SET', 'requirepass', 'another one');
  await server.client.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
  await server.client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  await untilState('refusing');
  await shipRoundLive();
  await untilShown(reading);
  await server.client.config('SET', 'requirepass', server.password);
  await untilWhole(REFILL_WITHIN_MS);
  assert.match(reasons(), /WRONGPASS/);
  assert.ok(warnings().length <= 4, warnings().join('; '));
  assert.doesNotMatch(JSON.stringify(clouds.map(({ log }) => log)), /only for this test|another one/);
});

test('after all that no row is lost, and a cloud that starts now knows everything', needsRedis, async () => {
  const late = await startCloud('shared', server.url());
  await untilShown(late);
  const { households } = (await (await fetch(`${late.url}/api/v1/households`)).json()) as { households: { readings: number }[] };
  assert.deepEqual(
    households.map(({ readings }) => readings),
    HOUSEHOLDS.map(() => edge.shipped),
  );
});

/** Ships to both clouds in turn. What must not happen: an ack that waits for Redis. */
async function shipRound(): Promise<void> {
  const withRedisMs: number[] = [];
  const withoutMs: number[] = [];
  for (let window = 0; window < WINDOWS_PER_ROUND; window++) {
    withRedisMs.push(await edge.ship());
    withoutMs.push(await plainEdge.ship());
  }
  const ratio = median(withRedisMs) / median(withoutMs);
  assert.ok(ratio < ACK_RATIO_MAX, `the median ack took ${ratio.toFixed(1)} times as long as without Redis`);
  const slowestMs = Math.max(...withRedisMs);
  assert.ok(slowestMs < ANSWER_MS, `an ack took ${slowestMs.toFixed(0)} ms, as long as an answer of Redis`);
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[numbers.length >> 1] ?? Number.NaN;
}

/** A round after which API and page of the receiving cloud show the newest window, whatever Redis does. */
async function shipRoundLive(): Promise<void> {
  await shipRound();
  await untilShown(receiving);
}

/** What both processes have logged, for what never comes. */
const more = () => JSON.stringify([receiving.log, reading.log]);

/** The API and the live stream of this cloud show the newest window that was shipped. */
async function untilShown(cloud: CloudProcess): Promise<void> {
  const expected = ShippingEdge.powerOf(edge.shipped);
  await until(
    async () => {
      const powers = Object.values(await cloud.powers());
      return powers.length === HOUSEHOLDS.length && powers.every((power) => power === expected);
    },
    'the API to show the newest window',
    { more },
  );
  if (cloud.live.length === 0) return;
  const newestAt = new Date(edge.newestEndMs).getTime();
  await until(
    async () => {
      const message = cloud.live.at(-1);
      const isNewest = Date.parse(message?.newestAt ?? '') === newestAt;
      return isNewest && Math.abs((message?.totalPowerW ?? 0) - expected * HOUSEHOLDS.length) < 1e-6;
    },
    'the page to show it',
    { more },
  );
}

/** Both processes are up and Redis holds the newest window of every household. */
async function untilWhole(withinMs = PATIENT_MS): Promise<void> {
  const newestStartMs = edge.newestEndMs - (edge.newestEndMs === 0 ? 0 : 5_000);
  await until(
    async () => {
      for (const cloud of [receiving, reading]) if ((await cloud.metric('fogline_redis_up')) !== 1) return false;
      if (edge.shipped === 0) return true;
      const scanned = await server.client.scan('0', 'MATCH', 'fogline:*:latest', 'COUNT', 100_000, 'TYPE', 'zset');
      const [index] = scanned[1];
      if (index === undefined) return false;
      const texts = await Promise.all(HOUSEHOLDS.map((household) => server.client.hget(`${index}:${household}`, 'meter/power')));
      return texts.every((text) => text?.startsWith(`[${newestStartMs},`) === true);
    },
    'redis to hold all newest windows',
    { withinMs, more },
  );
}

/** What /readyz answers, and what it says of Redis. */
async function readiness(cloud: CloudProcess): Promise<[number, string]> {
  const reply = await fetch(`${cloud.url}/readyz`);
  return [reply.status, ((await reply.json()) as { redis: string }).redis];
}

async function untilState(state: string): Promise<void> {
  for (const cloud of [receiving, reading])
    await until(async () => (await cloud.metric(`fogline_redis_state{state="${state}"}`)) === 1, `redis ${state}`, { more });
}

function outcome(cloud: CloudProcess, name: string): Promise<number | undefined> {
  return cloud.metric(`fogline_redis_windows_total{outcome="${name}"}`);
}

/** Of both processes: the first words of each. */
function warnings(): string[] {
  const lines = [receiving, reading].flatMap(({ log }) => log).filter(({ level }) => level === 'warn' || level === 'error');
  return lines.map(({ msg }) => msg.split(':', 1)[0] ?? '');
}

function reasons(): string {
  return [receiving, reading].flatMap(({ log }) => log.map(({ reason }) => reason ?? '')).join(' ');
}
