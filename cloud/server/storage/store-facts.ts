/**
 * What never changes of a store, in the table `meta`: how long its windows are and its id. Each is there twice, by itself and in a copy of
 * both with its checksum, so that a flipped bit is mended, and not told as another length of windows.
 */
import type Database from 'better-sqlite3';
import { sealOfRow } from '../../../common/row-seal.ts';
import { ConfigError } from '../../../common/errors.ts';
import { RecordsLost } from './record-check.ts';

export interface StoreFacts {
  /** Undefined in a store that was just made. */
  windowMs: number | undefined;
  id: string | undefined;
  /** Where one of the two copies is not as it was written. */
  damaged: string | undefined;
  /** Of an earlier program: there is no copy yet. */
  isUnsealed: boolean;
}

const WINDOW_KEY = 'window_ms';
const ID_KEY = 'store_id';
const COPY_KEY = 'facts_copy';

/**
 * Writes nothing.
 * @throws RecordsLost where neither copy is right
 */
export function readFacts(database: Database.Database): StoreFacts {
  // Every row and not one by its key: a damaged key is not found.
  const rows = new Map(database.prepare('SELECT key, value FROM meta').raw().all() as [string, string][]);
  const [window, id, copy] = [rows.get(WINDOW_KEY), rows.get(ID_KEY), rows.get(COPY_KEY)];
  if (copy === undefined) {
    const isUsed = window !== undefined || database.prepare('SELECT 1 FROM households LIMIT 1').get() !== undefined;
    if (isUsed && !isLength(window)) throw new RecordsLost('it does not say how long its windows are');
    return { windowMs: window === undefined ? undefined : Number(window), id, damaged: undefined, isUnsealed: true };
  }
  if (window !== undefined && id !== undefined && copy === copyOf(window, id)) return factsOf(window, id, undefined);
  const [copiedWindow = '', copiedId = ''] = copy.split(' ');
  if (copy === copyOf(copiedWindow, copiedId))
    return factsOf(copiedWindow, copiedId, 'its length of windows or its id: taken from the copy');
  // One flipped bit in the copy leaves all its other characters; one in the others makes another checksum.
  if (window !== undefined && id !== undefined && differences(copy, copyOf(window, id)) === 1)
    return factsOf(window, id, 'the copy of its length of windows and its id: written anew');
  throw new RecordsLost('what it says of its length of windows and its id is damaged in both copies');
}

/** In a transaction. */
export function writeFacts(database: Database.Database, windowMs: number, id: string): void {
  const write = database.prepare('INSERT INTO meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value');
  write.run(WINDOW_KEY, String(windowMs));
  write.run(ID_KEY, id);
  write.run(COPY_KEY, copyOf(String(windowMs), id));
}

/**
 * Of rows that were read from a damaged store: what does not hold is forgotten. In a transaction, with all that could be read of `meta` in
 * the new store.
 */
export function heldFacts(database: Database.Database): Partial<StoreFacts> {
  try {
    return readFacts(database);
  } catch (error) {
    if (!(error instanceof RecordsLost)) throw error;
    database.prepare('DELETE FROM meta WHERE key IN (?, ?, ?)').run(WINDOW_KEY, ID_KEY, COPY_KEY);
    return {};
  }
}

/** @throws ConfigError when the store was made with windows of another length */
export function refuseOtherWindows(path: string, held: number | undefined, windowMs: number): void {
  if (held === undefined || held === windowMs) return;
  throw new ConfigError(
    `${path} holds windows of ${held / 1_000} s, edge.window_seconds is ${windowMs / 1_000}`,
    `set edge.window_seconds = ${held / 1_000}, or give another --state`,
  );
}

function factsOf(window: string, id: string, damaged: string | undefined): StoreFacts {
  return { windowMs: Number(window), id, damaged, isUnsealed: false };
}

function isLength(window: string | undefined): boolean {
  return window !== undefined && /^[1-9][0-9]*$/.test(window);
}

function differences(text: string, other: string): number {
  return text.length === other.length ? text.split('').filter((character, at) => character !== other[at]).length : Infinity;
}

function copyOf(window: string, id: string): string {
  return `${window} ${id} ${sealOfRow([window, id])}`;
}
