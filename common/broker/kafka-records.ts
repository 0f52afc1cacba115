/**
 * Lays out an append as Kafka's Produce request, version 7, with one record batch (magic 2, gzip). kafkajs can do the same, with some
 * objects and a buffer for each record, which takes most of a simulator's time.
 */
import assert from 'node:assert/strict';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { BATCH_RECORDS_MAX, type NewRecord } from './broker.ts';
import type { ProtocolRequest } from './kafka-metadata.ts';
import { KEY_BYTES_MAX, VALUE_BYTES_MAX } from './record-batch.ts';

/** Records laid out, not yet compressed. */
export interface LaidOut {
  count: number;
  bytes: Buffer;
}

export interface ProducerPosition {
  id: bigint;
  epoch: number;
  sequence: number;
}

const PRODUCE_KEY = 0;
const PRODUCE_VERSION = 7;
const ALL_REPLICAS = -1;
export const MAGIC = 2;
export const GZIP = 1;
/** More costs more time than it saves bytes. */
const GZIP_LEVEL = 1;
export const BATCH_HEADER_BYTES = 61;
/** The length of a batch is counted from behind it. */
export const LENGTH_END = 12;
/** The checksum covers what begins here. */
export const ATTRIBUTES_AT = 21;
/** Length, attributes, time and offset, lengths of key and value, headers: at most. */
const RECORD_HEADER_BYTES_MAX = 5 + 1 + 1 + 5 + 5 + 5 + 1;

const compress = promisify<Buffer, { level: number }, Buffer>(gzip);

/** Copies the records: the caller may use its buffers again. */
export function layOut(records: readonly NewRecord[]): LaidOut {
  const { length: count } = records;
  assert(count > 0 && count <= BATCH_RECORDS_MAX, `an append has 1 to ${BATCH_RECORDS_MAX} records, not ${count}`);
  const keys = new Map<string, Buffer>();
  let size = 0;
  for (const { key, value } of records) {
    assert(value.length <= VALUE_BYTES_MAX, `a record value has at most ${VALUE_BYTES_MAX} bytes, not ${value.length}`);
    size += RECORD_HEADER_BYTES_MAX + value.length + (key === null ? 0 : bytesOfKey(keys, key).length);
  }
  const bytes = Buffer.allocUnsafeSlow(size);
  let at = 0;
  for (const [offset, { key, value }] of records.entries()) {
    at = writeRecord(bytes, at, offset, key === null ? null : bytesOfKey(keys, key), value);
  }
  return { count, bytes: bytes.subarray(0, at) };
}

/** Household ids come again and again in one append. */
function bytesOfKey(keys: Map<string, Buffer>, key: string): Buffer {
  let bytes = keys.get(key);
  if (bytes === undefined) {
    bytes = Buffer.from(key);
    assert(bytes.length <= KEY_BYTES_MAX, `a record key has at most ${KEY_BYTES_MAX} bytes, not ${bytes.length}`);
    keys.set(key, bytes);
  }
  return bytes;
}

function writeRecord(into: Buffer, from: number, offset: number, key: Buffer | null, value: Buffer): number {
  const keyLength = key === null ? -1 : key.length;
  const size = 3 + varintBytes(offset) + varintBytes(keyLength) + Math.max(0, keyLength) + varintBytes(value.length) + value.length;
  let at = writeVarint(into, from, size);
  into[at++] = 0; // attributes
  into[at++] = 0; // time, against the batch's
  at = writeVarint(into, at, offset);
  at = writeVarint(into, at, keyLength);
  if (key !== null) {
    into.set(key, at);
    at += keyLength;
  }
  at = writeVarint(into, at, value.length);
  into.set(value, at);
  at += value.length;
  into[at++] = 0; // headers
  return at;
}

/** Kafka's varints are zigzag: -1 is 1, 1 is 2. */
function writeVarint(into: Buffer, from: number, value: number): number {
  let at = from;
  let rest = ((value << 1) ^ (value >> 31)) >>> 0;
  for (; rest > 0x7f; rest >>>= 7) into[at++] = (rest & 0x7f) | 0x80;
  into[at++] = rest;
  return at;
}

function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = (((value << 1) ^ (value >> 31)) >>> 0) >>> 7; rest > 0; rest >>>= 7) bytes++;
  return bytes;
}

export function compressed(laidOut: LaidOut): Promise<Buffer> {
  return compress(laidOut.bytes, { level: GZIP_LEVEL });
}

