import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import type { Worker } from 'node:worker_threads';
import { type Asked, PAGES_AHEAD, type Told, unpackBuckets } from '../../../../../cloud/server/storage/reading-messages.ts';
import {
  BUCKETS_AT_ONCE,
  BUCKETS_WAITING_MAX,
  ReadingThread,
  startReadingWorker,
  STREAMS_MAX,
} from '../../../../../cloud/server/storage/reading-thread.ts';
import { SqliteSeriesStore } from '../../../../../cloud/server/storage/sqlite-series-store.ts';
import { systemClock } from '../../../../../common/clock.ts';
import { Edge, HOME, part, T0_MS, WINDOW_MS } from '../../../../contract/series-store-probes.ts';

const WINDOWS = 3_000;
const QUERY = { series: [{ household: HOME, field: 'power' }], edges: [T0_MS, T0_MS + 3_600_000] };

interface Stage {
  store: SqliteSeriesStore;
  thread: ReadingThread;
  deaths: Error[];
}

/** A store of WINDOWS windows, and a thread on its file; `windows` 0: a thread on a file that is not there yet. */
async function withThread(windows: number, run: (stage: Stage) => Promise<void>): Promise<void> {
  const stateDir = mkdtempSync(join(tmpdir(), 'fogline-reading-'));
  const postalCodes = { assign: () => ({ postalCode: '14467', state: 'DE-BB', from: 'drawn' as const }) };
  const store = new SqliteSeriesStore({ stateDir, windowMs: WINDOW_MS, postalCodes, clock: systemClock });
  const deaths: Error[] = [];
  const onDied = (cause: Error) => deaths.push(cause);
  const thread = new ReadingThread({
    path: store.path,
    windowMs: WINDOW_MS,
    clock: systemClock,
    onDamaged: () => {},
    onBucket: () => {},
    onDied,
  });
  try {
    if (windows > 0) await fill(store, windows);
    await run({ store, thread, deaths });
  } finally {
    await thread.stop();
    await store.stop();
    rmSync(stateDir, { recursive: true, force: true });
  }
}

async function fill(store: SqliteSeriesStore, windows: number): Promise<void> {
  await store.start();
  const edge = new Edge(store);
  await edge.hello();
  for (let at = 0; at < windows; at += 500) await edge.send(Array.from({ length: 500 }, (_, i) => part(at + i + 1, at + i + 1)));
}

function workerOf(thread: ReadingThread): Worker {
  const { worker } = thread as unknown as { worker: Worker | undefined };
  assert.ok(worker !== undefined);
  return worker;
}

it('starts again after it has died, and what it owed fails', { timeout: 300_000 }, async () => {
  await withThread(0, async ({ store, thread, deaths }) => {
    await assert.rejects(thread.buckets(QUERY), { code: 'READING_FAILED', retryable: true, message: /there is no store at/ });
    assert.equal(deaths.length, 1);
    await fill(store, WINDOWS);
    assert.equal((await thread.buckets(QUERY))[0]?.windows[0], 720);
    assert.equal(deaths.length, 1);

    const stream = thread.range({ resolution: 'raw' });
    await stream.next();
    const reading = Array.from({ length: BUCKETS_AT_ONCE + 2 }, () => thread.buckets(QUERY));
    const fails = { code: 'READING_FAILED' };
    const owed = Promise.all(reading.slice(0, BUCKETS_AT_ONCE).map((its) => assert.rejects(its, fails)));
    void workerOf(thread).terminate();
    await owed;
    for (const its of reading.slice(BUCKETS_AT_ONCE)) assert.equal((await its)[0]?.windows[0], 720, 'what waited is asked of the new one');
    await assert.rejects(async () => {
      for (let n = 0; n < WINDOWS; n++) await stream.next();
    }, fails);
    assert.equal(deaths.length, 2);
  });
});

