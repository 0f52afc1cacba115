/** A damaged series.db is replaced by what can be read of it, without anybody's doing. */
import { dirname } from 'node:path';
import type Database from 'better-sqlite3';
import { syncFolder } from '../../../common/folders.ts';
import { DamagedFileReader } from './damaged-file-reader.ts';
import { createStore, explainDatabaseError } from './open-database.ts';
import { salvage, type SalvageFigures, type SalvageOptions } from './salvage.ts';
import { clearSalvaged, salvagingPath, swapIn } from './series-swap.ts';

/** What is told of it, step by step. */
export type SalvageTold =
  | { step: 'begun'; finding: string }
  | { step: 'under way'; parts: number }
  /** `folder` has the damaged file, byte for byte. */
  | ({ step: 'done'; folder: string } & SalvageFigures);

export interface ReplaceOptions extends Omit<SalvageOptions, 'onProgress'> {
  /** What is damaged. */
  finding: string;
  onSalvage: (told: SalvageTold) => void;
}

/**
 * Nobody may have the store open.
 * @throws OperatingError DISK_FULL and what else keeps the new store from being made: all is as it was then
 */
export async function replaceDamaged({ finding, onSalvage, ...options }: ReplaceOptions): Promise<void> {
  const { path } = options;
  onSalvage({ step: 'begun', finding });
  clearSalvaged(path);
  try {
    const figures = await makeAnew({ ...options, onProgress: (parts) => onSalvage({ step: 'under way', parts }) });
    onSalvage({ step: 'done', ...figures, folder: swapIn(path) });
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
