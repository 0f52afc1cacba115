/** Our two ends of the link with peers that others wrote: the npm addon and pynng. And: whoever stops leaves nothing open. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { describe, test } from 'node:test';
import { systemClock } from '../../common/clock.ts';
import type { LinkClient, LinkHandler } from '../../common/link/link.ts';
import { loadNanomsg, NanomsgLinkClient } from '../../common/link/nanomsg-link.ts';
import { SpLinkClient, SpLinkServer } from '../../common/link/sp-link.ts';
import { silentLogger } from '../../common/logger.ts';
import { seededRandom } from '../../common/random.ts';
import { many, randomBytes } from '../contract/link-suite.ts';
import { freePort } from '../doubles/free-port.ts';
import { PynngRep, PynngReq } from '../doubles/pynng-peer.ts';
import { pythonWith } from '../doubles/python-with.ts';
import { until } from '../doubles/until.ts';

const PATIENT_MS = 30_000;
const SIZES = [1, 31, 32, 1_000, 65_537, 262_144, (1 << 20) - 3];

const nanomsg = await loadNanomsg(silentLogger);
const python = pythonWith('pynng');
const noNanomsg = nanomsg === undefined ? 'the npm package nanomsg is not installed' : false;
const noPynng = python === undefined ? 'no python that can import pynng (FOGLINE_PYTHON, python3)' : false;

/** As the receiver does for older peers: text in, text out. The link itself only carries bytes. */
const answer: LinkHandler = async (payload) => {
  const text = payload.toString();
  if (text === 'heartbeat') return Buffer.from('ack');
  if (text === 'nothing') return Buffer.alloc(0);
  if (payload.length === 0) return Buffer.from('empty');
  if (text.startsWith('{"id"')) return Buffer.from(`PLZ for id: ${JSON.parse(text).id} - PLZ: 14467`);
  return Buffer.concat([Buffer.from('re '), payload]);
};

const OUR_CLIENTS: readonly { name: string; skip: string | false; open(port: number): LinkClient }[] = [
  { name: 'sp client', skip: false, open: (port) => new SpLinkClient(at(port)) },
  { name: 'nanomsg client', skip: noNanomsg, open: (port) => new NanomsgLinkClient(nanomsg!, at(port)) },
];

group('the addon as a peer', noNanomsg, () => {
  test('its REQ, without our guard, is answered by our server, at every size', async () => {
    const server = await startServer(answer);
    const req = nanomsg!.socket('req', { tcpnodelay: true, rcvmaxsize: 2 << 20 });
    const replies: Buffer[] = [];
    req.on('data', (reply) => replies.push(reply));
    req.connect(`tcp://127.0.0.1:${server.port}`);
    for (const [i, bytes] of SIZES.entries()) {
      const body = randomBytes(bytes, i);
      req.send(body);
      await until(() => replies.length > i, `the reply to ${bytes} bytes`);
      assert.ok(replies[i]!.equals(Buffer.concat([Buffer.from('re '), body])));
    }
    req.close();
    await server.stop();
    assert.equal(server.counters.refusedFrames, 0);
  });

  for (const ours of OUR_CLIENTS) {
    test(`its REP answers our ${ours.name}`, { skip: ours.skip }, async () => {
      const rep = nanomsg!.socket('rep', { tcpnodelay: true, rcvmaxsize: 2 << 20 });
      const port = await freePort();
      rep.bind(`tcp://127.0.0.1:${port}`);
      rep.on('data', (body) => rep.send(Buffer.concat([Buffer.from('re '), body])));
      const client = ours.open(port);
      await client.start();
      const replies = await Promise.all(many(40).map((i) => client.request(Buffer.from(`q${i}`), PATIENT_MS)));
      assert.deepEqual(
        replies.map(String),
        many(40).map((i) => `re q${i}`),
      );
      await client.stop();
      rep.close();
    });
  }
});

group('pynng asks', noPynng, () => {
  test("its Req0 is answered by our server: every size, older peers' texts, 8 at once, an empty body", async () => {
    const server = await startServer(answer);
    await using req = new PynngReq(python!, server.port);
    for (const [i, bytes] of SIZES.entries()) {
      const body = randomBytes(bytes, i);
      const [reply] = await req.ask([body], PATIENT_MS);
      assert.ok(reply!.equals(Buffer.concat([Buffer.from('re '), body])), `${bytes} bytes`);
    }
    const texts = ['heartbeat', '{"id": 7, "node_id": "household_1", "average": 249.05}', ''];
    const replies = await req.ask(
      texts.map((text) => Buffer.from(text)),
      PATIENT_MS,
    );
    assert.deepEqual(replies.map(String), ['ack', 'PLZ for id: 7 - PLZ: 14467', 'empty']);
    const many8 = await req.ask(
      many(8).map((i) => Buffer.from(`q${i}`)),
      PATIENT_MS,
    );
    assert.deepEqual(
      many8.map(String),
      many(8).map((i) => `re q${i}`),
    );
    await server.stop();
    assert.equal(server.counters.refusedFrames, 0);
  });

  test('nothing is sent where the handler gives nothing: an empty reply would end its recv()', async () => {
    const server = await startServer(answer);
    await using req = new PynngReq(python!, server.port);
    assert.deepEqual(await req.ask([Buffer.from('nothing')], 200), [null]);
    assert.deepEqual((await req.ask([Buffer.from('heartbeat')], PATIENT_MS)).map(String), ['ack']);
    await server.stop();
  });

  test('its Req0 sends its request again when our server comes back', async () => {
    let taken = 0;
    const first = await startServer(() => {
      taken++;
      return new Promise<Buffer>(() => {});
    });
    await using req = new PynngReq(python!, first.port);
    const reply = req.ask([Buffer.from('heartbeat')], PATIENT_MS);
    await until(() => taken === 1, 'the request');
    await first.stop();
    const second = await startServer(answer, first.port);
    assert.deepEqual((await reply).map(String), ['ack']);
    await second.stop();
  });
});

