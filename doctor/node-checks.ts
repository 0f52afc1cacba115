/** Node itself and the two addons. What needs an addon is loaded only here, so that a broken one is a line and no crash. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Place } from '../common/installation.ts';
import { silentLogger } from '../common/logger.ts';
import { type Check, missing, ok, warn } from './check.ts';
import { isInstalled } from './program-checks.ts';
import { REMEDIES } from './remedies.ts';

/** Per major release the least minor one, as in package.json: what all packages run on. */
const MINOR_MIN = new Map([
  [20, 19],
  [22, 12],
]);
const NEWEST_MAJOR = Math.max(...MINOR_MIN.keys());
const SQLITE_PAGES = 100;

export function nodeCheck(version: string, place: Place): Check {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const least = MINOR_MIN.get(major);
  if (least !== undefined && minor >= least) return ok('node', version);
  const remedy = REMEDIES[place].node;
  // better-sqlite3 12, compiled with the headers of Node 24.19 or newer (docs/decisions/0015-deployment.md).
  if (major > NEWEST_MAJOR)
    return missing('node', `${version} may end a part when it collects garbage: SQLite's addon is not made for it`, remedy);
  return missing('node', `${version} is not one that all packages run on`, remedy);
}

/** package.json's engines in the same words. */
export function nodeRange(): string {
  return [...MINOR_MIN].map(([major, minor]) => `^${major}.${minor}.0`).join(' || ');
}

/** @param linkKind the setting `link.kind` */
export async function addonChecks(linkKind: string, place: Place): Promise<Check[]> {
  const checks = [await sqliteCheck(place), await nanomsgCheck(linkKind, place)];
  if (place !== 'checkout' || checks.every(({ state }) => state === 'ok')) return checks;
  return [...checks, compilerCheck()];
}

async function sqliteCheck(place: Place): Promise<Check> {
  const folder = mkdtempSync(join(tmpdir(), 'fogline-doctor-'));
  try {
    const { openDatabase } = await import('../common/broker/embedded-database.ts');
    const database = openDatabase(join(folder, 'probe.db'), SQLITE_PAGES);
    const version = database.prepare('SELECT sqlite_version()').pluck().get();
    database.close();
    return ok('better-sqlite3', `SQLite ${String(version)}, journal_mode=WAL and synchronous=FULL hold`);
  } catch (error) {
    return missing('better-sqlite3', firstLineOf(error), REMEDIES[place].sqlite);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function nanomsgCheck(linkKind: string, place: Place): Promise<Check> {
  const { loadNanomsg } = await import('../common/link/nanomsg-link.ts');
  if ((await loadNanomsg(silentLogger)) !== undefined) return ok('nanomsg', 'loads');
  const remedy = REMEDIES[place].nanomsg;
  if (linkKind === 'nanomsg') return missing('nanomsg', 'does not load, and link.kind asks for it', `${remedy}, or link.kind = auto`);
  return warn('nanomsg', 'does not load: the built-in codec takes its place', `${remedy}, if you want the addon`);
}

/** Looked at only when something has to be compiled. */
export function compilerCheck(has: (program: string) => boolean = isInstalled): Check {
  const absent = ['python3', 'make', 'g++'].filter((program) => !has(program));
  if (absent.length === 0) return ok('compiler', 'python3, make and g++ are there: npm ci can compile');
  return warn('compiler', `no ${absent.join(', ')}`, `apt install ${absent.join(' ')} (macOS: xcode-select --install), then npm ci`);
}

function firstLineOf(error: unknown): string {
  const line = (error instanceof Error ? error.message : String(error)).split('\n')[0] as string;
  return line.replace(/\.? Tried:$/, '');
}
