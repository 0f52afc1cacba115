/** A recording is never written over: what stands under its name, mostly that of a run that crashed, is kept beside it with a number. */
import { existsSync, renameSync, statSync } from 'node:fs';
import { ConfigError } from '../../../common/errors.ts';

/** Runs that crash again and again must not fill the folder for ever. */
export const KEPT_MAX = 1_000;

/**
 * @returns the new name of the earlier file, FILE.1 or the next number that is free; undefined when nothing is lost by writing
 * @throws ConfigError when that can't be done: nothing may be written then
 */
export function keepAside(file: string): string | undefined {
  if (!holdsSomething(file)) return undefined;
  for (let number = 1; number <= KEPT_MAX; number++) {
    const aside = `${file}.${number}`;
    if (existsSync(aside)) continue;
    try {
      renameSync(file, aside);
    } catch (cause) {
      const message = `the earlier recording ${file} can't be kept as ${aside}: ${(cause as Error).message}`;
      throw new ConfigError(message, 'record into another file', { cause });
    }
    return aside;
  }
  throw new ConfigError(`beside ${file} there are ${KEPT_MAX} earlier recordings`, 'move some away, or record into another file');
}

/** A device or a pipe keeps nothing. What can't be looked at can't be written either, which is told then. */
function holdsSomething(file: string): boolean {
  try {
    const earlier = statSync(file);
    return earlier.isFile() && earlier.size > 0;
  } catch {
    return false;
  }
}
