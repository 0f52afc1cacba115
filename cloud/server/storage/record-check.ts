/**
 * The look at a store's names and ids before it is served. Each of these rows lies in the file twice, as a row and as an entry of the index
 * over its names: where the two differ, the row's seal says which is right, and the table is written anew with its index. The quick check
 * (decision 0009) does not compare them.
 */
import type Database from 'better-sqlite3';
import { sealOfRow } from '../../../common/row-seal.ts';
import type { DamagedRecord, RecordTable } from './household-mender.ts';
import { type HouseholdRecord, sealOfDevice, sealOfHousehold, sealOfSeriesName, sealOfSource, sealOfTotals } from './record-seals.ts';
import type { SeriesRecord, SourceRecord } from './record-seals.ts';

type Value = string | number | null;
export type Row = Record<string, Value> & { id: number; seal: number | null };
export type Names = Map<number, { household: string; device: string }>;

export interface Checked {
  table: RecordTable | 'field_sets';
  /** Columns of the index. */
  key: readonly string[];
  holds: (row: Row, names: Names) => boolean;
}

/** Two rows of one name, or a name without a row: not what one flipped bit does. */
export class RecordsLost extends Error {}

/** In the order in which they name each other. */
export const NAMED_TABLES: readonly Checked[] = [
  { table: 'field_sets', key: ['fields'], holds: (row) => sealOfRow([row.id, row['fields'] as string]) === row.seal },
  { table: 'households', key: ['household'], holds: (row) => sealOfHousehold(row as never as HouseholdRecord) === row.seal },
  { table: 'devices', key: ['household_id', 'device'], holds: isDevice },
  { table: 'sources', key: ['device_id', 'src'], holds: isSource },
  { table: 'series', key: ['device_id', 'field'], holds: isSeries },
];

/**
 * In one transaction, outside of any other.
 * @throws RecordsLost
 */
export function checkRecords(database: Database.Database, onDamaged: (record: DamagedRecord) => void): void {
  // While a table is written anew its rows are gone.
  database.pragma('foreign_keys = OFF');
  try {
    database
      .transaction(() => {
        checkAll(database, onDamaged);
        checkStrays(database, onDamaged);
      })
      .immediate();
  } finally {
    database.pragma('foreign_keys = ON');
  }
}

function checkAll(database: Database.Database, onDamaged: (record: DamagedRecord) => void): void {
  const households = new Map<number, string>();
  const names: Names = new Map();
  const isNamed = (row: Row, key: string) => names.get(row[key] as number)?.household ?? households.get(row[key] as number) ?? '?';
  for (const checked of NAMED_TABLES) {
    const { table, key } = checked;
    const rows = database.prepare(`SELECT * FROM ${table} NOT INDEXED ORDER BY id`).all() as Row[];
    const lookUp: Names = table === 'devices' ? new Map([...households].map(([id, household]) => [id, { household, device: '' }])) : names;
    const mended = table === 'field_sets' ? 'households' : table;
    const told = compare(checked, rows, entriesOf(database, checked), lookUp);
    if (told.length > 0) writeAnew(database, table, rows);
    for (const row of told) {
      const household = table === 'field_sets' ? '' : table === 'households' ? String(row['household']) : isNamed(row, key[0] as string);
      onDamaged({ household, table: mended, outcome: 'mended', what: `the names in a row of ${table}: taken from its other copy` });
    }
    for (const row of rows) {
      if (table === 'households') households.set(row.id, row['household'] as string);
      if (table === 'devices')
        names.set(row.id, { household: households.get(row['household_id'] as number) ?? '', device: row['device'] as string });
    }
  }
}

