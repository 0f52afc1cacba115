/** Current values ahead of a backlog, in virtual time, with the real cloud. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { LinkHandler } from '../../../../common/link/link.ts';
import { type NewestRequest, rangeOf, type Reading } from '../../../../common/messages.ts';
import { encodeReading } from '../../../../common/topic-codec.ts';
import { decodeRequest, encodeReply } from '../../../../common/wire.ts';
import type { Greeter } from '../../../../edge/server/greeter.ts';
import { BASE_MS, readingOf, VirtualSite } from '../../../doubles/virtual-site.ts';

const WINDOW_MS = 5_000;
const OUTAGE_WINDOWS = 2_000;
/** What is promised of current values. */
const AGE_MS_MAX = 10_000;

interface Site {
  site: VirtualSite;
  /** Requests of the live lane that the cloud got. */
  newest: NewestRequest[];
  /** Begins the outage, and lets a window close every 5 s until `windows` have closed. */
  outage: (windows: number) => Promise<void>;
  /** The link comes back; parts take `partsMs` each. */
  back: (partsMs: number) => void;
  /** A window closes every 5 s. */
  live: (windows: number, each?: () => void | Promise<void>) => Promise<void>;
  /** Start of the newest window shown of home-1, in windows since the beginning. */
  shown: (home?: string) => Promise<number>;
  /** Windows closed so far. */
  closed: () => number;
  /** From the end of the newest window shown of home-1 until now, when a window has just closed: at least WINDOW_MS. */
  ageMs: () => Promise<number>;
}

async function siteOf(t: TestContext, homes: readonly string[] = ['home-1']): Promise<Site> {
  const site = new VirtualSite();
  t.after(() => site.end());
  await site.start();
  const newest: NewestRequest[] = [];
  let seq = 0;
  const window = () => {
    seq++;
    for (const home of homes) site.produce(home, seq, seq);
  };
  let served = site.network.handler as LinkHandler;
  let partsMs = 0;
  const handler: LinkHandler = async (payload, peer) => {
    const request = decodeRequest(payload);
    if (request.kind === 'newest') newest.push(request.newest);
    if (request.kind === 'parts') await site.clock.sleep(partsMs);
    return served(payload, peer);
  };
  const shown = async (home = 'home-1') => {
    const windows = (await site.cloud.latest?.all()) ?? [];
    const its = windows.filter(({ household, field }) => household === home && field === 'power');
    return its.length === 0 ? 0 : ((its[0]?.startMs ?? BASE_MS) - BASE_MS) / WINDOW_MS;
  };
  return {
    site,
    newest,
    outage: async (windows) => {
      for (let i = 0; i < 3; i++) {
        window();
        await site.clock.advance(WINDOW_MS);
      }
      served = site.network.handler as LinkHandler;
      site.network.handler = undefined;
      await site.clock.advance(10_000);
      for (let i = 0; i < windows; i++) window();
      await site.clock.advance(WINDOW_MS);
    },
    back: (ms) => {
      partsMs = ms;
      site.network.handler = handler;
    },
    live: async (windows, each) => {
      for (let i = 0; i < windows; i++) {
        window();
        await site.clock.advance(WINDOW_MS);
        await each?.();
      }
    },
    shown,
    closed: () => seq - 1,
    ageMs: async () => (seq - (await shown())) * WINDOW_MS,
  };
}

test('after an outage the newest window is shown at once and stays current while the backlog drains oldest first', async (t) => {
  const { site, newest, outage, back, live, shown, closed, ageMs } = await siteOf(t);
  await outage(OUTAGE_WINDOWS);
  assert.equal(await shown(), 2, 'nothing came through');
  // So slow that the backlog takes a minute.
  back(20_000);
  let drainedTo = 0;
  await live(3);
  await live(12, async () => {
    assert.ok((await ageMs()) <= AGE_MS_MAX, `window ${await shown()} is shown, ${closed()} have closed`);
    const [covered] = site.held('home-1').covered;
    assert.ok(covered !== undefined && covered[0] === 1 && covered[1] >= drainedTo, 'stored oldest first, without a hole');
    drainedTo = covered[1];
  });
  assert.ok(drainedTo < closed() - 100, `${drainedTo} are stored: the backlog is still there`);
  assert.ok(newest.every(({ rows }) => rows.length === 1));
  back(0);
  await live(4);
  assert.deepEqual(site.held('home-1').covered, [[1, closed()]]);
  assert.deepEqual(site.witness.findings, []);
  assert.deepEqual(await site.cloud.latest?.all(), await site.cloud.reading.newest(), 'what is shown is what is stored');
});

