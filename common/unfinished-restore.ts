/**
 * A state into which `fogline restore` was moving files when it was cut off (kill -9, power cut) is half old and half new: no part starts
 * on it, and `fogline restore` finishes it.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { FOGLINE } from './installation.ts';
import { ConfigError } from './errors.ts';

/** Inside a state, while something is restored into it. */
export const RESTORE_FOLDER = 'restoring';
/** In that folder from the first moved file to the last one. */
export const MOVES_FILE = 'moves.json';

/** @throws ConfigError */
export function refuseUnfinishedRestore(stateDir: string): void {
  if (!existsSync(join(stateDir, RESTORE_FOLDER, MOVES_FILE))) return;
  const remedy = `let it finish: ${FOGLINE} restore DIR --state ${stateDir}, with the same DIR or any other`;
  throw new ConfigError(`a restore into ${stateDir} has not come to its end: what lies there is half old, half restored`, remedy);
}
