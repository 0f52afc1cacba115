/** Node itself and the two addons. What needs an addon is loaded only here, so that a broken one is a line and no crash. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '../common/logger.ts';
import { type Check, missing, ok, warn } from './check.ts';
import { isInstalled } from './program-checks.ts';

/** The floor of package.json's engines; releases between the even ones are not looked for. */
export const NODE_MIN = '20.19.0';
const SQLITE_PAGES = 100;

export function nodeCheck(version: string): Check {
  if (isAtLeast(version, NODE_MIN)) return ok('node', version);
  return missing('node', `${version} is older than ${NODE_MIN}`, 'install Node 20.19 or newer, then npm ci');
}

function isAtLeast(version: string, least: string): boolean {
  const [is, min] = [version, least].map((text) => text.split('.').map((part) => Number.parseInt(part, 10)));
  for (let i = 0; i < 3; i++) {
    const difference = (is?.[i] ?? 0) - (min?.[i] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}

/** @param linkKind the setting `link.kind` */
export async function addonChecks(linkKind: string): Promise<Check[]> {
  const checks = [await sqliteCheck(), await nanomsgCheck(linkKind)];
  if (checks.every(({ state }) => state === 'ok')) return checks;
  return [...checks, compilerCheck()];
}

async function sqliteCheck(): Promise<Check> {
  const folder = mkdtempSync(join(tmpdir(), 'fogline-doctor-'));
  try {
    const { openDatabase } = await import('../common/broker/embedded-database.ts');
    const database = openDatabase(join(folder, 'probe.db'), SQLITE_PAGES);
    const version = database.prepare('SELECT sqlite_version()').pluck().get();
    database.close();
    return ok('better-sqlite3', `SQLite ${String(version)}, journal_mode=WAL and synchronous=FULL hold`);
  } catch (error) {
    return missing(
      'better-sqlite3',
      firstLineOf(error),
      'npm ci with the Node that runs this (a compiler is needed where none is prebuilt)',
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function nanomsgCheck(linkKind: string): Promise<Check> {
  const { loadNanomsg } = await import('../common/link/nanomsg-link.ts');
  if ((await loadNanomsg(silentLogger)) !== undefined) return ok('nanomsg', 'loads');
  const remedy = 'npm ci with python3, make and g++ there';
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
