/** Over real sockets. */
import assert from 'node:assert/strict';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { frameOf } from '../../../../../edge/simulator/remote/message-frames.ts';
import {
  ChannelBroken,
  FailureReply,
  type IncomingRequest,
  NotWholeError,
  RemoteChannel,
} from '../../../../../edge/simulator/remote/remote-channel.ts';

const others: Socket[] = [];
let server: Server;
before(() => {
  server = createServer();
  return new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
after(() => {
  others.forEach((other) => other.destroy());
  server.close();
});

/** A channel and the bare socket at its other end. */
async function pair(onRequest: (request: IncomingRequest) => void = () => assert.fail('no request is expected')) {
  const { port } = server.address() as { port: number };
  const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve));
  const socket = connect(port, '127.0.0.1');
  const other = await accepted;
  other.on('error', () => undefined);
  others.push(other);
  const channel = new RemoteChannel(socket, { onRequest });
  channel.start();
  const say = (text: string) => void other.write(frameOf(text));
  return { channel, other, say };
}

test('requests have ids of their own, replies may come in any order', async () => {
  const { channel, say, other } = await pair();
  const first = channel.request('a', [1]);
  const second = channel.request('b', []);
  say('[1, 1, "two"]');
  assert.equal(await second, 'two');
  say('[1, 0, [NaN]]');
  assert.deepEqual(await first, [Number.NaN]);
  assert.equal(channel.looksLikePython, true);
  other.destroy();
});

test('both sides may ask at the same time with the same ids', async () => {
  const a = await pair((request) => request.succeed([request.call, request.args, request.named]));
  const b = new RemoteChannel(a.other, { onRequest: (request) => request.fail('KeyError', `no ${request.call}`, 'line 1') });
  b.start();
  const refused = a.channel.request('x', []).catch((error: unknown) => error);
  assert.deepEqual(await b.request('y', [2n ** 64n], { z: null }), ['y', [2n ** 64n], { z: null }]);
  const error = await refused;
  assert.ok(error instanceof FailureReply);
  assert.deepEqual([error.type, error.message, error.traceback], ['KeyError', 'no x', 'line 1']);
  assert.equal(b.looksLikePython, false);
  a.channel.end();
  await assert.rejects(b.request('z', []), ChannelBroken);
});

test('a failure says what it can', async () => {
  const { channel, say, other } = await pair();
  const cases: [string, string, string][] = [
    ['["ValueError", "no", "a\\n", "b\\n"]', 'ValueError', 'no'],
    ['"plain text"', '', 'plain text'],
    ['null', '', 'it did not say why'],
    ['["OnlyType"]', 'OnlyType', 'it did not say why'],
    ['[]', '', 'it did not say why'],
    ['{"a": 1}', '', '{"a":1}'],
  ];
  for (const [i, [content, type, message]] of cases.entries()) {
    const failed = channel.request('x', []).catch((error: unknown) => error);
    say(`[2, ${i}, ${content}]`);
    const error = await failed;
    assert.ok(error instanceof FailureReply);
    assert.deepEqual([error.type, error.message], [type, message]);
  }
  other.destroy();
});

test('a whole number must be written as one', async () => {
  const { channel, say, other } = await pair();
  for (const [i, [content, isWhole]] of (
    [
      ['60', true],
      ['60.0', false],
      ['6e1', false],
      ['null', true],
      ['-1', true],
    ] as const
  ).entries()) {
    const asked = channel.request('step', [], {}, true).catch((error: unknown) => error);
    say(`[1, ${i}, ${content}]`);
    assert.equal((await asked) instanceof NotWholeError, !isWhole, content);
  }
  other.destroy();
});

test('what is no message breaks the channel: open requests and later ones are rejected, the socket is closed', async () => {
  const broken = [
    '{not json',
    '[1, 0]',
    '[1, "0", 2]',
    '[7, 0, 1]',
    '[1, 99, null]',
    '[0, 0, "step"]',
    '[0, 0, [5, [], {}]]',
    '17',
    'null',
  ];
  for (const text of broken) {
    const { channel, say, other } = await pair();
    const closed = new Promise((resolve) => other.resume().once('close', resolve));
    const open = channel.request('x', []);
    say(text);
    await assert.rejects(open, (error: unknown) => error instanceof ChannelBroken && error.how === 'garbled', text);
    await assert.rejects(channel.request('y', []), ChannelBroken);
    assert.ok(channel.isBroken);
    await closed;
  }
});

test('a frame of 4 GB is refused at its header', async () => {
  const { channel, other } = await pair();
  const open = channel.request('x', []);
  other.write(Buffer.from([0xff, 0xff, 0xff, 0xff, 0x20]));
  await assert.rejects(open, /a frame of 4294967295 bytes/);
});

test('a connection that closes, in the middle of a message too, or is reset', async () => {
  const cases: [(other: Socket) => void, RegExp][] = [
    [(other) => other.end(), /^the connection was closed by the peer$/],
    [(other) => other.end(Buffer.from([0, 0, 0, 100, 91])), /in the middle of a message, after 5 bytes of 104/],
    [(other) => other.resetAndDestroy(), /the connection broke \(.*ECONNRESET/],
  ];
  for (const [go, expected] of cases) {
    const { channel, other } = await pair();
    const open = channel.request('x', []);
    go(other);
    await assert.rejects(
      open,
      (error: unknown) => error instanceof ChannelBroken && error.how === 'closed' && expected.test(error.message),
    );
  }
});

test('an answer that is no JSON is told as a failure', async () => {
  const { other, say } = await pair((request) => request.succeed(() => 1));
  const b = new RemoteChannel(other, { onRequest: () => undefined });
  b.start();
  await assert.rejects(b.request('x', []), /the answer can't be sent/);
  say('[1, 5, null]');
  other.destroy();
});
