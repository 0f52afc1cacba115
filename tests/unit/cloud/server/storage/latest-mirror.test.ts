/** When the mirror does what, in virtual time. What it does to a real Redis: tests/contract/redis-latest.test.ts. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import {
  CHECK_EVERY_MS,
  LatestMirror,
  type MirrorConnection,
  type MirrorListener,
  MirrorRefusal,
  STORE_EVERY_MS,
  STORE_EVERY_UP_MS,
} from '../../../../../cloud/server/storage/latest-mirror.ts';
import { MemoryLatest } from '../../../../../cloud/server/storage/memory-latest.ts';
import type { Bucket } from '../../../../../cloud/server/storage/series-store.ts';
import { Metrics } from '../../../../../common/metrics.ts';
import { bucket } from '../../../../contract/latest-suite.ts';
import { VirtualClock } from '../../../../doubles/virtual-clock.ts';

/** A copy whose answers are chosen. */
class ScriptedCopy implements MirrorConnection {
  held = new Map<string, number>();
  published: Bucket[] = [];
  writes = 0;
  mark = false;
  tookMs = 0;
  refuseWrites: string | undefined;
  unreachable = false;
  listener: MirrorListener | undefined;
  private readonly clock: VirtualClock;

  constructor(clock: VirtualClock) {
    this.clock = clock;
  }

  async connect(listener: MirrorListener): Promise<MirrorConnection> {
    await this.answer();
    this.listener = listener;
    return this;
  }

  async renewMark(): Promise<boolean> {
    await this.answer();
    const before = this.mark;
    this.mark = true;
    return before;
  }

  async write(windows: readonly Bucket[]): Promise<void> {
    await this.answer();
    if (this.refuseWrites !== undefined) throw new MirrorRefusal(this.refuseWrites);
    this.writes++;
    for (const { household, startMs } of windows) this.held.set(household, startMs);
  }

  async publish(windows: readonly Bucket[]): Promise<void> {
    await this.answer();
    this.published.push(...windows);
  }

  async readPage(): Promise<{ windows: Bucket[]; unusable: number; next: undefined }> {
    await this.answer();
    return { windows: [], unusable: 0, next: undefined };
  }

  close(): void {}

  /** As FLUSHALL does. */
  flush(): void {
    this.held.clear();
    this.mark = false;
  }

  private async answer(): Promise<void> {
    if (this.tookMs > 0) await this.clock.sleep(this.tookMs);
    if (this.unreachable) throw new Error('ECONNREFUSED');
  }
}

function setUp(t: TestContext) {
  const clock = new VirtualClock();
  const copy = new ScriptedCopy(clock);
  const memory = new MemoryLatest(clock);
  const metrics = new Metrics();
  const log: string[] = [];
  const tell = (level: string) => (fields: object, message: string) =>
    void log.push(`${level}: ${message.split(':', 1)[0]}${'reason' in fields ? ` (${fields.reason})` : ''}`);
  const logger = { debug: () => undefined, info: tell('info'), warn: tell('warn'), error: tell('error') };
  const stored: { windows: Bucket[]; reads: number } = { windows: [], reads: 0 };
  const newest = async () => {
    stored.reads++;
    return stored.windows;
  };
  const mirror = new LatestMirror({ memory, connect: (listener) => copy.connect(listener), newest, clock, logger, metrics });
  mirror.start();
  t.after(async () => {
    const stopped = mirror.stop();
    await clock.advance(60_000);
    await stopped;
  });
  const put = (...windows: Bucket[]) => {
    memory.put(windows);
    mirror.add(windows);
  };
  const metric = async (name: string) => Number(new RegExp(`^${name} (.*)$`, 'm').exec(await metrics.text())?.[1]);
  return { clock, copy, memory, log, stored, put, metric };
}

test('up after the first refill; windows are gathered and go in one write', async (t) => {
  const { clock, copy, log, put, metric } = setUp(t);
  await clock.advance(10);
  assert.equal(await metric('fogline_redis_up'), 1);
  assert.deepEqual(log, ['info: redis holds the newest windows']);
  for (let start = 1; start <= 5; start++) put(bucket('a', start), bucket('b', start));
  await clock.advance(200);
  assert.deepEqual(
    [...copy.held],
    [
      ['a', 5],
      ['b', 5],
    ],
  );
  assert.equal(copy.writes, 1);
  assert.equal(copy.published.length, 2);
  assert.equal(await metric('fogline_redis_coalesced_windows'), 8);
});

test('a window every 10 ms is no write every 10 ms', async (t) => {
  const { clock, copy, put } = setUp(t);
  await clock.advance(1_000);
  for (let start = 1; start <= 200; start++) {
    put(bucket('a', start));
    await clock.advance(10);
  }
  await clock.advance(200);
  assert.equal(copy.held.get('a'), 200);
  assert.ok(copy.writes <= 22, `${copy.writes} writes in 2.2 s`);
});

test('away for an hour: one line in the log; all is written anew soon after', async (t) => {
  const { clock, copy, log, put, metric } = setUp(t);
  put(bucket('a', 1));
  await clock.advance(1_000);
  log.length = 0;
  copy.unreachable = true;
  copy.listener?.onLost(new Error('closed'));
  for (let start = 2; start <= 720; start++) {
    put(bucket('a', start), bucket(`home-${start}`, start));
    await clock.advance(5_000);
  }
  assert.deepEqual(log, ['warn: redis is out (closed)']);
  assert.equal(await metric('fogline_redis_up'), 0);
  assert.equal(await metric('fogline_redis_queue_windows'), 0);
  copy.flush();
  copy.unreachable = false;
  await clock.advance(CHECK_EVERY_MS);
  assert.equal(copy.held.size, 720);
  assert.equal(copy.held.get('a'), 720);
  assert.deepEqual(log.slice(1), ['info: redis holds the newest windows']);
});

