import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '../../../../common/logger.ts';
import { seededRandom } from '../../../../common/random.ts';
import { encodeReply } from '../../../../common/wire.ts';
import { Heartbeat } from '../../../../edge/server/heartbeat.ts';
import { VirtualClock } from '../../../doubles/virtual-clock.ts';
import { VirtualNetwork } from '../../../doubles/virtual-link.ts';
import { QUIET_EDGE } from '../../../doubles/edge-status.ts';

test('heartbeats go on while the edge waits for its turn to ship again', async () => {
  const clock = new VirtualClock();
  const network = new VirtualNetwork(clock);
  let beats = 0;
  network.handler = async () => {
    beats++;
    return encodeReply({ kind: 'heartbeat', startId: 'start-1', spreadMs: 600_000 });
  };
  const link = network.dial({ request: () => [1], reply: () => [1] }, 1);
  await link.start();
  const ups: boolean[] = [];
  const heartbeat = new Heartbeat({
    edge: 'edge-1',
    site: '',
    epoch: () => 'epoch',
    link,
    clock,
    random: seededRandom(3),
    logger: silentLogger,
    intervalMs: 3_000,
    deadlineMs: 1_400,
    status: () => QUIET_EDGE,
    onAnswer: () => undefined,
    onLink: (up) => ups.push(up),
  });
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
  const link = network.dial({ request: () => [1], reply: () => [1] }, 1);
  await link.start();
  const told: object[] = [];
  const heartbeat = new Heartbeat({
    edge: 'edge-1',
    site: '',
    epoch: () => 'epoch',
    link,
    clock,
    random: seededRandom(3),
    logger: { ...silentLogger, error: (fields) => void told.push(fields) },
    intervalMs: 3_000,
    deadlineMs: 1_400,
    status: () => QUIET_EDGE,
    onAnswer: () => undefined,
    onLink: () => undefined,
  });
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
