import assert from 'node:assert/strict';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { EventSource } from 'eventsource';
import type { LiveMessage, StreamGap } from '../../../../../cloud/server/api/api-types.ts';
import { EventRing } from '../../../../../cloud/server/api/event-ring.ts';
import { CLIENT_BUFFER_BYTES_MAX, RING_EVENTS_MAX } from '../../../../../cloud/server/api/live-sse.ts';
import { systemClock } from '../../../../../common/clock.ts';
import { documentedFetch } from '../../../../doubles/documented-fetch.ts';
import { type RunningCloud, runCloud } from '../../../../doubles/running-cloud.ts';
import { VirtualClock } from '../../../../doubles/virtual-clock.ts';
import { until } from '../../../../doubles/until.ts';

interface Heard {
  id: string;
  event: string;
  data: unknown;
}

/** One connection, read by the letter of the format. */
class Line {
  readonly heard: Heard[] = [];
  /** The last id told, also without an event. */
  lastId = '';
  /** The numbers of all ids, as they came. */
  readonly ids: number[] = [];
  head = '';
  readonly socket: Socket;
  private text = '';

  constructor(port: number, lastEventId = '', query = '') {
    this.socket = connect({ port, host: '127.0.0.1' });
    this.socket.setEncoding('utf8').on('data', (piece: string) => this.read(piece));
    this.socket.on('error', () => {});
    const resume = lastEventId === '' ? '' : `Last-Event-ID: ${lastEventId}\r\n`;
    this.socket.write(`GET /api/v1/stream${query} HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n${resume}\r\n`);
  }

  numbers(): number[] {
    return this.heard.map(({ id }) => Number(id.split('-')[1]));
  }

  private read(piece: string): void {
    this.text += piece;
    if (this.head === '' && this.text.includes('\r\n\r\n')) {
      this.head = this.text.slice(0, this.text.indexOf('\r\n\r\n'));
      this.text = this.text.slice(this.head.length + 4);
    }
    const blocks = this.text.split('\n\n');
    this.text = blocks.pop() ?? '';
    for (const block of blocks) {
      const field = (name: string) => new RegExp(`^${name}:(.*)$`, 'm').exec(block)?.[1]?.trim() ?? '';
      if (field('id') !== '') {
        this.lastId = field('id');
        this.ids.push(Number(this.lastId.split('-')[1]));
      }
      if (field('event') !== '') this.heard.push({ id: field('id'), event: field('event'), data: JSON.parse(field('data')) });
    }
  }
}

interface Site {
  clock: VirtualClock;
  cloud: RunningCloud;
  line: (lastEventId?: string, query?: string) => Line;
}

async function site(t: TestContext): Promise<Site> {
  const clock = new VirtualClock();
  const cloud = await runCloud({ clock, states: { a: 'DE-BB' }, silentAfterMs: 7_000 });
  const lines: Line[] = [];
  t.after(async () => {
    for (const { socket } of lines) socket.destroy();
    await cloud.stop();
  });
  await cloud.shipPower('a', 100, 1);
  return {
    clock,
    cloud,
    line: (lastEventId, query) => {
      const line = new Line(cloud.port, lastEventId, query);
      lines.push(line);
      return line;
    },
  };
}

/** Every edge heard falls silent: one event each. */
async function silence({ clock, cloud }: Site, edges: number): Promise<void> {
  for (let n = 0; n < edges; n++) cloud.heartbeat(`edge-${n}`);
  await clock.advance(7_500);
}

