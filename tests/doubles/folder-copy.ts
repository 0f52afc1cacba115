/** Folders that are emptied and filled while they stay where they are: a disk may be mounted there. */
import { cpSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** Afterwards `to` holds what is in `from`, and nothing else. */
export function copyFolder(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  emptyFolder(to);
  cpSync(from, to, { recursive: true });
}

export function emptyFolder(folder: string): void {
  for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true });
}
