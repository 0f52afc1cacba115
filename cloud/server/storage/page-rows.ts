/**
 * Reads the rows of tables without a rowid from the bytes of their pages, also those that no other page leads to any more. What is found
 * may be an older copy of a row, or one that was deleted: who takes one looks at its seal and at what is there.
 */
import { closeSync, openSync, readSync } from 'node:fs';

export type Value = number | string | Buffer | null;

/** By the first byte: bytes before the list of cells, and before the row of each. Pages above the leaves hold rows too. */
const KINDS: Readonly<Record<number, { headerBytes: number; childBytes: number } | undefined>> = {
  0x0a: { headerBytes: 8, childBytes: 0 },
  0x02: { headerBytes: 12, childBytes: 4 },
};
const POINTER_BYTES = 2;
const WAL_HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
const FIRST_TEXT_TYPE = 12;
/** Serial types 0 to 9. */
const TYPE_BYTES = [0, 1, 2, 3, 4, 6, 8, 8, 0, 0] as const;
const VARINT_BYTES_MAX = 9;

/** Rows of so many columns, in the file and in the write-ahead log beside it. */
export function* rowsOnPages(path: string, pageBytes: number, columns: number): Generator<Value[]> {
  yield* rowsIn(path, pageBytes, 0, 0, columns);
  yield* rowsIn(`${path}-wal`, pageBytes, WAL_HEADER_BYTES, FRAME_HEADER_BYTES, columns);
}

function* rowsIn(path: string, pageBytes: number, headerBytes: number, frameBytes: number, columns: number): Generator<Value[]> {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  try {
    const page = Buffer.alloc(pageBytes);
    for (let at = headerBytes; ; at += frameBytes + pageBytes) {
      if (readSync(descriptor, page, 0, pageBytes, at + frameBytes) < pageBytes) return;
      yield* rowsOn(page, columns);
    }
  } finally {
    closeSync(descriptor);
  }
}

function* rowsOn(page: Buffer, columns: number): Generator<Value[]> {
  const kind = KINDS[page[0] as number];
  if (kind === undefined) return;
  const cells = page.readUInt16BE(3);
  for (let n = 0; n < cells; n++) {
    const pointer = kind.headerBytes + n * POINTER_BYTES;
    if (pointer + POINTER_BYTES > page.length) return;
    const row = rowAt(page, page.readUInt16BE(pointer) + kind.childBytes);
    if (row?.length === columns) yield row;
  }
}

/** Undefined for what is none, or goes on in another page. */
function rowAt(page: Buffer, start: number): Value[] | undefined {
  try {
    const payload = varint(page, start);
    const header = varint(page, payload.end);
    const headerEnd = payload.end + header.value;
    if (payload.end + payload.value > page.length) return undefined;
    const row: Value[] = [];
    let at = headerEnd;
    for (let type = header; type.end < headerEnd; ) {
      type = varint(page, type.end);
      const bytes = bytesOf(type.value);
      row.push(valueAt(page, at, type.value, bytes));
      at += bytes;
    }
    return at === payload.end + payload.value ? row : undefined;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function bytesOf(type: number): number {
  return type < FIRST_TEXT_TYPE ? (TYPE_BYTES[type] ?? 0) : (type - FIRST_TEXT_TYPE) >> 1;
}

function valueAt(page: Buffer, at: number, type: number, bytes: number): Value {
  if (at + bytes > page.length) throw new RangeError('beyond the page');
  if (type === 0) return null;
  if (type === 8 || type === 9) return type - 8;
  if (type === 7) return page.readDoubleBE(at);
  if (type === 6) return Number(page.readBigInt64BE(at));
  if (type < FIRST_TEXT_TYPE) return page.readIntBE(at, bytes);
  const value = page.subarray(at, at + bytes);
  return type % 2 === 0 ? Buffer.from(value) : value.toString('utf8');
}

function varint(page: Buffer, start: number): { value: number; end: number } {
  let value = 0;
  for (let n = 0; n < VARINT_BYTES_MAX; n++) {
    const byte = page.readUInt8(start + n);
    value = value * 128 + (byte & 127);
    if (byte < 128) return { value, end: start + n + 1 };
  }
  throw new RangeError('no length');
}
