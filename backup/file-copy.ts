/** Bytes of files: copied and synced in pieces, with their SHA-256. */
import { createHash } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs';
import { yieldToEventLoop } from '../common/clock.ts';
import { noSpace } from './refusals.ts';

export const OWNER_ONLY = 0o600;
const PIECE_BYTES = 1 << 20;
/** Written and not synced: a sync of much more at the end would hold up those of the parts on the same disk. */
export const UNSYNCED_BYTES_MAX = 8 << 20;

export interface Copied {
  bytes: number;
  sha256: string;
}

/** @param onPiece told of the bytes since the last call; what it throws ends the reading */
export async function sha256Of(path: string, onPiece: (bytes: number) => void): Promise<Copied> {
  return readPieces(path, (piece) => onPiece(piece.length));
}

/**
 * Into a file that is not there; it is on the disk afterwards, its name when the folder is synced.
 * @throws OperatingError DISK_FULL
 */
export async function copyFile(source: string, target: string, mode: number, onPiece: (bytes: number) => void): Promise<Copied> {
  const file = openSync(target, 'wx', mode);
  let unsynced = 0;
  let written = 0;
  try {
    const copied = await readPieces(source, (piece) => {
      writeAll(file, piece, written);
      written += piece.length;
      unsynced += piece.length;
      if (unsynced >= UNSYNCED_BYTES_MAX) {
        fsyncSync(file);
        unsynced = 0;
      }
      onPiece(piece.length);
    });
    fsyncSync(file);
    return copied;
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === 'ENOSPC' ? noSpace(target, '', error) : error;
  } finally {
    closeSync(file);
  }
}

async function readPieces(path: string, onPiece: (piece: Buffer) => void): Promise<Copied> {
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(PIECE_BYTES);
  const file = openSync(path, 'r');
  let bytes = 0;
  try {
    for (;;) {
      const piece = buffer.subarray(0, readSync(file, buffer, 0, PIECE_BYTES, bytes));
      if (piece.length === 0) return { bytes, sha256: hash.digest('hex') };
      bytes += piece.length;
      hash.update(piece);
      onPiece(piece);
      await yieldToEventLoop();
    }
  } finally {
    closeSync(file);
  }
}

/**
 * A new file of its owner alone, on the disk; its name when the folder is synced.
 * @throws OperatingError DISK_FULL
 */
export function writeNew(path: string, bytes: Buffer): void {
  try {
    const file = openSync(path, 'wx', OWNER_ONLY);
    try {
      writeAll(file, bytes, 0);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === 'ENOSPC' ? noSpace(path, '', error) : error;
  }
}

function writeAll(file: number, piece: Buffer, position: number): void {
  for (let at = 0; at < piece.length; ) at += writeSync(file, piece, at, piece.length - at, position + at);
}
