/** The fingerprint of everything that dist/ is built from. Plain JavaScript: it runs before anything is compiled. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** What the build reads, from the repository's top. */
const BUILT_FROM = [
  'fogline.ts',
  'audit',
  'backup',
  'certs',
  'common',
  'doctor',
  'edge',
  'cloud',
  'supervisor',
  'data',
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  'tsconfig.build.json',
  'scripts/prepare.mjs',
];
/** Generated, also while it is being made, or for people only. */
const LEFT_OUT = /^data\/sample(\/|-|$)|\.md$|(^|\/)\./;

export const HASH_FILE = join('dist', '.source-hash');

/** @param {string} top @returns {string} */
export function sourceHash(top) {
  const hash = createHash('sha256');
  for (const path of BUILT_FROM.flatMap((name) => filesBelow(top, name)).sort()) {
    const bytes = readFileSync(join(top, path));
    hash.update(`${path} ${bytes.length}\n`).update(bytes);
  }
  return hash.digest('hex');
}

/**
 * Why the commands in dist/ must not be run, or undefined when they may.
 * @param {string} top
 */
export function staleReason(top) {
  if (!existsSync(join(top, 'dist', 'fogline.js'))) return 'the program is not built yet';
  const built = existsSync(join(top, HASH_FILE)) ? readFileSync(join(top, HASH_FILE), 'utf8') : '';
  return built === sourceHash(top) ? undefined : 'the program in dist/ is older than its sources';
}

/** @param {string} top @param {string} path @returns {string[]} */
function filesBelow(top, path) {
  if (LEFT_OUT.test(path) || !existsSync(join(top, path))) return [];
  if (!statSync(join(top, path)).isDirectory()) return [path];
  return readdirSync(join(top, path)).flatMap((name) => filesBelow(top, `${path}/${name}`));
}
