import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'fogline-runner-'));
after(() => rmSync(folder, { recursive: true }));
let runs = 0;

/** Runs scripts/test.ts over these files and gives its exit code and the lines of its end. */
function runner(files: Record<string, string>, env: Record<string, string> = {}) {
  const dir = join(folder, `run-${++runs}`);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, name)), { recursive: true });
    writeFileSync(join(dir, name), `import { test } from 'node:test';\n${text}\n`);
  }
  mkdirSync(dir, { recursive: true });
  const { NODE_TEST_CONTEXT: _inner, FOGLINE_REQUIRE_ALL: _outer, ...outside } = process.env;
  const args = ['--import', 'tsx', join(ROOT, 'scripts/test.ts'), dir];
  const { status, stdout } = spawnSync(process.execPath, args, {
    cwd: ROOT,
    encoding: 'utf8',
    env: { ...outside, ...env },
    timeout: 300_000,
  });
  return { status, stdout, lastLine: stdout.trimEnd().split('\n').at(-1) };
}

test('all pass: exit 0; tests in deeper folders run too, other files do not', () => {
  const { status, lastLine } = runner({
    'a.test.ts': "test('a', () => {});",
    'deep/er/b.test.ts': "test('b', () => {});",
    'not-a-test.ts': "test('c', () => { throw new Error('c'); });",
  });
  assert.equal(lastLine, '2 passed, 0 failed, 0 skipped');
  assert.equal(status, 0);
});

test('files that are to run alone run after the others, and one at a time', () => {
  const times = (name: string) =>
    `import { appendFileSync } from 'node:fs';\ntest('${name}', async () => {\n` +
    `  for (const at of ['begins', 'ends']) {\n` +
    `    appendFileSync(new URL('order', import.meta.url), '${name} ' + at + '\\n');\n` +
    `    await new Promise((go) => setTimeout(go, 500));\n  }\n});`;
  const names = ['a.alone', 'b.alone', 'c', 'd'];
  const { lastLine } = runner(Object.fromEntries(names.map((name) => [`${name}.test.ts`, times(name)])));
  assert.equal(lastLine, '4 passed, 0 failed, 0 skipped');
  const order = readFileSync(join(folder, `run-${runs}`, 'order'), 'utf8')
    .trim()
    .split('\n');
  assert.deepEqual(order.slice(0, 4).toSorted(), ['c begins', 'c ends', 'd begins', 'd ends']);
  assert.deepEqual(order.slice(4), ['a.alone begins', 'a.alone ends', 'b.alone begins', 'b.alone ends']);
});

test('skips are named with their reason, and are failures where everything is required', () => {
  const files = { 'a.test.ts': "test('a', () => {});\ntest('needs chromium', { skip: 'no chromium here' }, () => {});" };
  const allowed = runner(files);
  assert.equal(allowed.status, 0);
  assert.equal(allowed.lastLine, '1 passed, 0 failed, 1 skipped');
  assert.match(allowed.stdout, /^skipped: needs chromium: no chromium here$/m);
  const required = runner(files, { FOGLINE_REQUIRE_ALL: '1' });
  assert.equal(required.status, 1);
  assert.equal(required.lastLine, '1 passed, 1 failed, 1 skipped');
});

test('a failure, a file that does not load and a file without a test are failures', () => {
  const { status, stdout, lastLine } = runner({
    'good.test.ts': "test('good', () => {});",
    'bad.test.ts': "test('bad', () => { throw new Error('bad'); });",
    'load.test.ts': "throw new Error('does not load');",
    'empty.test.ts': 'void test;',
  });
  assert.equal(status, 1);
  assert.equal(lastLine, '1 passed, 3 failed, 0 skipped');
  for (const name of ['bad', 'load.test.ts', 'empty.test.ts']) assert.match(stdout, new RegExp(`^failed: .*${name}`, 'm'));
});

test('no file is a failure', () => {
  assert.equal(runner({}).status, 1);
});
