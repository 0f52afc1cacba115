/**
 * Damage in a SQLite file that no process has open: one bit of one value, flipped so that the file itself stays well-formed, or a whole
 * page.
 */
import { closeSync, openSync, writeSync } from 'node:fs';
import Database from 'better-sqlite3';
import type { Random } from '../../common/random.ts';
import { flipBit } from './sqlite-cells.ts';

export interface Place {
  table: string;
  /** TEXT or BLOB. */
  column: string;
  /** Names the row. */
  key: readonly string[];
  /** SQL, of the rows that may be hit; all unless said. */
  where?: string;
}

/** @param random draws which row, which byte of the value, which bit */
export function flipRowBit(path: string, { table, column, key, where = 'TRUE' }: Place, random: Pick<Random, 'below'>): void {
  const database = new Database(path, { fileMustExist: true });
  try {
    const rows = database.prepare(`SELECT count(*) FROM ${table} WHERE ${where}`).pluck().get() as number;
    if (rows === 0) throw new Error(`${path} has no row of ${table} to damage`);
    const found = database
      .prepare(
        `SELECT ${key.join()}, CAST(${column} AS BLOB) AS bytes_, typeof(${column}) AS type_ FROM ${table}
         WHERE ${where} ORDER BY ${key.join()} LIMIT 1 OFFSET ?`,
      )
      .get(random.below(rows)) as { bytes_: Buffer; type_: string };
    flipBit(found.bytes_, random.below(found.bytes_.length), random.below(8));
    const changed = database
      .prepare(
        `UPDATE ${table} SET ${column} = CAST(@bytes_ AS ${found.type_}) WHERE ${key.map((name) => `${name} = @${name}`).join(' AND ')}`,
      )
      .run(found);
    if (changed.changes !== 1) throw new Error(`${changed.changes} rows of ${table} were damaged instead of one`);
  } finally {
    database.close();
  }
}

/** A page with rows of the table is all zeros. What is in the write-ahead log is copied into the file before. @param random draws which */
export function zeroPageOf(path: string, table: string, random: Pick<Random, 'below'>): void {
  const database = new Database(path, { fileMustExist: true });
  let pages: number[];
  let pageBytes: number;
  try {
    database.pragma('wal_checkpoint(TRUNCATE)');
    pages = database.prepare("SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf'").pluck().all(table) as number[];
    pageBytes = database.pragma('page_size', { simple: true }) as number;
  } finally {
    database.close();
  }
  const page = pages[random.below(pages.length)];
  if (page === undefined) throw new Error(`${path} has no page of ${table} to damage`);
  const file = openSync(path, 'r+');
  writeSync(file, Buffer.alloc(pageBytes), 0, pageBytes, (page - 1) * pageBytes);
  closeSync(file);
}

/** In the statistics of a part, in the cloud's store. */
export const STORE_PART: Place = { table: 'parts', column: 'stats', key: ['device_id', 'window_start_ms', 'source_id', 'from_seq'] };
/** In what the cloud's store says that it has of a source. */
export const STORE_SOURCE: Place = { table: 'sources', column: 'covered', key: ['id'] };
/** In the statistics of a row of the outbox. */
export const OUTBOX_ROW: Place = { table: 'outbox_bodies', column: 'stats', key: ['id'], where: 'length(stats) > 0' };
/** In the newest records of the readings' topic. */
export const NEWEST_APPEND: Place = {
  table: 'batch',
  column: 'bytes',
  key: ['id'],
  where: `id = (SELECT max(batch.id) FROM batch JOIN log ON log.id = log JOIN topic ON topic.id = topic_id WHERE name = 'power_topic')`,
};
