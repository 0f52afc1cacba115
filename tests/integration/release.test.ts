/** The release tarball: what is in it, that it runs by itself, and that it is the same when it is packed again. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { SCHEMA_VERSION } from '../../cloud/server/storage/migrations/migrate.ts';
import { VERSION } from '../../common/version.ts';
import { makeRelease, oldestNode, productionPackages, type ReleaseFacts } from '../../scripts/release.ts';
import { ensureBuilt } from '../crash/fleet.ts';

const TOP = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'fogline-release-test-'));
const inside = join(folder, `fogline-${VERSION}`);
let tar = '';

before(async () => {
  ensureBuilt();
  tar = await makeRelease(TOP, folder);
  execFileSync('tar', ['--extract', '--file', tar, '--directory', folder]);
});
after(() => rmSync(folder, { recursive: true, force: true }));

test('the name says version, platform and arch; the checksum beside it is that of the file', () => {
  assert.equal(basename(tar), `fogline-${VERSION}-${process.platform}-${process.arch}.tar.gz`);
  const hash = createHash('sha256').update(readFileSync(tar)).digest('hex');
  assert.equal(readFileSync(`${tar}.sha256`, 'utf8'), `${hash}  ${basename(tar)}\n`);
});

test('packed again it is the same file', async () => {
  const again = await makeRelease(TOP, join(folder, 'again'));
  assert.deepEqual(readFileSync(again), readFileSync(tar));
});

test('it holds what runs and nothing that builds, and says what it needs', () => {
  const held = (path: string) => existsSync(join(inside, path));
  for (const path of ['dist/web/index.html', 'config.ini', 'README.md', 'docs/operating.md', 'node_modules/express/package.json'])
    assert(held(path), path);
  for (const path of ['node_modules/typescript', 'node_modules/vite', 'node_modules/better-sqlite3/deps', 'fogline.ts', 'tests', 'scripts'])
    assert(!held(path), path);
  const facts = JSON.parse(readFileSync(join(inside, 'release.json'), 'utf8')) as ReleaseFacts;
  assert.equal(facts.version, VERSION);
  assert.equal(facts.node.abi, process.versions.modules);
  assert.equal(facts.node.atLeast.split('.')[0], process.versions.node.split('.')[0]);
  assert.equal(facts.schemas['cloud/series.db'], SCHEMA_VERSION);
});

test('the oldest Node is the one that package.json says for this major version; a release for another is not made', () => {
  const engines = '^20.19.0 || ^22.12.0';
  assert.equal(oldestNode(engines, '20.20.2'), '20.19.0');
  assert.equal(oldestNode(engines, '22.23.3'), '22.12.0');
  for (const version of ['24.21.0', '2.0.0', '21.1.0'])
    assert.throws(() => oldestNode(engines, version), /is not one of package\.json's engines/);
});

test('unpacked it runs by itself, from any folder', () => {
  const entry = join(inside, 'dist', 'fogline.js');
  const env = { PATH: process.env['PATH'], HOME: folder };
  const version = spawnSync(process.execPath, [entry, '--version'], { cwd: folder, encoding: 'utf8', env });
  assert.equal(version.stdout, `${VERSION}\n`);
  const args = ['run', '--exit-when-done', '--until', '20', '--speed', 'max', '--json'];
  const ports = ['cloud.http_port', 'link.heartbeat_port', 'link.data_port'].flatMap((name) => ['--set', `${name}=0`]);
  const run = spawnSync(process.execPath, [entry, ...args, ...ports], { cwd: folder, encoding: 'utf8', env, timeout: 120_000 });
  assert.equal(run.status, 0, run.stdout + run.stderr);
});

test('unpacked its hints name what is there: no npx, no npm, no Docker, no browser', () => {
  const entry = join(inside, 'dist', 'fogline.js');
  const run = (args: readonly string[], env: Record<string, string> = {}) =>
    spawnSync(process.execPath, [entry, ...args, '--json'], {
      cwd: folder,
      encoding: 'utf8',
      env: { PATH: '/nowhere', HOME: folder, ...env },
      timeout: 120_000,
    });
  const usage = JSON.parse(run(['token', 'list', 'x']).stdout) as { hint: string };
  assert.equal(usage.hint, 'name the option it belongs to: fogline token list --help');
  const ports = ['cloud.http_port', 'link.heartbeat_port', 'link.data_port'].flatMap((name) => ['--set', `${name}=0`]);
  const { checks } = JSON.parse(run(['doctor', ...ports], { FOGLINE_REDIS_URL: 'redis://127.0.0.1:1' }).stdout) as {
    checks: { name: string; remedy?: string }[];
  };
  assert.match(checks.find(({ name }) => name === 'redis')?.remedy ?? '', /systemctl status redis-server/);
  for (const { name, remedy = '' } of checks) {
    assert(!['chromium', 'docker', 'compiler'].includes(name), name);
    assert.doesNotMatch(remedy, /npm|npx|docker/, name);
  }
});

test('a package that is not installed, or a dist/ of another version, makes no release', async (t) => {
  const top = join(folder, 'top');
  mkdirSync(top);
  t.after(() => rmSync(top, { recursive: true }));
  for (const name of ['package.json', 'package-lock.json', 'dist', 'config.ini'])
    cpSync(join(TOP, name), join(top, name), { recursive: true });
  assert.throws(() => productionPackages(top), /node_modules\/express\b.* not installed: run npm ci/);
  symlinkSync(join(TOP, 'node_modules'), join(top, 'node_modules'));
  assert(productionPackages(top).includes('node_modules/express'));
  const about = JSON.parse(readFileSync(join(top, 'package.json'), 'utf8'));
  writeFileSync(join(top, 'package.json'), JSON.stringify({ ...about, version: '99.0.0' }));
  await assert.rejects(makeRelease(top, join(folder, 'none')), /dist\/ says version .*package\.json 99\.0\.0/);
  assert(!existsSync(join(folder, 'none')));
});
