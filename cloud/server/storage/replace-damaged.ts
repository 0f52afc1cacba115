/** A damaged series.db is replaced by what can be read of it, without anybody's doing. */
import { closeSync, constants, copyFileSync, existsSync, openSync, readFileSync, statSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import type Database from 'better-sqlite3';
import { syncFolder } from '../../../common/folders.ts';
import { DamagedFileReader } from './damaged-file-reader.ts';
import { createStore, explainDatabaseError, PAGE_BYTES } from './open-database.ts';
import { salvage, type SalvageFigures, type SalvageOptions } from './salvage.ts';
import { clearCopy, clearSalvaged, copyPath, salvagingPath, swapIn } from './series-swap.ts';

/** Places in the header of a database: a count of its changes, that at which the number of pages was written, and this number. */
const CHANGES_AT = 24;
const PAGES_AT = 28;
const VALID_FOR_AT = 92;

/** What is told of it, step by step. */
export type SalvageTold =
  | { step: 'begun'; finding: string }
  | { step: 'under way'; parts: number }
  /** The new one is whole; it does not have its place yet. */
  | ({ step: 'made' } & SalvageFigures)
  /** `folder` has the damaged file, byte for byte. */
  | ({ step: 'done'; folder: string } & SalvageFigures)
  /** A start that was killed after 'made' could not tell of its end: this one has come to it. */
  | { step: 'finished'; folder: string };

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
    onSalvage({ step: 'made', ...figures });
    onSalvage({ step: 'done', ...figures, folder: swapIn(path) });
  } catch (error) {
    throw explainDatabaseError(error, path);
  }
}

async function makeAnew(options: SalvageOptions): Promise<SalvageFigures> {
  const { path } = options;
  let reader: DamagedFileReader | undefined;
  let database: Database.Database | undefined;
  let figures: SalvageFigures | undefined;
  try {
    database = createStore(salvagingPath(path));
    database.pragma('wal_checkpoint(TRUNCATE)');
    reader = readerOf(path);
    figures = await salvage(reader, database, options);
    // What is left to the end of the connection is not told when the disk is full.
    database.pragma('wal_checkpoint(TRUNCATE)');
    return figures;
  } finally {
    database?.close();
    reader?.close();
    if (figures === undefined) clearSalvaged(path);
    else clearCopy(path);
    syncFolder(dirname(path));
  }
}

/**
 * The first page, with the header and the list of the tables, is the same in every store but for their size: where it is damaged, a copy of
 * the file is read that has the one of the new store.
 */
function readerOf(path: string): DamagedFileReader {
  const reader = new DamagedFileReader(path);
  const pages = Math.floor(statSync(path).size / PAGE_BYTES);
  if (reader.hasTables || pages < 2) return reader;
  reader.close();
  const copy = copyPath(path);
  copyFileSync(path, copy, constants.COPYFILE_FICLONE);
  if (existsSync(`${path}-wal`)) copyFileSync(`${path}-wal`, `${copy}-wal`, constants.COPYFILE_FICLONE);
  const first = readFileSync(salvagingPath(path)).subarray(0, PAGE_BYTES);
  first.writeUInt32BE(pages, PAGES_AT);
  // Else the number of pages is not believed.
  first.copy(first, VALID_FOR_AT, CHANGES_AT, CHANGES_AT + 4);
  const descriptor = openSync(copy, 'r+');
  try {
    writeSync(descriptor, first, 0, PAGE_BYTES, 0);
  } finally {
    closeSync(descriptor);
  }
  return new DamagedFileReader(copy);
}
