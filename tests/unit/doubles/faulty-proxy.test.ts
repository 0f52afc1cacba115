import assert from 'node:assert/strict';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { systemClock } from '../../../common/clock.ts';
import { startFaultyProxy } from '../../doubles/faulty-proxy.ts';
import { until } from '../../doubles/until.ts';

test('pass: bytes and endings go both ways', async () => {
  await using way = await echoBehindProxy();
  const peer = way.dial();
  assert.equal(await peer.exchange('hello'), 'hello');
  peer.socket.end();
  await peer.closed;
  assert.equal(way.proxy.counters.passedBytes, 10);
});

test('swallow: connections stay open and silent; one that lost bytes stays dead, a new one lives', async () => {
  await using way = await echoBehindProxy();
  const [before, idle] = [way.dial(), way.dial()];
  assert.equal(await before.exchange('a'), 'a');
  assert.equal(await idle.exchange('b'), 'b');
  way.proxy.setFault({ kind: 'swallow' });
  const during = way.dial();
  assert.equal(await before.exchange('lost', 80), '');
  assert.equal(await during.exchange('lost', 80), '');
  assert.equal(way.targetConnections(), 2, 'the target sees no new connection');
  way.proxy.setFault({ kind: 'pass' });
  assert.equal(await before.exchange('still lost', 80), '');
  assert.equal(await during.exchange('still lost', 80), '');
  assert.equal(await idle.exchange('nothing lost'), 'nothing lost');
  assert.equal(await way.dial().exchange('new'), 'new');
  assert.ok(!before.socket.destroyed && !during.socket.destroyed);
  assert.equal(way.proxy.counters.swallowedBytes, 28);
});

test('swallow in one direction: the other passes', async () => {
  await using way = await echoBehindProxy();
  const peer = way.dial();
  assert.equal(await peer.exchange('a'), 'a');
  way.proxy.setFault({ kind: 'swallow', direction: 'to_client' });
  assert.equal(await peer.exchange('abc', 80), '');
  assert.equal(way.targetBytes(), 4);
});

test('delay: bytes come later, in order, also when the delay ends meanwhile', async () => {
  await using way = await echoBehindProxy();
  const peer = way.dial();
  assert.equal(await peer.exchange('a'), 'a');
  assert.equal(way.proxy.counters.delayedBytes, 0, 'what was passed at once is not counted');
  way.proxy.setFault({ kind: 'delay', ms: 150, direction: 'to_target' });
  assert.equal(await peer.exchange('late ', 50), '');
  way.proxy.setFault({ kind: 'pass' });
  assert.equal(await peer.exchange('later'), 'late later');
  assert.equal(way.proxy.counters.delayedBytes, 5);
});

test('cut: exactly so many bytes arrive, then the connection ends; the next one too', async () => {
  await using way = await echoBehindProxy();
  way.proxy.setFault({ kind: 'cut', afterBytes: 6, direction: 'to_target' });
  for (const round of [1, 2]) {
    const peer = way.dial();
    peer.socket.write('123456789');
    await peer.closed;
    await until(() => way.targetBytes() === 6 * round);
  }
  assert.equal(way.proxy.counters.cuts, 2);
});

test('refuse: open and new connections are reset', async () => {
  await using way = await echoBehindProxy();
  const open = way.dial();
  assert.equal(await open.exchange('a'), 'a');
  way.proxy.setFault({ kind: 'refuse' });
  await open.closed;
  await way.dial().closed;
  assert.equal(way.proxy.counters.refused, 2);
  way.proxy.setFault({ kind: 'pass' });
  assert.equal(await way.dial().exchange('b'), 'b');
});

test('flip: the same seed flips the same bits, about one in so many bytes', async () => {
  const results: string[] = [];
  for (const seed of [1, 1, 2]) {
    await using way = await echoBehindProxy();
    way.proxy.setFault({ kind: 'flip', everyBytes: 10, direction: 'to_target', seed });
    const reply = await way.dial().exchange('a'.repeat(1_000));
    const wrong = reply.replaceAll('a', '').length;
    assert.equal(wrong, way.proxy.counters.flippedBits);
    assert.ok(wrong > 50 && wrong < 200, `${wrong} wrong bytes`);
    results.push(reply);
  }
  assert.equal(results[0], results[1]);
  assert.notEqual(results[0], results[2]);
});

async function echoBehindProxy() {
  const accepted: Socket[] = [];
  let bytes = 0;
  const server = createServer((socket) => {
    accepted.push(socket);
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      bytes += chunk.length;
      socket.write(chunk);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const proxy = await startFaultyProxy({ targetPort: (server.address() as AddressInfo).port });
  const dialled: Socket[] = [];
  const dial = () => {
    const socket = connect(proxy.port, '127.0.0.1').on('error', () => {});
    dialled.push(socket);
    let arrived = '';
    // latin1: a flipped top bit stays one character.
    socket.setEncoding('latin1').on('data', (text: string) => {
      arrived += text;
    });
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    /** What came back: once as much as was sent, or in `withinMs`. */
    const exchange = async (text: string, withinMs?: number): Promise<string> => {
      arrived = '';
      socket.write(text);
      if (withinMs === undefined) await until(() => arrived.length >= text.length);
      else await systemClock.sleep(withinMs);
      if (arrived.length > 0) await systemClock.sleep(20);
      return arrived;
    };
    return { socket, closed, exchange };
  };
  const stop = async () => {
    for (const socket of [...dialled, ...accepted]) socket.destroy();
    await proxy.stop();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  };
  return { proxy, dial, targetConnections: () => accepted.length, targetBytes: () => bytes, [Symbol.asyncDispose]: stop };
}
