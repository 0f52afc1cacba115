import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { appendFileSync, cpSync, existsSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const NOT_COPIED = /^(node_modules|dist.*|\.git|\.fogline|tests|benchmarks|docs)$/;
/** A copy of the repository, so that nothing is built under somebody's feet. */
const copy = mkdtempSync(join(tmpdir(), 'fogline-build-'));
const dist = join(copy, 'dist');

before(() => {
  for (const name of readdirSync(ROOT)) if (!NOT_COPIED.test(name)) cpSync(join(ROOT, name), join(copy, name), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
});
after(() => rmSync(copy, { recursive: true }));

function node(...args: string[]) {
  return spawnSync(process.execPath, args, { cwd: copy, encoding: 'utf8', timeout: 300_000 });
}

test('start says what to do when nothing is built', () => {
  const { status, stderr } = node('scripts/start.mjs', 'run');
  assert.equal(status, 2);
  assert.match(stderr, /run npm ci/);
});

test('prepare builds program, data and page, and nothing while the sources stay', () => {
  const built = node('scripts/prepare.mjs');
  assert.equal(built.status, 0, built.stderr);
  assert(existsSync(join(dist, 'web', 'index.html')), 'the page');
  assert.equal(statSync(join(dist, 'fogline.js')).mode & 0o111, 0o111, 'executable');
  const help = spawnSync(join(dist, 'fogline.js'), ['--help'], { encoding: 'utf8' });
  assert.match(help.stdout, /Usage: fogline/);
  const madeAt = statSync(dist).ino;
  assert.equal(node('scripts/prepare.mjs').status, 0);
  assert.equal(statSync(dist).ino, madeAt, 'not built again');
  assert.deepEqual(
    readdirSync(copy).filter((name) => /^dist./.test(name)),
    [],
    'nothing half-built is left',
  );
});

test('start passes the arguments on', () => {
  const { status, stderr } = node('scripts/start.mjs', 'run', '--until', 'soon');
  assert.equal(status, 2);
  assert.match(stderr, /simulation\.until_seconds = soon/);
});

test('changed sources make dist/ stale until it is built again', () => {
  const madeAt = statSync(dist).ino;
  appendFileSync(join(copy, 'common', 'units.ts'), '\nexport const ADDED = 1;\n');
  for (const script of ['scripts/start.mjs', 'dist/fogline.js']) {
    const { status, stderr } = node(script, '--help');
    assert.equal(status, 2);
    assert.match(stderr, /older than its sources[\s\S]*run npm ci/);
  }
  assert.equal(node('scripts/prepare.mjs').status, 0);
  assert.notEqual(statSync(dist).ino, madeAt);
  assert.equal(node('dist/fogline.js', '--help').status, 0);
});

test('a build that fails leaves dist/ as it was', () => {
  const madeAt = statSync(dist).ino;
  writeFileSync(join(copy, 'common', 'broken.ts'), 'export const = ;\n');
  const { status, stderr } = node('scripts/prepare.mjs');
  assert.equal(status, 1);
  assert.match(stderr, /tsc failed.*; dist\/ stays as it was/);
  assert.equal(statSync(dist).ino, madeAt);
  rmSync(join(copy, 'common', 'broken.ts'));
});

test('without compiler and bundler there is one line and no build', () => {
  rmSync(join(copy, 'node_modules'));
  rmSync(dist, { recursive: true });
  const { status, stderr } = node('scripts/prepare.mjs');
  assert.equal(status, 0);
  assert.match(stderr, /^fogline: not built: tsc and vite not installed here\n$/);
  assert(!existsSync(dist));
});
