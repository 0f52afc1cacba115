/**
 * How the embedded broker lays out the records of one append as bytes.
 *
 *   version u8 · keys u16 · records u16
 *   per key: length u16, UTF-8
 *   per record: key number u16 (0 = none, n = nth key), length u32, value
 *
 * A key is stored once per batch: household ids are 64 characters long and come again and again. All numbers are
 * little-endian. The checksum is not in the bytes: it also binds place and time (`sealOf`), so a batch that turns up at a
 * wrong offset or in a wrong log is seen as well.
 */
import assert from 'node:assert/strict';
import { crc32 } from 'node:zlib';
import { BATCH_RECORDS_MAX, type NewRecord, type StoredRecord } from './broker.ts';

const LAYOUT_VERSION = 1;
const HEADER_BYTES = 5;
const KEY_HEADER_BYTES = 2;
const RECORD_HEADER_BYTES = 6;

/** Bytes of one batch, so that no read takes long; an append above it becomes several batches of one transaction. */
export const BATCH_BYTES_MAX = 1 << 20;
/** Bytes of one key. Ids have at most 128. */
export const KEY_BYTES_MAX = 1_024;
/** Bytes of one value; what Kafka takes by default. */
export const VALUE_BYTES_MAX = 1_000_000;

export interface EncodedBatch {
  count: number;
  bytes: Buffer;
  /** CRC-32 of the bytes alone; reckoned before the write lock is taken. */
  bytesChecksum: number;
}

/** Where and when a batch was appended; part of its seal. */
export interface BatchPlace {
  logId: string;
  baseOffset: number;
  count: number;
  appendedMs: number;
}

/** Bytes that cannot be what was written. `offset` is the first record that cannot be read. */
export class DamagedBatch extends Error {
  override readonly name = 'DamagedBatch';
  readonly offset: number;
  constructor(offset: number, reason: string) {
    super(reason);
    this.offset = offset;
  }
}

/** Copies the records: the caller may reuse its buffers. */
export function encodeBatches(records: readonly NewRecord[]): EncodedBatch[] {
  assert(
    records.length > 0 && records.length <= BATCH_RECORDS_MAX,
    `an append has 1 to ${BATCH_RECORDS_MAX} records, not ${records.length}`,
  );
  const batches: EncodedBatch[] = [];
  let from = 0;
  while (from < records.length) {
    const batch = encodeFrom(records, from);
    batches.push(batch);
    from += batch.count;
  }
  return batches;
}

/** One batch of the records from `from` on, as many as fit, at least one. */
function encodeFrom(records: readonly NewRecord[], from: number): EncodedBatch {
  const keyNumbers = new Map<string, number>();
  let size = HEADER_BYTES;
  let to = from;
  for (; to < records.length; to++) {
    const { key, value } = records[to] as NewRecord;
    assert(value.length <= VALUE_BYTES_MAX, `a record value has at most ${VALUE_BYTES_MAX} bytes, not ${value.length}`);
    let grow = RECORD_HEADER_BYTES + value.length;
    const isNewKey = key !== null && !keyNumbers.has(key);
    if (isNewKey) grow += KEY_HEADER_BYTES + keyBytes(key);
    if (to > from && size + grow > BATCH_BYTES_MAX) break;
    if (isNewKey) keyNumbers.set(key, keyNumbers.size + 1);
    size += grow;
  }
  // The slow kind has its own memory: a batch must not keep the shared pool alive while it waits for the disk.
  const bytes = Buffer.allocUnsafeSlow(size);
  let at = writeHeader(bytes, keyNumbers, to - from);
  for (let i = from; i < to; i++) {
    const { key, value } = records[i] as NewRecord;
    at = bytes.writeUInt16LE(key === null ? 0 : (keyNumbers.get(key) as number), at);
    at = bytes.writeUInt32LE(value.length, at);
    bytes.set(value, at);
    at += value.length;
  }
  assert(at === size);
  return { count: to - from, bytes, bytesChecksum: crc32(bytes) };
}

function keyBytes(key: string): number {
  const length = Buffer.byteLength(key);
  assert(length <= KEY_BYTES_MAX, `a record key has at most ${KEY_BYTES_MAX} bytes, not ${length}`);
  return length;
}

function writeHeader(bytes: Buffer, keyNumbers: ReadonlyMap<string, number>, count: number): number {
  let at = bytes.writeUInt8(LAYOUT_VERSION, 0);
  at = bytes.writeUInt16LE(keyNumbers.size, at);
  at = bytes.writeUInt16LE(count, at);
  for (const key of keyNumbers.keys()) {
    const length = bytes.write(key, at + KEY_HEADER_BYTES);
    bytes.writeUInt16LE(length, at);
    at += KEY_HEADER_BYTES + length;
  }
  return at;
}

/** The number stored beside a batch: CRC-32 of its bytes, then of its place. */
export function sealOf(bytesChecksum: number, place: BatchPlace): number {
  return crc32(`${place.logId}:${place.baseOffset}:${place.count}:${place.appendedMs}`, bytesChecksum);
}

/**
 * Appends to `into` the batch's records with fromOffset ≤ offset < toOffset. Values are views of `bytes`, not copies.
 * @throws DamagedBatch when seal or layout do not hold
 */
export function decodeBatch(
  bytes: Buffer,
  seal: number,
  place: BatchPlace,
  fromOffset: number,
  toOffset: number,
  into: StoredRecord[],
): void {
  const { baseOffset, count } = place;
  if (sealOf(crc32(bytes), place) !== seal) throw new DamagedBatch(baseOffset, 'the checksum does not hold');
  if (bytes.length < HEADER_BYTES) throw new DamagedBatch(baseOffset, 'the batch is too short');
  if (bytes.readUInt8(0) !== LAYOUT_VERSION) throw new DamagedBatch(baseOffset, `layout version ${bytes.readUInt8(0)} is unknown`);
  if (bytes.readUInt16LE(3) !== count) throw new DamagedBatch(baseOffset, 'the number of records does not hold');
  const keys: (string | null)[] = [null];
  let at = readKeys(bytes, baseOffset, keys);
  for (let offset = baseOffset; offset < baseOffset + count; offset++) {
    if (at + RECORD_HEADER_BYTES > bytes.length) throw new DamagedBatch(offset, 'the batch ends too early');
    const key = keys[bytes.readUInt16LE(at)];
    const start = at + RECORD_HEADER_BYTES;
    at = start + bytes.readUInt32LE(at + 2);
    if (key === undefined || at > bytes.length) throw new DamagedBatch(offset, 'a key or a length does not hold');
    if (offset >= fromOffset && offset < toOffset) into.push({ offset, key, value: bytes.subarray(start, at) });
  }
  if (at !== bytes.length) throw new DamagedBatch(baseOffset, 'the batch ends too late');
}

/** Reads the keys behind the header and gives the position of the first record. */
function readKeys(bytes: Buffer, baseOffset: number, keys: (string | null)[]): number {
  let at = HEADER_BYTES;
  for (let n = bytes.readUInt16LE(1); n > 0; n--) {
    if (at + KEY_HEADER_BYTES > bytes.length) throw new DamagedBatch(baseOffset, 'the batch ends inside its keys');
    const start = at + KEY_HEADER_BYTES;
    at = start + bytes.readUInt16LE(at);
    if (at > bytes.length) throw new DamagedBatch(baseOffset, 'the batch ends inside its keys');
    keys.push(bytes.toString('utf8', start, at));
  }
  return at;
}
