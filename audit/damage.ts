/** What a state's file that can't be read means, and what to do about it. Pure. */
import { basename } from 'node:path';
import { FOGLINE } from '../common/installation.ts';
import { OperatingError } from '../common/errors.ts';

/** The cloud's half of a state, stopped before. */
export const PUT_BACK = `stop the cloud server, ${FOGLINE} restore DIR --part cloud --state STATE --force`;
/** By file name. */
const REMEDIES: Readonly<Record<string, string>> = {
  'series.db': 'start the cloud server: it keeps the file in STATE/cloud/damaged and goes on with what is sound of it; look at the disk',
  'outbox.db': 'start the edge: it keeps the file in STATE/edge/damaged and asks the cloud and the topic anew; look at the disk',
  'broker.db': 'start the part again: it keeps the file in STATE/broker/damaged and goes on with what is sound of it; look at the disk',
};
const REMEDY_OTHERWISE = 'put a backup in its place, or start with --fresh';
const DAMAGED = /^SQLITE_(CORRUPT|NOTADB|IOERR)/;

export function unreadable(message: string, hint: string, cause?: unknown): OperatingError {
  return new OperatingError('DATA_UNREADABLE', message, { retryable: false, hint, cause });
}

/** @param finding what is wrong in it */
export function damaged(path: string, finding: string, cause?: unknown): OperatingError {
  return unreadable(`${path} is damaged: ${finding}`, REMEDIES[basename(path)] ?? REMEDY_OTHERWISE, cause);
}

/** For whatever reading and decoding rows of the file throws; errors that already say what to do stay as they are. */
export function explainReadError(error: unknown, path: string): OperatingError {
  if (error instanceof OperatingError) return error;
  const { code, message } = error as { code?: unknown; message: string };
  // Without a code it is a row that does not decode.
  if (typeof code !== 'string' || DAMAGED.test(code)) return damaged(path, message, error);
  return unreadable(`${path} can't be read: ${message}`, REMEDIES[basename(path)] ?? REMEDY_OTHERWISE, error);
}

/** @param findings of PRAGMA quick_check. @throws OperatingError DATA_UNREADABLE */
export function refuseFindings(path: string, findings: readonly string[]): void {
  if (findings.length === 1 && findings[0] === 'ok') return;
  throw damaged(path, findings.map((found) => found.replace(/^\*\*\*.*\n/, '').replaceAll('\n', '; ')).join('; '));
}
