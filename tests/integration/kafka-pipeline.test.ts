/**
 * The whole way as it is deployed: `fogline run` and the single parts with a real Kafka and a real Redis. What the cloud holds is the
 * truth, `fogline audit` says yes by the same settings, also when Redis goes and when a second edge takes over.
 */
import assert from 'node:assert/strict';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { HouseholdsReply } from '../../cloud/server/api/api-types.ts';
import { systemClock } from '../../common/clock.ts';
import { Fleet, type FleetOptions } from '../crash/fleet.ts';
import { HOMES, HOUR_SECONDS, KafkaAndRedis, notBoth, REAL_DATA, readingsIn } from '../doubles/kafka-and-redis.ts';
import type { Range } from '../truth/truth.ts';
import { until } from '../doubles/until.ts';

/** An hour in half a minute, and in a quarter: long enough to be hurt in the middle. */
const [SPEED, FAST] = ['120', '240'];
const REDIS_AWAY_MS = 5_000;
const LOOK_MS = 250;
/** How much longer the same may take where other work takes the cores. */
const BUSY_RATIO = 3;

const both = new KafkaAndRedis();
const needsBoth = { skip: notBoth, timeout: 300_000 };
const needsRealData = {
  ...needsBoth,
  skip:
    notBoth !== false ? notBoth : existsSync(REAL_DATA) ? false : 'the Gem House data are not on this machine (../shared/data/gem-house)',
};

if (notBoth === false) before(() => both.start());
after(() => both.stop());

for (const [name, range] of [
  ['an hour', { untilSeconds: HOUR_SECONDS }],
  ['the whole day', {}],
] satisfies [string, Range][]) {
  test(`${name} of twelve real households through Kafka and Redis, and the audit says yes`, needsRealData, async () => {
    const prefix = both.newPrefix();
    const state = join(both.folder, `run-${prefix}`);
    const until = range.untilSeconds === undefined ? [] : ['--until', String(range.untilSeconds)];
    const sets = both.sets(prefix).flatMap((set) => ['--set', set]);
    const run = ['run', '--data', REAL_DATA, '--state', state, '--speed', 'max', '--exit-when-done', '--json', ...until, ...sets];
    const { status, stdout, stderr } = both.fogline(...run);
    assert.equal(status, 0, `${stdout.slice(-2_000)}\n${stderr.slice(-4_000)}`);
    const csv = both.assertTruth(state, REAL_DATA, range);
    both.assertAudited(state, REAL_DATA, prefix);
    await both.assertThroughKafka(state, prefix, readingsIn(csv));
    await both.assertThroughRedis(prefix);
  });
}

test('Redis killed, back empty, and flushed in the middle: exact, and the page stays live', needsBoth, async () => {
  await withFleet(SPEED, async (fleet, prefix, url) => {
    fleet.startAll();
    await fleet.until('rows are acknowledged', ({ acked }) => acked > 500);
    await until(async () => (await keysOf(prefix)) > HOMES, 'Redis has the households');
    await both.redis.kill();
    await assertLive(url, REDIS_AWAY_MS);
    await both.redis.start();
    await until(async () => (await keysOf(prefix)) > HOMES, 'Redis is filled again');
    await both.redis.client.flushall();
    await assertLive(url, REDIS_AWAY_MS);
    assert.equal(await isDone(fleet), false, 'all this was in the middle of the run');
    await fleet.untilDone();
    await until(async () => (await keysOf(prefix)) > HOMES, 'Redis is filled once more');
    await both.assertThroughRedis(prefix);
  });
});

test('a second edge takes over after the first is dead for good: all windows, none twice', needsBoth, async () => {
  await withFleet(FAST, async (fleet, prefix, _url, options) => {
    fleet.startAll();
    const before = await fleet.until('rows are acknowledged', ({ acked }) => acked > 2_000);
    await fleet.kill('edge');
    rmSync(join(fleet.stateDir, 'edge'), { recursive: true });
    assert.ok(before.runs.every(({ done }) => !done));
    options.sets = [...both.sets(prefix), 'edge.id=edge-2'];
    fleet.start('edge');
    await fleet.until('the second edge ships', ({ acked }) => acked > 0);
    assert.equal(await isDone(fleet), false, 'the first died in the middle of the run');
    await fleet.untilDone();
  });
});

/** An hour of twelve households by parts that can be hurt, and in the end the truth, the audit, and what proves the way. */
async function withFleet(
  speed: string,
  hurt: (fleet: Fleet, prefix: string, url: string, options: FleetOptions) => Promise<void>,
): Promise<void> {
  const { dataDir, range } = both.hourOfHomes();
  const prefix = both.newPrefix();
  const options: FleetOptions = { dataDir, speed, sets: both.sets(prefix), ...range };
  const fleet = new Fleet(options);
  try {
    const { httpPort } = await fleet.open();
    const url = `http://127.0.0.1:${httpPort}`;
    await hurt(fleet, prefix, url, options);
    const csv = both.assertTruth(fleet.stateDir, dataDir, range);
    both.assertAudited(fleet.stateDir, dataDir, prefix, { url, edgeBeganLater: fleet.starts.edge > 1 });
    await both.assertThroughKafka(fleet.stateDir, prefix, readingsIn(csv));
  } finally {
    await fleet.stop();
  }
}

/** Every request is answered, with all households, and what is shown moves on: for so long, and as much longer as a busy machine needs. */
async function assertLive(url: string, forMs: number): Promise<void> {
  const startMs = systemClock.monotonicMs();
  const picturesMin = forMs / 1_000;
  const shown = new Set<string>();
  const lastsMs = () => systemClock.monotonicMs() - startMs;
  while (lastsMs() < forMs || (shown.size < picturesMin && lastsMs() < BUSY_RATIO * forMs)) {
    const response = await fetch(`${url}/api/v1/households`);
    assert.equal(response.status, 200);
    const { households } = (await response.json()) as HouseholdsReply;
    assert.equal(households.length, HOMES);
    shown.add(JSON.stringify(households.map(({ powerW }) => powerW)));
    await systemClock.sleep(LOOK_MS);
  }
  // Ten windows are closed meanwhile in each such time.
  assert.ok(shown.size >= picturesMin, `${shown.size} pictures in ${lastsMs()} ms`);
}

async function isDone(fleet: Fleet): Promise<boolean> {
  const { runs } = await fleet.until('the edge answers', () => true);
  return runs.some(({ done }) => done);
}

async function keysOf(prefix: string): Promise<number> {
  const [, keys] = await both.redis.client.scan('0', 'MATCH', `${prefix}*`, 'COUNT', 100_000);
  return keys.length;
}
