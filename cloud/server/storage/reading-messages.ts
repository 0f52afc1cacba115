/** What the reading thread and the thread that asks it say to each other. Long columns of numbers are handed over, never copied. */
import { OperatingError, type OperatingErrorCode } from '../../../common/errors.ts';
import type { DamagedBucket } from './bucket-rows.ts';
import type { DamagedPart } from './part-seals.ts';
import type { Bucket, BucketsQuery, GapQuery, GapRow, RangeQuery, SeriesBuckets } from './series-store.ts';

/** What the thread is started with. */
export interface ReadingWork {
  path: string;
  windowMs: number;
}

export type Asked =
  | { kind: 'buckets'; id: number; query: Pick<BucketsQuery, 'series' | 'edges'> }
  | { kind: 'range'; id: number; query: RangeQuery }
  | { kind: 'gaps'; id: number; query: GapQuery }
  /** A page was taken. */
  | { kind: 'more'; id: number }
  | { kind: 'cancel'; id: number }
  | { kind: 'stop' };

export type Told =
  | { kind: 'answer'; id: number; buckets: SeriesBuckets[] }
  | { kind: 'buckets'; id: number; page: PackedBuckets }
  | { kind: 'gaps'; id: number; page: GapRow[] }
  | { kind: 'end'; id: number }
  | { kind: 'failed'; id: number; error: PackedError }
  | { kind: 'damaged'; part: DamagedPart }
  | { kind: 'damagedBucket'; bucket: DamagedBucket };

/** Pages of one stream that may be under way or waiting to be taken: one is taken while the next is read. */
export const PAGES_AHEAD = 2;

const NUMBERS = ['startMs', 'count', 'mean', 'min', 'max', 'first', 'last', 'energyKwh'] as const;

/** Buckets of one series. */
export interface PackedBuckets {
  household: string;
  device: string;
  field: string;
  /** NUMBERS of the first bucket, of the second, …; an energy that is none is NaN. */
  numbers: Float64Array;
}

/** @param page of one series, not empty */
export function packBuckets(page: readonly Bucket[]): PackedBuckets {
  const { household, device, field } = page[0] as Bucket;
  const numbers = new Float64Array(page.length * NUMBERS.length);
  let at = 0;
  for (const bucket of page) for (const name of NUMBERS) numbers[at++] = bucket[name] ?? Number.NaN;
  return { household, device, field, numbers };
}

export function* unpackBuckets({ household, device, field, numbers }: PackedBuckets): Generator<Bucket> {
  for (let at = 0; at < numbers.length; at += NUMBERS.length) {
    const [startMs, count, mean, min, max, first, last, energy] = numbers.subarray(at, at + NUMBERS.length) as unknown as Eight;
    yield { household, device, field, startMs, count, mean, min, max, first, last, energyKwh: Number.isNaN(energy) ? null : energy };
  }
}

type Eight = [number, number, number, number, number, number, number, number];

/** The memory behind an answer, each piece once: the same series may be asked for twice. */
export function memoryOf(buckets: readonly SeriesBuckets[]): ArrayBuffer[] {
  const all = new Set<ArrayBuffer>();
  for (const { devices: _, ...columns } of buckets) for (const column of Object.values(columns)) all.add(column.buffer as ArrayBuffer);
  return [...all];
}

export interface PackedError {
  message: string;
  /** Of an OperatingError. */
  operating?: { code: OperatingErrorCode; retryable: boolean; hint: string };
}

export function packError(error: unknown): PackedError {
  const message = error instanceof Error ? error.message : String(error);
  if (!(error instanceof OperatingError)) return { message };
  const { code, retryable, hint } = error;
  return { message, operating: { code, retryable, hint } };
}

export function unpackError({ message, operating }: PackedError): Error {
  return operating === undefined ? new Error(message) : new OperatingError(operating.code, message, operating);
}
