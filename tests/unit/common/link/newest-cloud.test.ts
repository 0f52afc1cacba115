import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { NewestCloud } from '../../../../common/link/newest-cloud.ts';

const T_MS = Date.parse('2026-03-01T00:00:00Z');

function fileIn(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'fogline-newest-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return join(folder, 'cloud-certificate.json');
}

function opened(file: string): NewestCloud {
  const newest = new NewestCloud(file);
  newest.load();
  return newest;
}

test('an older certificate is replaced by a newer one, and by nothing else; a restart forgets nothing', (t) => {
  const file = fileIn(t);
  const first = opened(file);
  assert.equal(first.isReplaced(T_MS), false, 'before any was met, any is taken');
  assert.deepEqual([first.meet(T_MS), first.meet(T_MS), first.meet(T_MS - 1_000)], [true, false, false]);
  for (const newest of [first, opened(file)]) {
    assert.deepEqual([newest.isReplaced(T_MS - 1_000), newest.isReplaced(T_MS), newest.isReplaced(T_MS + 1_000)], [true, false, false]);
  }
  assert.equal(opened(file).meet(T_MS + 1_000), true);
  assert.equal(opened(file).isReplaced(T_MS), true);
});

test('a damaged file is no missing one', (t) => {
  const file = fileIn(t);
  opened(file).meet(T_MS);
  const text = readFileSync(file, 'utf8');
  for (const damaged of ['', '{}', text.slice(0, -9), text.replace('2026', 'zzzz'), text.replace('-03-', '-93-'), `${text}${text}`]) {
    writeFileSync(file, damaged);
    assert.throws(() => opened(file), { name: 'ConfigError', remedy: /put a copy back/ }, damaged);
  }
});

test('what can not be written counts as long as the process lives', (t) => {
  const newest = new NewestCloud(join(fileIn(t), 'in', 'a', 'file'));
  assert.throws(() => newest.meet(T_MS), { code: 'ENOENT' });
  assert.equal(newest.isReplaced(T_MS - 1_000), true);
});
