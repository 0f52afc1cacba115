/** Backups and restores by the classes of the product, without a process of their own. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BackupMaker, type BackupOptions, type MadeBackup } from '../../backup/make-backup.ts';
import { Progress } from '../../backup/progress.ts';
import { type Restored, type RestoreOptions, StateRestore } from '../../backup/restore-state.ts';
import { systemClock } from '../../common/clock.ts';

const untold = (signal = new AbortController().signal) => new Progress(systemClock, signal, () => undefined);

export function backUp(stateDir: string, dir: string, more: Partial<BackupOptions> = {}): Promise<MadeBackup> {
  const usual = { part: undefined, keep: undefined, withDamage: false, clock: systemClock, progress: untold() };
  return new BackupMaker({ stateDir, dir, ...usual, ...more }).make();
}

export function restoreInto(stateDir: string, dir: string, more: Partial<RestoreOptions> = {}): Promise<Restored> {
  const usual = { part: undefined, force: false, checkOnly: false, clock: systemClock, progress: untold() };
  return new StateRestore({ stateDir, dir, ...usual, ...more }).perform();
}

export function stoppedBy(signal: AbortSignal): Progress {
  return untold(signal);
}

/** Every file below, with its bytes: two trees are the same, or not. An empty log of SQLite's, which a reader leaves, is as none. */
export function treeOf(folder: string): Map<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = files.map(({ parentPath, name }) => join(parentPath, name)).sort();
  const contents = paths.map((path) => [path.slice(folder.length + 1), readFileSync(path, 'latin1')] as const);
  return new Map(contents.filter(([path, content]) => !path.endsWith('-shm') && !(path.endsWith('-wal') && content === '')));
}
