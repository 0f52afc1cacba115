/**
 * What says that a backup is whole, and of what: written last. Each file stands in it with its SHA-256, and the manifest with its own.
 * Pure.
 */
import { createHash } from 'node:crypto';
import { partOfPath, STATE_PARTS, type StatePart } from './state-files.ts';

export const MANIFEST_FILE = 'backup.json';
/** Of the manifest. A reader of an older program refuses a newer one. */
const LAYOUT = 1;
const FILES_MAX = 100_000;

export interface BackupFile {
  /** From the state's folder, with `/`. */
  path: string;
  part: StatePart;
  bytes: number;
  sha256: string;
  /** Permissions where it came from. */
  mode: number;
  /** Of a database. */
  schema?: number;
  /** Rows whose checksum did not hold when it was copied; left out for none. */
  damagedRows?: number;
}

export interface Manifest {
  layout: number;
  id: string;
  /** Version of the program that made it. */
  version: string;
  /** Instant of the snapshots, ISO-8601. */
  at: string;
  /** The folder that was copied. */
  state: string;
  parts: readonly StatePart[];
  files: readonly BackupFile[];
}

/** Why a text is no manifest that can be used; `isNewer` when another program could. */
export class UnusableManifest extends Error {
  readonly isNewer: boolean;
  constructor(message: string, isNewer = false) {
    super(message);
    this.isNewer = isNewer;
  }
}

export function newManifest(its: Omit<Manifest, 'layout'>): Manifest {
  return { layout: LAYOUT, ...its };
}

export function manifestText(manifest: Manifest): string {
  return `${JSON.stringify({ ...manifest, sha256: sealOf(manifest) }, null, 1)}\n`;
}

/** @throws UnusableManifest */
export function parseManifest(text: string): Manifest {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    throw new UnusableManifest('it is cut short, or no JSON');
  }
  const { sha256, ...manifest } = (content ?? {}) as Partial<Manifest> & { sha256?: unknown };
  if (typeof manifest.layout === 'number' && manifest.layout > LAYOUT)
    throw new UnusableManifest(`its layout is ${manifest.layout}, this program knows ${LAYOUT}`, true);
  if (sha256 !== sealOf(manifest)) throw new UnusableManifest('its checksum does not hold');
  const { files, parts } = manifest;
  const isWhole = Array.isArray(files) && files.length <= FILES_MAX && files.every(isFile) && Array.isArray(parts) && parts.every(isPart);
  const isNamed = typeof manifest.id === 'string' && typeof manifest.at === 'string' && typeof manifest.version === 'string';
  if (!isWhole || !isNamed) throw new UnusableManifest('it names what no backup of this program holds');
  return manifest as Manifest;
}

/** A path that is none of a state's is refused: a manifest from elsewhere names no file outside. */
function isFile(value: unknown): boolean {
  const { path, part, bytes, sha256, mode } = (value ?? {}) as Partial<Record<keyof BackupFile, unknown>>;
  const isPlaced = typeof path === 'string' && isPart(part) && partOfPath(path) === part;
  const isMeasured = Number.isSafeInteger(bytes) && Number.isSafeInteger(mode) && (mode as number) >= 0 && (mode as number) <= 0o777;
  return isPlaced && isMeasured && typeof sha256 === 'string' && /^[0-9a-f]{64}$/.test(sha256);
}

function isPart(value: unknown): boolean {
  return STATE_PARTS.includes(value as StatePart);
}

function sealOf(manifest: object): string {
  return createHash('sha256').update(JSON.stringify(manifest)).digest('hex');
}