test('ids grow; who comes back with the last one hears what came after it, each once, and no whole picture', async (t) => {
  const its = await site(t);
  const first = its.line();
  await until(() => first.heard.length === 1, 'whole picture');
  await silence(its, 3);
  await until(() => first.heard.filter(({ event }) => event === 'edge').length === 3, 'three edges');
  const numbers = first.numbers();
  assert.deepEqual(
    numbers,
    [...new Set(numbers)].sort((a, b) => a - b),
  );
  const seen = first.heard[1] as Heard;
  const all = first.heard.slice(2).map(({ id }) => id);
  assert(all.length >= 2);
  first.socket.destroy();
  const second = its.line(seen.id);
  await until(() => second.heard.length >= all.length, 'the rest');
  assert.deepEqual(
    second.heard.slice(0, all.length).map(({ id }) => id),
    all,
  );
  assert(second.heard.every(({ event, data }) => event !== 'live' || (data as LiveMessage).states.length < 16));
  assert(second.heard.every(({ event }) => event !== 'gap'));
});

test('no id is told before what it stands for: a line cut in between loses nothing', async (t) => {
  const its = await site(t);
  const first = its.line();
  await until(() => first.heard.length === 1, 'whole picture');
  const picture = first.heard[0] as Heard;
  assert.deepEqual(first.ids, [Number(picture.id.split('-')[1])]);
  await silence(its, 3);
  await until(() => first.heard.filter(({ event }) => event === 'edge').length === 3, 'three edges');
  first.socket.destroy();
  const second = its.line(picture.id);
  await until(() => second.heard.length >= 3, 'what it missed');
  assert.deepEqual(
    second.ids,
    second.ids.toSorted((a, b) => a - b),
  );
  assert.equal(second.ids[0], first.ids[1]);
  const stranger = its.line('abcdef123456-7');
  await until(() => stranger.heard.length >= 2, 'gap and picture');
  assert.deepEqual(
    stranger.heard.slice(0, 2).map(({ event, id }) => [event, id === '']),
    [
      ['gap', true],
      ['live', false],
    ],
  );
});

test('an id older than what is held, or of another start, is told as a gap, and the whole picture follows', async (t) => {
  const its = await site(t);
  const first = its.line();
  await until(() => first.heard.length === 1, 'whole picture');
  const old = first.lastId;
  first.socket.destroy();
  for (let sent = 0; sent <= RING_EVENTS_MAX; sent += 100) await silence(its, 100);
  for (const [id, reason] of [
    [old, 'older'],
    ['abcdef123456-7', 'restarted'],
    ['garbage', 'restarted'],
    [old.replace(/\d+$/, '999999999'), 'restarted'],
  ] as const) {
    const line = its.line(id);
    await until(() => line.heard.length >= 2, 'gap and picture');
    assert.deepEqual([line.heard[0]?.event, line.heard[1]?.event], ['gap', 'live']);
    assert.deepEqual(line.heard[0]?.data as StreamGap, { lastEventId: id, reason });
    const picture = line.heard[1]?.data as LiveMessage | undefined;
    assert.equal(picture?.states.length, 16);
    line.socket.destroy();
  }
});

test('a browser’s EventSource that is cut off goes on by itself, and hears each event once', async (t) => {
  const its = await site(t);
  const between = await passage(t, its.cloud.port);
  const source = new EventSource(`http://127.0.0.1:${between.port}/api/v1/stream?topics=edge`);
  t.after(() => source.close());
  const heard: string[] = [];
  source.addEventListener('edge', ({ lastEventId }) => void heard.push(lastEventId));
  const clients = async () => /fogline_stream_clients (\d+)/.exec(await its.cloud.metrics.text())?.[1];
  await until(async () => (await clients()) === '1', 'open');
  await silence(its, 2);
  await until(() => heard.length === 2, 'two');
  between.cut();
  await until(async () => (await clients()) === '0', 'cut');
  await silence(its, 2);
  await until(() => heard.length >= 6, 'back with what it missed');
  await systemClock.sleep(50);
  assert.equal(new Set(heard).size, heard.length);
});

/** A way to the cloud that can be cut. */
async function passage(t: TestContext, to: number): Promise<{ port: number; cut: () => void }> {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const cloud = connect({ port: to, host: '127.0.0.1' });
    for (const socket of [client, cloud]) sockets.add(socket.on('error', () => {}));
    client.pipe(cloud).pipe(client);
  });
  const cut = () => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    cut();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, cut };
}

