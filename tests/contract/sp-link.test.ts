import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { describe, test } from 'node:test';
import { systemClock } from '../../common/clock.ts';
import type { LinkHandler } from '../../common/link/link.ts';
import type { ServerLimits } from '../../common/link/sp-connection.ts';
import { SpLinkClient, SpLinkServer } from '../../common/link/sp-link.ts';
import { silentLogger } from '../../common/logger.ts';
import { seededRandom } from '../../common/random.ts';
import { freePort } from '../doubles/free-port.ts';
import { HOSTILE_CLIENTS, sendMutatedFrames, sendRandomBytes } from '../doubles/hostile-clients.ts';
import { ANSWERS_TWICE, HOSTILE_SERVERS, startHostileServer } from '../doubles/hostile-servers.ts';
import { linkSuite, many } from './link-suite.ts';
import { until } from '../doubles/until.ts';

const PATIENT_MS = 30_000;
/** Small, so that the slow offences end soon. */
const TIGHT = { helloMs: 200, frameMs: 200, unreadMs: 200, sweepMs: 20 };

linkSuite({
  name: 'sp client, sp server',
  openClient: async (at) => spClient(at.port, at),
  openServer: (at) => new SpLinkServer({ host: '127.0.0.1', clock: systemClock, logger: silentLogger, ...at }),
});

/** `large` is answered with more than a peer that doesn't read can hold. */
const handler: LinkHandler = async (payload) => (payload.equals(Buffer.from('large')) ? Buffer.alloc(256 << 10) : payload);

describe('sp server and hostile clients', { timeout: 300_000 }, () => {
  for (const hostile of HOSTILE_CLIENTS) {
    test(`a client that ${hostile.name} costs its own connection only`, async () => {
      await using run = await honestPair(handler, TIGHT);
      await hostile.run(run.port);
      await run.answersHonest();
      if (hostile.isRefused) await until(() => run.server.counters.refusedFrames === 1, 'the offence to be counted');
      assert.equal(run.server.counters.refusedFrames, hostile.isRefused ? 1 : 0);
      assert.equal(run.server.counters.connections, 3);
    });
  }

  test('300 connections of random bytes and 300 of honest frames with mistakes', async () => {
    await using run = await honestPair(handler, TIGHT);
    for (let seed = 0; seed < 300; seed += 50) {
      await Promise.all(many(50).flatMap((i) => [sendRandomBytes(run.port, seed + i), sendMutatedFrames(run.port, seed + i)]));
      await run.answersHonest();
    }
    assert.ok(run.server.counters.refusedFrames > 300, `${run.server.counters.refusedFrames} refused`);
  });

  test('a thousand silent connections are dropped, and nobody else notices', async () => {
    await using run = await honestPair(handler, { ...TIGHT, helloMs: 1_000 });
    const silent = many(1_000).map(() => HOSTILE_CLIENTS.find((client) => client.name === 'says nothing')!.run(run.port));
    await until(() => run.server.counters.connections > 1_000, 'the connections');
    await run.answersHonest();
    await Promise.all(silent);
    assert.equal(run.server.counters.refusedFrames, 1_000);
    await run.answersHonest();
  });
});

describe('limits of the sp server', { timeout: 300_000 }, () => {
  test('a peer that does not read is not read from: what it has in the handler stays bounded', async () => {
    const limits = { ...TIGHT, unreadMs: 60_000, inFlightMax: 4 };
    let calls = 0;
    await using run = await honestPair(async (payload) => {
      calls++;
      return handler(payload, { id: null, remote: '' });
    }, limits);
    const flooder = HOSTILE_CLIENTS.find((client) => client.name === 'never reads its replies')!.run(run.port);
    await until(() => calls >= 4, 'requests');
    let before = -1;
    await until(() => {
      const isAtRest = calls === before;
      before = calls;
      return isAtRest;
    }, 'the server to stop reading');
    await systemClock.sleep(300);
    const atRest = calls;
    // 256 kB each: the limit of 1 MiB, four in flight, and what the kernel's two buffers take (up to 10 MB).
    assert.ok(atRest < 60, `${atRest} requests taken`);
    await run.answersHonest();
    await run.server.stop();
    await flooder;
  });

  test('connections above the limit are closed at once and counted', async () => {
    await using run = await honestPair(handler, { connectionsMax: 3 });
    const holders = many(2).map(() => connect(run.port, '127.0.0.1').on('error', () => {}));
    await until(() => run.server.counters.connections === 3, 'three connections');
    const extra = connect(run.port, '127.0.0.1').on('error', () => {});
    await ended(extra);
    assert.equal(run.server.counters.refusedConnections, 1);
    assert.equal((await run.client.request(Buffer.from('still'), PATIENT_MS)).toString(), 'still');
    for (const holder of holders) holder.destroy();
  });

  test('an idle connection is ended without a reproach, and the client dials again', async () => {
    await using run = await honestPair(handler, { idleMs: 100, sweepMs: 20 });
    await until(() => run.server.counters.connections >= 3, 'the client to have dialled again twice');
    await run.answersHonest();
    assert.equal(run.server.counters.refusedFrames, 0);
  });

  test('a handler that never ends keeps its connection from being idle', async () => {
    await using run = await honestPair(() => new Promise<Buffer>(() => {}), { idleMs: 50, sweepMs: 10 }, { isSilent: true });
    const waiting = run.client.request(Buffer.from('long'), 400);
    await assert.rejects(waiting, { code: 'LINK_TIMEOUT' });
    assert.equal(run.server.counters.requests, 1);
  });

  test('the oldest unfinished frames are given up when all together take too much memory', async () => {
    await using run = await honestPair(handler, { ...TIGHT, frameMs: 60_000, unfinishedBytesMax: 250_000 });
    const half = Buffer.concat([Buffer.from('0053500000300000', 'hex'), Buffer.from('0000000000030d40', 'hex'), Buffer.alloc(90_000)]);
    const slow: Socket[] = [];
    for (const i of many(3)) {
      const socket = connect(run.port, '127.0.0.1').on('error', () => {});
      socket.write(half);
      slow.push(socket);
      await until(() => run.server.counters.connections === 2 + i, 'the connection');
      await systemClock.sleep(60);
    }
    await ended(slow[0]!);
    await until(() => run.server.counters.refusedFrames >= 1, 'the offence to be counted');
    assert.ok(!slow[2]!.destroyed, 'the newest must be left');
    await run.answersHonest();
    for (const socket of slow) socket.destroy();
  });
});

