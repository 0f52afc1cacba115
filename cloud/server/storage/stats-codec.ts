/**
 * The statistics of a part as bytes: one flag byte per field, then the numbers that the flags do not make superfluous, as
 * float64 little-endian, field by field in the order first, last, sum, min, max. Nothing is rounded: a number is left out only
 * where it is bit for bit another one, or the sum of the two. A usual 5-second part takes half the bytes.
 */
import { FIELDS_MAX, STAT, STATS_PER_FIELD } from '../../../common/messages.ts';

const LAST_IS_FIRST = 1;
const SUM_IS_FIRST_PLUS_LAST = 2;
const SUM_IS_FIRST = 4;
const MIN_IS_FIRST = 8;
const MIN_IS_LAST = 16;
const MAX_IS_FIRST = 32;
const MAX_IS_LAST = 64;

const BYTES_PER_NUMBER = 8;
/** The most that a part's statistics take. */
export const STATS_BYTES_MAX = FIELDS_MAX * (1 + STATS_PER_FIELD * BYTES_PER_NUMBER);

/** @param stats STATS_PER_FIELD numbers per field */
export function encodeStats(stats: readonly number[]): Buffer {
  const bytes = Buffer.alloc(STATS_BYTES_MAX);
  return bytes.subarray(0, writeStats(stats, new DataView(bytes.buffer, bytes.byteOffset, STATS_BYTES_MAX), 0));
}

/**
 * The same, into memory that is there, from `start` on.
 * @returns where it ends
 */
export function writeStats(stats: readonly number[], into: DataView, start: number): number {
  const fieldCount = stats.length / STATS_PER_FIELD;
  let at = start + fieldCount;
  for (let field = 0; field < fieldCount; field++) {
    const base = field * STATS_PER_FIELD;
    const first = stats[base + STAT.first] as number;
    const last = stats[base + STAT.last] as number;
    const sum = stats[base + STAT.sum] as number;
    const min = stats[base + STAT.min] as number;
    const max = stats[base + STAT.max] as number;
    let flags = 0;
    at = writeNumber(into, at, first);
    if (Object.is(last, first)) flags |= LAST_IS_FIRST;
    else at = writeNumber(into, at, last);
    if (Object.is(sum, first)) flags |= SUM_IS_FIRST;
    else if (Object.is(sum, first + last)) flags |= SUM_IS_FIRST_PLUS_LAST;
    else at = writeNumber(into, at, sum);
    if (Object.is(min, first)) flags |= MIN_IS_FIRST;
    else if (Object.is(min, last)) flags |= MIN_IS_LAST;
    else at = writeNumber(into, at, min);
    if (Object.is(max, first)) flags |= MAX_IS_FIRST;
    else if (Object.is(max, last)) flags |= MAX_IS_LAST;
    else at = writeNumber(into, at, max);
    into.setUint8(start + field, flags);
  }
  return at;
}

function writeNumber(into: DataView, at: number, value: number): number {
  into.setFloat64(at, value, true);
  return at + BYTES_PER_NUMBER;
}

/** Numbers stored for a field, by its flags. */
const NUMBERS = Uint8Array.from({ length: 128 }, (_, flags) => {
  const left = [LAST_IS_FIRST, SUM_IS_FIRST_PLUS_LAST | SUM_IS_FIRST, MIN_IS_FIRST | MIN_IS_LAST, MAX_IS_FIRST | MAX_IS_LAST];
  return STATS_PER_FIELD - left.filter((bits) => (flags & bits) !== 0).length;
});

export interface FieldStats {
  sum: number;
  min: number;
  max: number;
  first: number;
  last: number;
}

/** Writes one field of the encoded statistics into `into`. */
export function decodeField(bytes: Buffer, fieldCount: number, field: number, into: FieldStats): void {
  let at = fieldCount;
  for (let before = 0; before < field; before++) at += (NUMBERS[bytes[before] as number] as number) * BYTES_PER_NUMBER;
  const flags = bytes[field] as number;
  const first = bytes.readDoubleLE(at);
  let last = first;
  if ((flags & LAST_IS_FIRST) === 0) last = bytes.readDoubleLE((at += BYTES_PER_NUMBER));
  into.first = first;
  into.last = last;
  if (flags & SUM_IS_FIRST) into.sum = first;
  else if (flags & SUM_IS_FIRST_PLUS_LAST) into.sum = first + last;
  else into.sum = bytes.readDoubleLE((at += BYTES_PER_NUMBER));
  if (flags & MIN_IS_FIRST) into.min = first;
  else if (flags & MIN_IS_LAST) into.min = last;
  else into.min = bytes.readDoubleLE((at += BYTES_PER_NUMBER));
  if (flags & MAX_IS_FIRST) into.max = first;
  else if (flags & MAX_IS_LAST) into.max = last;
  else into.max = bytes.readDoubleLE(at + BYTES_PER_NUMBER);
}
