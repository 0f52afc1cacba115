import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { asideFolders, countAside, SET_ASIDE_FOLDER } from '../../../common/set-aside.ts';

const folder = mkdtempSync(join(tmpdir(), 'fogline-aside-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const aside = (name: string) => join(folder, SET_ASIDE_FOLDER, name);

test('folders of damaged files: none at first, then by number, and the next comes after the greatest', () => {
  assert.deepEqual(asideFolders(folder, 'series'), { made: [], next: aside('series-1') });
  for (const name of ['series-2', 'series-10', 'series-9', 'series-old', 'series-007', 'broker-40'])
    mkdirSync(aside(name), { recursive: true });
  const made = [aside('series-2'), aside('series-9'), aside('series-10')];
  assert.deepEqual(asideFolders(folder, 'series'), { made, next: aside('series-11') });
  assert.deepEqual([countAside(folder, 'series'), countAside(folder, 'outbox'), countAside(join(folder, 'none'), 'series')], [3, 0, 0]);
});

test("what is no folder holds none, and is nobody's error", () => {
  const other = join(folder, 'other');
  mkdirSync(other);
  writeFileSync(join(other, SET_ASIDE_FOLDER), 'text');
  assert.throws(() => asideFolders(other, 'series'), { code: 'ENOTDIR' });
  assert.equal(countAside(other, 'series'), 0);
});
