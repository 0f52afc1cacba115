/**
 * What a state holds, and what a backup takes of it, in the order in which it is taken. Pure. The reasons are in DESIGN.md.
 *
 * What is left out: logs, run.lock, the broker's doorbell and opening.lock, whatever was kept aside because of damage, and what nobody
 * here knows.
 */
import { join } from 'node:path';

/** An edge's host has the first, a cloud's the second, `fogline run` both. */
export type StatePart = 'edge' | 'cloud';
export const STATE_PARTS: readonly StatePart[] = ['edge', 'cloud'];

export interface DatabaseFile {
  /** From the state's folder, with `/`. */
  path: string;
  part: StatePart;
  /** PRAGMA user_version of the newest layout that this program knows; one of a newer program is refused. */
  schemaKnown: number;
  /** PRAGMA application_id. */
  applicationId: number;
}

export const TOPIC_FILE = 'broker/broker.db';

/**
 * In the order of the snapshots. The edge before its topic: so the topic holds every record that the edge has taken. Both before the cloud:
 * so the cloud holds whatever they know to be acknowledged.
 */
export const DATABASES: readonly DatabaseFile[] = [
  { path: 'edge/outbox.db', part: 'edge', schemaKnown: 3, applicationId: 0 },
  { path: TOPIC_FILE, part: 'edge', schemaKnown: 1, applicationId: 0x466f6742 },
  { path: 'cloud/series.db', part: 'cloud', schemaKnown: 3, applicationId: 0 },
  { path: 'cloud/events.db', part: 'cloud', schemaKnown: 1, applicationId: 0 },
  { path: 'cloud/fleet.db', part: 'cloud', schemaKnown: 1, applicationId: 0 },
];

export interface PlainFile {
  part: StatePart;
  /** Folder, empty for the state's own. */
  folder: string;
  name: RegExp;
}

/** Before the snapshots: how far the simulator is. Behind the topic it publishes some readings twice, ahead of it none would come again. */
export const FILES_BEFORE: readonly PlainFile[] = [
  { part: 'edge', folder: '', name: /^finished\.json$/ },
  { part: 'edge', folder: 'simulator', name: /^resume-\d{1,6}\.json$/ },
];

/** After them: what was written before the records that it speaks of went out. */
export const FILES_AFTER: readonly PlainFile[] = [
  { part: 'edge', folder: 'simulator', name: /^(identity|quarantine-counts|collected)\.json$|^quarantine\.jsonl$/ },
  { part: 'edge', folder: 'sample', name: /^[\w.-]+\.(csv|json|txt)$/ },
  { part: 'edge', folder: 'broker', name: /^broker\.db-begun$/ },
  { part: 'edge', folder: 'edge', name: /^(epoch|cloud-certificate\.json)$/ },
  { part: 'cloud', folder: 'cloud', name: /^(tokens\.json|series\.db-begun)$/ },
];

/** What of a state's folder belongs to a part; what stands here is set aside when the part is restored over another. */
export const ENTRIES: Readonly<Record<StatePart, readonly string[]>> = {
  edge: ['finished.json', 'sample', 'simulator', 'broker', 'edge'],
  cloud: ['cloud'],
};

/** An edge that met damage in its outbox leaves it for its next start. */
export const SUSPECT_FILE = join('edge', 'outbox-suspect');

/** A cloud server holds a lock on it from its first moment on. */
export const LOCK_FILE = join('cloud', 'process.lock');

/**
 * What shuts somebody out, and may be newer than the backup: revoked tokens, and the oldest certificate of the cloud that is still
 * believed. Where the state that is replaced has them, they stay, each with what it must look like.
 */
export const FENCES: Readonly<Record<string, RegExp>> = {
  'cloud/tokens.json': /^\{\s*"tokens"\s*:\s*\[[^]*\]\s*\}\s*$/,
  'edge/cloud-certificate.json': /^\{"v":1,"newestFrom":"[0-9TZ:.-]+"\}\n$/,
};

/** Undefined for a path that no backup has. */
export function partOfPath(path: string): StatePart | undefined {
  const database = databaseAt(path);
  if (database !== undefined) return database.part;
  const slash = path.indexOf('/');
  const [folder, name] = slash < 0 ? ['', path] : [path.slice(0, slash), path.slice(slash + 1)];
  return [...FILES_BEFORE, ...FILES_AFTER].find((file) => file.folder === folder && file.name.test(name))?.part;
}

export function databaseAt(path: string): DatabaseFile | undefined {
  return DATABASES.find((file) => file.path === path);
}