group('pynng answers', noPynng, () => {
  for (const ours of OUR_CLIENTS) {
    test(`its Rep0 answers our ${ours.name}, at every size`, { skip: ours.skip }, async () => {
      const port = await freePort();
      await using rep = new PynngRep(python!, port);
      assert.equal(await rep.got(), -1);
      const client = ours.open(port);
      await client.start();
      for (const [i, bytes] of SIZES.entries()) {
        const body = randomBytes(bytes, i);
        const reply = await client.request(body, PATIENT_MS);
        assert.ok(reply.equals(Buffer.concat([Buffer.from('re '), body])), `${bytes} bytes`);
      }
      await client.stop();
    });

    test(`a request of our ${ours.name} is sent again when Rep0 was killed with it in hand`, { skip: ours.skip }, async () => {
      const port = await freePort();
      await using first = new PynngRep(python!, port);
      assert.equal(await first.got(), -1);
      const client = ours.open(port);
      await client.start();
      assert.equal(String(await client.request(Buffer.from('hello'), PATIENT_MS)), 're hello');
      assert.equal(await first.got(), 5);
      await assert.rejects(client.request(Buffer.from('silent'), 200), { code: 'LINK_TIMEOUT' });
      const waiting = assert.rejects(client.request(Buffer.from('silent'), 4_000), { code: 'LINK_TIMEOUT' });
      assert.equal(await first.got(), 6);
      assert.equal(await first.got(), 6);
      await first.kill();
      await using second = new PynngRep(python!, port);
      assert.equal(await second.got(), -1);
      assert.equal(await second.got(), 6, 'the same request arrives at the second');
      await waiting;
      assert.equal(String(await client.request(Buffer.from('again'), PATIENT_MS)), 're again');
      await client.stop();
    });
  }
});

group('a stopped link leaves nothing open', false, () => {
  for (const kind of ['sp', 'nanomsg'] as const) {
    test(`a process that used ${kind}, with a reply, a passed deadline and one waiting, ends by itself`, {
      skip: kind === 'nanomsg' && noNanomsg,
    }, async () => {
      const program = `
        import { systemClock } from './common/clock.ts';
        import { openLinkClient, openLinkServer } from './common/link/open-link.ts';
        import { silentLogger as logger } from './common/logger.ts';
        import { seededRandom } from './common/random.ts';
        const host = '127.0.0.1';
        const server = openLinkServer({ host, port: 0, clock: systemClock, logger });
        const port = await server.start((body) => String(body) === 'silent' ? new Promise(() => {}) : Promise.resolve(body));
        const client = await openLinkClient({ kind: '${kind}', host, port, clock: systemClock, random: seededRandom(1), logger });
        await client.start();
        const ended = [String(await client.request(Buffer.from('reply'), 9000)), client.transport];
        await client.request(Buffer.from('silent'), 100).catch((error) => ended.push(error.code));
        const waiting = client.request(Buffer.from('silent'), 600000).catch((error) => ended.push(error.code));
        await systemClock.sleep(100);
        await client.stop();
        await waiting;
        await server.stop();
        console.log(ended.join());`;
      const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const printed = child.stdout.toArray();
      const guard = systemClock.timer('child', PATIENT_MS, () => child.kill('SIGKILL'));
      const [code, signal] = await new Promise<[number | null, string | null]>((resolve) => child.once('exit', (...how) => resolve(how)));
      guard.cancel();
      assert.deepEqual([code, signal], [0, null], 'it had to be ended');
      assert.equal(
        Buffer.concat(await printed)
          .toString()
          .trim(),
        `reply,${kind},LINK_TIMEOUT,LINK_CLOSED`,
      );
    });
  }
});

/** A part that is missing here is one skip, by name. */
function group(name: string, skip: string | false, body: () => void): void {
  if (skip === false) describe(name, { timeout: 300_000 }, body);
  else test(name, { skip }, () => {});
}

function at(port: number) {
  return { host: '127.0.0.1', port, clock: systemClock, random: seededRandom(4), logger: silentLogger };
}

async function startServer(handler: LinkHandler, port = 0) {
  const server = new SpLinkServer({ ...at(port) });
  return { port: await server.start(handler), counters: server.counters, stop: () => server.stop() };
}
