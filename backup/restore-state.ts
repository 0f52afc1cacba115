/**
 * A backup back into a state. All of it is verified first, then copied into a folder of the state's own, and only then takes its place:
 * until then nothing of the state has changed, and from then on it comes to its end, if need be by the next `fogline restore`.
 */
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Clock } from '../common/clock.ts';
import { ConfigError } from '../common/errors.ts';
import { reach } from '../common/failpoints.ts';
import { makeFolder, syncFolder, writeSmallFile } from '../common/folders.ts';
import { identityOf, isAlive, type ProcessIdentity } from '../common/process-identity.ts';
import { randomId } from '../common/random.ts';
import { RESTORE_FOLDER } from '../common/unfinished-restore.ts';
import { bytesOf, filesOf, readManifest, readOrRefuse, refuseNewerSchemas, verifyDatabases, verifyFiles } from './backup-files.ts';
import { compactTime } from './dated-backups.ts';
import { copyFile } from './file-copy.ts';
import type { BackupFile, Manifest } from './manifest.ts';
import { finishMoves, readMoves, STAGED_FOLDER, takeBackMoves, writeMoves } from './moves.ts';
import type { Progress } from './progress.ts';
import { refuseNoRoom, unusableBackup } from './refusals.ts';
import { DATABASES, ENTRIES, FENCES, LOCK_FILE, type StatePart } from './state-files.ts';
import { isInUse, isLocked } from './users.ts';
import { clear, isOccupied, syncTree } from './work-folder.ts';

const OWNER_FILE = 'owner.json';
/** Before it has its name. */
const BEGUN = new RegExp(`^${RESTORE_FOLDER}-[0-9a-f]{16}$`);

export interface RestoreOptions {
  dir: string;
  stateDir: string;
  /** Undefined: every part that the backup holds. */
  part: StatePart | undefined;
  /** Sets aside what is there. */
  force: boolean;
  /** Verifies, and restores nothing. */
  checkOnly: boolean;
  clock: Clock;
  progress: Progress;
}

export interface Restored {
  state: string;
  backup: string;
  id: string;
  at: string;
  parts: readonly StatePart[];
  bytes: number;
  /** Where what was there before lies. */
  aside: string | null;
  /** Files that were not taken from the backup, because the state that was there has newer ones that shut somebody out. */
  kept: readonly string[];
  damagedRows: number;
  /** checked: nothing was restored. finished: an earlier restore of this backup was brought to its end. */
  outcome: 'restored' | 'checked' | 'finished';
}

export class StateRestore {
  private readonly options: RestoreOptions;
  private kept: string[] = [];

  constructor(options: RestoreOptions) {
    this.options = options;
  }

  /** @throws ConfigError, OperatingError, Stopped; then the state is as it was, or has its moves written down */
  async perform(): Promise<Restored> {
    const { dir, stateDir, part, checkOnly, progress } = this.options;
    const finished = checkOnly ? undefined : this.finishEarlier();
    const manifest = readManifest(dir);
    const files = filesOf(manifest, dir, part);
    if (finished?.id === manifest.id) return this.summary(manifest, files, 'finished', finished.aside);
    refuseNewerSchemas(dir, files);
    if (!checkOnly) this.refuseState(partsOf(files));
    await verifyFiles(dir, files, progress);
    await verifyDatabases(dir, files, progress);
    if (checkOnly) return this.summary(manifest, files, 'checked', undefined);
    makeFolder(stateDir);
    refuseNoRoom(stateDir, bytesOf(files));
    const folder = this.takeRestoreFolder();
    try {
      await this.stage(join(folder, STAGED_FOLDER), files);
      const aside = this.move(folder, manifest, files);
      return this.summary(manifest, files, 'restored', aside);
    } finally {
      // With its moves written down it is the next one's to finish.
      if (readMoves(stateDir) === undefined) clear(folder);
    }
  }

  /** What an earlier restore was doing when it was cut off. */
  private finishEarlier(): { id: string; aside: string | undefined } | undefined {
    const { stateDir } = this.options;
    const folder = join(stateDir, RESTORE_FOLDER);
    if (!existsSync(folder)) return undefined;
    refuseOwner(folder);
    const moves = readMoves(stateDir);
    if (moves === undefined) return undefined;
    const aside = finishMoves(stateDir, moves);
    clear(folder);
    return { id: moves.id, aside };
  }

  private refuseState(parts: readonly StatePart[]): void {
    const { stateDir, force } = this.options;
    this.refuseUsers(parts);
    const there = parts.flatMap((part) => ENTRIES[part]).filter((entry) => isOccupied(join(stateDir, entry)));
    if (there.length === 0 || force) return;
    const remedy = 'name another folder with --state, or give --force: what is there is set aside, not deleted';
    throw new ConfigError(`${stateDir} holds a state already (${there.join(', ')})`, remedy);
  }

  private refuseUsers(parts: readonly StatePart[]): void {
    const { stateDir } = this.options;
    const holder = holderOf(stateDir);
    if (holder !== undefined) throw new ConfigError(`fogline run holds ${stateDir} ${holder}`, 'end it first (Ctrl-C)');
    const used = DATABASES.find(({ part, path }) => parts.includes(part) && isInUse(join(stateDir, path)));
    if (used !== undefined) throw inUse(stateDir, used.part, used.path);
    if (parts.includes('cloud') && isLocked(join(stateDir, LOCK_FILE))) throw inUse(stateDir, 'cloud', LOCK_FILE);
  }

