/** The seals of what the cloud keeps beside the parts: households, devices, sources, gaps, totals; written here once more. */
import { crc32 } from 'node:zlib';
import type Database from 'better-sqlite3';
import { sealOfRow } from '../common/row-seal.ts';

type Value = string | number | null;

export interface DamagedRecord {
  household: string;
  what: string;
}

const NAMED = 'LEFT JOIN households h ON h.id = d.household_id';
const OF_DEVICE = `LEFT JOIN devices d ON d.id = device_id ${NAMED}`;

/** The seal is the last column, and over the others; where the household stands, and what the row is. */
const TABLES: readonly { sql: string; household: number; what: (row: readonly Value[]) => string }[] = [
  {
    sql: 'SELECT id, household, postal_code, postal_code_from, state, generation, claim, edge, seal FROM households',
    household: 1,
    what: () => 'who owns it, and where it is',
  },
  { sql: `SELECT d.id, household, device, d.seal FROM devices d ${NAMED}`, household: 1, what: ([, , device]) => `device ${device}` },
  {
    sql: `SELECT s.id, household, device, src, covered, first_ms, greatest_ms, readings, digest_high, digest_low, forgotten, s.seal
      FROM sources s ${OF_DEVICE}`,
    household: 1,
    what: ([, , device, src]) => `what is known of source ${src} of ${device}`,
  },
  {
    sql: `SELECT source_id, household, device, src, from_seq, to_seq, reason, g.seal
      FROM gaps g LEFT JOIN sources s ON s.id = source_id ${OF_DEVICE}`,
    household: 1,
    what: ([, , device, , from, to]) => `the gap ${from} to ${to} of ${device}`,
  },
];
const SERIES = `SELECT s.id, household, device, field, count, energy_ws, window_count, last_ms, s.seal FROM series s ${OF_DEVICE}`;

/** A row of before there were seals has none. */
export function* damagedRecords(database: Database.Database): Generator<DamagedRecord> {
  for (const { sql, household, what } of TABLES) {
    for (const row of database.prepare(sql).raw().iterate() as IterableIterator<Value[]>) {
      const seal = row.at(-1);
      if (seal !== null && sealOfRow(row.slice(0, -1)) !== seal) yield { household: String(row[household]), what: what(row) };
    }
  }
  const totals = new Float64Array(4);
  for (const row of database.prepare(SERIES).raw().iterate() as IterableIterator<Value[]>) {
    const [id, household, device, field, ...rest] = row;
    const seal = rest.pop();
    totals.set(rest as number[]);
    if (seal !== null && crc32(totals, sealOfRow([id, household, device, field] as Value[])) !== seal)
      yield { household: String(household), what: `the totals of ${device}, ${String(field)}` };
  }
}
