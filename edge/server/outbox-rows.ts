/** Rows of the outbox as they lie in the file, and what is made of them. Pure. */
import { crc32 } from 'node:zlib';
import { NOT_IN_RUN } from '../../common/protocol/edge-ledger.ts';
import type { HeldRow } from '../../common/protocol/hello-rules.ts';
import type { LastInOrder } from './row-order.ts';

/** Raw rows: shipping reads every one. */
export type StoredRow = [
  id: number,
  sourceId: number,
  fromSeq: number,
  toSeq: number,
  windowStartMs: number | null,
  reason: string | null,
  fields: string | null,
  stats: string | null,
  firstMs: number | null,
  lastMs: number | null,
  digest: string | null,
  seal: number | null,
];

export interface SourceRow {
  id: number;
  household: string;
  device: string;
  src: string;
}

/** The part of a row that says which seqs it has. */
export type StoredRange = [id: number, fromSeq: number, toSeq: number, windowStartMs: number | null];

/** Places in a stored row. */
export const [WINDOW, STATS, SEAL] = [4, 7, 11] as const;

/** CRC-32 of all that a row says, and of whose it is. Its state is not in it: that changes with every ack. */
export function sealOf({ household, device, src }: Omit<SourceRow, 'id'>, row: StoredRow): number {
  const [, , fromSeq, toSeq, windowStartMs, reason, fields, stats, firstMs, lastMs, digest] = row;
  return crc32(
    `${household}/${device}/${src} ${fromSeq} ${toSeq} ${windowStartMs} ${firstMs} ${lastMs} ${digest} ${fields} ${stats} ${reason}`,
  );
}

/** Damaged ones are none: the cloud refuses such a row, and its household parks. */
export function parsedFields(text: string): string[] {
  try {
    return JSON.parse(text) as string[];
  } catch {
    return [];
  }
}

export function toHeld([id, , fromSeq, toSeq, windowStartMs, reason]: StoredRow): HeldRow {
  if (windowStartMs !== null) return { id, kind: 'part', fromSeq, toSeq };
  return { id, kind: 'gap', fromSeq, toSeq, isSkip: reason === NOT_IN_RUN };
}

/** What is known of a source without looking into the file. */
export interface Unacked {
  rows: number;
  /** No row that is not acked begins below it. */
  fromSeq: number;
  /** No row begins above it. */
  lastSeq: number;
  /** Offset of the row that was inserted last, while offsets grow with the seqs; undefined where a later row may lie further ahead. */
  last: LastInOrder | undefined;
}

/** Of a source the un-acked row with the lowest seq. */
export interface HeadRow {
  fromSeq: number;
  partition: number;
  offset: number;
  windowStartMs: number | null;
}

/** Of steps that nobody waits between. */
export function resultOf<T>(steps: Generator<void, T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}