/** @param records gzip of what was laid out */
export function recordBatch(count: number, records: Buffer, producer: ProducerPosition, timeMs: number): Buffer {
  const batch = Buffer.allocUnsafeSlow(BATCH_HEADER_BYTES + records.length);
  batch.writeBigInt64BE(0n, 0); // base offset: the broker's to say
  batch.writeInt32BE(batch.length - LENGTH_END, 8);
  batch.writeInt32BE(-1, 12); // leader epoch: too
  batch.writeInt8(MAGIC, 16);
  batch.writeInt16BE(GZIP, ATTRIBUTES_AT);
  batch.writeInt32BE(count - 1, 23);
  batch.writeBigInt64BE(BigInt(timeMs), 27);
  batch.writeBigInt64BE(BigInt(timeMs), 35);
  batch.writeBigInt64BE(producer.id, 43);
  batch.writeInt16BE(producer.epoch, 51);
  batch.writeInt32BE(producer.sequence, 53);
  batch.writeInt32BE(count, 57);
  batch.set(records, BATCH_HEADER_BYTES);
  batch.writeUInt32BE(crc32c(batch.subarray(ATTRIBUTES_AT)), 17);
  return batch;
}

/** The answer is the offset of the first record. @throws ProduceRefused with Kafka's name of the error */
export function produceRequest(topic: string, partition: number, batch: Buffer, timeoutMs: number): ProtocolRequest<number> {
  const name = Buffer.from(topic);
  const head = Buffer.alloc(2 + 2 + 4 + 4 + 2 + name.length + 4 + 4 + 4);
  let at = head.writeInt16BE(-1, 0); // no transaction
  at = head.writeInt16BE(ALL_REPLICAS, at);
  at = head.writeInt32BE(timeoutMs, at);
  at = head.writeInt32BE(1, at);
  at = head.writeInt16BE(name.length, at);
  at += name.copy(head, at);
  at = head.writeInt32BE(1, at);
  at = head.writeInt32BE(partition, at);
  head.writeInt32BE(batch.length, at);
  const bytes = Buffer.concat([head, batch]);
  return {
    request: {
      apiKey: PRODUCE_KEY,
      apiVersion: PRODUCE_VERSION,
      apiName: 'Produce',
      encode: async () => ({ buf: bytes, buffer: bytes }),
    },
    response: { decode: async (payload) => baseOffsetOf(payload, topic, partition), parse: async (baseOffset) => baseOffset },
  };
}

function baseOffsetOf(payload: Buffer, topic: string, partition: number): number {
  const nameEnd = 6 + payload.readInt16BE(4);
  assert(payload.readInt32BE(0) === 1 && payload.toString('utf8', 6, nameEnd) === topic, 'an answer about the topic that was written to');
  assert(payload.readInt32BE(nameEnd) === 1 && payload.readInt32BE(nameEnd + 4) === partition, 'and about its partition');
  const error = payload.readInt16BE(nameEnd + 8);
  if (error !== 0) throw new ProduceRefused(error);
  return Number(payload.readBigInt64BE(nameEnd + 10));
}

/** Errors of a produce: Kafka's number, its name, and whether the same may be accepted later. */
const PRODUCE_ERRORS: ReadonlyMap<number, readonly [type: string, retriable: boolean]> = new Map([
  [2, ['CORRUPT_MESSAGE', true]],
  [3, ['UNKNOWN_TOPIC_OR_PARTITION', true]],
  [5, ['LEADER_NOT_AVAILABLE', true]],
  [6, ['NOT_LEADER_FOR_PARTITION', true]],
  [7, ['REQUEST_TIMED_OUT', true]],
  [10, ['MESSAGE_TOO_LARGE', false]],
  [13, ['NETWORK_EXCEPTION', true]],
  [18, ['RECORD_LIST_TOO_LARGE', false]],
  [19, ['NOT_ENOUGH_REPLICAS', true]],
  [20, ['NOT_ENOUGH_REPLICAS_AFTER_APPEND', true]],
  [29, ['TOPIC_AUTHORIZATION_FAILED', false]],
  [31, ['CLUSTER_AUTHORIZATION_FAILED', false]],
  [45, ['OUT_OF_ORDER_SEQUENCE_NUMBER', false]],
  [47, ['INVALID_PRODUCER_EPOCH', false]],
  [49, ['INVALID_PRODUCER_ID_MAPPING', false]],
  [56, ['KAFKA_STORAGE_ERROR', true]],
  [59, ['UNKNOWN_PRODUCER_ID', false]],
]);

class ProduceRefused extends Error {
  override readonly name = 'ProduceRefused';
  readonly type: string;
  readonly retriable: boolean;
  constructor(error: number) {
    const [type, retriable] = PRODUCE_ERRORS.get(error) ?? [`error ${error}`, false];
    super(`the append is refused: ${type}`);
    this.type = type;
    this.retriable = retriable;
  }
}

const CRC32C_TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc;
});

/** Castagnoli's checksum; node:zlib has only the other one. */
export function crc32c(bytes: Uint8Array): number {
  let crc = -1;
  for (let i = 0; i < bytes.length; i++) crc = (CRC32C_TABLE[(crc ^ (bytes[i] as number)) & 0xff] as number) ^ (crc >>> 8);
  return ~crc >>> 0;
}
