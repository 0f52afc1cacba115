/** Numbered migrations; PRAGMA user_version holds the number of the last one that was run. */
import Database from 'better-sqlite3';
import { ConfigError } from '../../../../common/errors.ts';
import { SERIES_SCHEMA } from './0001-series.ts';
import { PART_SEALS } from './0002-part-seals.ts';
import { addRecordSeals } from './0003-record-seals.ts';

/** In order, never changed after a release: a change of the schema is a further one. */
const MIGRATIONS: readonly (string | ((database: Database.Database) => void))[] = [SERIES_SCHEMA, PART_SEALS, addRecordSeals];

/** The version that this program reads and writes. */
export const SCHEMA_VERSION = MIGRATIONS.length;

export function schemaVersion(database: Database.Database): number {
  return database.pragma('user_version', { simple: true }) as number;
}

/** @throws ConfigError when the file was written by a newer program */
export function refuseNewerSchema(database: Database.Database, path: string): void {
  const version = schemaVersion(database);
  if (version <= SCHEMA_VERSION) return;
  throw new ConfigError(
    `${path} has schema ${version}, this program knows ${SCHEMA_VERSION}`,
    'run the newer Fogline that wrote it, or give another --state',
  );
}

/**
 * Brings the file to SCHEMA_VERSION, each step in one transaction with its number. Two processes may start at once: the
 * number is read again under the write lock.
 */
export function migrate(database: Database.Database, toVersion = SCHEMA_VERSION): void {
  for (let version = schemaVersion(database); version < toVersion; version++) {
    database
      .transaction(() => {
        if (schemaVersion(database) !== version) return;
        const step = MIGRATIONS[version];
        if (typeof step === 'string') database.exec(step);
        else step?.(database);
        database.pragma(`user_version = ${version + 1}`);
      })
      .immediate();
  }
}

/** Which definition in a file of that version is not the one that the migrations make: a bit of it has flipped. Undefined when all are. */
export function damagedDefinition(database: Database.Database, version = SCHEMA_VERSION): string | undefined {
  const definitions = 'SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL';
  const held = new Map(database.prepare(definitions).raw().all() as [string, string][]);
  const fresh = new Database(':memory:');
  try {
    migrate(fresh, version);
    const made = fresh.prepare(definitions).raw().all() as [string, string][];
    // It says that nothing was made yet.
    if (made.length === 0) return held.keys().next().value;
    return made.find(([name, sql]) => held.get(name) !== sql)?.[0];
  } finally {
    fresh.close();
  }
}
