import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  REQUEST_ID_LIMIT,
  requestStack,
  SP_PROTOCOL,
  spFrame,
  spHello,
  splitReply,
  splitRequest,
  SpReader,
  SpViolation,
  STACK_BYTES_MAX,
} from '../../../../common/link/sp-codec.ts';

const FRAME_BYTES_MAX = 100_000;

test('the bytes of a request are those of nanomsg', () => {
  const bytes = Buffer.concat([spHello(SP_PROTOCOL.req), ...spFrame(requestStack(5), Buffer.from('hi'))]);
  assert.equal(bytes.toString('hex'), `${'0053500000300000'}${'0000000000000006'}${'80000005'}${'6869'}`);
  assert.equal(spHello(SP_PROTOCOL.rep).toString('hex'), '0053500000310000');
});

test('frames come out as they went in, however the stream is cut', () => {
  const bodies = fc.array(fc.uint8Array({ maxLength: 30_000 }), { maxLength: 6 });
  const cuts = fc.array(fc.integer({ min: 1, max: 9_000 }), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(bodies, cuts, (contents, lengths) => {
      const frames = contents.map((content) => Buffer.from(content));
      const stream = Buffer.concat([spHello(SP_PROTOCOL.req), ...frames.flatMap((frame) => spFrame(frame))]);
      const reader = new SpReader(SP_PROTOCOL.req, FRAME_BYTES_MAX);
      const read: Buffer[] = [];
      let at = 0;
      for (let i = 0; at < stream.length; i++) {
        const chunk = stream.subarray(at, at + lengths[i % lengths.length]!);
        at += chunk.length;
        reader.push(chunk);
        for (let frame = reader.next(); frame !== undefined; frame = reader.next()) read.push(frame);
        assert.ok(reader.unfinishedBytes <= Math.max(4_096, 2 * at), 'memory follows what has arrived');
      }
      assert.deepEqual(read, frames);
      assert.ok(reader.isGreeted && !reader.isUnfinished);
    }),
  );
});

test('several chunks may be pushed before the first frame is taken', () => {
  const reader = new SpReader(SP_PROTOCOL.rep, FRAME_BYTES_MAX);
  const frames = [Buffer.from('first'), Buffer.alloc(0), Buffer.from('third')];
  for (const piece of [spHello(SP_PROTOCOL.rep), ...frames.flatMap((frame) => spFrame(frame))]) reader.push(piece);
  for (const frame of frames) assert.deepEqual(reader.next(), frame);
  assert.equal(reader.next(), undefined);
});

test('a claimed length costs no memory until its bytes arrive', () => {
  const reader = new SpReader(SP_PROTOCOL.req, 1 << 30);
  reader.push(Buffer.concat([spHello(SP_PROTOCOL.req), Buffer.from('000000003fffffff', 'hex')]));
  assert.equal(reader.next(), undefined);
  assert.ok(reader.isUnfinished);
  assert.equal(reader.unfinishedBytes, 0);
  reader.push(Buffer.alloc(10));
  assert.equal(reader.next(), undefined);
  assert.ok(reader.unfinishedBytes <= 4_096);
});

test('a length above the limit is refused as soon as it is there, a length at the limit is not', () => {
  const lengthOf = (bytes: number) => {
    const reader = new SpReader(SP_PROTOCOL.req, FRAME_BYTES_MAX);
    const length = Buffer.alloc(8);
    length.writeBigUInt64BE(BigInt(bytes));
    reader.push(Buffer.concat([spHello(SP_PROTOCOL.req), length]));
    return () => reader.next();
  };
  assert.equal(lengthOf(FRAME_BYTES_MAX)(), undefined);
  for (const bytes of [FRAME_BYTES_MAX + 1, 2 ** 32, 2 ** 32 + 4, 2 ** 53]) assert.throws(lengthOf(bytes), SpViolation);
});

test('a hello that is not right in each bit is refused', () => {
  const hello = spHello(SP_PROTOCOL.req);
  for (let bit = 0; bit < 64; bit++) {
    const wrong = Buffer.from(hello);
    wrong[bit >> 3] = wrong[bit >> 3]! ^ (1 << (bit & 7));
    const reader = new SpReader(SP_PROTOCOL.req, FRAME_BYTES_MAX);
    reader.push(wrong);
    assert.throws(() => reader.next(), SpViolation, `bit ${bit}`);
    assert.ok(!reader.isGreeted);
  }
});

test('unfinished is: part of a hello, part of a length, part of a frame, and a length without its frame', () => {
  const stream = Buffer.concat([spHello(SP_PROTOCOL.req), ...spFrame(Buffer.from('12345'))]);
  const unfinishedAt: number[] = [];
  for (let bytes = 0; bytes <= stream.length; bytes++) {
    const reader = new SpReader(SP_PROTOCOL.req, FRAME_BYTES_MAX);
    reader.push(stream.subarray(0, bytes));
    while (reader.next() !== undefined);
    if (!reader.isUnfinished) unfinishedAt.push(bytes);
  }
  assert.deepEqual(unfinishedAt, [0, 8, 21], 'finished only between hello and frame, and at the end');
});

test('a request is cut into stack and body', () => {
  const hop = Buffer.from('00000007', 'hex');
  const id = requestStack(9);
  for (const hops of [0, 1, 7]) {
    const stack = Buffer.concat([...Array.from({ length: hops }, () => hop), id]);
    assert.deepEqual(splitRequest(Buffer.concat([stack, Buffer.from('body')]), 4), { stack, body: Buffer.from('body') });
  }
  assert.deepEqual(splitRequest(id, 4).body.length, 0);
});

test('a request without an id, with too long a stack or too long a body is refused', () => {
  const hops = Buffer.alloc(STACK_BYTES_MAX);
  for (const frame of [
    Buffer.alloc(0),
    Buffer.from([0x80, 0, 0]),
    Buffer.alloc(12),
    Buffer.concat([hops, requestStack(1), Buffer.from('b')]),
  ]) {
    assert.throws(() => splitRequest(frame, 4), SpViolation);
  }
  assert.throws(() => splitRequest(Buffer.concat([requestStack(1), Buffer.from('12345')]), 4), SpViolation);
});

test('the id of a reply is that of its request, for every id', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: REQUEST_ID_LIMIT - 1 }), (id) => {
      assert.deepEqual(splitReply(Buffer.concat([requestStack(id), Buffer.from('x')])), { id, body: Buffer.from('x') });
    }),
  );
  for (const frame of [Buffer.alloc(0), Buffer.alloc(3, 0xff), Buffer.alloc(4)]) assert.throws(() => splitReply(frame), SpViolation);
});
