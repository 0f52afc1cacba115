import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { connect } from 'node:tls';
import { ClientHello } from '../../../../common/link/client-hello.ts';

/** The first record that node's own client sends. */
async function realHello(): Promise<Buffer> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const client = connect({ port, host: '127.0.0.1', minVersion: 'TLSv1.3', servername: 'cloud.example' }).on('error', () => {});
  const bytes = await new Promise<Buffer>((resolve) => server.once('connection', (socket) => socket.once('data', resolve)));
  client.destroy();
  await new Promise((resolve) => server.close(resolve));
  return bytes;
}

const changed = (bytes: Buffer, at: number, value: number) => {
  const copy = Buffer.from(bytes);
  copy[at] = value;
  return copy;
};

test('a real hello is whole when its last byte has come, however it is cut', async () => {
  const hello = await realHello();
  assert.equal(new ClientHello().push(hello), 'whole');
  for (let at = 1; at < hello.length; at++) {
    const reader = new ClientHello();
    assert.equal(reader.push(hello.subarray(0, at)), 'more', `${at} of ${hello.length} bytes`);
    assert.equal(reader.push(hello.subarray(at)), 'whole');
    assert.deepEqual(reader.bytes, hello);
  }
  const drip = new ClientHello();
  const said = [...hello].map((byte) => drip.push(Buffer.from([byte])));
  assert.deepEqual([said.pop(), new Set(said)], ['whole', new Set(['more'])]);
  assert.deepEqual(drip.bytes, hello);
});

test('what follows the hello is kept with it', async () => {
  const hello = await realHello();
  const reader = new ClientHello();
  assert.equal(reader.push(Buffer.concat([hello, Buffer.from('early')])), 'whole');
  assert.equal(reader.bytes.subarray(hello.length).toString(), 'early');
});

test('what is none is told by its first wrong byte', async () => {
  const hello = await realHello();
  const wrong = {
    'another kind of record': changed(hello, 0, 0x17),
    'another protocol': Buffer.from('GET / HTTP/1.1\r\n\r\n'),
    'the SP hello': Buffer.from('0053500000300000', 'hex'),
    'another major version': changed(hello, 1, 2),
    'a message that no client begins with': changed(hello, 5, 2),
    'a record longer than any hello': changed(hello, 3, 0x40),
    'a record of nothing': Buffer.from('160301000001000000', 'hex'),
    'a message longer than its record': changed(hello, 6, 1),
    'a message too short for a hello': Buffer.from('1603010020010000100303', 'hex'),
  };
  for (const [what, bytes] of Object.entries(wrong)) assert.equal(new ClientHello().push(bytes), 'not', what);
  assert.equal(new ClientHello().push(Buffer.from([0])), 'not', 'the first byte is enough');
  const late = new ClientHello();
  assert.equal(late.push(hello.subarray(0, 5)), 'more');
  assert.equal(late.push(Buffer.from([2])), 'not');
});

test('it keeps no more than a hello may have', () => {
  const longest = Buffer.from('160301100001000ffc0303', 'hex');
  const reader = new ClientHello();
  assert.equal(reader.push(longest), 'more');
  assert.equal(reader.push(Buffer.alloc(4_096 + 5 - longest.length)), 'whole');
  assert.equal(new ClientHello().push(Buffer.from('160301100101000ffd0303', 'hex')), 'not');
});
