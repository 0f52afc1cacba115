import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '../../../../common/logger.ts';
import { seededRandom } from '../../../../common/random.ts';
import { encodeReply } from '../../../../common/wire.ts';
import { HELLO_SPREAD_MS_MAX } from '../../../../edge/server/heartbeat.ts';
import { dialledHeartbeat } from '../../../doubles/dialled-heartbeat.ts';
import { VirtualClock } from '../../../doubles/virtual-clock.ts';
import { VirtualNetwork } from '../../../doubles/virtual-link.ts';

test('heartbeats go on while the edge waits for its turn to ship again', async () => {
  const clock = new VirtualClock();
  const network = new VirtualNetwork(clock);
  let beats = 0;
  network.handler = async () => {
    beats++;
    return encodeReply({ kind: 'heartbeat', startId: 'start-1', spreadMs: 600_000 });
  };
  const ups: boolean[] = [];
  const heartbeat = await dialledHeartbeat(clock, network, { onLink: (up) => ups.push(up) });
  const stop = new AbortController();
  const running = heartbeat.run(stop.signal);
  await clock.advance(30_000);
  assert.ok(beats >= 8, `${beats} heartbeats in 30 s`);
  assert.deepEqual(ups, []);
  await clock.advance(600_000);
  assert.deepEqual(ups, [true]);
  network.handler = undefined;
  await clock.advance(10_000);
  assert.deepEqual(ups, [true, false]);
  stop.abort();
  await clock.advance(1);
  await running;
});

test('a refusal is told once per reason, and again after the cloud has answered in between', async () => {
  const clock = new VirtualClock();
  const network = new VirtualNetwork(clock);
  let reason: string | undefined = 'revoked: ask the operator';
  network.handler = async () =>
    encodeReply(reason === undefined ? { kind: 'heartbeat', startId: 'start-1', spreadMs: 0 } : { kind: 'refused', reason });
  const told: object[] = [];
  const heartbeat = await dialledHeartbeat(clock, network, { logger: { ...silentLogger, error: (fields) => void told.push(fields) } });
  const stop = new AbortController();
  const running = heartbeat.run(stop.signal);
  await clock.advance(30_000);
  assert.deepEqual(told, [{ reason: 'revoked: ask the operator' }]);
  assert.equal(heartbeat.isUp, false);
  reason = undefined;
  await clock.advance(10_000);
  assert.equal(heartbeat.isUp, true);
  reason = 'revoked: ask the operator';
  await clock.advance(10_000);
  assert.equal(told.length, 2);
  stop.abort();
  await clock.advance(10_000);
  await running;
});

test('a hello is said within seconds, and the turn to ship follows what the cloud says with each answer', async () => {
  const clock = new VirtualClock();
  const network = new VirtualNetwork(clock);
  let spreadMs = 600_000;
  network.handler = async () => encodeReply({ kind: 'heartbeat', startId: 'start-1', spreadMs });
  const events: string[] = [];
  const heartbeat = await dialledHeartbeat(clock, network, {
    random: { ...seededRandom(3), next: () => 0.9 },
    onReached: () => void events.push('reached'),
    onLink: (up) => void events.push(up ? 'up' : 'down'),
  });
  const stop = new AbortController();
  const running = heartbeat.run(stop.signal);
  await clock.advance(HELLO_SPREAD_MS_MAX + 100);
  assert.deepEqual([events, heartbeat.isReached, heartbeat.isUp], [['reached'], true, false]);
  await clock.advance(30_000);
  assert.deepEqual(events, ['reached']);
  // Nine tenths of it are over already.
  spreadMs = 35_000;
  await clock.advance(4_000);
  assert.deepEqual([events, heartbeat.isUp], [['reached', 'up'], true]);

  network.handler = undefined;
  await clock.advance(10_000);
  assert.deepEqual([events.at(-1), heartbeat.isReached, heartbeat.isUp], ['down', false, false]);
  spreadMs = 60_000;
  network.handler = async () => encodeReply({ kind: 'heartbeat', startId: 'start-1', spreadMs });
  await clock.advance(10_000);
  spreadMs = 100_000;
  await clock.advance(60_000);
  assert.deepEqual(events.slice(2), ['down', 'reached'], 'more were heard: the turn comes later');
  await clock.advance(40_000);
  assert.equal(heartbeat.isUp, true);
  stop.abort();
  await clock.advance(10_000);
  await running;
});