describe('ends of the sp server', { timeout: 300_000 }, () => {
  test('a reply above the limit is a failure of the handler, not a frame', async () => {
    await using run = await honestPair(async (payload) => (String(payload) === 'huge' ? Buffer.alloc((1 << 20) + 1) : payload), {});
    await assert.rejects(run.client.request(Buffer.from('huge'), 200), { code: 'LINK_TIMEOUT' });
    assert.equal(run.server.counters.handlerFailures, 1);
    await run.answersHonest();
  });

  test('stop() ends at once with silent, half-finished and waiting peers, and frees the port', async () => {
    const run = await honestPair(() => new Promise<Buffer>(() => {}), {}, { isSilent: true });
    const waiting = assert.rejects(run.client.request(Buffer.from('long'), PATIENT_MS), { code: 'LINK_CLOSED' });
    const silent = connect(run.port, '127.0.0.1').on('error', () => {});
    await until(() => run.server.counters.connections === 2 && run.server.counters.requests === 1, 'both peers');
    await run.server.stop();
    await ended(silent);
    const next = new SpLinkServer({ host: '127.0.0.1', port: run.port, clock: systemClock, logger: silentLogger });
    assert.equal(await next.start(handler), run.port);
    await run.client.stop();
    await waiting;
    await next.stop();
  });
});

describe('sp client and hostile servers', { timeout: 300_000 }, () => {
  for (const kind of HOSTILE_SERVERS) {
    test(`a server that ${kind.name} costs requests, never the client`, async () => {
      const hostile = await startHostileServer(kind);
      const client = spClient(hostile.port);
      await client.start();
      await assert.rejects(client.request(Buffer.from('lost'), 150), { code: 'LINK_TIMEOUT' });
      assert.ok(hostile.helloCount() > 0, 'the client has met it');
      await hostile.stop();
      const server = new SpLinkServer({ host: '127.0.0.1', port: hostile.port, clock: systemClock, logger: silentLogger });
      await server.start(async (payload) => payload);
      assert.equal((await client.request(Buffer.from('found'), PATIENT_MS)).toString(), 'found');
      await client.stop();
      await server.stop();
    });
  }

  test('requests that wait when a connection is lost come on the next one in the order of sending', async () => {
    const never = new SpLinkServer({ host: '127.0.0.1', port: await freePort(), clock: systemClock, logger: silentLogger });
    const unanswered: string[] = [];
    const port = await never.start((payload) => {
      unanswered.push(String(payload));
      return new Promise<Buffer>(() => {});
    });
    const client = spClient(port, { limits: { inFlightMax: 4 } });
    await client.start();
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    const replies = names.map((name) => client.request(Buffer.from(name), PATIENT_MS));
    await until(() => unanswered.length === client.inFlightMax, 'as many as go out at once');
    await never.stop();
    const seen: string[] = [];
    const next = new SpLinkServer({ host: '127.0.0.1', port, clock: systemClock, logger: silentLogger });
    await next.start(async (payload) => {
      seen.push(String(payload));
      return payload;
    });
    assert.deepEqual((await Promise.all(replies)).map(String), names);
    assert.deepEqual(seen, names);
    await client.stop();
    await next.stop();
  });

  test('a second reply to a request is ignored and counted', async () => {
    const hostile = await startHostileServer(ANSWERS_TWICE);
    const client = spClient(hostile.port);
    await client.start();
    for (let i = 0; i < 5; i++) assert.equal((await client.request(Buffer.from('twice'), PATIENT_MS)).length, 100);
    await until(() => client.ignoredReplies === 5, 'the second replies');
    await client.stop();
    await hostile.stop();
  });
});

function spClient(port: number, at: Partial<ConstructorParameters<typeof SpLinkClient>[0]> = {}): SpLinkClient {
  return new SpLinkClient({ host: '127.0.0.1', port, clock: systemClock, random: seededRandom(2), logger: silentLogger, ...at });
}

/** A server with a client that has been answered once, unless its handler is silent. */
async function honestPair(handler: LinkHandler, limits: Partial<ServerLimits>, options: { isSilent?: boolean } = {}) {
  const server = new SpLinkServer({ host: '127.0.0.1', port: await freePort(), clock: systemClock, logger: silentLogger, limits });
  const port = await server.start(handler);
  const client = spClient(port);
  await client.start();
  const ask = async (asking: SpLinkClient) => assert.equal((await asking.request(Buffer.from('honest'), PATIENT_MS)).toString(), 'honest');
  if (options.isSilent !== true) await ask(client);
  /** The client from before, and one that comes new. */
  const answersHonest = async () => {
    await ask(client);
    const another = spClient(port);
    await another.start();
    await ask(another);
    await another.stop();
  };
  const stop = async () => {
    await client.stop();
    await server.stop();
  };
  return { server, port, client, answersHonest, [Symbol.asyncDispose]: stop };
}

function ended(socket: Socket): Promise<void> {
  socket.resume();
  return socket.closed ? Promise.resolve() : new Promise((resolve) => socket.once('close', () => resolve()));
}
