/** Where storms keep their databases, and copies of them. */
import { accessSync, constants, copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Linux's folder in memory: an fsync costs nothing there, and a storm has thousands that no power cut will test. */
const MEMORY_FOLDER = '/dev/shm';

export function makeStormFolder(): string {
  return mkdtempSync(join(isWritable(MEMORY_FOLDER) ? MEMORY_FOLDER : tmpdir(), 'fogline-storm-'));
}

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * Copies a folder with databases between two transactions, their write-ahead logs with them: what a backup of the disk
 * gives. The copy takes the place of what was there. False when there is nothing to copy.
 */
export function copyFolder(from: string, to: string): boolean {
  if (!existsSync(from)) return false;
  rmSync(to, { recursive: true, force: true });
  mkdirSync(to, { recursive: true });
  for (const name of readdirSync(from)) if (!name.endsWith('-shm')) copyFileSync(join(from, name), join(to, name));
  return true;
}
