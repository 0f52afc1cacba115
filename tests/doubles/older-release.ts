/** Releases of before, for the way between two: an earlier tree of the history, and today's tree under another number. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeRelease } from '../../scripts/release.ts';

const TOP = fileURLToPath(new URL('../..', import.meta.url));
const VERSION_FILE = 'dist/common/version.js';
/**
 * A tree of before whose files have today's schemas: between others there is no way back. It runs with the packages that are installed now.
 * Who adds a schema, or takes a package away that it needs, names a later tree here.
 */
const EARLIER = '2cc752e8d2d72678e567b04cadbfb70469942ff6';
const BUILD_MS = 300_000;

/** @returns whether this checkout has its history: a shallow one, or a copy, has not */
export function hasEarlierTree(top = TOP): boolean {
  try {
    execFileSync('git', ['-C', top, 'cat-file', '-e', `${EARLIER}^{tree}`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** @param folder where it may work; made */
export function earlierTree(folder: string): string {
  const top = join(folder, 'earlier');
  mkdirSync(top, { recursive: true });
  const tar = join(folder, 'earlier.tar');
  execFileSync('git', ['-C', TOP, 'archive', '--format=tar', `--output=${tar}`, EARLIER]);
  execFileSync('tar', ['--extract', '--file', tar, '--directory', top]);
  symlinkSync(join(TOP, 'node_modules'), join(top, 'node_modules'));
  execFileSync(process.execPath, ['scripts/prepare.mjs'], { cwd: top, stdio: ['ignore', 'ignore', 'inherit'], timeout: BUILD_MS });
  return top;
}

/**
 * @param folder where it may work; made
 * @param change of the tree before it is packed
 * @param from a tree with dist/ and node_modules
 * @returns path of the tar file
 */
export async function releaseAs(version: string, folder: string, change: (top: string) => void = () => {}, from = TOP): Promise<string> {
  const top = join(folder, `top-${version}`);
  mkdirSync(top, { recursive: true });
  for (const name of ['dist', 'deploy', 'docs', 'config.ini', 'README.md', 'CHANGELOG.md', 'package-lock.json'])
    cpSync(join(from, name), join(top, name), { recursive: true });
  symlinkSync(join(TOP, 'node_modules'), join(top, 'node_modules'));
  const about = JSON.parse(readFileSync(join(from, 'package.json'), 'utf8')) as object;
  writeFileSync(join(top, 'package.json'), JSON.stringify({ ...about, version }));
  const text = readFileSync(join(top, VERSION_FILE), 'utf8');
  writeFileSync(join(top, VERSION_FILE), text.replace(/VERSION = '[^']*'/, `VERSION = '${version}'`));
  change(top);
  return makeRelease(top, join(folder, 'release'));
}
