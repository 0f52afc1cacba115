/** Folders in which a command works, named after its process: what a killed one left is known for what it is, and cleared by the next. */
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { makeFolder, syncFolder } from '../common/folders.ts';
import { identityOf, isAlive } from '../common/process-identity.ts';

const OWNER_ONLY = 0o700;
const UNFINISHED = /^(.+)\.unfinished-(\d+)-(\w+)$/;

/**
 * Makes an empty folder beside the target, and clears those that killed processes left for the same target.
 * @param isSame whether another target is of the same kind, by its name
 */
export function beginBeside(target: string, isSame: (name: string) => boolean): string {
  const folder = dirname(target);
  makeFolder(folder);
  for (const name of readdirSync(folder)) {
    const [, its = '', pid, startedAt] = UNFINISHED.exec(name) ?? [];
    if (its !== basename(target) && !isSame(its)) continue;
    if (!isAlive({ pid: Number(pid), startedAt: startedAt === 'none' ? null : (startedAt ?? null) })) clear(join(folder, name));
  }
  const work = unfinishedName(target);
  clear(work);
  mkdirSync(work, { mode: OWNER_ONLY });
  return work;
}

/** Takes the folder away in a way that leaves nothing which looks whole, wherever this is cut off. */
export function removeWhole(folder: string, renamed: (from: string, to: string) => void): void {
  const work = unfinishedName(folder);
  renamed(folder, work);
  syncFolder(dirname(folder));
  clear(work);
}

export function clear(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}

/** The folder, and all names in it and below, are on the disk afterwards. */
export function syncTree(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) if (entry.isDirectory()) syncTree(join(folder, entry.name));
  syncFolder(folder);
}

/** Is there, and has something in it. */
export function isOccupied(path: string): boolean {
  try {
    return !statSync(path).isDirectory() || readdirSync(path).length > 0;
  } catch (error) {
    // Nothing is there, and below a file nothing can be.
    if (/^(ENOENT|ENOTDIR)$/.test((error as NodeJS.ErrnoException).code ?? '')) return false;
    throw error;
  }
}

function unfinishedName(target: string): string {
  const { pid, startedAt } = identityOf(process.pid);
  return `${target}.unfinished-${pid}-${startedAt ?? 'none'}`;
}
