/** Files with keys: written for their owner only, and not used when others can read them. */
import { closeSync, fstatSync, fsyncSync, openSync, readFileSync, renameSync, unlinkSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { ConfigError } from '../errors.ts';
import { syncFolder } from '../folders.ts';

/** A register of ten thousand edges is some 3 MB. */
const FILE_BYTES_MAX = 16 << 20;
const OTHERS = 0o077;

/**
 * @param what for people, e.g. "the edge's bundle"
 * @throws ConfigError when it can't be read, is too large, or group or world may read it
 */
export function readPrivateFile(path: string, what: string): string {
  return readWhole(path, what, true);
}

/** As readPrivateFile, for what everybody may know. */
export function readPublicFile(path: string, what: string): string {
  return readWhole(path, what, false);
}

function readWhole(path: string, what: string, isPrivate: boolean): string {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (cause) {
    const message = `${what}, ${path}, can't be read: ${(cause as Error).message}`;
    throw new ConfigError(message, 'name a file that is there and that this user may read', { cause });
  }
  try {
    const { mode, size } = fstatSync(file);
    if (isPrivate && process.platform !== 'win32' && (mode & OTHERS) !== 0) {
      const message = `${what}, ${path}, holds a key and others may read it (mode ${(mode & 0o777).toString(8)})`;
      throw new ConfigError(message, `chmod 600 ${path}; if anybody may have read it, revoke it and make another`);
    }
    if (size > FILE_BYTES_MAX) throw new ConfigError(`${what}, ${path}, is too large (${size} bytes)`, 'name the right file');
    return readFileSync(file, 'utf8');
  } finally {
    closeSync(file);
  }
}

/** Whole or not at all, and durable. Replaces what is there. */
export function replaceFile(path: string, text: string, mode: number): void {
  const next = `${path}.next`;
  try {
    unlinkSync(next);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  writeDurably(next, text, mode);
  renameSync(next, path);
  syncFolder(dirname(path));
}

/** @throws ConfigError when something is there already: a key is never written over. */
export function writeNewFile(path: string, text: string, mode: number): void {
  try {
    writeDurably(path, text, mode);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
    throw new ConfigError(`${path} is there already`, 'name a file that is not there; a key is never written over', { cause });
  }
  syncFolder(dirname(path));
}

/** A new file; its name is durable when the folder is synced. */
export function writeDurably(path: string, text: string, mode: number): void {
  const file = openSync(path, 'wx', mode);
  try {
    writeFileSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
