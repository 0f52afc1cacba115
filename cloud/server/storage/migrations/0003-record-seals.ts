/**
 * A checksum in every record beside the parts (record-seals.ts), and in every bucket. What is there is sealed as it is, but for a source
 * whose record contradicts itself: it gets a seal that does not hold, and is made anew from its parts at the start. Buckets that are there
 * have none until they are written again: there may be a hundred million.
 */
import type Database from 'better-sqlite3';
import { SeqIntervals } from '../../../../common/protocol/seq-intervals.ts';
import { sealOfRow } from '../../../../common/row-seal.ts';
import {
  type GapRecord,
  type HouseholdRecord,
  type Owner,
  sealOfDevice,
  sealOfGap,
  sealOfHousehold,
  sealOfSeriesName,
  sealOfSource,
  sealOfTotals,
  type SeriesRecord,
  type SourceRecord,
} from '../record-seals.ts';

const COLUMNS = `
ALTER TABLE field_sets ADD COLUMN seal INTEGER;
ALTER TABLE households ADD COLUMN seal INTEGER;
ALTER TABLE devices ADD COLUMN seal INTEGER;
ALTER TABLE sources ADD COLUMN forgotten TEXT NOT NULL DEFAULT '';
ALTER TABLE sources ADD COLUMN seal INTEGER;
ALTER TABLE gaps ADD COLUMN seal INTEGER;
ALTER TABLE series ADD COLUMN seal INTEGER;
ALTER TABLE rollups ADD COLUMN seal INTEGER;
-- Rows that were set aside, byte for byte.
CREATE TABLE damaged (
  id       INTEGER PRIMARY KEY,
  found_ms INTEGER NOT NULL,
  place    TEXT NOT NULL,
  row      BLOB NOT NULL
) STRICT;
`;

const NO_SEAL = -1;

export function addRecordSeals(database: Database.Database): void {
  database.exec(COLUMNS);
  const sealSet = database.prepare('UPDATE field_sets SET seal = ? WHERE id = ?');
  for (const { id, fields } of database.prepare('SELECT id, fields FROM field_sets').all() as { id: number; fields: string }[])
    sealSet.run(sealOfRow([id, fields]), id);
  const seal = (table: string) => database.prepare(`UPDATE ${table} SET seal = ? WHERE id = ?`);
  const [households, devices, sources, series] = ['households', 'devices', 'sources', 'series'].map(seal) as Four;
  for (const row of database.prepare('SELECT * FROM households').all() as HouseholdRecord[]) households.run(sealOfHousehold(row), row.id);
  for (const { id, ...owner } of database.prepare(`SELECT d.id, ${NAMES} ORDER BY d.id`).all() as (Owner & { id: number })[])
    devices.run(sealOfDevice(id, owner), id);
  const ofSource = `SELECT s.*, ${NAMES} JOIN sources s ON s.device_id = d.id`;
  for (const row of database.prepare(ofSource).all() as (Owner & SourceRecord)[])
    sources.run(isConsistent(row) ? sealOfSource(row, row) : NO_SEAL, row.id);
  const ofSeries = `SELECT s.*, ${NAMES} JOIN series s ON s.device_id = d.id`;
  for (const row of database.prepare(ofSeries).all() as (Owner & SeriesRecord)[])
    series.run(sealOfTotals(sealOfSeriesName(row.id, row, row.field), row.count, row.energy_ws, row.window_count, row.last_ms), row.id);
  const ofGap = `SELECT g.*, src, ${NAMES} JOIN sources s ON s.device_id = d.id JOIN gaps g ON g.source_id = s.id`;
  const gaps = database.prepare('UPDATE gaps SET seal = ? WHERE source_id = ? AND from_seq = ?');
  for (const row of database.prepare(ofGap).all() as (Owner & GapRecord & { src: string })[])
    gaps.run(sealOfGap(row, row.src, row), row.source_id, row.from_seq);
}

const NAMES = 'household, device FROM devices d JOIN households h ON h.id = d.household_id';
type Four = [Database.Statement, Database.Statement, Database.Statement, Database.Statement];

/** Every seq that is stored is one reading. */
function isConsistent({ covered, readings }: SourceRecord): boolean {
  try {
    return SeqIntervals.of(JSON.parse(covered) as [number, number][]).size === readings;
  } catch {
    return false;
  }
}
