/** What holds for every transport of the link: run with each client against each server. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Clock, systemClock } from '../../common/clock.ts';
import type { LinkClient, LinkHandler, LinkServer } from '../../common/link/link.ts';
import { type Random, seededRandom } from '../../common/random.ts';
import { startFaultyProxy } from '../doubles/faulty-proxy.ts';
import { freePort } from '../doubles/free-port.ts';
import { VirtualClock } from '../doubles/virtual-clock.ts';
import { until } from '../doubles/until.ts';

export interface LinkUnderTest {
  name: string;
  openClient(at: { port: number; clock: Clock; random: Random }): Promise<LinkClient>;
  openServer(at: { port: number }): LinkServer;
  /** Who asks, by certificate; nobody on plaintext. */
  peerId?: string;
  /** Why it can't run here. */
  skip?: string | undefined;
}

const PAYLOAD_BYTES_MAX = 1 << 20;
/** Long enough that nothing but a fault lets it pass. */
const PATIENT_MS = 30_000;
/** A deadline that is meant to pass. */
const SHORT_MS = 250;

const echo: LinkHandler = async (payload) => payload;

export function linkSuite(link: LinkUnderTest): void {
  if (link.skip !== undefined) {
    test(link.name, { skip: link.skip }, () => {});
    return;
  }
  describe(link.name, { timeout: 300_000 }, () => {
    roundTrips(link);
    waitingTheirTurn(link);
    comingAndGoing(link);
    faultsOnTheWay(link);
    ends(link);
  });
}

function roundTrips(link: LinkUnderTest): void {
  test('bytes arrive as they were sent, with who asked', async () => {
    await using run = await started(link, async (payload, peer) =>
      Buffer.from(`${peer.id} ${peer.remote.split(':')[0]} ${payload.toString('hex')}`),
    );
    const reply = await run.client.request(Buffer.from([0, 1, 0x80, 0xff]), PATIENT_MS);
    assert.equal(reply.toString(), `${link.peerId ?? null} 127.0.0.1 000180ff`);
    assert.equal(run.server.counters.requests, 1);
    assert.ok(run.server.counters.connections >= 1);
    assert.equal(run.server.counters.refusedFrames, 0);
  });

  test("a plain-text body passes through: answering it is the handler's business", async () => {
    await using run = await started(link, async (payload) => Buffer.from(payload.equals(Buffer.from('heartbeat')) ? 'ack' : 'other'));
    assert.equal((await run.client.request(Buffer.from('heartbeat'), PATIENT_MS)).toString(), 'ack');
  });

  test('requests and replies of every size up to the limit arrive whole', async () => {
    await using run = await started(link, echo);
    for (const bytes of [1, 1_000, 65_537, 262_144, PAYLOAD_BYTES_MAX]) {
      const payload = randomBytes(bytes, bytes);
      const reply = await run.client.request(payload, PATIENT_MS);
      assert.ok(reply.equals(payload), `${bytes} bytes came back changed`);
    }
    assert.equal(run.server.counters.refusedFrames, 0);
  });

  test('a request that could not be sent is refused at once: empty, or above the limit', async () => {
    await using run = await started(link, echo);
    await assert.rejects(run.client.request(Buffer.alloc(0), PATIENT_MS), { name: 'AssertionError' });
    await assert.rejects(run.client.request(Buffer.alloc(PAYLOAD_BYTES_MAX + 1), PATIENT_MS), { name: 'AssertionError' });
    assert.equal(run.server.counters.requests, 0);
  });

  test('a handler that throws, or gives nothing, costs that request only', async () => {
    await using run = await started(link, async (payload) => {
      if (payload.toString() === 'throw') throw new Error('meant to fail');
      return payload.toString() === 'nothing' ? Buffer.alloc(0) : payload;
    });
    for (const bad of ['throw', 'nothing']) {
      await assert.rejects(run.client.request(Buffer.from(bad), SHORT_MS), { code: 'LINK_TIMEOUT' });
      assert.equal((await run.client.request(Buffer.from('good'), PATIENT_MS)).toString(), 'good');
    }
    assert.equal(run.server.counters.refusedFrames, 0);
  });
}

