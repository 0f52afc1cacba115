/** Makes folders, and refuses what can't be one. */
import { accessSync, closeSync, constants, existsSync, fsyncSync, mkdirSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { ConfigError, OperatingError } from './errors.ts';

/**
 * Makes the folder and those above it, where they are missing. It is writable afterwards, and a new one survives a power cut: what is
 * synced into a folder whose name is not on the disk is lost with it.
 *
 * Not by one recursive call: that one tries for ever where the system says "no such file" of a folder that is there (/proc).
 * @throws ConfigError when it can't be made or written; OperatingError DISK_FULL
 */
export function makeFolder(path: string): void {
  try {
    make(path);
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOSPC') throw diskFull(path, cause);
    const message = `${path} can't be used as a folder: ${(cause as Error).message}`;
    throw new ConfigError(message, 'give --state a folder that this user may write, or one that can be made', { cause });
  }
}

function make(path: string): void {
  if (isFolder(path)) return;
  const above = dirname(path);
  if (above !== path) make(above);
  try {
    mkdirSync(path);
  } catch (error) {
    // Another process may have been first.
    if (!isFolder(path)) throw error;
  }
  syncFolder(above);
}

/** Makes names in the folder durable. */
export function syncFolder(folder: string): void {
  // Windows has no such call on folders.
  if (process.platform !== 'win32') syncFile(folder);
}

/** What was written to it before is on the disk afterwards, whoever wrote it. */
export function syncFile(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * True for a file without a byte where one was begun before: to a database that is the same as none, and it would be begun anew without
 * a word. A file that is gone is no damage: somebody has moved it away.
 */
export function isEmptied(file: string): boolean {
  return statSync(file, { throwIfNoEntry: false })?.size === 0 && existsSync(begunMark(file));
}

/** To be called when the file has been begun. */
export function markBegun(file: string): void {
  if (!existsSync(begunMark(file))) writeSmallFile(begunMark(file), '');
}

/**
 * In the place of the one that is there, and synced; its name only when the folder is (syncFolder). A power cut in between leaves none, or
 * an empty one.
 * @throws OperatingError DISK_FULL
 */
export function writeSmallFile(file: string, text: string): void {
  try {
    rmSync(file, { force: true });
    const descriptor = openSync(file, 'wx');
    try {
      if (text !== '') writeSync(descriptor, Buffer.from(text), 0, Buffer.byteLength(text), 0);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  } catch (cause) {
    throw (cause as NodeJS.ErrnoException).code === 'ENOSPC' ? diskFull(file, cause) : cause;
  }
}

function begunMark(file: string): string {
  return `${file}-begun`;
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

function diskFull(path: string, cause: unknown): OperatingError {
  const hint = 'make room on the disk, or name another folder with --state';
  return new OperatingError('DISK_FULL', `no space for ${path}`, { retryable: true, hint, cause });
}
