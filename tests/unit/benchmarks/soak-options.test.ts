/** What `npm run soak` says to who asks for help or mistypes: how it is called, and nothing is started. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';

const SOAK = join(import.meta.dirname, '../../../benchmarks/soak.ts');
const USAGE = 'usage: npm run soak -- [--minutes N] [--seed N] [--json] [--print-only]\n';

function soak(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', SOAK, ...args], { encoding: 'utf8' });
  return { status, stdout, stderr };
}

test('asked for help, the soak says how it is called', () => {
  assert.deepEqual(soak('--help'), { status: 0, stdout: USAGE, stderr: '' });
});

test('what it does not understand is named, with how it is called', () => {
  for (const [args, why] of [
    [['--nope'], /^Unknown option '--nope'/],
    [['--minutes', '0'], /^--minutes is no number above 0: 0\n/],
    [['--seed', '1.5'], /^--seed is no whole number: 1\.5\n/],
  ] as const) {
    const { status, stdout, stderr } = soak(...args);
    assert.deepEqual([status, stdout], [2, '']);
    assert.match(stderr, why);
    assert.ok(stderr.endsWith(USAGE), stderr);
  }
});