test('topics are what is heard; an unknown one is a 400 that names them', async (t) => {
  const its = await site(t);
  const edges = its.line('', '?topics=edge');
  const live = its.line('', '?topics=live');
  await until(() => live.heard.length === 1, 'picture');
  assert.match(edges.lastId, /-\d+$/);
  await silence(its, 2);
  await until(() => edges.heard.length >= 2 && live.heard.length >= 2, 'both');
  assert.deepEqual(new Set(edges.heard.map(({ event }) => event)), new Set(['edge']));
  assert.deepEqual(new Set(live.heard.map(({ event }) => event)), new Set(['live']));
  const wrong = await documentedFetch(`${its.cloud.url}/api/v1/stream?topics=live,weather`);
  assert.equal(wrong.status, 400);
  assert.match(await wrong.text(), /take of live, edge, alert/);
});

test('the stream is not compressed and says so; HEAD ends', async (t) => {
  const its = await site(t);
  const line = its.line();
  await until(() => line.heard.length === 1, 'picture');
  assert.doesNotMatch(line.head, /content-encoding/i);
  assert.match(line.head, /cache-control: no-store, no-transform/i);
  assert.match(line.head, /x-accel-buffering: no/i);
  const head = await documentedFetch(`${its.cloud.url}/api/v1/stream`, { method: 'HEAD' });
  assert.equal(head.status, 200);
  assert.equal(await head.text(), '');
});

test('stalled clients cost no memory beyond what all share, are cut off, and come back to a gap or to what they missed', async (t) => {
  const its = await site(t);
  const stalled = Array.from({ length: 20 }, () => its.line());
  await until(() => stalled.every((line) => line.heard.length === 1), 'all there');
  for (const { socket } of stalled) socket.pause();
  const parked = Array.from({ length: 20 }, (_, i) => ({ household: `h${i}`, reason: 'r'.repeat(200) }));
  const before = process.memoryUsage();
  const cut = async () => Number(/fogline_stream_cut_off_total (\d+)/.exec(await its.cloud.metrics.text())?.[1] ?? 0);
  let seconds = 0;
  let most = 0;
  for (; seconds < 200 && (await cut()) < stalled.length; seconds++) {
    for (let edge = 0; edge < 100; edge++) its.cloud.heartbeat(`edge-${edge}`, { parked, queued: seconds });
    await its.clock.advance(1_000);
    await systemClock.sleep(5);
    const { arrayBuffers, external } = process.memoryUsage();
    most = Math.max(most, arrayBuffers + external - before.arrayBuffers - before.external);
  }
  assert.equal(await cut(), stalled.length);
  // Each alone would hold more than a MiB: what waits is the same bytes for all of them, and what the ring holds.
  assert(most < stalled.length * CLIENT_BUFFER_BYTES_MAX, `${most} bytes`);
  const back = its.line(stalled[0]?.lastId);
  await until(() => back.heard.length > 0, 'back');
  assert.match(back.heard[0]?.event ?? '', /^(gap|live)$/);
});

test('the ring holds so many events and so many bytes, and knows what it dropped', () => {
  const ring = new EventRing(3, 100);
  const add = (number: number, bytes: number) => ring.add({ number, topic: 'live', bytes: Buffer.alloc(bytes) });
  assert.deepEqual(ring.after(0), []);
  for (const number of [1, 2, 4]) add(number, 10);
  const after = (number: number) => ring.after(number)?.map((event) => event.number);
  assert.deepEqual(after(0), [1, 2, 4]);
  assert.deepEqual(after(3), [4]);
  add(5, 10);
  assert.deepEqual([after(0), after(1)], [undefined, [2, 4, 5]]);
  add(6, 95);
  assert.deepEqual([after(4), after(5)], [undefined, [6]]);
  add(7, 500);
  assert.deepEqual([after(5), after(6)], [undefined, [7]]);
});
