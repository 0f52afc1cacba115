/** Where damaged databases are kept byte for byte: `damaged/NAME-N` beside them. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';

export const SET_ASIDE_FOLDER = 'damaged';
/** What a database and the files beside it are called after its name. */
export const DATABASE_FILES = ['', '-wal', '-shm'] as const;

/** The folders of damaged files of that name that there are, oldest first, and the next one; makes none. */
export function asideFolders(folder: string, name: string): { made: string[]; next: string } {
  const made: string[] = [];
  for (let number = 1; ; number++) {
    const aside = join(folder, SET_ASIDE_FOLDER, `${name}-${number}`);
    if (!existsSync(aside)) return { made, next: aside };
    made.push(aside);
  }
}
