/** R11: many edges after one outage, with the production heartbeats, liveness and spread, in virtual time. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { Liveness } from '../../../../cloud/server/liveness.ts';
import { ReconnectSpread } from '../../../../cloud/server/reconnect-spread.ts';
import { silentLogger } from '../../../../common/logger.ts';
import type { EdgeStatus } from '../../../../common/messages.ts';
import { Metrics } from '../../../../common/metrics.ts';
import { seededRandom } from '../../../../common/random.ts';
import { decodeRequest, encodeReply } from '../../../../common/wire.ts';
import { Heartbeat } from '../../../../edge/server/heartbeat.ts';
import { VirtualClock } from '../../../doubles/virtual-clock.ts';
import { VirtualNetwork } from '../../../doubles/virtual-link.ts';
import { QUIET_EDGE } from '../../../doubles/edge-status.ts';

const INTERVAL_MS = 3_000;
const BACK_MS = 60_000;
const STATUS: EdgeStatus = { ...QUIET_EDGE, households: 1 };

/** Lets so many edges run, takes the link away for half a minute and gives it back. @returns after how many ms each shipped again */
async function returnsOf(
  t: TestContext,
  count: number,
  waitingRows: number,
  isRestarted = false,
): Promise<{ ms: number[]; beats: number }> {
  const clock = new VirtualClock();
  const network = new VirtualNetwork(clock);
  const stop = new AbortController();
  t.after(() => stop.abort());
  const startCloud = (startId: string) => {
    const liveness = new Liveness({ clock, logger: silentLogger, metrics: new Metrics(), silentAfterMs: 7_000 });
    liveness.start();
    t.after(() => liveness.stop());
    const spread = new ReconnectSpread(clock, () => liveness.returning());
    network.handler = async (payload) => {
      const request = decodeRequest(payload);
      assert.ok(request.kind === 'heartbeat');
      beats++;
      const { edge, status } = request.heartbeat;
      liveness.seen(edge, status, clock.nowMs());
      return encodeReply({ kind: 'heartbeat', startId, spreadMs: spread.msFor(edge) });
    };
    return liveness;
  };
  let beats = 0;
  let queued = 0;
  const upAtMs = new Map<string, number>();
  startCloud('start-1');
  for (let i = 0; i < count; i++) {
    const edge = `edge-${i}`;
    const link = network.dial({ request: () => [1], reply: () => [1] }, 1);
    await link.start();
    const heartbeat = new Heartbeat({
      edge,
      site: '',
      epoch: () => 'epoch',
      link,
      clock,
      random: seededRandom(i + 1),
      logger: silentLogger,
      intervalMs: INTERVAL_MS,
      deadlineMs: 1_400,
      status: () => ({ ...STATUS, queued }),
      onAnswer: () => undefined,
      onLink: (up) => void (up ? upAtMs.set(edge, clock.monotonicMs()) : upAtMs.delete(edge)),
    });
    void heartbeat.run(stop.signal);
  }
  await clock.advance(30_000);
  assert.equal(upAtMs.size, count, 'all edges are up');
  const { handler } = network;
  network.handler = undefined;
  await clock.advance(30_000);
  assert.equal(upAtMs.size, 0, 'all have seen the outage');
  queued = waitingRows;
  if (isRestarted) startCloud('start-2').expect(Array.from({ length: count }, (_, i) => `edge-${i}`));
  else network.handler = handler;
  const backAtMs = clock.monotonicMs();
  beats = 0;
  await clock.advance(BACK_MS);
  assert.equal(upAtMs.size, count, 'all are back');
  return { ms: [...upAtMs.values()].map((ms) => ms - backAtMs).sort((a, b) => a - b), beats };
}

test('one edge ships again with its first good heartbeat', async (t) => {
  const { ms } = await returnsOf(t, 1, 857_000);
  assert.ok((ms[0] as number) <= 1.2 * INTERVAL_MS + 1_400, `${ms[0]} ms`);
});

for (const isRestarted of [false, true]) {
  const to = isRestarted ? ', also to a cloud that has just started' : '';
  test(`many come back evenly over the spread that the cloud gives${to}`, async (t) => {
    const COUNT = 120;
    const { ms, beats } = await returnsOf(t, COUNT, 720, isRestarted);
    // 119 others of 82 ms each; those not heard yet count as full, so the first are told of more.
    const spreadMs = 9_758;
    assert.ok((ms.at(-1) as number) >= 0.8 * spreadMs, `the last after ${ms.at(-1)} ms`);
    assert.ok((ms.at(-1) as number) <= 3 * spreadMs + 2 * INTERVAL_MS, `the last after ${ms.at(-1)} ms`);
    const inTenth = Array.from(
      { length: 10 },
      (_, i) => ms.filter((its) => Math.floor((10 * its) / ((ms.at(-1) as number) + 1)) === i).length,
    );
    assert.ok(Math.max(...inTenth) <= COUNT / 4, `of ten equal times: ${inTenth.join(' ')}`);
    assert.ok(beats >= (COUNT * BACK_MS) / (1.2 * INTERVAL_MS), 'heartbeats go on meanwhile');
  });
}

test('the more wait the longer they spread, and those without a backlog hardly wait', async (t) => {
  const last = async (count: number, rows: number) => (await returnsOf(t, count, rows)).ms.at(-1) as number;
  const [few, many] = [await last(20, 0), await last(120, 2_000)];
  assert.ok(few < 20_000, `${few} ms`);
  assert.ok(many > 2 * few, `${many} ms, ${few} ms`);
});
