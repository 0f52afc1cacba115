/**
 * Builds dist/: npm runs this after `npm ci`. Compiles into a folder of its own and puts that in dist/'s place, so that a
 * half-built dist/ never exists. Does nothing when the sources are unchanged; where compiler or vite are absent
 * (`npm ci --omit=dev`) it says so in one line and dist/ stays as it is.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { HASH_FILE, sourceHash } from './source-hash.mjs';

const top = fileURLToPath(new URL('..', import.meta.url));
const building = join(top, `dist.building-${process.pid}`);
const page = join(top, 'cloud', 'web', 'index.html');
/** Two builds at once meet at most a few times; more means that something else is wrong. */
const REPLACE_ATTEMPTS = 10;

main();

function main() {
  const hash = sourceHash(top);
  const builtFrom = existsSync(join(top, HASH_FILE)) ? readFileSync(join(top, HASH_FILE), 'utf8') : '';
  if (builtFrom === hash) return;
  const missing = ['tsc', 'vite'].filter((name) => !existsSync(program(name)));
  if (missing.length > 0) return say(`not built: ${missing.join(' and ')} not installed here`);
  try {
    compile();
    copyData();
    bundlePage();
    writeFileSync(join(building, basename(HASH_FILE)), hash);
    replaceDist();
  } finally {
    rmSync(building, { recursive: true, force: true });
  }
}

function compile() {
  run('tsc', ['-p', 'tsconfig.build.json', '--outDir', building]);
  // The compiler rewrites imports; programs and workers named by address are ours to rewrite.
  for (const path of readdirSync(building, { recursive: true, encoding: 'utf8' })) {
    if (!path.endsWith('.js')) continue;
    const text = readFileSync(join(building, path), 'utf8');
    const rewritten = text.replace(/(\bnew URL\(\s*(['"])\.{1,2}\/[^'"]+)\.ts\2/g, '$1.js$2');
    if (rewritten !== text) writeFileSync(join(building, path), rewritten);
  }
  chmodSync(join(building, 'fogline.js'), 0o755);
}

function copyData() {
  const scenarios = join('edge', 'simulator', 'scenario');
  for (const name of readdirSync(join(top, scenarios)).filter((its) => /\.jsonc?$/.test(its)))
    cpSync(join(top, scenarios, name), join(building, scenarios, name));
  const protos = join('cloud', 'server', 'grpc', 'proto');
  cpSync(join(top, protos), join(building, protos), { recursive: true });
  const data = join(top, 'data');
  if (!existsSync(data)) return;
  const needed = (path) => path !== join(data, 'sample') && !path.endsWith('.md');
  cpSync(data, join(building, 'data'), { recursive: true, filter: needed });
}

function bundlePage() {
  if (!existsSync(page)) return;
  run('vite', ['build', join(top, 'cloud', 'web'), '--outDir', join(building, 'web'), '--emptyOutDir', '--logLevel', 'warn']);
}

/** Another build may put its dist/ there between our two renames: then that one goes too. */
function replaceDist() {
  const dist = join(top, 'dist');
  const old = join(top, `dist.old-${process.pid}`);
  for (let attempt = 1; ; attempt++) {
    try {
      if (existsSync(dist)) renameSync(dist, old);
      renameSync(building, dist);
      return;
    } catch (error) {
      if (attempt === REPLACE_ATTEMPTS || !['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes(error.code)) throw error;
    } finally {
      rmSync(old, { recursive: true, force: true });
    }
  }
}

function run(name, args) {
  const { status, error } = spawnSync(program(name), args, { cwd: top, stdio: ['ignore', 2, 2] });
  if (status === 0) return;
  say(`${name} failed${error === undefined ? '' : `: ${error.message}`}; dist/ stays as it was`);
  rmSync(building, { recursive: true, force: true });
  process.exit(1);
}

function program(name) {
  return join(top, 'node_modules', '.bin', name);
}

function say(line) {
  process.stderr.write(`fogline: ${line}\n`);
}