  /** Of this process alone. */
  private takeRestoreFolder(): string {
    const { stateDir } = this.options;
    const folder = join(stateDir, RESTORE_FOLDER);
    for (const name of readdirSync(stateDir)) if (BEGUN.test(name) && !hasOwner(join(stateDir, name))) clear(join(stateDir, name));
    const next = `${folder}-${randomId()}`;
    mkdirSync(next, { mode: 0o700 });
    writeSmallFile(join(next, OWNER_FILE), JSON.stringify(identityOf(process.pid)));
    try {
      if (existsSync(folder)) {
        refuseOwner(folder);
        clear(folder);
      }
      // Refused by the system when somebody was quicker.
      renameSync(next, folder);
    } catch (cause) {
      clear(next);
      throw cause instanceof ConfigError ? cause : underWay(folder, cause);
    }
    syncFolder(stateDir);
    return folder;
  }

  private async stage(staged: string, files: readonly BackupFile[]): Promise<void> {
    const { dir, stateDir, progress } = this.options;
    mkdirSync(staged);
    progress.begin('copying', bytesOf(files));
    reach('restore_before_copy');
    for (const { path, mode, sha256 } of files) {
      const target = join(staged, path);
      mkdirSync(dirname(target), { recursive: true });
      const copied = await readOrRefuse(join(dir, path), () =>
        copyFile(join(dir, path), target, mode, (bytes) => {
          reach('restore_inside_copy');
          progress.went(bytes);
        }),
      );
      if (copied.sha256 !== sha256) throw unusableBackup(join(dir, path), 'was changed, or can not be read reliably');
      // What the process may not give (umask) it had.
      chmodSync(target, mode);
    }
    for (const { path } of files) if (path in FENCES) this.keepFence(path, join(staged, path));
    giveToOwnerOf(stateDir, staged);
    syncTree(staged);
    reach('restore_after_copy_before_moves');
  }

  /** What was shut since the backup stays shut. */
  private keepFence(path: string, target: string): void {
    const present = join(this.options.stateDir, path);
    const shape = FENCES[path];
    if (shape === undefined || !existsSync(present)) return;
    const text = readFileSync(present, 'utf8');
    // One that is damaged shuts out nobody, or everybody.
    if (!shape.test(text)) return;
    const { mode } = statSync(present);
    writeSmallFile(target, text);
    chmodSync(target, mode & 0o777);
    this.kept.push(path);
  }

  private move(folder: string, manifest: Manifest, files: readonly BackupFile[]): string | undefined {
    const { stateDir, clock } = this.options;
    const parts = partsOf(files);
    const entries = parts.flatMap((part) => ENTRIES[part]);
    const aside = freeName(stateDir, `replaced-${compactTime(clock.nowMs())}`);
    const moves = { id: manifest.id, entries, brought: readdirSync(join(folder, STAGED_FOLDER)), aside };
    writeMoves(stateDir, moves);
    try {
      reach('restore_after_moves_are_written');
      // A part that starts from here on is refused; one that started before has its files open.
      this.refuseUsers(parts);
    } catch (error) {
      takeBackMoves(stateDir);
      throw error;
    }
    return finishMoves(stateDir, moves);
  }

  private summary(manifest: Manifest, files: readonly BackupFile[], outcome: Restored['outcome'], aside: string | undefined): Restored {
    const { dir: backup, stateDir: state } = this.options;
    const { id, at } = manifest;
    const damagedRows = files.reduce((sum, file) => sum + (file.damagedRows ?? 0), 0);
    const parts = partsOf(files);
    return { state, backup, id, at, parts, bytes: bytesOf(files), aside: aside ?? null, kept: this.kept, damagedRows, outcome };
  }
}

/** The name, or with a number behind it where a restore of the same second has taken it. */
function freeName(folder: string, wanted: string): string {
  let name = wanted;
  for (let number = 2; existsSync(join(folder, name)); number++) name = `${wanted}-${number}`;
  return name;
}

function partsOf(files: readonly BackupFile[]): StatePart[] {
  return [...new Set(files.map(({ part }) => part))];
}

/** @throws ConfigError when it is another living process's */
function refuseOwner(folder: string): void {
  if (hasOwner(folder)) throw underWay(folder);
}

function hasOwner(folder: string): boolean {
  const owner = readJson(join(folder, OWNER_FILE)) as ProcessIdentity | undefined;
  return typeof owner?.pid === 'number' && isAlive(owner);
}

function underWay(folder: string, cause?: unknown): ConfigError {
  return new ConfigError(`another fogline restore works in ${folder}`, 'let it come to its end', { cause });
}

function inUse(stateDir: string, part: StatePart, path: string): ConfigError {
  const what = part === 'edge' ? 'an edge (or a simulator)' : 'a cloud server';
  const remedy = `stop it first: ${part === 'edge' ? 'systemctl stop fogline-edge@ID' : 'systemctl stop fogline-cloud'}, or Ctrl-C`;
  return new ConfigError(`${what} runs on ${stateDir}: it has ${path} open`, remedy);
}

/** Where a `fogline run` on the state is to be found; undefined when there is none. */
function holderOf(stateDir: string): string | undefined {
  const lock = readJson(join(stateDir, 'run.lock')) as { run?: ProcessIdentity; url?: string } | undefined;
  if (typeof lock?.run?.pid !== 'number' || !isAlive(lock.run)) return undefined;
  return lock.url === undefined || lock.url === '' ? `as process ${lock.run.pid}` : `at ${lock.url}`;
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

/** Root restores for the user whose state it is: a part that may not write its files would not start. */
function giveToOwnerOf(stateDir: string, staged: string): void {
  const { uid, gid } = statSync(stateDir);
  if (process.getuid?.() !== 0 || uid === 0) return;
  chownSync(staged, uid, gid);
  for (const name of readdirSync(staged, { recursive: true, encoding: 'utf8' })) chownSync(join(staged, name), uid, gid);
}
