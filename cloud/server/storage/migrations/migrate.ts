/** Numbered migrations; PRAGMA user_version holds the number of the last one that was run. */
import type Database from 'better-sqlite3';
import { ConfigError } from '../../../../common/errors.ts';
import { SERIES_SCHEMA } from './0001-series.ts';
import { PART_SEALS } from './0002-part-seals.ts';

/** In order, never changed after a release: a change of the schema is a further one. */
const MIGRATIONS: readonly string[] = [SERIES_SCHEMA, PART_SEALS];

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
export function migrate(database: Database.Database): void {
  for (let version = schemaVersion(database); version < SCHEMA_VERSION; version++) {
    database
      .transaction(() => {
        if (schemaVersion(database) !== version) return;
        database.exec(MIGRATIONS[version] as string);
        database.pragma(`user_version = ${version + 1}`);
      })
      .immediate();
  }
}
