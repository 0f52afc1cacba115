/**
 * One backup of a state, made while its parts run and write. It has its name only when all of it is copied, checked and on the disk;
 * before, it lies beside under another, and the next backup clears what a killed one left.
 */
import { chmodSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { MS_PER_SECOND } from '../common/units.ts';
import type { Clock } from '../common/clock.ts';
import { ConfigError, OperatingError } from '../common/errors.ts';
import { reach } from '../common/failpoints.ts';
import { syncFolder } from '../common/folders.ts';
import { isoTime } from '../common/iso-time.ts';
import { randomId } from '../common/random.ts';
import { refuseUnfinishedRestore } from '../common/unfinished-restore.ts';
import { VERSION } from '../common/version.ts';
import { bytesOf } from './backup-files.ts';
import { checkDatabase, type CheckedDatabase, NotSound } from './database-check.ts';
import { datedName, forgetOldest, isDatedName } from './dated-backups.ts';
import { OWNER_ONLY, sha256Of, writeNew } from './file-copy.ts';
import { type BackupFile, MANIFEST_FILE, manifestText, newManifest } from './manifest.ts';
import type { Progress } from './progress.ts';
import { damagedRowsInSource, damagedSource, refuseNoRoom } from './refusals.ts';
import { noteDamage, settle, type Snapshot, takeSnapshot } from './snapshots.ts';
import { DATABASES, FILES_AFTER, FILES_BEFORE, type PlainFile, STATE_PARTS, type StatePart, SUSPECT_FILE } from './state-files.ts';
import { beginBeside, clear, isOccupied, syncTree } from './work-folder.ts';

const PERMISSIONS = 0o777;

export interface BackupOptions {
  stateDir: string;
  /** The backup's own folder; with keep the folder of dated ones. */
  dir: string;
  /** Undefined: every part that is there. */
  part: StatePart | undefined;
  /** Backups that stay in dir, this one among them. */
  keep: number | undefined;
  withDamage: boolean;
  clock: Clock;
  progress: Progress;
}

export interface MadeBackup {
  backup: string;
  id: string;
  at: string;
  parts: StatePart[];
  files: number;
  bytes: number;
  damagedRows: number;
  /** Older ones that were removed. */
  removed: string[];
}

export class BackupMaker {
  private readonly options: BackupOptions;
  private readonly files: BackupFile[] = [];
  private work = '';

  constructor(options: BackupOptions) {
    this.options = options;
  }

  /** @throws ConfigError, OperatingError, Stopped; then nothing is left of it */
  async make(): Promise<MadeBackup> {
    const { stateDir, dir, keep, clock } = this.options;
    refuseUnfinishedRestore(stateDir);
    // A dated name is a second's: the second backup of one waits for the next.
    if (keep !== undefined && isOccupied(join(dir, datedName(clock.nowMs())))) await clock.sleep(MS_PER_SECOND);
    const atMs = clock.nowMs();
    const target = keep === undefined ? dir : join(dir, datedName(atMs));
    if (isOccupied(target)) throw new ConfigError(`${target} is there already`, 'name a folder that is not there, or give --keep N');
    this.work = this.beginWork(target);
    try {
      await this.copyState();
      const made = this.name(target, atMs);
      reach('backup_after_name_before_forgetting');
      return { ...made, removed: keep === undefined ? [] : forgetOldest(dir, keep, target) };
    } finally {
      clear(this.work);
    }
  }

  private beginWork(target: string): string {
    try {
      return beginBeside(target, isDatedName);
    } catch (cause) {
      if (!(cause instanceof ConfigError)) throw cause;
      throw new ConfigError(cause.message, 'name a folder for the backup that this user may write, or one that can be made', { cause });
    }
  }

  private async copyState(): Promise<void> {
    reach('backup_before_snapshots');
    this.copyFiles(FILES_BEFORE);
    const snapshots = this.takeSnapshots();
    try {
      this.copyFiles(FILES_AFTER);
      this.refuseNothing(snapshots);
      refuseNoRoom(this.work, bytesOf(snapshots), dirname(this.work));
      await this.copySnapshots(snapshots);
    } finally {
      for (const snapshot of snapshots) snapshot.release();
    }
    reach('backup_after_copies_before_check');
    await this.checkCopies(snapshots);
  }

  private wants(part: StatePart): boolean {
    return this.options.part === undefined || this.options.part === part;
  }

  private copyFiles(plain: readonly PlainFile[]): void {
    const { stateDir } = this.options;
    for (const { part, folder, name } of plain) {
      if (!this.wants(part)) continue;
      const names = namesIn(join(stateDir, folder)).filter((its) => name.test(its));
      for (const its of names.sort()) this.copyPlain(part, folder === '' ? its : `${folder}/${its}`);
    }
  }

  /** Small files, each replaced as a whole by who writes it; a list that lines are added to ends with its last whole line. */
  private copyPlain(part: StatePart, path: string): void {
    const source = join(this.options.stateDir, path);
    let bytes: Buffer;
    let mode: number;
    try {
      bytes = readFileSync(source);
      mode = statSync(source).mode & PERMISSIONS;
    } catch (error) {
      // It is gone since it was listed.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      throw new ConfigError(`${source} can't be read: ${(error as Error).message}`, 'run this as the user that the part runs as');
    }
    if (path.endsWith('.jsonl')) bytes = bytes.subarray(0, bytes.lastIndexOf('\n') + 1);
    writeNew(this.place(path), bytes);
    this.files.push({ path, part, bytes: bytes.length, sha256: '', mode });
  }

  private takeSnapshots(): Snapshot[] {
    const { stateDir } = this.options;
    if (this.wants('edge') && isOccupied(join(stateDir, SUSPECT_FILE)))
      throw damagedSource(
        join(stateDir, 'edge/outbox.db'),
        'the edge met damage in it and has ended; start it once: it sets the file aside',
      );
    const taken: Snapshot[] = [];
    try {
      for (const file of DATABASES) {
        if (!this.wants(file.part)) continue;
        const snapshot = takeSnapshot(stateDir, file);
        if (snapshot !== undefined) taken.push(snapshot);
        reach('backup_between_snapshots');
      }
      return taken;
    } catch (error) {
      for (const snapshot of taken) snapshot.release();
      throw error;
    }
  }

  private refuseNothing(snapshots: readonly Snapshot[]): void {
    const { stateDir, part } = this.options;
    if (snapshots.length > 0) return;
    const what = part === undefined ? 'nothing to back up' : `nothing of ${part === 'edge' ? 'an edge' : 'a cloud server'}`;
    const hint = 'give --state the folder of an edge, of a cloud server, or of a run';
    throw new OperatingError('DATA_UNREADABLE', `there is ${what} in ${stateDir}`, { retryable: false, hint });
  }

  private async copySnapshots(snapshots: readonly Snapshot[]): Promise<void> {
    const { progress } = this.options;
    progress.begin('copying', bytesOf(snapshots));
    for (const snapshot of snapshots) {
      const { path } = snapshot.file;
      await snapshot.copyTo(this.place(path), (bytes) => {
        reach('backup_inside_copy');
        progress.went(bytes);
      });
      snapshot.release();
      chmodSync(join(this.work, path), OWNER_ONLY);
    }
  }

  private async checkCopies(snapshots: readonly Snapshot[]): Promise<void> {
    const { stateDir, progress } = this.options;
    progress.begin('checking', bytesOf(snapshots));
    for (const { file, bytes, identity } of snapshots) {
      const checked = await this.check(file.path, identity, () => checkDatabase(join(this.work, file.path), file, () => progress.went(0)));
      const mode = statSync(join(stateDir, file.path), { throwIfNoEntry: false })?.mode ?? OWNER_ONLY;
      const { schema, damagedRows } = checked;
      const its = { path: file.path, part: file.part, bytes: 0, sha256: '', mode: mode & PERMISSIONS, schema };
      this.files.push(damagedRows === 0 ? its : { ...its, damagedRows });
      progress.went(bytes);
      settle(stateDir, file);
    }
    for (const file of this.files) Object.assign(file, await sha256Of(join(this.work, file.path), () => progress.went(0)));
  }

  private async check(path: string, identity: string | undefined, look: () => Promise<CheckedDatabase>): Promise<CheckedDatabase> {
    const { stateDir, withDamage } = this.options;
    const source = join(stateDir, path);
    let checked: CheckedDatabase;
    try {
      checked = await look();
    } catch (error) {
      if (!(error instanceof NotSound)) throw error;
      noteDamage(stateDir, path, identity, error.message);
      throw damagedSource(source, error.message, error);
    }
    const { damagedRows, firstDamaged } = checked;
    if (damagedRows === 0 || withDamage) return checked;
    const finding = `the checksum of ${damagedRows} rows does not hold: ${firstDamaged.join('; ')}`;
    noteDamage(stateDir, path, identity, finding);
    throw damagedRowsInSource(source, finding);
  }

  /** From here on it is a backup. */
  private name(target: string, atMs: number): Omit<MadeBackup, 'removed'> {
    const { files } = this;
    const parts = STATE_PARTS.filter((part) => files.some((file) => file.part === part));
    const id = randomId();
    const at = isoTime(atMs);
    reach('backup_before_manifest');
    const manifest = newManifest({ id, version: VERSION, at, state: this.options.stateDir, parts, files });
    writeNew(join(this.work, MANIFEST_FILE), Buffer.from(manifestText(manifest)));
    syncTree(this.work);
    reach('backup_after_manifest_before_name');
    try {
      renameSync(this.work, target);
    } catch (cause) {
      // Another backup was quicker, or the folder is a mount.
      const message = `the backup can't get the name ${target}: ${(cause as Error).message}`;
      throw new ConfigError(message, 'name a folder that is not there', { cause });
    }
    syncFolder(dirname(target));
    const damagedRows = files.reduce((sum, its) => sum + (its.damagedRows ?? 0), 0);
    return { backup: target, id, at, parts, files: files.length, bytes: bytesOf(files), damagedRows };
  }

  private place(path: string): string {
    const target = join(this.work, path);
    mkdirSync(dirname(target), { recursive: true, mode: 0o700 });
    return target;
  }
}

function namesIn(folder: string): string[] {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => (entry.isFile() ? [entry.name] : []));
}