test('while the ordinary way is current nothing goes ahead', async (t) => {
  const { site, newest, back, outage, live, shown, closed } = await siteOf(t);
  await outage(0);
  back(0);
  await site.clock.advance(20_000);
  newest.length = 0;
  await live(30);
  assert.equal(newest.length, 0);
  assert.equal(await shown(), closed());
});

test('many homes go ahead in several requests of bounded size, and each window once', async (t) => {
  const homes = Array.from({ length: 300 }, (_, i) => `home-${i + 1}`);
  const { site, newest, outage, back, live, shown, closed } = await siteOf(t, homes);
  await outage(5);
  back(3_600_000);
  await live(3);
  assert.ok(newest.length >= 2);
  for (const { rows } of newest) assert.ok(rows.length <= 210, `${rows.length} rows`);
  const rows = newest.flatMap((request) => request.rows.map((row) => `${rangeOf(row).household} ${row.part.windowStartMs}`));
  assert.equal(new Set(rows).size, rows.length, 'no window goes ahead twice');
  for (const home of ['home-1', 'home-200', 'home-300']) assert.ok(closed() - (await shown(home)) <= 1, home);
  assert.equal(site.cloud.receiver?.counters.parts, 2 * homes.length);
});

test('after a restart the cloud shows what it has stored, and within seconds what is current', async (t) => {
  const { site, outage, back, live, shown, closed } = await siteOf(t);
  await outage(OUTAGE_WINDOWS);
  back(20_000);
  await live(4);
  assert.ok(closed() - (await shown()) <= 1);
  site.cloud.kill();
  await site.cloud.start();
  const [stored] = site.held('home-1').covered;
  assert.equal(await shown(), stored?.[1], 'what was never stored is forgotten');
  const served = site.network.handler as LinkHandler;
  site.network.handler = async (payload, peer) => {
    if (decodeRequest(payload).kind === 'parts') await site.clock.sleep(20_000);
    return served(payload, peer);
  };
  // The request that was on its way to the old cloud is given up at its deadline; then the edge says hello.
  await live(4);
  await live(5, async () => assert.ok(closed() - (await shown()) <= 1, `${await shown()} of ${closed()}`));
});

test('what one cloud was shown the next one is shown too, also when nothing new has come', async (t) => {
  const { site, outage, back, live, shown, closed } = await siteOf(t);
  await outage(20);
  back(3_600_000);
  await live(4);
  assert.ok(closed() - (await shown()) <= 1);
  const before = await shown();
  site.cloud.kill();
  await site.cloud.start();
  assert.ok((await shown()) < before, 'it was stored nowhere');
  const served = site.network.handler as LinkHandler;
  site.network.handler = async (payload, peer) => {
    if (decodeRequest(payload).kind === 'parts') await site.clock.sleep(3_600_000);
    return served(payload, peer);
  };
  await site.clock.advance(40_000);
  assert.ok((await shown()) >= before, `${await shown()} of ${before}`);
});

test('of a household that is parked nothing goes ahead: what is not stored is not to be seen for a moment', async (t) => {
  const { site, newest, outage, back, live } = await siteOf(t, ['home-1', 'home-2']);
  await outage(20);
  site.edge.running?.store.ledgerStore.ledger.parked.set('home-2', 'a test');
  back(3_600_000);
  await live(4);
  const homes = new Set(newest.flatMap(({ rows }) => rows.map((row) => rangeOf(row).household)));
  assert.deepEqual([...homes], ['home-1']);
});

