/**
 * Small JSON files of the simulator's state, replaced as a whole: a reader sees the old or the new one, never half of one.
 * Not forced to disk unless asked for: after a power cut an old or unreadable one means that some readings are published again, and
 * the edge drops what it knows.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { OperatingError } from '../../common/errors.ts';
import { syncFile, syncFolder } from '../../common/folders.ts';

/** Undefined when there is none, or when it can't be used. */
export function readStateFile(path: string): Record<string, unknown> | undefined {
  try {
    const body: unknown = JSON.parse(readFileSync(path, 'utf8'));
    return typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * @param options.forced also after a power cut the new one or the old one is there
 * @throws OperatingError DISK_FULL when it can't be written
 */
export function saveStateFile(path: string, body: object, options: { forced: boolean } = { forced: false }): void {
  try {
    writeFileSync(`${path}.new`, JSON.stringify(body));
    if (options.forced) syncFile(`${path}.new`);
    renameSync(`${path}.new`, path);
    if (options.forced) syncFolder(dirname(path));
  } catch (cause) {
    throw new OperatingError('DISK_FULL', `${path} can not be written: ${(cause as Error).message}`, {
      retryable: false,
      hint: 'make room on the disk, or name another folder with --state DIR',
      cause,
    });
  }
}
