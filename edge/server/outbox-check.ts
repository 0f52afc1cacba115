/**
 * The look at an outbox before it is used: rows that are written seldom carry a seal over all that they say, their names too, and what does
 * not hold is kept byte for byte in `damaged` and forgotten. Nobody is asked for a name that a flipped bit has made. What is shipped is
 * looked at when it is read (outbox.ts).
 */
import type Database from 'better-sqlite3';
import { sealOfRow } from '../../common/row-seal.ts';

/** The file holds what no program has written: it is set aside as a whole. */
export class DamageFound extends Error {}

export interface CheckedOutbox {
  /** A line for each row that was set aside or mended. */
  lines: string[];
  /** Whose open parts are gone, by the names that were in their rows. */
  openPartsOf: string[];
  /** The edge's epoch may be among what is gone: another one says nothing about the file then. */
  isEpochGone: boolean;
}

const SOURCE_COLUMNS = [
  ...['household', 'device', 'src', 'seen', 'covered', 'declared', 'gapped', 'kept', 'readings', 'digest_high', 'digest_low'],
] as const;

/** What is under the seal, in its order. */
const SEALED = {
  households: ['household', 'generation', 'postal_code', 'parked'],
  positions: ['partition', 'next_offset', 'log_id', 'record_hash'],
  runs: ['run', 'partition', 'last'],
  meta: ['key', 'value'],
  open_parts: ['household', 'device', 'partition', '"offset"', 'part'],
} as const;

const WHAT: Record<keyof typeof SEALED, string> = {
  households: 'what was known of a household',
  positions: 'how far a partition was read: it is read from its earliest record',
  runs: 'an end mark: the topic is read for it from its earliest record',
  meta: 'a number or name of the edge',
  open_parts: 'an open part',
};

type SourceText = Record<(typeof SOURCE_COLUMNS)[number], string | number> & { id: number; seal: number | null };
type Row = Record<string, string | number | null>;
type SourceNames = Pick<SourceText, 'id' | 'household' | 'device' | 'src'>;

/** The seal as a function of SQL, for migrations and for rows whose names are no text any more. NULL where a value is of no known kind. */
export function defineRowSeal(database: Database.Database): void {
  database.function('row_seal', { varargs: true, deterministic: true }, (...values: unknown[]) =>
    values.some((value) => value !== null && typeof value !== 'string' && typeof value !== 'number') ? null : sealOfRow(values as string[]),
  );
}

/** For the migration that brings the seals: rows that are there are taken as they are. */
export const SEAL_ALL = Object.entries({ ...SEALED, sources: SOURCE_COLUMNS })
  .map(([table, columns]) => `UPDATE ${table} SET seal = row_seal(${columns.join()}) WHERE seal IS NULL;`)
  .join('\n');

/** @throws DamageFound when rows and index of the sources differ in more than one bit of one of them */
export function checkOutbox(database: Database.Database): CheckedOutbox {
  const checked: CheckedOutbox = { lines: [], openPartsOf: [], isEpochGone: false };
  const change = () => {
    checkSources(database, checked);
    for (const table of Object.keys(SEALED) as (keyof typeof SEALED)[]) checkTable(database, table, checked);
  };
  database.transaction(change)();
  return checked;
}

/** The sound rows are written anew: where a key was damaged its tree is out of order, and no row of it is found by its key. */
function checkTable(database: Database.Database, table: keyof typeof SEALED, checked: CheckedOutbox): void {
  const columns = [...SEALED[table], 'seal'];
  const isDamaged = `seal IS NULL OR seal IS NOT row_seal(${SEALED[table].join()})`;
  const damaged = database.prepare(`SELECT * FROM ${table} WHERE ${isDamaged}`).all() as Row[];
  if (damaged.length === 0) return;
  keep(database, table, columns, `${table} WHERE ${isDamaged}`);
  const sound = database.prepare(`SELECT ${columns.join()} FROM ${table} WHERE NOT (${isDamaged})`).raw().all() as unknown[][];
  database.exec(`DELETE FROM ${table}`);
  const insert = database.prepare(`INSERT INTO ${table} (${columns.join()}) VALUES (${columns.map(() => '?').join()})`);
  for (const row of sound) insert.run(...row);
  // Which partition the mark was in may be what is damaged.
  if (table === 'runs') database.exec('DELETE FROM positions');
  checked.isEpochGone ||= table === 'meta';
  for (const row of damaged) {
    if (table === 'open_parts') checked.openPartsOf.push(String(row['household']));
    checked.lines.push(`${WHAT[table]}${nameIn(row)}: its checksum does not hold`);
  }
}

function nameIn(row: Row): string {
  const name = row['household'] ?? row['key'] ?? row['run'] ?? row['partition'];
  return name === undefined ? '' : ` (${JSON.stringify(String(name))})`;
}

/** The names of a source lie in the file twice, in its row and in the index over them: the seal says which of two are right. */
function checkSources(database: Database.Database, { lines }: CheckedOutbox): void {
  const [rows, entries] = ['NOT INDEXED', 'INDEXED BY sqlite_autoindex_sources_1'].map(
    (how) => `SELECT id, household, device, src FROM sources ${how}`,
  ) as [string, string];
  const oddIds = new Set(database.prepare(`SELECT id FROM (${rows} EXCEPT ${entries})`).pluck().all());
  const oddEntries = database.prepare(`${entries} EXCEPT ${rows}`).all() as SourceNames[];
  if (oddIds.size === 0 && oddEntries.length === 0) return;
  const odd = (database.prepare('SELECT * FROM sources NOT INDEXED').all() as SourceText[]).filter(({ id }) => oddIds.has(id));
  const mended = odd.map((row) => rightNames(row, oddEntries));
  if (odd.length !== oddEntries.length) throw new DamageFound('the sources and the index over them differ');
  keep(database, 'sources', ['id', ...SOURCE_COLUMNS, 'seal'], `sources NOT INDEXED WHERE id IN (${[...oddIds].join()})`);
  keep(database, 'sources_index', ['id', 'household', 'device', 'src'], `(${entries} EXCEPT ${rows})`);
  try {
    database.exec('REINDEX sources');
    const rename = database.prepare('UPDATE sources SET household = ?, device = ?, src = ? WHERE id = ?');
    for (const { household, device, src, id } of mended) {
      if (rename.run(household, device, src, id).changes !== 1) throw new DamageFound('a source is not found by its id');
    }
  } catch (error) {
    if ((error as { code?: string }).code?.startsWith('SQLITE_CONSTRAINT') === true) throw new DamageFound('two sources of one name');
    throw error;
  }
  for (const { household, device, src } of mended)
    lines.push(`the names of source ${src} of ${household}, ${device}: taken from their other copy`);
}

function rightNames(row: SourceText, entries: readonly SourceNames[]): SourceNames {
  const holds = (names: SourceNames) => {
    const named = { ...row, ...names };
    return sealOfRow(SOURCE_COLUMNS.map((column) => named[column])) === row.seal;
  };
  const right = [row, ...entries.filter(({ id }) => id === row.id)].find(holds);
  if (right === undefined) throw new DamageFound('a source and the index over it differ, and neither is right');
  return right;
}

function keep(database: Database.Database, place: string, columns: readonly string[], from: string): void {
  const row = `CAST(concat_ws(',', ${columns.map((column) => `quote(${column})`).join()}) AS BLOB)`;
  database.prepare(`INSERT INTO damaged (place, row) SELECT ?, ${row} FROM ${from}`).run(place);
}
