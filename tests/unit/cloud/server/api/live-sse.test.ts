import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import type { EdgeReply, LiveMessage } from '../../../../../cloud/server/api/api-types.ts';
import { HEARTBEAT_EVERY_MS, LIVE_IDLE_EVERY_MS, STREAM_CLIENTS_MAX } from '../../../../../cloud/server/api/live-sse.ts';
import { systemClock } from '../../../../../common/clock.ts';
import { documentedFetch as fetch } from '../../../../doubles/documented-fetch.ts';
import { type RunningCloud, runCloud, T0_MS, WINDOW_MS } from '../../../../doubles/running-cloud.ts';
import { VirtualClock } from '../../../../doubles/virtual-clock.ts';
import { until } from '../../../../doubles/until.ts';

const SILENT_AFTER_MS = 7_000;

/** What a client heard, read from a real socket by the letter of the event-stream format. */
class Listener {
  readonly live: LiveMessage[] = [];
  readonly edges: EdgeReply[] = [];
  comments = 0;
  retry = '';
  head = '';
  ended = false;
  readonly socket: Socket;
  private text = '';

  /** @param from address of the client: one address has only a share of the streams */
  constructor(port: number, from = '127.0.0.1') {
    this.socket = connect({ port, host: '127.0.0.1', localAddress: from });
    this.socket.setEncoding('utf8');
    this.socket.on('data', (piece: string) => this.read(piece));
    this.socket.on('error', () => {});
    this.socket.on('close', () => {
      this.ended = true;
    });
    this.socket.write('GET /api/v1/stream HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n');
  }

  private read(piece: string): void {
    this.text += piece;
    if (this.head === '') {
      const end = this.text.indexOf('\r\n\r\n');
      if (end === -1) return;
      this.head = this.text.slice(0, end);
      this.text = this.text.slice(end + 4);
    }
    for (let end = this.text.indexOf('\n\n'); end !== -1; end = this.text.indexOf('\n\n')) {
      this.take(this.text.slice(0, end));
      this.text = this.text.slice(end + 2);
    }
  }

  private take(event: string): void {
    // Sizes of chunks stand between the lines of a chunked body; no line of an event looks like one.
    const lines = event.split('\n').map((line) => line.trim());
    const field = (name: string) => lines.find((line) => line.startsWith(`${name}:`))?.slice(name.length + 1) ?? '';
    if (lines.some((line) => line.startsWith(':'))) this.comments++;
    if (field('retry') !== '') this.retry = field('retry');
    if (field('event') === 'live') this.live.push(JSON.parse(field('data')) as LiveMessage);
    if (field('event') === 'edge') this.edges.push(JSON.parse(field('data')) as EdgeReply);
  }
}

/** Time for anything on its way to arrive, to see that nothing does. */
async function nothingMore(): Promise<void> {
  await systemClock.sleep(60);
}

async function started(t: TestContext): Promise<{ clock: VirtualClock; cloud: RunningCloud; listen: (from?: string) => Listener }> {
  const clock = new VirtualClock();
  const cloud = await runCloud({ clock, states: { a: 'DE-BB', b: 'DE-TH' }, silentAfterMs: SILENT_AFTER_MS });
  const listeners: Listener[] = [];
  t.after(async () => {
    for (const { socket } of listeners) socket.destroy();
    await cloud.stop();
  });
  const listen = (from?: string) => {
    const listener = new Listener(cloud.port, from);
    listeners.push(listener);
    return listener;
  };
  return { clock, cloud, listen };
}

test('the first message comes at once, with all states', async (t) => {
  const { cloud, listen } = await started(t);
  await cloud.shipPower('a', 150, 2);
  cloud.heartbeat('edge-1');
  const listener = listen();
  await until(() => listener.live.length === 1, 'first message');
  assert.match(listener.head, /^HTTP\/1\.1 200/);
  assert.match(listener.head, /content-type: text\/event-stream/i);
  assert.match(listener.head, /x-accel-buffering: no/i);
  const [first] = listener.live;
  assert.equal(first?.states.length, 16);
  assert.equal(first?.totalPowerW, 150);
  assert.deepEqual([first?.households, first?.current, first?.edgeCount], [1, 1, 1]);
  assert.equal(first?.newestAt, new Date(T0_MS + 2 * WINDOW_MS).toISOString());
  assert.equal(first?.dataLabel, 'synthetic');
  assert.equal(first?.priceEurPerKwh, 0.3);
  assert.equal(first?.staleAfterSeconds, 30);
});

test('then only changed rows, at most once a second', async (t) => {
  const { clock, cloud, listen } = await started(t);
  await cloud.shipPower('a', 100, 1);
  const listener = listen();
  await until(() => listener.live.length === 1, 'first message');
  for (let i = 1; i <= 10; i++) {
    await cloud.shipPower('a', 100 + i, 1, T0_MS + i * WINDOW_MS);
    await clock.advance(100);
  }
  await until(() => listener.live.length === 2, 'second message');
  await nothingMore();
  assert.equal(listener.live.length, 2);
  assert.deepEqual(
    listener.live[1]?.states.map((row) => row.state),
    ['DE-BB'],
  );
});

test('a client of long standing and a new one each get what is new to them', async (t) => {
  const { clock, cloud, listen } = await started(t);
  await cloud.shipPower('a', 100, 1);
  const first = listen();
  await until(() => first.live.length === 1, 'first client');
  await cloud.shipPower('b', 50, 1);
  await clock.advance(1_000);
  const second = listen();
  await until(() => first.live.length === 2 && second.live.length === 1, 'both');
  assert.equal(second.live[0]?.states.length, 16);
  assert.deepEqual(
    first.live[1]?.states.map((row) => row.state),
    ['DE-TH'],
  );
  assert.equal(first.live[1]?.totalPowerW, 150);
});

