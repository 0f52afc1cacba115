/**
 * The last step of a restore: what is whole in the state's folder `restoring` takes its place, what was there is set aside. Written down
 * before the first file is moved, so whatever cuts it off, the next `fogline restore` goes on; until then no part starts.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from '../common/errors.ts';
import { reach } from '../common/failpoints.ts';
import { syncFolder, writeSmallFile } from '../common/folders.ts';
import { MOVES_FILE, RESTORE_FOLDER } from '../common/unfinished-restore.ts';
import { isOccupied } from './work-folder.ts';

/** In the folder `restoring`: the state's files, whole and synced. */
export const STAGED_FOLDER = 'files';

export interface Moves {
  /** Of the backup. */
  id: string;
  /** Names in the state's folder that are set aside where they are, and those of them that have another to take their place. */
  entries: readonly string[];
  brought: readonly string[];
  /** Folder in the state's, for what was there. */
  aside: string;
}

/** From here on the state is refused by every part, until the moves are done. */
export function writeMoves(stateDir: string, moves: Moves): void {
  const folder = join(stateDir, RESTORE_FOLDER);
  // By another name first: half of one is none.
  writeSmallFile(join(folder, `${MOVES_FILE}.next`), `${JSON.stringify(moves)}\n`);
  renameSync(join(folder, `${MOVES_FILE}.next`), join(folder, MOVES_FILE));
  syncFolder(folder);
}

/** Undefined where none are under way. */
export function readMoves(stateDir: string): Moves | undefined {
  const path = join(stateDir, RESTORE_FOLDER, MOVES_FILE);
  if (!existsSync(path)) return undefined;
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Moves;
  } catch (cause) {
    const remedy = `move ${stateDir} away and restore into an empty folder; what was there lies in it, or in its folder replaced-…`;
    throw new ConfigError(`${path} is damaged: nobody knows how far the restore came`, remedy, { cause });
  }
}

export function takeBackMoves(stateDir: string): void {
  const folder = join(stateDir, RESTORE_FOLDER);
  rmSync(join(folder, MOVES_FILE));
  syncFolder(folder);
}

/**
 * Does what is left of them.
 * @returns the folder in which the old files lie, undefined when there were none
 */
export function finishMoves(stateDir: string, moves: Moves): string | undefined {
  const staged = join(stateDir, RESTORE_FOLDER, STAGED_FOLDER);
  const aside = join(stateDir, moves.aside);
  for (const entry of moves.entries) {
    const isBrought = moves.brought.includes(entry);
    // Its turn has been.
    if (isBrought && !existsSync(join(staged, entry))) continue;
    setAside(stateDir, entry, aside);
    if (!isBrought) continue;
    reach('restore_inside_moves');
    renameSync(join(staged, entry), join(stateDir, entry));
    syncFolder(stateDir);
  }
  syncFolder(staged);
  reach('restore_after_moves_before_end');
  takeBackMoves(stateDir);
  reach('restore_after_end_before_clearing');
  return existsSync(aside) ? aside : undefined;
}

/** On the disk before another takes its name. */
function setAside(stateDir: string, entry: string, aside: string): void {
  const here = join(stateDir, entry);
  if (!existsSync(here)) return;
  if (!isOccupied(here)) {
    rmdirSync(here);
    return;
  }
  mkdirSync(aside, { recursive: true });
  renameSync(here, join(aside, entry));
  syncFolder(aside);
  syncFolder(stateDir);
}