function waitingTheirTurn(link: LinkUnderTest): void {
  test('up to inFlightMax requests are with the handler at once, no more', async () => {
    let waiting = 0;
    let waitingMax = 0;
    let release = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    await using run = await started(link, async (payload) => {
      waitingMax = Math.max(waitingMax, ++waiting);
      await released;
      waiting--;
      return payload;
    });
    const { inFlightMax } = run.client;
    assert.ok(inFlightMax >= 1);
    const replies = many(inFlightMax + 3).map((i) => run.client.request(Buffer.from(`r${i}`), PATIENT_MS));
    await until(() => waiting === inFlightMax, `${inFlightMax} requests in the handler`);
    await systemClock.sleep(50);
    release();
    assert.deepEqual(
      (await Promise.all(replies)).map(String),
      many(inFlightMax + 3).map((i) => `r${i}`),
    );
    assert.equal(waitingMax, inFlightMax);
  });

  test('each request gets its own reply, in whatever order the handler ends', async () => {
    const random = seededRandom(7);
    await using run = await started(link, async (payload) => {
      await systemClock.sleep(random.below(8));
      return Buffer.concat([Buffer.from('re '), payload]);
    });
    const replies = await Promise.all(many(60).map((i) => run.client.request(Buffer.from(`q${i}`), PATIENT_MS)));
    assert.deepEqual(
      replies.map(String),
      many(60).map((i) => `re q${i}`),
    );
  });

  test('the deadline passes exactly when the clock says so, also for requests that wait their turn', async () => {
    const clock = new VirtualClock();
    await using run = await started(link, () => new Promise<Buffer>(() => {}), { clock });
    const ended: string[] = [];
    const count = run.client.inFlightMax + 1;
    for (const i of many(count)) {
      run.client.request(Buffer.from(`r${i}`), 5_000).catch((error) => ended.push(`${error.code} at ${clock.monotonicMs()}`));
    }
    await clock.advance(4_999);
    assert.deepEqual(ended, []);
    await clock.advance(1);
    assert.deepEqual(
      ended,
      many(count).map(() => 'LINK_TIMEOUT at 5000'),
    );
  });
}

function comingAndGoing(link: LinkUnderTest): void {
  test('a request made before the server is there is answered when it comes', async () => {
    const port = await freePort();
    const client = await link.openClient({ port, clock: systemClock, random: seededRandom(1) });
    await client.start();
    const reply = client.request(Buffer.from('early'), PATIENT_MS);
    await systemClock.sleep(300);
    const server = link.openServer({ port });
    await server.start(echo);
    try {
      assert.equal((await reply).toString(), 'early');
    } finally {
      await client.stop();
      await server.stop();
    }
  });

  test('a request in the handler when the server goes is sent again to the next one', async () => {
    const seen: string[] = [];
    await using run = await started(link, (payload) => {
      seen.push(`first ${String(payload)}`);
      return new Promise<Buffer>(() => {});
    });
    const reply = run.client.request(Buffer.from('once'), PATIENT_MS);
    await until(() => seen.length > 0, 'the request at the first server');
    await run.server.stop();
    const next = link.openServer({ port: run.port });
    await next.start(async (payload) => {
      seen.push(`second ${String(payload)}`);
      return payload;
    });
    try {
      assert.equal((await reply).toString(), 'once');
      assert.deepEqual(seen, ['first once', 'second once']);
    } finally {
      await run.client.stop();
      await next.stop();
    }
  });
}

function faultsOnTheWay(link: LinkUnderTest): void {
  test('black hole: the deadline passes, and the same client is answered as soon as the way is free', async () => {
    await using run = await startedBehindProxy(link, echo);
    await run.check('before');
    run.proxy.setFault({ kind: 'swallow' });
    for (const i of many(2))
      await assert.rejects(run.client.request(Buffer.from(`lost ${i}`), SHORT_MS), { code: 'LINK_TIMEOUT', retryable: true });
    assert.ok(run.proxy.counters.swallowedBytes > 0);
    run.proxy.setFault({ kind: 'pass' });
    await run.check('after');
  });

  test('half a black hole: requests arrive, replies do not', async () => {
    await using run = await startedBehindProxy(link, echo);
    await run.check('before');
    run.proxy.setFault({ kind: 'swallow', direction: 'to_client' });
    await assert.rejects(run.client.request(Buffer.from('lost'), SHORT_MS), { code: 'LINK_TIMEOUT' });
    assert.equal(run.server.counters.requests, 2);
    run.proxy.setFault({ kind: 'pass' });
    await run.check('after');
  });

  test("a reply that comes after its deadline is nobody else's reply", async () => {
    await using run = await startedBehindProxy(link, async (payload) => Buffer.concat([Buffer.from('re '), payload]));
    run.proxy.setFault({ kind: 'delay', ms: 2 * SHORT_MS, direction: 'to_client' });
    await assert.rejects(run.client.request(Buffer.from('slow'), SHORT_MS), { code: 'LINK_TIMEOUT' });
    const next = run.client.request(Buffer.from('next'), PATIENT_MS);
    assert.equal((await next).toString(), 're next');
  });

  for (const direction of ['to_target', 'to_client'] as const) {
    test(`a connection cut inside a frame, ${direction}, costs a repetition`, async () => {
      await using run = await startedBehindProxy(link, echo);
      await run.check('before');
      run.proxy.setFault({ kind: 'cut', afterBytes: 30_000, direction });
      const payload = randomBytes(200_000, 3);
      const reply = run.client.request(payload, PATIENT_MS);
      await until(() => run.proxy.counters.cuts > 0, 'a cut');
      run.proxy.setFault({ kind: 'pass' });
      assert.ok((await reply).equals(payload));
    });
  }

  test('connections refused for a while', async () => {
    await using run = await startedBehindProxy(link, echo);
    await run.check('before');
    run.proxy.setFault({ kind: 'refuse' });
    const reply = run.client.request(Buffer.from('patient'), PATIENT_MS);
    await until(() => run.proxy.counters.refused > 2, 'refused connections');
    run.proxy.setFault({ kind: 'pass' });
    assert.equal((await reply).toString(), 'patient');
  });

  for (const direction of ['to_target', 'to_client'] as const) {
    test(`wrong bits ${direction} may cost requests, never the process, and nothing afterwards`, async () => {
      await using run = await startedBehindProxy(link, echo);
      await run.check('before');
      run.proxy.setFault({ kind: 'flip', everyBytes: 150, direction, seed: 3 });
      for (let sent = 0; run.proxy.counters.flippedBits < 25; sent++) {
        assert.ok(sent < 1_000, 'too few wrong bits');
        await run.client.request(randomBytes(40, sent), 150).catch((error) => assert.equal(error.code, 'LINK_TIMEOUT'));
      }
      run.proxy.setFault({ kind: 'pass' });
      await run.check('after');
    });
  }
}

