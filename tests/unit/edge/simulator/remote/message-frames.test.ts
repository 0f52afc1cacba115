import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FrameError, FrameReader, frameOf } from '../../../../../edge/simulator/remote/message-frames.ts';

test('messages come out as they went in, however the bytes are cut', () => {
  const texts = fc.array(fc.string({ unit: 'grapheme', maxLength: 200 }), { maxLength: 10 });
  fc.assert(
    fc.property(texts, fc.array(fc.nat(40), { minLength: 1 }), (messages, sizes) => {
      const bytes = Buffer.concat(messages.map(frameOf));
      const reader = new FrameReader();
      const read: string[] = [];
      for (let at = 0, i = 0; at < bytes.length; i++) {
        const size = (sizes[i % sizes.length] as number) + 1;
        read.push(...reader.push(bytes.subarray(at, at + size)));
        at += size;
      }
      assert.deepEqual(
        read,
        messages.map((text) => Buffer.from(text).toString()),
      );
      assert.equal(reader.unfinished, undefined);
    }),
  );
});

test('a length is four bytes, the highest first', () => {
  assert.deepEqual([...frameOf('ä')], [0, 0, 0, 2, 0xc3, 0xa4]);
});

test('a frame that is too long is refused at its header', () => {
  const header = Buffer.from([0xff, 0xff, 0xff, 0xff]);
  assert.throws(() => new FrameReader().push(header), /a frame of 4294967295 bytes is announced/);
  const small = new FrameReader(10);
  assert.deepEqual(small.push(frameOf('0123456789')), ['0123456789']);
  assert.throws(() => small.push(frameOf('01234567890')), FrameError);
});

test('what is missing of a frame can be told', () => {
  const reader = new FrameReader();
  reader.push(Buffer.from([0, 0]));
  assert.equal(reader.unfinished, '2 bytes of 4 of its length');
  reader.push(Buffer.from([0, 100, 91]));
  assert.equal(reader.unfinished, '5 bytes of 104');
});
