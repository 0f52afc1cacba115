/**
 * The seal of a database row: a CRC-32 of all that it says and of whose it is, kept beside it. A bit that flips in a value leaves the file
 * well-formed, and only the seal shows it. For rows that are written seldom; parts have a faster one of their own.
 */
import { crc32 } from 'node:zlib';

/** Null and the empty text are the same here. */
export function sealOfRow(values: readonly (string | number | null)[]): number {
  return crc32(values.join(' '));
}
