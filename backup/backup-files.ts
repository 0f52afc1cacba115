/** A backup as it lies on the disk: its manifest, and whether each file is what the manifest says. Nothing is written. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from '../common/errors.ts';
import { checkDatabase, NotSound } from './database-check.ts';
import { datedBackups } from './dated-backups.ts';
import { sha256Of } from './file-copy.ts';
import { type BackupFile, type Manifest, MANIFEST_FILE, parseManifest, UnusableManifest } from './manifest.ts';
import type { Progress } from './progress.ts';
import { newerThanProgram, unusableBackup } from './refusals.ts';
import { databaseAt, type StatePart } from './state-files.ts';

/** Some hundred files of 150 bytes each. */
const MANIFEST_BYTES_MAX = 64 << 20;
/** What lies beside a database that somebody has opened for writing. */
const SIDE_FILES = ['-wal', '-shm', '-journal'] as const;

/** @throws ConfigError where there is no backup, or a newer program's; OperatingError DATA_UNREADABLE */
export function readManifest(dir: string): Manifest {
  const path = join(dir, MANIFEST_FILE);
  if (!existsSync(path)) throw noBackup(dir);
  if (statSync(path).size > MANIFEST_BYTES_MAX) throw unusableBackup(path, 'is damaged: it is too large');
  try {
    return parseManifest(readFileSync(path, 'utf8'));
  } catch (error) {
    if (!(error instanceof UnusableManifest)) throw unusableBackup(path, `can't be read: ${(error as Error).message}`, error);
    if (error.isNewer) throw new ConfigError(`${path}: ${error.message}`, 'use the Fogline that made it, or a newer one', { cause: error });
    throw unusableBackup(path, `is damaged: ${error.message}`, error);
  }
}

function noBackup(dir: string): ConfigError {
  const newest = datedBackups(dir).at(-1);
  if (newest !== undefined) return new ConfigError(`${dir} holds backups, it is none itself`, `name one of them; the newest is ${newest}`);
  const what = existsSync(dir)
    ? `there is no ${MANIFEST_FILE} in ${dir}: it is no backup, or not a whole one`
    : `there is no folder ${dir}`;
  return new ConfigError(what, 'name a folder that fogline backup has made');
}

/** The files of these parts. @throws ConfigError when the backup has none of the part */
export function filesOf(manifest: Manifest, dir: string, part: StatePart | undefined): readonly BackupFile[] {
  if (part === undefined) return manifest.files;
  if (manifest.parts.includes(part)) return manifest.files.filter((file) => file.part === part);
  throw new ConfigError(`the backup ${dir} holds nothing of part ${part}`, `it holds ${manifest.parts.join(' and ')}: leave --part out`);
}

/** Of a newer program: before gigabytes are read for nothing. @throws ConfigError */
export function refuseNewerSchemas(dir: string, files: readonly BackupFile[]): void {
  for (const { path, schema = 0 } of files) {
    const known = databaseAt(path)?.schemaKnown;
    if (known !== undefined && schema > known) throw newerThanProgram(join(dir, path), schema, known);
  }
}

/** @throws OperatingError DATA_UNREADABLE, naming the first file that is not what it was */
export async function verifyFiles(dir: string, files: readonly BackupFile[], progress: Progress): Promise<void> {
  for (const file of files) refuseOtherShape(dir, file);
  progress.begin('verifying', bytesOf(files));
  for (const { path, sha256 } of files) {
    const found = await readOrRefuse(join(dir, path), () => sha256Of(join(dir, path), progress.went));
    if (found.sha256 !== sha256) throw unusableBackup(join(dir, path), 'is damaged: its SHA-256 is not the one in the manifest');
  }
}

function refuseOtherShape(dir: string, { path, bytes }: BackupFile): void {
  const file = join(dir, path);
  const status = statSync(file, { throwIfNoEntry: false });
  if (status === undefined) throw unusableBackup(file, 'is missing');
  if (!status.isFile()) throw unusableBackup(file, 'is no file');
  if (status.size !== bytes) throw unusableBackup(file, `has ${status.size} bytes, it had ${bytes}`);
  for (const side of SIDE_FILES)
    if (databaseAt(path) !== undefined && existsSync(file + side)) throw unusableBackup(file + side, 'was not made by the backup');
}

/** @throws OperatingError DATA_UNREADABLE; ConfigError */
export async function verifyDatabases(dir: string, files: readonly BackupFile[], progress: Progress): Promise<void> {
  const databases = files.filter(({ path }) => databaseAt(path) !== undefined);
  progress.begin('checking', bytesOf(databases));
  for (const { path, bytes, damagedRows = 0 } of databases) {
    const file = databaseAt(path);
    if (file === undefined) continue;
    try {
      const found = await checkDatabase(join(dir, path), file, () => progress.went(0));
      if (found.damagedRows > damagedRows)
        throw unusableBackup(join(dir, path), `is damaged: the checksum of rows does not hold: ${found.firstDamaged.join('; ')}`);
    } catch (error) {
      throw error instanceof NotSound ? unusableBackup(join(dir, path), `is damaged: ${error.message}`, error) : error;
    }
    progress.went(bytes);
  }
}

export async function readOrRefuse<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined || !/^E[A-Z]+$/.test(code)) throw error;
    throw unusableBackup(path, `can't be read: ${(error as Error).message}`, error);
  }
}

export function bytesOf(files: readonly { bytes: number }[]): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0);
}
