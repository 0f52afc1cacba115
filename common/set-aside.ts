/** Where damaged databases are kept byte for byte: `damaged/NAME-N` beside them. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

export const SET_ASIDE_FOLDER = 'damaged';
/** What a database and the files beside it are called after its name. */
export const DATABASE_FILES = ['', '-wal', '-shm'] as const;
const NUMBER = /^[1-9][0-9]{0,14}$/;

/** The folders of damaged files of that name that there are, oldest first, and the next one; makes none. */
export function asideFolders(folder: string, name: string): { made: string[]; next: string } {
  const all = join(folder, SET_ASIDE_FOLDER);
  const start = `${name}-`;
  const numbers = namesIn(all)
    .filter((each) => each.startsWith(start) && NUMBER.test(each.slice(start.length)))
    .map((each) => Number(each.slice(start.length)))
    .sort((a, b) => a - b);
  const of = (number: number) => join(all, `${start}${number}`);
  // Not the first number that is free: of one whose folder a person has deleted, an older one would be taken for the newest.
  return { made: numbers.map(of), next: of((numbers.at(-1) ?? 0) + 1) };
}

/** How many there are; none where nobody may look. */
export function countAside(folder: string, name: string): number {
  try {
    return asideFolders(folder, name).made.length;
  } catch {
    return 0;
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