function ends(link: LinkUnderTest): void {
  test('stop() rejects what waits, and later requests, with LINK_CLOSED', async () => {
    await using run = await started(link, () => new Promise<Buffer>(() => {}));
    const waiting = many(run.client.inFlightMax + 2).map((i) => run.client.request(Buffer.from(`r${i}`), PATIENT_MS));
    const ended = Promise.allSettled(waiting);
    await until(() => run.server.counters.requests > 0, 'a request at the server');
    await run.client.stop();
    for (const result of await ended) assert.equal(result.status === 'rejected' && result.reason.code, 'LINK_CLOSED');
    await assert.rejects(run.client.request(Buffer.from('late'), PATIENT_MS), { code: 'LINK_CLOSED' });
    await run.client.stop();
    await run.server.stop();
    await run.server.stop();
  });

  test('a client that never reached anybody stops', async () => {
    const client = await link.openClient({ port: await freePort(), clock: systemClock, random: seededRandom(1) });
    await client.start();
    const waiting = client.request(Buffer.from('nobody'), PATIENT_MS);
    const refused = assert.rejects(waiting, { code: 'LINK_CLOSED' });
    await client.stop();
    await refused;
  });

  test('a port in use is PORT_TAKEN', async () => {
    await using run = await started(link, echo);
    await assert.rejects(link.openServer({ port: run.port }).start(echo), { code: 'PORT_TAKEN' });
    assert.equal((await run.client.request(Buffer.from('still'), PATIENT_MS)).toString(), 'still');
  });
}

interface Run extends AsyncDisposable {
  client: LinkClient;
  server: LinkServer;
  /** The server's. */
  port: number;
}

async function started(link: LinkUnderTest, handler: LinkHandler, options: { clock?: Clock } = {}): Promise<Run> {
  const server = link.openServer({ port: await freePort() });
  const port = await server.start(handler);
  const client = await link.openClient({ port, clock: options.clock ?? systemClock, random: seededRandom(5) });
  await client.start();
  return { client, server, port, [Symbol.asyncDispose]: () => stopAll(client, server) };
}

async function startedBehindProxy(link: LinkUnderTest, handler: LinkHandler) {
  const server = link.openServer({ port: 0 });
  const port = await server.start(handler);
  const proxy = await startFaultyProxy({ targetPort: port });
  const client = await link.openClient({ port: proxy.port, clock: systemClock, random: seededRandom(5) });
  await client.start();
  const check = async (text: string) =>
    assert.match((await client.request(Buffer.from(text), PATIENT_MS)).toString(), new RegExp(`${text}$`));
  return { client, server, proxy, check, [Symbol.asyncDispose]: () => stopAll(client, proxy, server) };
}

async function stopAll(...parts: { stop(): Promise<void> }[]): Promise<void> {
  for (const part of parts) await part.stop();
}

export function randomBytes(bytes: number, seed: number): Buffer {
  const random = seededRandom(seed);
  const buffer = Buffer.alloc(bytes);
  for (let i = 0; i < bytes; i++) buffer[i] = random.below(256);
  return buffer;
}

export function many(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}
