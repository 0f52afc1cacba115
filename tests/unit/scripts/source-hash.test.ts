import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

const { sourceHash } = (await import(new URL('../../../scripts/source-hash.mjs', import.meta.url).href)) as {
  sourceHash: (top: string) => string;
};

test('the synthetic households are no source, also not while they are being made', () => {
  const top = mkdtempSync(join(tmpdir(), 'fogline-hash-'));
  const put = (path: string, text: string) => {
    mkdirSync(join(top, path, '..'), { recursive: true });
    writeFileSync(join(top, path), text);
  };
  put('fogline.ts', '1');
  put('data/plz-states.csv', '1');
  const before = sourceHash(top);
  put('data/sample/a.csv', '1');
  put('data/sample-Xy12ab/a.csv', '1');
  put('data/README.md', '1');
  assert.equal(sourceHash(top), before);
  put('data/samples.csv', '1');
  assert.notEqual(sourceHash(top), before);
  rmSync(top, { recursive: true });
});

test('every room that the program is built from is in the fingerprint', () => {
  const top = mkdtempSync(join(tmpdir(), 'fogline-hash-'));
  const program = readFileSync(new URL('../../../fogline.ts', import.meta.url), 'utf8');
  const rooms = new Set([...program.matchAll(/'\.\/([a-z]+)\//g)].map(([, room]) => room!));
  assert(rooms.size > 5);
  for (const room of rooms) {
    const before = sourceHash(top);
    mkdirSync(join(top, room));
    writeFileSync(join(top, room, 'main.ts'), '1');
    assert.notEqual(sourceHash(top), before, room);
  }
  rmSync(top, { recursive: true });
});