/** Rows that a flipped bit has given to nobody: no reader comes by them. */
function checkStrays(database: Database.Database, onDamaged: (record: DamagedRecord) => void): void {
  const stray = 'FROM gaps WHERE source_id NOT IN (SELECT id FROM sources)';
  const values = "concat(quote(source_id), ',', quote(from_seq), ',', quote(to_seq), ',', quote(reason), ',', quote(seal))";
  const keep = `INSERT INTO damaged (found_ms, place, row) SELECT unixepoch() * 1000, 'gaps', CAST(${values} AS BLOB) ${stray}`;
  const gaps = database.prepare(keep).run().changes;
  if (gaps > 0) {
    database.exec(`DELETE ${stray}`);
    onDamaged({ household: '', table: 'gaps', outcome: 'mended', what: `${gaps} gaps of no source: taken back, their edge declares them` });
  }
  const devices = database
    .prepare(
      `WITH RECURSIVE each (id) AS (
         SELECT min(device_id) FROM parts UNION ALL SELECT (SELECT min(device_id) FROM parts WHERE device_id > each.id) FROM each
         WHERE each.id IS NOT NULL
       ) SELECT id FROM each WHERE id IS NOT NULL AND id NOT IN (SELECT id FROM devices)`,
    )
    .pluck()
    .all() as number[];
  for (const id of devices)
    onDamaged({
      household: '',
      table: 'parts',
      outcome: 'refused',
      what: `parts of device ${id}, which there is not: windows are missing`,
    });
}

function entriesOf(database: Database.Database, { table, key }: Checked): Row[] {
  return database.prepare(`SELECT id, ${key.join()} FROM ${table} INDEXED BY sqlite_autoindex_${table}_1`).all() as Row[];
}

/** Makes the rows right in place. @returns those of which one copy was damaged */
function compare({ table, key, holds }: Checked, rows: Row[], entries: readonly Row[], names: Names): Row[] {
  const keyOf = (row: Row) => JSON.stringify([row.id, ...key.map((column) => row[column])]);
  const left = new Map(entries.map((entry) => [keyOf(entry), entry]));
  const odd = rows.filter((row) => !left.delete(keyOf(row)));
  const damaged: Row[] = [...odd];
  for (const row of odd) {
    if (holds(row, names)) continue;
    const right = [...left.values()].find((entry) => holds({ ...row, ...entry }, names));
    if (right === undefined) throw new RecordsLost(`a row of ${table} and its index differ, and neither is right`);
    Object.assign(row, right);
  }
  if (odd.length !== left.size || new Set(rows.map(({ id }) => id)).size !== rows.length)
    throw new RecordsLost(`${table} has ${rows.length} rows, its index ${entries.length}`);
  // Both copies agree on a device, which has nothing else to say: what is damaged is the seal.
  if (table !== 'devices' && table !== 'field_sets') return damaged;
  for (const row of rows) {
    if (holds(row, names)) continue;
    row.seal = table === 'devices' ? sealOfDevice(row.id, ownerOf(row, names)) : sealOfRow([row.id, row['fields'] as string]);
    damaged.push(row);
  }
  return damaged;
}

function writeAnew(database: Database.Database, table: string, rows: readonly Row[]): void {
  const columns = Object.keys(rows[0] ?? {});
  database.exec(`DELETE FROM ${table}`);
  const insert = database.prepare(`INSERT INTO ${table} (${columns.join()}) VALUES (${columns.map((column) => `@${column}`).join()})`);
  for (const row of rows) insert.run(row);
}

function ownerOf(row: Row, names: Names): { household: string; device: string } {
  return { household: names.get(row['household_id'] as number)?.household ?? '', device: row['device'] as string };
}

function isDevice(row: Row, names: Names): boolean {
  return sealOfDevice(row.id, ownerOf(row, names)) === row.seal;
}

function isSource(row: Row, names: Names): boolean {
  const owner = names.get(row['device_id'] as number);
  return owner !== undefined && sealOfSource(owner, row as never as SourceRecord) === row.seal;
}

function isSeries(row: Row, names: Names): boolean {
  const owner = names.get(row['device_id'] as number);
  const { id, field, count, energy_ws: energyWs, window_count: windows, last_ms: lastMs } = row as never as SeriesRecord;
  return owner !== undefined && sealOfTotals(sealOfSeriesName(id, owner, field), count, energyWs, windows, lastMs) === row.seal;
}
