import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { test } from 'node:test';
import express from 'express';
import { compressed } from '../../../../../cloud/server/api/compress.ts';
import { sendPieces, TAKE_DEADLINE_MS } from '../../../../../cloud/server/api/send-pieces.ts';
import { systemClock } from '../../../../../common/clock.ts';
import { VirtualClock } from '../../../../doubles/virtual-clock.ts';
import { until } from '../../../../doubles/until.ts';

test('a client that takes nothing for a while gives its place back; one that takes slowly keeps it', { timeout: 60_000 }, async (t) => {
  const clock = new VirtualClock();
  let made = 0;
  let isEnded = false;
  async function* pieces() {
    try {
      for (;;) {
        made++;
        yield 'x'.repeat(100_000);
      }
    } finally {
      isEnded = true;
    }
  }
  const server = express()
    .use(compressed())
    .get('/', async (_request, response) => sendPieces(pieces(), response, clock))
    .listen(0, '127.0.0.1');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server, 'listening');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  t.after(() => socket.destroy());
  socket.on('error', () => {}).write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
  const stalled = async () => {
    for (let before = -1; before !== made || made === 0; ) {
      before = made;
      await systemClock.sleep(100);
    }
  };
  await stalled();
  for (let round = 0; round < 3; round++) {
    await clock.advance(TAKE_DEADLINE_MS - 1);
    assert.equal(isEnded, false);
    const before = made;
    while (made < before + 10) {
      socket.resume();
      await systemClock.sleep(5);
    }
    socket.pause();
    await stalled();
  }
  await clock.advance(TAKE_DEADLINE_MS);
  await until(() => isEnded, 'the end');
});
