/** Rows of the table `parts`, back to aggregates. */
import type Database from 'better-sqlite3';
import { addAggregate, type Aggregate } from '../analytics/rollup.ts';
import { RowBatch } from './row-batch.ts';
import { decodeField } from './stats-codec.ts';

/** Columns of a part in the order of PART_COLUMNS: raw rows, because a long answer reads millions. */
export type PartRow = [
  windowStartMs: number,
  sourceId: number,
  fromSeq: number,
  toSeq: number,
  firstMs: number,
  lastMs: number,
  fieldSetId: number,
  stats: Buffer,
  digestHigh: number,
  digestLow: number,
  seal: number | null,
];

/**
 * Rows to be written into it. A conflict ends the transaction, which is what becomes of it anyway; to undo one statement only, SQLite would
 * copy each page that it changes.
 */
export function newPartRows(database: Database.Database): RowBatch {
  const columns = [
    'device_id',
    'window_start_ms',
    'source_id',
    'from_seq',
    'to_seq',
    'first_ms',
    'last_ms',
    'field_set_id',
    'digest_high',
    'digest_low',
    'stats',
    'seal',
  ];
  return new RowBatch(database, `INSERT OR ROLLBACK INTO parts (${columns.join()})`, columns.length);
}

export const PART_COLUMNS =
  'window_start_ms, source_id, from_seq, to_seq, first_ms, last_ms, field_set_id, stats, digest_high, digest_low, seal';

/** One field of a part. */
export function partAggregate(row: PartRow, fieldCount: number, field: number): Aggregate {
  const [, source, fromSeq, toSeq, firstMs, lastMs, , stats] = row;
  const count = toSeq - fromSeq + 1;
  const aggregate = {
    count,
    sum: 0,
    min: 0,
    max: 0,
    first: 0,
    firstMs,
    firstSource: source,
    firstSeq: fromSeq,
    last: 0,
    lastMs,
    lastSource: source,
    lastSeq: toSeq,
  };
  decodeField(stats, fieldCount, field, aggregate);
  return aggregate;
}

/** All fields of one window: the sum of its parts. */
export function readWindow(rows: readonly PartRow[], fieldsOf: (fieldSetId: number) => readonly string[]): Map<string, Aggregate> {
  const byField = new Map<string, Aggregate>();
  for (const row of rows) {
    const fields = fieldsOf(row[6]);
    fields.forEach((field, i) => {
      const aggregate = partAggregate(row, fields.length, i);
      const held = byField.get(field);
      if (held === undefined) byField.set(field, aggregate);
      else addAggregate(held, aggregate);
    });
  }
  return byField;
}
