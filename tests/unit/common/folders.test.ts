import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { ConfigError } from '../../../common/errors.ts';
import { makeFolder } from '../../../common/folders.ts';

const folder = mkdtempSync(join(tmpdir(), 'fogline-folders-'));
after(() => rmSync(folder, { recursive: true }));

test('a folder is made with those above it; one that is there is good', () => {
  const path = join(folder, 'a/b/c');
  makeFolder(path);
  makeFolder(path);
  assert(statSync(path).isDirectory());
});

test('what can not be a folder is refused with what to do', () => {
  const file = join(folder, 'file');
  writeFileSync(file, 'kept');
  for (const path of [file, join(file, 'sub'), join(file, 'sub/deep')]) {
    assert.throws(
      () => makeFolder(path),
      (error) => {
        assert(error instanceof ConfigError, String(error));
        assert(error.message.includes(path), error.message);
        assert.match(error.remedy, /--state/);
        return true;
      },
    );
  }
});

test('a place where nobody can make a folder is refused, it does not try for ever', { skip: !existsSync('/proc/self') }, () => {
  assert.throws(() => makeFolder('/proc/nope/deep'), ConfigError);
});
