/** What ends a backup or a restore, each with who must act. */
import { statfsSync } from 'node:fs';
import { basename } from 'node:path';
import { DATABASE_NAME } from '../common/broker/embedded-database.ts';
import { FOGLINE } from '../common/installation.ts';
import { ConfigError, OperatingError } from '../common/errors.ts';

/** Left free on a disk that is copied to: it may be that of the parts. */
const RESERVE_BYTES = 64 << 20;
const BYTES_PER_MB = 1_000_000;
/** Of the topic, which mends itself. */
const START_AGAIN = 'start the part again, it sets the damaged file aside and goes on with what is sound of it; then back up again';

/** Somebody has stopped the command (a signal). */
export class Stopped extends Error {}

/** A file of the running state. */
export function damagedSource(path: string, finding: string, cause?: unknown): OperatingError {
  const restore = `put the last good one in its place with ${FOGLINE} restore; ${FOGLINE} audit says what is damaged`;
  const hint = `nothing was backed up: ${basename(path) === DATABASE_NAME ? START_AGAIN : restore}`;
  return new OperatingError('STORE_DAMAGED', `${path} is damaged: ${finding}`, { retryable: false, hint, cause });
}

/** Rows that a backup could hold as they are. */
export function damagedRowsInSource(path: string, finding: string): OperatingError {
  const mend = basename(path) === DATABASE_NAME ? START_AGAIN : 'restore the last good backup';
  const hint = `nothing was backed up: ${mend}, or keep these rows as they are: ${FOGLINE} backup DIR --with-damage`;
  return new OperatingError('STORE_DAMAGED', `${path} is damaged: ${finding}`, { retryable: false, hint });
}

/** The topic, while a part that starts mends it. */
export function sourceBeingSetAside(path: string): OperatingError {
  const hint = 'nothing was backed up: try again in a moment; if no part runs, start it again: it goes on with that';
  return new OperatingError('STORE_BUSY', `${path} is damaged and being set aside`, { retryable: true, hint });
}

/** A file of a backup. */
export function unusableBackup(path: string, finding: string, cause?: unknown): OperatingError {
  const hint = 'nothing was restored: take another backup, or another copy of this one';
  return new OperatingError('DATA_UNREADABLE', `the backup can't be used: ${path} ${finding}`, { retryable: false, hint, cause });
}

export function noSpace(place: string, more = '', cause?: unknown): OperatingError {
  const hint = 'make room on that disk, or name a folder on another one';
  return new OperatingError('DISK_FULL', `no space for ${place}${more}`, { retryable: true, hint, cause });
}

/**
 * @param place what is named to the operator
 * @throws OperatingError DISK_FULL when the folder's disk has no room for so many bytes
 */
export function refuseNoRoom(folder: string, bytes: number, place = folder): void {
  const needed = bytes + RESERVE_BYTES;
  const { bavail, bsize, blocks } = statfsSync(folder);
  if (blocks === 0 || bavail * bsize >= needed) return;
  throw noSpace(place, `: ${megabytes(needed)} MB are needed, ${megabytes(bavail * bsize)} MB are free`);
}

export function megabytes(bytes: number): string {
  return (bytes / BYTES_PER_MB).toFixed(1);
}

export function newerThanProgram(path: string, version: number, known: number): ConfigError {
  return new ConfigError(`${path} has schema ${version}, this program knows ${known}`, 'use the Fogline that wrote it, or a newer one');
}
