/**
 * Kafka's Fetch request, version 4, and what comes back. kafkajs can do the same without looking at the checksums: damage on a broker's
 * disk would come out as a reading. Here it is an error that names the place.
 */
import assert from 'node:assert/strict';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { OperatingError } from '../errors.ts';
import type { StoredRecord } from './broker.ts';
import type { ProtocolRequest } from './kafka-metadata.ts';
import { ATTRIBUTES_AT, BATCH_HEADER_BYTES, crc32c, GZIP, LENGTH_END, MAGIC } from './kafka-records.ts';

export interface Wanted {
  partition: number;
  offset: number;
}

export interface Fetched {
  partition: number;
  /** From the wanted offset on. Values are views of a whole batch. */
  records: StoredRecord[];
  /** Behind everything that came; the wanted one when nothing did. */
  nextOffset: number;
}

export interface FetchLimits {
  /** How long the broker waits while there is nothing. */
  waitMs: number;
  /** Of all partitions; a first batch that is larger comes whole. */
  bytes: number;
  partitionBytes: number;
}

const FETCH_KEY = 1;
const FETCH_VERSION = 4;
const CONSUMER = -1;
const READ_COMMITTED = 1;
const CODEC_MASK = 0x7;
const CONTROL_FLAG = 0x20;
/** Compression is unpacked up to so many bytes: an append has at most 2,000 records. */
const UNPACKED_BYTES_MAX = 1 << 30;

const unpack = promisify<Buffer, { maxOutputLength: number }, Buffer>(gunzip);

/** @throws FetchRefused with Kafka's name of the error; OperatingError STORE_DAMAGED where the log begins with damage */
export function fetchRequest(topic: string, wanted: readonly Wanted[], limits: FetchLimits): ProtocolRequest<Fetched[]> {
  const bytes = encode(topic, wanted, limits);
  return {
    request: { apiKey: FETCH_KEY, apiVersion: FETCH_VERSION, apiName: 'Fetch', encode: async () => ({ buf: bytes, buffer: bytes }) },
    response: { decode: (payload) => decodeFetched(payload, topic, wanted), parse: async (fetched) => fetched },
  };
}

function encode(topic: string, wanted: readonly Wanted[], { waitMs, bytes, partitionBytes }: FetchLimits): Buffer {
  const name = Buffer.from(topic);
  const request = Buffer.alloc(17 + 4 + 2 + name.length + 4 + 16 * wanted.length);
  let at = request.writeInt32BE(CONSUMER, 0);
  at = request.writeInt32BE(waitMs, at);
  at = request.writeInt32BE(1, at); // an answer as soon as there is a byte
  at = request.writeInt32BE(bytes, at);
  at = request.writeInt8(READ_COMMITTED, at);
  at = request.writeInt32BE(1, at);
  at = request.writeInt16BE(name.length, at);
  at += name.copy(request, at);
  at = request.writeInt32BE(wanted.length, at);
  for (const { partition, offset } of wanted) {
    at = request.writeInt32BE(partition, at);
    at = request.writeBigInt64BE(BigInt(offset), at);
    at = request.writeInt32BE(partitionBytes, at);
  }
  return request;
}

export async function decodeFetched(payload: Buffer, topic: string, wanted: readonly Wanted[]): Promise<Fetched[]> {
  const fetched: Fetched[] = [];
  let at = 4; // how long we were throttled
  const topics = payload.readInt32BE(at);
  at += 4;
  if (topics === 0) return fetched;
  at += 2 + payload.readInt16BE(at);
  const partitions = payload.readInt32BE(at);
  at += 4;
  for (let i = 0; i < partitions; i++) {
    const partition = payload.readInt32BE(at);
    const error = payload.readInt16BE(at + 4);
    if (error !== 0) throw new FetchRefused(error, topic, partition);
    const aborted = payload.readInt32BE(at + 22);
    at += 26 + 16 * Math.max(0, aborted);
    const length = Math.max(0, payload.readInt32BE(at));
    at += 4;
    const offset = wanted.find((its) => its.partition === partition)?.offset;
    assert(offset !== undefined, 'an answer about a partition that was asked for');
    fetched.push(await decodeBatches(payload.subarray(at, at + length), topic, { partition, offset }));
    at += length;
  }
  return fetched;
}