test('a cloud that refuses the live lane is asked again in a while, all is stored; without the lane current values are old', async (t) => {
  const { site, outage, back, live, closed, ageMs } = await siteOf(t);
  await outage(OUTAGE_WINDOWS);
  // As slow as where the lane keeps them young: the control of that.
  back(20_000);
  const knows = site.network.handler as LinkHandler;
  const askedAtMs: number[] = [];
  const refusing: LinkHandler = (payload, peer) => {
    if (decodeRequest(payload).kind !== 'newest') return knows(payload, peer);
    askedAtMs.push(site.clock.monotonicMs());
    return Promise.resolve(encodeReply({ kind: 'refused', reason: 'payload does not inflate' }));
  };
  site.network.handler = refusing;
  await live(3);
  await live(12, async () => assert.ok((await ageMs()) > AGE_MS_MAX, `${await ageMs()} ms old`));
  back(5_000);
  site.network.handler = refusing;
  await live(15);
  await site.clock.advance(20_000);
  assert.ok(askedAtMs.length > 1, 'one refusal may be that of a turned bit');
  const told = site.lines.filter((line) => line.startsWith('the cloud did not show newest windows'));
  assert.equal(told.length, 1, 'told once, not each time');
  for (const [i, atMs] of askedAtMs.slice(1).entries()) assert.ok(atMs - (askedAtMs[i] as number) >= 5_000);
  assert.deepEqual(site.held('home-1').covered, [[1, closed()]]);
});

test('a busy cloud is left alone by the live lane too, and it goes on', async (t) => {
  const { site, outage, back, live, shown, closed } = await siteOf(t);
  await outage(OUTAGE_WINDOWS);
  back(20_000);
  const open = site.network.handler as LinkHandler;
  const askedAtMs: number[] = [];
  site.network.handler = (payload, peer) => {
    if (decodeRequest(payload).kind !== 'newest') return open(payload, peer);
    askedAtMs.push(site.clock.monotonicMs());
    if (askedAtMs.length > 3) return open(payload, peer);
    return Promise.resolve(encodeReply({ kind: 'busy', startId: 'start-1', retryAfterMs: 4_000 }));
  };
  await live(8);
  for (let i = 1; i <= 3; i++) assert.ok((askedAtMs[i] as number) - (askedAtMs[i - 1] as number) >= 4_000);
  assert.ok(closed() - (await shown()) <= 1);
});

test('a window that is cut by a late reading is shown whole', async (t) => {
  const { site, newest, outage, back, shown } = await siteOf(t);
  await outage(20);
  const say = (seq: number, window: number, power: number) => {
    const reading: Reading = { ...readingOf('home-1', seq), timeMs: BASE_MS + window * WINDOW_MS + seq, values: { power } };
    site.append([{ key: 'home-1', value: encodeReading(reading) }]);
  };
  // The outage ended with seq 23 in window 23.
  say(24, 24, 10);
  say(25, 21, 999);
  say(26, 24, 30);
  say(27, 25, 0);
  back(3_600_000);
  await site.clock.advance(10_000);
  assert.deepEqual(
    newest.at(-1)?.rows.map(({ part }) => part.fromSeq),
    [26, 24],
  );
  const [window] = (await site.cloud.latest?.all()) ?? [];
  assert.deepEqual([await shown(), window?.count, window?.mean], [24, 2, 20]);
});

test('R5: between a hello and its answer nothing goes ahead, and before a hello that is due', async (t) => {
  const homes = Array.from({ length: 450 }, (_, i) => `home-${i + 1}`);
  const { site, outage, back, live, shown, closed } = await siteOf(t, homes);
  await outage(5);
  back(3_600_000);
  const served = site.network.handler as LinkHandler;
  // From the first request of the live lane on a hello is due; it is answered after a minute.
  let [wishes, hellos, between, isOpen] = [0, 0, 0, false];
  site.network.handler = async (payload, peer) => {
    const { kind } = decodeRequest(payload);
    if (kind === 'newest' && wishes++ === 0) {
      const reply = await served(payload, peer);
      (site.edge.running as unknown as { greeter: Greeter }).greeter.requestHello('a test');
      isOpen = true;
      return reply;
    }
    if (kind === 'newest' && isOpen) between++;
    if (kind !== 'hello') return served(payload, peer);
    hellos++;
    await site.clock.sleep(5_000);
    isOpen = false;
    return served(payload, peer);
  };
  await live(8);
  assert.ok(wishes > 1 && hellos >= 1, `${wishes} requests, ${hellos} hellos`);
  assert.equal(between, 0, 'requests between hello and answer');
  await live(8);
  assert.ok(closed() - (await shown('home-450')) <= 1, 'afterwards it goes on');
});
