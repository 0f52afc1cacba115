/** What a cloud's file holds of each source, read with a few plain queries beside the program's own. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { inOrder, type MemorySeriesFile } from '../doubles/memory-series-file.ts';
import { SERIES_FILE } from '../../cloud/server/storage/open-database.ts';

export interface HeldSource {
  covered: [number, number][];
  declared: { from: number; to: number; reason: string }[];
  readings: number;
}

/** By household/device/src. Empty when there is no file. */
export function readCloudFile(stateDir: string): Map<string, HeldSource> {
  if (!existsSync(join(stateDir, SERIES_FILE))) return new Map();
  const database = new Database(join(stateDir, SERIES_FILE), { readonly: true });
  try {
    const sources = database
      .prepare(
        `SELECT sources.id, household || '/' || device || '/' || src AS key, covered, readings
         FROM sources JOIN devices ON devices.id = device_id JOIN households ON households.id = household_id ORDER BY key`,
      )
      .all() as { id: number; key: string; covered: string; readings: number }[];
    const gaps = database.prepare('SELECT from_seq AS "from", to_seq AS "to", reason FROM gaps WHERE source_id = ? ORDER BY from_seq');
    return new Map(
      sources.map(({ id, key, covered, readings }) => [
        key,
        { covered: JSON.parse(covered) as [number, number][], declared: gaps.all(id) as HeldSource['declared'], readings },
      ]),
    );
  } finally {
    database.close();
  }
}

/** The same of one in memory. */
export function heldOfMemory(file: MemorySeriesFile): Map<string, HeldSource> {
  const held = new Map<string, HeldSource>();
  for (const { household, devices } of file.inOrder()) {
    for (const { device, sources } of inOrder(devices)) {
      for (const { src, covered, gaps, readings } of inOrder(sources)) {
        const declared = gaps.map(({ from, to, reason }) => ({ from, to, reason })).sort((a, b) => a.from - b.from);
        held.set(`${household}/${device}/${src}`, { covered: covered.ranges(), declared, readings });
      }
    }
  }
  return held;
}

export function seqsOf([from, to]: readonly [number, number]): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}