/** What is behind a batch that is damaged is not given out; what is before it is, first. */
async function decodeBatches(bytes: Buffer, topic: string, { partition, offset }: Wanted): Promise<Fetched> {
  const fetched: Fetched = { partition, records: [], nextOffset: offset };
  for (let at = 0; at + BATCH_HEADER_BYTES <= bytes.length; ) {
    const end = at + LENGTH_END + bytes.readInt32BE(at + 8);
    // The last one of an answer may be cut off.
    if (end > bytes.length) break;
    const reason = await decodeBatch(bytes.subarray(at, end), fetched, offset);
    if (reason !== undefined) {
      if (fetched.nextOffset > offset) break;
      throw damagedLog(topic, partition, Number(bytes.readBigInt64BE(at)), reason);
    }
    at = end;
  }
  return fetched;
}

/** Adds what is in the batch. Returns why it can't be read, undefined when it could. */
async function decodeBatch(batch: Buffer, fetched: Fetched, from: number): Promise<string | undefined> {
  const attributes = batch.readInt16BE(ATTRIBUTES_AT);
  if (batch.readInt8(16) !== MAGIC) return `record format ${batch.readInt8(16)} is older than Kafka 0.11`;
  if (crc32c(batch.subarray(ATTRIBUTES_AT)) !== batch.readUInt32BE(17)) return 'the checksum does not hold';
  const codec = attributes & CODEC_MASK;
  if (codec !== 0 && codec !== GZIP) return `it is compressed by another program (codec ${codec}); only gzip can be read`;
  const base = Number(batch.readBigInt64BE(0));
  if ((attributes & CONTROL_FLAG) === 0) {
    const packed = batch.subarray(BATCH_HEADER_BYTES);
    const records = codec === 0 ? packed : await unpack(packed, { maxOutputLength: UNPACKED_BYTES_MAX });
    readRecords(records, batch.readInt32BE(57), base, from, fetched.records);
  }
  fetched.nextOffset = Math.max(fetched.nextOffset, base + batch.readInt32BE(23) + 1);
  return undefined;
}

function readRecords(bytes: Buffer, count: number, base: number, from: number, into: StoredRecord[]): void {
  const cursor = { bytes, at: 0 };
  for (let i = 0; i < count; i++) {
    const length = readVarint(cursor);
    const end = cursor.at + length;
    cursor.at++; // attributes
    skipVarint(cursor); // time
    const offset = base + readVarint(cursor);
    if (offset >= from) {
      const key = readBytes(cursor);
      into.push({ offset, key: key === null ? null : key.toString(), value: readBytes(cursor) ?? NOTHING });
    }
    cursor.at = end;
  }
}

const NOTHING = Buffer.alloc(0);

interface Cursor {
  bytes: Buffer;
  at: number;
}

function readBytes(cursor: Cursor): Buffer | null {
  const length = readVarint(cursor);
  if (length < 0) return null;
  cursor.at += length;
  return cursor.bytes.subarray(cursor.at - length, cursor.at);
}

/** 32 bits, zigzag. */
function readVarint(cursor: Cursor): number {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = cursor.bytes[cursor.at++] as number;
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return (value >>> 1) ^ -(value & 1);
  }
}

/** Times have 64 bits. */
function skipVarint(cursor: Cursor): void {
  while ((cursor.bytes[cursor.at++] as number) >= 0x80);
}

function damagedLog(topic: string, partition: number, offset: number, reason: string): OperatingError {
  return new OperatingError('STORE_DAMAGED', `topic ${topic}, partition ${partition}, offset ${offset} can't be read: ${reason}`, {
    retryable: false,
    hint: "check the broker's disk and make a copy on another broker the leader; without one begin anew with another broker.kafka_prefix",
  });
}

const FETCH_ERRORS: ReadonlyMap<number, readonly [type: string, retriable: boolean]> = new Map([
  [1, ['OFFSET_OUT_OF_RANGE', false]],
  [3, ['UNKNOWN_TOPIC_OR_PARTITION', true]],
  [5, ['LEADER_NOT_AVAILABLE', true]],
  [6, ['NOT_LEADER_FOR_PARTITION', true]],
  [9, ['REPLICA_NOT_AVAILABLE', true]],
  [29, ['TOPIC_AUTHORIZATION_FAILED', false]],
  [56, ['KAFKA_STORAGE_ERROR', true]],
  [74, ['FENCED_LEADER_EPOCH', true]],
  [76, ['UNKNOWN_LEADER_EPOCH', true]],
  [78, ['OFFSET_NOT_AVAILABLE', true]],
]);

class FetchRefused extends Error {
  override readonly name = 'FetchRefused';
  readonly type: string;
  readonly retriable: boolean;
  constructor(error: number, topic: string, partition: number) {
    const [type, retriable] = FETCH_ERRORS.get(error) ?? [`error ${error}`, false];
    super(`topic ${topic}, partition ${partition}: ${type}`);
    this.type = type;
    this.retriable = retriable;
  }
}
