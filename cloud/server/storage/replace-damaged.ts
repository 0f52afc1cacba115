/** A damaged series.db is replaced by what can be read of it, without anybody's doing. */
import { dirname } from 'node:path';
import type Database from 'better-sqlite3';
import { syncFolder } from '../../../common/folders.ts';
import { DamagedFileReader } from './damaged-file-reader.ts';
import { createStore, explainDatabaseError } from './open-database.ts';
import { salvage, type SalvageFigures, type SalvageOptions } from './salvage.ts';
import { clearSalvaged, salvagingPath, swapIn } from './series-swap.ts';

export interface Salvaged extends SalvageFigures {
  /** Where the damaged file is, byte for byte. */
  folder: string;
}

/**
 * Nobody may have the store open.
 * @throws OperatingError DISK_FULL and what else keeps the new store from being made: all is as it was then
 */
export async function replaceDamaged(options: SalvageOptions): Promise<Salvaged> {
  const { path } = options;
  clearSalvaged(path);
  try {
    const figures = await makeAnew(options);
    return { ...figures, folder: swapIn(path) };
  } catch (error) {
    throw explainDatabaseError(error, path);
  }
}

async function makeAnew(options: SalvageOptions): Promise<SalvageFigures> {
  const { path } = options;
  const reader = new DamagedFileReader(path);
  let database: Database.Database | undefined;
  let figures: SalvageFigures | undefined;
  try {
    database = createStore(salvagingPath(path));
    figures = await salvage(reader, database, options);
    // What is left to the end of the connection is not told when the disk is full.
    database.pragma('wal_checkpoint(TRUNCATE)');
    return figures;
  } finally {
    database?.close();
    reader.close();
    if (figures === undefined) clearSalvaged(path);
    syncFolder(dirname(path));
  }
}
