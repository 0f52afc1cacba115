/**
 * Small JSON files of the simulator's state, replaced as a whole: a reader sees the old or the new one, never half of one.
 * Not forced to disk: after a power cut an old or unreadable one means that some readings are published again, and
 * the edge drops what it knows.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { OperatingError } from '../../common/errors.ts';

/** Undefined when there is none, or when it can't be used. */
export function readStateFile(path: string): Record<string, unknown> | undefined {
  try {
    const body: unknown = JSON.parse(readFileSync(path, 'utf8'));
    return typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** @throws OperatingError DISK_FULL when it can't be written */
export function saveStateFile(path: string, body: object): void {
  try {
    writeFileSync(`${path}.new`, JSON.stringify(body));
    renameSync(`${path}.new`, path);
  } catch (cause) {
    throw new OperatingError('DISK_FULL', `${path} can not be written: ${(cause as Error).message}`, {
      retryable: false,
      hint: 'make room on the disk, or name another folder with --state DIR',
      cause,
    });
  }
}