test('while nothing changes comments keep the line alive, and a message tells now and then that the cloud is there', async (t) => {
  const { clock, cloud, listen } = await started(t);
  await cloud.shipPower('a', 100, 1);
  const listener = listen();
  await until(() => listener.live.length === 1, 'first message');
  await clock.advance(1_000);
  await nothingMore();
  const settled = listener.live.length;
  for (let passedMs = 0; passedMs < 60_000; passedMs += 1_000) {
    await clock.advance(1_000);
    await systemClock.sleep(2);
  }
  await until(() => listener.comments >= 3, 'comments');
  await nothingMore();
  const messages = listener.live.length - settled;
  assert(messages >= 4 && messages <= 60_000 / LIVE_IDLE_EVERY_MS, `${messages} messages`);
  assert(listener.comments <= 60_000 / HEARTBEAT_EVERY_MS, `${listener.comments} comments`);
  assert.deepEqual(listener.live.at(-1)?.states, []);
  assert((listener.live.at(-1)?.newestAgeSeconds ?? 0) >= 45);
});

test('silence and return of an edge are told at once', async (t) => {
  const { clock, cloud, listen } = await started(t);
  const listener = listen();
  await until(() => listener.live.length === 1, 'first message');
  cloud.heartbeat('edge-1');
  await clock.advance(SILENT_AFTER_MS);
  await until(() => listener.edges.length === 1, 'silence');
  cloud.heartbeat('edge-1');
  await until(() => listener.edges.length === 2, 'return');
  assert.deepEqual(
    listener.edges.map((edge) => [edge.edge, edge.state]),
    [
      ['edge-1', 'silent'],
      ['edge-1', 'live'],
    ],
  );
});

test('before the first window the wait for it is told', async (t) => {
  const { clock, cloud, listen } = await started(t);
  const listener = listen();
  await until(() => listener.live.length === 1, 'first message');
  assert.deepEqual([listener.live[0]?.newestAt, listener.live[0]?.totalPowerW, listener.live[0]?.firstWindowInSeconds], [null, null, null]);
  cloud.heartbeat('edge-1', { newestMs: T0_MS + 1_500 });
  await clock.advance(1_000);
  await until(() => listener.live.length === 2, 'second message');
  assert.equal(listener.live[1]?.firstWindowInSeconds, 3);
});

test('a store that does not answer for a while costs no stream', async (t) => {
  const { clock, cloud, listen } = await started(t);
  await cloud.shipPower('a', 100, 1);
  const listener = listen();
  await until(() => listener.live.length === 1, 'first message');
  cloud.store.failWith = new Error('disk gone');
  await cloud.shipPower('a', 200, 1, T0_MS + WINDOW_MS);
  for (let i = 0; i < 5; i++) await clock.advance(1_000);
  await nothingMore();
  assert.equal(listener.live.length, 1);
  assert.equal(listener.ended, false);
  cloud.store.failWith = undefined;
  await clock.advance(1_000);
  await until(() => listener.live.length === 2, 'second message');
  assert.equal(listener.live[1]?.totalPowerW, 200);
});

test('a client beyond the limit is refused with a time to come back; one that goes makes room', async (t) => {
  const { clock, cloud, listen } = await started(t);
  const listeners = Array.from({ length: STREAM_CLIENTS_MAX }, (_, i) => listen(`127.0.0.${1 + (i % 5)}`));
  await until(() => listeners.every((listener) => listener.live.length === 1), 'all connected');
  const refused = await fetch(`${cloud.url}/api/v1/stream`);
  assert.equal(refused.status, 503);
  assert.equal(refused.headers.get('retry-after'), '10');
  await refused.text();
  assert.match(await cloud.metrics.text(), new RegExp(`fogline_stream_clients ${STREAM_CLIENTS_MAX}`));
  listeners[0]?.socket.destroy();
  await systemClock.sleep(50);
  await clock.advance(1_000);
  const late = listen();
  await until(() => late.live.length === 1, 'room');
});

test('a client that does not read is cut off, and the others go on', async (t) => {
  const { clock, cloud, listen } = await started(t);
  const deaf = listen();
  const listener = listen();
  await until(() => deaf.live.length === 1 && listener.live.length === 1, 'both connected');
  deaf.socket.pause();
  const parked = Array.from({ length: 20 }, (_, i) => ({ household: `h${i}`, reason: 'r'.repeat(200) }));
  const isCutOff = async () => /fogline_stream_cut_off_total 1/.test(await cloud.metrics.text());
  let seconds = 0;
  for (; seconds < 120 && !(await isCutOff()); seconds++) {
    for (let edge = 0; edge < 100; edge++) cloud.heartbeat(`edge-${edge}`, { parked, queued: seconds });
    await clock.advance(1_000);
    await until(() => listener.live.length >= seconds + 2, 'the other client hears');
  }
  assert(seconds < 120, 'never cut off');
  assert.match(await cloud.metrics.text(), /fogline_stream_clients 1/);
  assert.equal(listener.ended, false);
  assert.equal(listener.live.at(-1)?.edges.length, 100);
});

test('stop ends every stream properly and at once', async (t) => {
  const { clock, cloud, listen } = await started(t);
  const listeners = [listen(), listen(), listen()];
  await until(() => listeners.every((listener) => listener.live.length === 1), 'all connected');
  const stopped = cloud.api.stop();
  await until(() => listeners.every((listener) => listener.ended), 'streams end');
  await clock.advance(100);
  await stopped;
});
