/** Makes a series.db what an older program has left: the same rows, without what later schemas added. */
import type Database from 'better-sqlite3';
import { type Owner, sealOfSource, type SourceRecord } from '../../cloud/server/storage/record-seals.ts';

const SEALED = ['field_sets', 'households', 'devices', 'sources', 'gaps', 'series', 'rollups'] as const;

export function makeOlder(database: Database.Database, schema: 1 | 2): void {
  for (const table of SEALED) database.exec(`ALTER TABLE ${table} DROP COLUMN seal`);
  database.exec('ALTER TABLE sources DROP COLUMN forgotten; DROP TABLE damaged');
  if (schema === 1) database.exec('ALTER TABLE parts DROP COLUMN seal');
  database.pragma(`user_version = ${schema}`);
}

/** Gives the sources with this src their seal, after somebody has changed them who knows what he does. */
export function sealSources(database: Database.Database, src: string): void {
  const named = `SELECT s.*, household, device FROM sources s JOIN devices d ON d.id = s.device_id
    JOIN households h ON h.id = d.household_id WHERE src = ?`;
  for (const row of database.prepare(named).all(src) as (Owner & SourceRecord)[])
    database.prepare('UPDATE sources SET seal = ? WHERE id = ?').run(sealOfSource(row, row), row.id);
}
