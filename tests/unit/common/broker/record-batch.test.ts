import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { BATCH_RECORDS_MAX, type NewRecord, type StoredRecord } from '../../../../common/broker/broker.ts';
import {
  BATCH_BYTES_MAX,
  type BatchPlace,
  DamagedBatch,
  decodeBatch,
  type EncodedBatch,
  encodeBatches,
  KEY_BYTES_MAX,
  sealOf,
  VALUE_BYTES_MAX,
} from '../../../../common/broker/record-batch.ts';

const PLACE = { logId: 'a1b2', baseOffset: 700, appendedMs: 1_577_145_600_000 };

function placeOf(batch: EncodedBatch, change: Partial<BatchPlace> = {}): BatchPlace {
  return { ...PLACE, count: batch.count, ...change };
}

function decode(batch: EncodedBatch, from = -Infinity, to = Infinity, bytes = batch.bytes): StoredRecord[] {
  const records: StoredRecord[] = [];
  decodeBatch(bytes, sealOf(batch.bytesChecksum, placeOf(batch)), placeOf(batch), from, to, records);
  return records;
}

function only(records: readonly NewRecord[]): EncodedBatch {
  const batches = encodeBatches(records);
  assert.equal(batches.length, 1);
  return batches[0] as EncodedBatch;
}

const RECORDS: NewRecord[] = [
  { key: 'h1', value: Buffer.from('one') },
  { key: null, value: Buffer.from('mark') },
  { key: 'h2', value: Buffer.alloc(0) },
  { key: 'h1', value: Buffer.from('three') },
];

test('whatever is encoded is decoded', () => {
  const record = fc.record({
    key: fc.option(fc.string({ unit: 'grapheme', maxLength: 20 })),
    value: fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
  });
  fc.assert(
    fc.property(fc.array(record, { minLength: 1, maxLength: 50 }), (records) => {
      const decoded = decode(only(records));
      assert.deepEqual(
        decoded.map(({ offset, key, value }) => [offset, key, value.toString('hex')]),
        records.map(({ key, value }, i) => [PLACE.baseOffset + i, key, value.toString('hex')]),
      );
    }),
  );
});

test('a range of offsets is decoded', () => {
  const batch = only(RECORDS);
  assert.deepEqual(
    decode(batch, 701, 703).map(({ offset }) => offset),
    [701, 702],
  );
  assert.deepEqual(decode(batch, 704, 800), []);
});

test('a key is stored once per batch', () => {
  const key = 'f'.repeat(64);
  const batch = only(Array.from({ length: 100 }, () => ({ key, value: Buffer.from('12345') })));
  assert.ok(batch.bytes.length < 100 * 12 + 100);
});

test('large appends become several batches of bounded size', () => {
  const records = Array.from({ length: 900 }, (_, i) => ({ key: `${i}`, value: Buffer.alloc(5_000, i % 256) }));
  const batches = encodeBatches(records);
  assert.ok(batches.length > 4);
  for (const batch of batches) assert.ok(batch.bytes.length <= BATCH_BYTES_MAX);
  const values = batches.flatMap((batch) => decode(batch)).map(({ key, value }) => [key, value.length, value[0]]);
  assert.deepEqual(
    values,
    records.map(({ key, value }) => [key, value.length, value[0]]),
  );
});

test('every changed bit is noticed', () => {
  const batch = only(RECORDS);
  for (let bit = 0; bit < 8 * batch.bytes.length; bit++) {
    const changed = Buffer.from(batch.bytes);
    changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7));
    assert.throws(() => decode(batch, -Infinity, Infinity, changed), DamagedBatch);
  }
  for (let length = 0; length < batch.bytes.length; length++) {
    assert.throws(() => decode(batch, -Infinity, Infinity, batch.bytes.subarray(0, length)), DamagedBatch);
  }
});

test('a batch in a place that is not its own is noticed', () => {
  const batch = only(RECORDS);
  const seal = sealOf(batch.bytesChecksum, placeOf(batch));
  decodeBatch(batch.bytes, seal, placeOf(batch), 0, 0, []);
  for (const change of [{ logId: 'a1b3' }, { baseOffset: 701 }, { count: 3 }, { appendedMs: 0 }]) {
    assert.throws(() => decodeBatch(batch.bytes, seal, placeOf(batch, change), 0, 0, []), DamagedBatch);
  }
});

test('bytes whose checksum holds but whose layout does not are damage, not a crash', () => {
  const { bytes, count } = only(RECORDS);
  const check = (changed: Buffer, changedCount = count) => {
    // The checksum as a faulty writer would have stored it.
    const place = { ...PLACE, count: changedCount };
    assert.throws(() => decodeBatch(changed, sealOf(crc32(changed), place), place, 0, Infinity, []), DamagedBatch);
  };
  check(Buffer.alloc(0));
  check(Buffer.from([2, ...bytes.subarray(1)]));
  check(bytes, count + 1);
  check(bytes.subarray(0, bytes.length - 1));
  check(Buffer.concat([bytes, Buffer.from([0])]));
  const noKeys = Buffer.from(bytes);
  noKeys.writeUInt16LE(0xffff, 1);
  check(noKeys);
});

test('limits of an append', () => {
  const record = { key: null, value: Buffer.alloc(1) };
  assert.throws(() => encodeBatches([]));
  assert.throws(() => encodeBatches(Array<NewRecord>(BATCH_RECORDS_MAX + 1).fill(record)));
  assert.throws(() => encodeBatches([{ key: null, value: Buffer.alloc(VALUE_BYTES_MAX + 1) }]));
  assert.throws(() => encodeBatches([{ key: 'ä'.repeat(KEY_BYTES_MAX / 2) + 'x', value: Buffer.alloc(1) }]));
  assert.equal(encodeBatches(Array<NewRecord>(BATCH_RECORDS_MAX).fill(record)).length, 1);
  assert.equal(encodeBatches([{ key: 'ä'.repeat(KEY_BYTES_MAX / 2), value: Buffer.alloc(VALUE_BYTES_MAX) }]).length, 1);
});