test('refused writes: one line, publishing goes on, a refill when they are taken again', async (t) => {
  const { clock, copy, log, put, metric } = setUp(t);
  await clock.advance(1_000);
  log.length = 0;
  copy.refuseWrites = 'OOM command not allowed';
  for (let start = 1; start <= 100; start++) {
    put(bucket('a', start));
    await clock.advance(1_000);
  }
  assert.deepEqual(log, ['warn: redis refuses (OOM command not allowed)']);
  assert.equal(copy.published.at(-1)?.startMs, 100);
  assert.equal(await metric('fogline_redis_up'), 0);
  copy.refuseWrites = undefined;
  await clock.advance(2 * CHECK_EVERY_MS);
  assert.equal(copy.held.get('a'), 100);
  assert.equal(await metric('fogline_redis_up'), 1);
  assert.deepEqual(log.slice(1), ['info: redis holds the newest windows']);
});

test('another reason of refusal is another line', async (t) => {
  const { clock, copy, log, put } = setUp(t);
  await clock.advance(1_000);
  copy.refuseWrites = 'OOM full';
  put(bucket('a', 1));
  await clock.advance(20_000);
  copy.refuseWrites = 'READONLY replica';
  await clock.advance(20_000);
  assert.deepEqual(log.slice(1), ['warn: redis refuses (OOM full)', 'warn: redis refuses (READONLY replica)']);
});

test('emptied: noticed by the mark though new windows came, and every household is written anew', async (t) => {
  const { clock, copy, log, put, metric } = setUp(t);
  put(...Array.from({ length: 1_300 }, (_, i) => bucket(`home-${i}`, 1)));
  await clock.advance(1_000);
  copy.flush();
  put(bucket('home-7', 2));
  await clock.advance(200);
  assert.equal(copy.held.size, 1);
  await clock.advance(CHECK_EVERY_MS);
  assert.equal(copy.held.size, 1_300);
  assert.equal(copy.held.get('home-7'), 2);
  assert.deepEqual(log.slice(1), ['warn: redis was emptied']);
  assert.equal(await metric('fogline_redis_refills_total'), 2);
});

test('emptied in the middle of a refill: the next check sees it', async (t) => {
  const { clock, copy, put } = setUp(t);
  copy.tookMs = 400;
  put(...Array.from({ length: 3_000 }, (_, i) => bucket(`home-${i}`, 1)));
  await clock.advance(2_500);
  assert.ok(copy.held.size > 0 && copy.held.size < 3_000, `${copy.held.size} written`);
  copy.flush();
  await clock.advance(CHECK_EVERY_MS + 10_000);
  assert.equal(copy.held.size, 3_000);
});

test('a copy that takes 2 s for each answer holds at most one window of each series in the queue', async (t) => {
  const { clock, copy, put, log, metric } = setUp(t);
  await clock.advance(1_000);
  copy.tookMs = 2_000;
  for (let start = 1; start <= 300; start++) {
    put(...Array.from({ length: 20 }, (_, i) => bucket(`home-${i}`, start)));
    await clock.advance(100);
    assert.ok((await metric('fogline_redis_queue_windows')) <= 20);
  }
  copy.tookMs = 0;
  await clock.advance(5_000);
  assert.deepEqual(
    [...copy.held.values()],
    Array.from({ length: 20 }, () => 300),
  );
  assert.deepEqual(log.slice(1), []);
});

test('more households than the queue may hold: counted, and the next check brings them', async (t) => {
  const { clock, copy, put, metric } = setUp(t);
  await clock.advance(1_000);
  put(...Array.from({ length: 20_005 }, (_, i) => bucket(`home-${i}`, 1)));
  assert.equal(await metric('fogline_redis_dropped_windows'), 5);
  await clock.advance(2 * CHECK_EVERY_MS);
  assert.equal(copy.held.size, 20_005);
});

test('the store is asked every few seconds while the copy is out, seldom while it is up; what it knows better is taken', async (t) => {
  const { clock, copy, memory, stored, put } = setUp(t);
  put(bucket('a', 5));
  stored.windows = [bucket('a', 4), bucket('b', 9)];
  await clock.advance(STORE_EVERY_UP_MS * 2);
  assert.equal(stored.reads, 2);
  assert.deepEqual(
    (await memory.all()).map(({ household, startMs }) => [household, startMs]),
    [
      ['a', 5],
      ['b', 9],
    ],
  );
  assert.equal(copy.held.get('b'), 9);
  copy.unreachable = true;
  copy.listener?.onLost(new Error('closed'));
  stored.reads = 0;
  await clock.advance(STORE_EVERY_MS * 6);
  assert.equal(stored.reads, 6);
});

test('what other processes publish is taken unless older, and not sent back', async (t) => {
  const { clock, copy, memory, put } = setUp(t);
  put(bucket('a', 5));
  await clock.advance(1_000);
  const writes = copy.writes;
  copy.listener?.onWindows([bucket('a', 4), bucket('b', 1)], 0);
  copy.listener?.onWindows([bucket('a', 5, { count: 4, mean: -1 }), bucket('b', 1, { count: 6 })], 1);
  await clock.advance(1_000);
  assert.deepEqual(await memory.all(), [bucket('a', 5), bucket('b', 1, { count: 6 })]);
  assert.equal(copy.writes, writes);
});
