/** The layout of appends and fetched batches, without a Kafka; that a real one accepts it is the contract suite's. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BATCH_RECORDS_MAX, type NewRecord } from '../../../../common/broker/broker.ts';
import { decodeFetched } from '../../../../common/broker/kafka-fetch.ts';
import { compressed, crc32c, layOut, produceRequest, recordBatch } from '../../../../common/broker/kafka-records.ts';
import { OperatingError } from '../../../../common/errors.ts';

const TOPIC = 'readings';
const PRODUCER = { id: 4_000n, epoch: 0, sequence: 12 };

/** As the broker stores it: with the offset it got. */
async function stored(records: readonly NewRecord[], baseOffset: number): Promise<Buffer> {
  const laidOut = layOut(records);
  const batch = recordBatch(laidOut.count, await compressed(laidOut), PRODUCER, 1_577_145_601_982);
  batch.writeBigInt64BE(BigInt(baseOffset), 0);
  return batch;
}

/** A broker's answer about partition 3. */
function answer(batches: Buffer, error = 0): Buffer {
  const head = Buffer.alloc(4 + 4 + 2 + TOPIC.length + 4 + 4 + 2 + 8 + 8 + 4 + 4);
  let at = head.writeInt32BE(0, 0);
  at = head.writeInt32BE(1, at);
  at = head.writeInt16BE(TOPIC.length, at);
  at += head.write(TOPIC, at);
  at = head.writeInt32BE(1, at);
  at = head.writeInt32BE(3, at);
  at = head.writeInt16BE(error, at);
  at = head.writeBigInt64BE(100n, at);
  at = head.writeBigInt64BE(100n, at);
  at = head.writeInt32BE(-1, at);
  head.writeInt32BE(batches.length, at);
  return Buffer.concat([head, batches]);
}

async function fetched(batches: Buffer, offset: number) {
  const [partition] = await decodeFetched(answer(batches), TOPIC, [{ partition: 3, offset }]);
  assert.ok(partition !== undefined);
  return partition;
}

test('the checksum is Castagnoli’s', () => {
  assert.equal(crc32c(Buffer.from('123456789')), 0xe3069283);
  assert.equal(crc32c(Buffer.alloc(32)), 0x8a9136aa);
});

test('what is laid out is read back, from any offset on', async () => {
  const record = fc.record({
    key: fc.option(fc.string({ maxLength: 200 })),
    value: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(record, { minLength: 1, maxLength: 200 }), fc.nat(1_000_000), fc.nat(250), async (records, base, skip) => {
      const { records: read, nextOffset } = await fetched(await stored(records, base), base + skip);
      const all = records.map(({ key, value }, i) => ({ offset: base + i, key, value: value.toString('latin1') }));
      assert.deepEqual(
        read.map(({ offset, key, value }) => ({ offset, key, value: value.toString('latin1') })),
        all.slice(skip).map((its) => ({ ...its, key: its.key === null ? null : Buffer.from(its.key).toString() })),
      );
      assert.equal(nextOffset, base + Math.max(skip, records.length));
    }),
    { numRuns: 200 },
  );
});

test('many records, and long ones, have varints of several bytes', async () => {
  const many = Array.from({ length: BATCH_RECORDS_MAX }, (_, i) => ({ key: `${i % 7}`, value: Buffer.alloc(i === 9 ? 70_000 : 1, i) }));
  const { records } = await fetched(await stored(many, 2 ** 40), 0);
  assert.equal(records.length, BATCH_RECORDS_MAX);
  assert.equal(records.at(-1)?.offset, 2 ** 40 + BATCH_RECORDS_MAX - 1);
  assert.equal(records[9]?.value.length, 70_000);
});

test('a batch that is cut off at the end of an answer is left for the next one', async () => {
  const first = await stored([{ key: null, value: Buffer.from('a') }], 7);
  const second = await stored([{ key: null, value: Buffer.from('b') }], 8);
  for (let length = 0; length < second.length; length++) {
    const { records, nextOffset } = await fetched(Buffer.concat([first, second.subarray(0, length)]), 7);
    assert.deepEqual([records.length, nextOffset], [1, 8]);
  }
});

test('every changed byte that the checksum covers is seen; what is before the damage comes first', async () => {
  const first = await stored([{ key: 'k', value: Buffer.from('before') }], 7);
  const second = await stored([{ key: 'k', value: Buffer.from('damaged soon') }], 8);
  for (let at = 16; at < second.length; at++) {
    const damaged = Buffer.from(second);
    damaged.writeUInt8((damaged.readUInt8(at) ^ 0x10) & 0xff, at);
    const { records, nextOffset } = await fetched(Buffer.concat([first, damaged]), 7);
    assert.deepEqual([records.length, nextOffset], [1, 8]);
    await assert.rejects(
      fetched(damaged, 8),
      (error) => error instanceof OperatingError && error.code === 'STORE_DAMAGED' && /readings, partition 3, offset 8/.test(error.message),
    );
  }
});

test('control batches are passed over, other compressions are told', async () => {
  const control = await stored([{ key: null, value: Buffer.from('commit') }], 5);
  control.writeInt16BE(control.readInt16BE(21) | 0x20, 21);
  control.writeUInt32BE(crc32c(control.subarray(21)), 17);
  assert.deepEqual(await fetched(control, 5), { partition: 3, records: [], nextOffset: 6 });
  const zstd = await stored([{ key: null, value: Buffer.from('foreign') }], 5);
  zstd.writeInt16BE(4, 21);
  zstd.writeUInt32BE(crc32c(zstd.subarray(21)), 17);
  await assert.rejects(fetched(zstd, 5), /only gzip can be read/);
});

test('errors of fetch and produce have Kafka’s names', async () => {
  const refused = decodeFetched(answer(Buffer.alloc(0), 1), TOPIC, [{ partition: 3, offset: 0 }]);
  await assert.rejects(refused, { type: 'OFFSET_OUT_OF_RANGE', retriable: false });
  const { response } = produceRequest(TOPIC, 3, Buffer.alloc(0), 1);
  const produced = (error: number, baseOffset: bigint) => {
    const payload = Buffer.alloc(4 + 2 + TOPIC.length + 4 + 4 + 2 + 8 + 8 + 8 + 4);
    payload.writeInt32BE(1, 0);
    payload.writeInt16BE(TOPIC.length, 4);
    payload.write(TOPIC, 6);
    payload.writeInt32BE(1, 14);
    payload.writeInt32BE(3, 18);
    payload.writeInt16BE(error, 22);
    payload.writeBigInt64BE(baseOffset, 24);
    return response.decode(payload);
  };
  assert.equal(await produced(0, 77n), 77);
  await assert.rejects(produced(6, -1n), { type: 'NOT_LEADER_FOR_PARTITION', retriable: true });
  await assert.rejects(produced(999, -1n), { type: 'error 999', retriable: false });
});

test('an append is bounded', () => {
  assert.throws(() => layOut([]), /1 to/);
  assert.throws(() => layOut(Array<NewRecord>(BATCH_RECORDS_MAX + 1).fill({ key: null, value: Buffer.alloc(0) })), /1 to/);
  assert.throws(() => layOut([{ key: null, value: Buffer.alloc(1_000_001) }]), /at most 1000000 bytes/);
  assert.throws(() => layOut([{ key: 'k'.repeat(1_025), value: Buffer.alloc(0) }]), /at most 1024 bytes/);
});
