import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { commandAt, FOGLINE, PLACE, placeAt, START, START_WITH, startAt } from '../../../common/installation.ts';
import { repositoryFiles } from '../../../scripts/tidy.ts';

const TOP = fileURLToPath(new URL('../../..', import.meta.url));

test('a checkout, a release and an image are told apart by what is in them', () => {
  const at = (...held: string[]) => placeAt('/top', (path) => held.some((name) => path === `/top/${name}`));
  assert.equal(at('package.json', 'package-lock.json', 'dist'), 'checkout');
  assert.equal(at('package.json', 'release.json', 'dist'), 'release');
  assert.equal(at('package.json', 'dist'), 'image');
  assert.equal(placeAt(TOP), 'checkout');
  assert.equal(PLACE, 'checkout');
});

test('hints name the command as it is called there, which is there', () => {
  assert.equal(FOGLINE, 'npx fogline');
  assert.equal(commandAt('release'), 'fogline');
  assert.equal(commandAt('image'), 'fogline');
  assert.deepEqual([START, START_WITH, startAt('release')], ['npm start', 'npm start --', 'fogline run']);
  const text = (path: string) => readFileSync(`${TOP}${path}`, 'utf8');
  assert.match(text('deploy/install.sh'), /wrapper=\/usr\/local\/bin\/fogline /);
  assert.match(text('Dockerfile'), /dist\/fogline\.js \/usr\/local\/bin\/fogline/);
  // What tells them apart: the image has the lock file in no stage that runs, a release never.
  assert.doesNotMatch(
    text('Dockerfile')
      .split(/^FROM /m)
      .at(-1) ?? '',
    /package-lock|release\.json/,
  );
});

test('no program says npx or npm start by itself', () => {
  const programs = [...repositoryFiles()].filter(([path]) =>
    /^(fogline\.ts|(audit|backup|certs|common|doctor|edge|cloud\/server|supervisor)\/.*\.ts)$/.test(path),
  );
  assert(programs.length > 100);
  const own = programs
    .filter(
      ([path, text]) =>
        path !== 'common/installation.ts' && /npx fogline|'[^'\n]*npm start(?! -- --until)/.test(text.replace(/^ *(\/?\*|\/\/).*$/gm, '')),
    )
    .map(([path]) => path);
  assert.deepEqual(own, []);
});

test('a program started in a checkout says npx', () => {
  const run = () =>
    execFileSync(process.execPath, ['--import', 'tsx', 'fogline.ts', 'token', 'list', 'x', '--json'], { cwd: TOP, stdio: 'pipe' });
  assert.throws(run, (error: { stdout: Buffer }) => {
    assert.match(error.stdout.toString(), /"hint":"name the option it belongs to: npx fogline token list --help"/);
    return true;
  });
});