it('reads few at once, lets others wait, and refuses what is more', { timeout: 300_000 }, async () => {
  await withThread(WINDOWS, async ({ thread }) => {
    const all = Array.from({ length: BUCKETS_AT_ONCE + BUCKETS_WAITING_MAX }, () => thread.buckets(QUERY));
    await assert.rejects(thread.buckets(QUERY), { code: 'STORE_BUSY', retryable: true });
    for (const its of await Promise.all(all)) assert.equal(its[0]?.windows[0], 720);
    assert.equal((await thread.buckets(QUERY)).length, 1, 'there is room again');

    const streams = Array.from({ length: STREAMS_MAX }, () => thread.range({ resolution: 'raw' }));
    for (const its of streams) assert.equal((await its.next()).done, false);
    await assert.rejects(thread.range({ resolution: 'raw' }).next(), { code: 'STORE_BUSY' });
    assert.equal((await thread.buckets(QUERY)).length, 1, 'streams that nobody takes from hold nothing else up');
    for (const its of streams) await its.return(undefined);
    assert.equal((await thread.range({ resolution: 'raw' }).next()).done, false);
  });
});

it('stops for who went away', { timeout: 300_000 }, async () => {
  await withThread(WINDOWS, async ({ thread }) => {
    const edges = Array.from({ length: WINDOWS + 1 }, (_, i) => T0_MS + i * WINDOW_MS);
    const gone = new AbortController();
    const reading = Array.from({ length: BUCKETS_AT_ONCE + 3 }, () => thread.buckets({ ...QUERY, edges, signal: gone.signal }));
    const stays = thread.buckets(QUERY);
    gone.abort(new Error('gone'));
    for (const its of await Promise.allSettled(reading)) assert.match(String((its as PromiseRejectedResult).reason), /gone/);
    assert.equal((await stays)[0]?.windows[0], 720);
    await assert.rejects(thread.buckets({ ...QUERY, signal: gone.signal }), /gone/);
    for await (const bucket of thread.range({ resolution: 'raw' })) {
      assert.equal(bucket.startMs, T0_MS);
      break;
    }
    const {
      inboxes,
      reading: held,
      waiting,
      streams,
    } = thread as unknown as {
      inboxes: Map<number, unknown>;
      reading: number;
      waiting: unknown[];
      streams: number;
    };
    assert.deepEqual([inboxes.size, held, waiting.length, streams], [0, 0, 0, 0]);
  });
});

it('reads no further than two pages ahead of who takes them', { timeout: 300_000 }, async () => {
  await withThread(WINDOWS, async ({ store }) => {
    const worker = startReadingWorker({ path: store.path, windowMs: WINDOW_MS });
    const ask = (asked: Asked) => worker.postMessage(asked);
    const pages: Told[] = [];
    const answered = new Map<number, () => void>();
    worker.on('message', (told: Told) => {
      if (told.kind === 'answer') answered.get(told.id)?.();
      else pages.push(told);
    });
    /** An answer takes turns with the stream: after some of them a stream that went on would have gone on. */
    const barrier = async (id: number) => {
      for (let n = 0; n < 10; n++) {
        const answer = new Promise<void>((resolve) => answered.set(id + n, resolve));
        ask({ kind: 'buckets', id: id + n, query: QUERY });
        await answer;
      }
    };
    ask({ kind: 'range', id: 1, query: { resolution: 'raw' } });
    await barrier(100);
    assert.equal(pages.length, PAGES_AHEAD);
    ask({ kind: 'more', id: 1 });
    await barrier(200);
    assert.equal(pages.length, PAGES_AHEAD + 1);
    for (let n = 0; n < 20; n++) ask({ kind: 'more', id: 1 });
    await barrier(300);
    const buckets = pages.flatMap((told) => (told.kind === 'buckets' ? [...unpackBuckets(told.page)] : []));
    assert.deepEqual(
      buckets.map(({ startMs }) => startMs),
      Array.from({ length: WINDOWS }, (_, i) => T0_MS + i * WINDOW_MS),
    );
    assert.equal(pages.at(-1)?.kind, 'end');
    ask({ kind: 'stop' });
    await once(worker, 'exit');
  });
});

it('ends what is being read when the store is closed', { timeout: 300_000 }, async () => {
  await withThread(WINDOWS, async ({ thread }) => {
    const reading = Array.from({ length: BUCKETS_AT_ONCE + 2 }, () => thread.buckets(QUERY));
    const rejected = Promise.allSettled(reading);
    await thread.stop();
    for (const its of await rejected) assert.equal((its as PromiseRejectedResult).reason.code, 'READING_FAILED');
    await assert.rejects(thread.buckets(QUERY), { code: 'READING_FAILED' });
  });
});
