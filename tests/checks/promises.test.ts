/** docs/testing.md: every promise and every fault has a test and a control, and every test that it names is there. Takes below a second. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const ROOT = join(import.meta.dirname, '../..');
const SECTIONS = { Promises: { letter: 'P', count: 12 }, Faults: { letter: 'F', count: 20 } } as const;

/** Files of tests and what they are made of, without their endings, and the folders. */
const places = readdirSync(join(ROOT, 'tests'), { recursive: true, encoding: 'utf8' }).map(
  (path) => `tests/${path.replaceAll('\\', '/').replace(/(\.test)?\.ts$/, '')}`,
);

/** `tests/…` from the root, a name alone from anywhere, `audit*` for several. */
function isThere(name: string): boolean {
  const pattern = new RegExp(`^${name.startsWith('tests/') ? '' : 'tests/(.*/)?'}${name.replaceAll('*', '[^/]*')}$`);
  return places.some((place) => pattern.test(place));
}

/** What is wrong with the tables, a sentence each. */
function faultsOf(text: string): string[] {
  const faults: string[] = [];
  for (const [heading, { letter, count }] of Object.entries(SECTIONS)) {
    const rows = (text.split(`\n## ${heading}\n`)[1] ?? '').split('\n## ')[0]?.match(/^\|.*\|$/gm) ?? [];
    for (let number = 1; number <= count; number++) {
      const [row, ...more] = rows.filter((line) => line.startsWith(`| ${letter}${number} `));
      const [shown = '', control = ''] = row?.split('|').slice(2) ?? [];
      const names = (cell: string) =>
        [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name as string).filter((name) => /^[\w*/-]+$/.test(name));
      if (row === undefined || more.length > 0) faults.push(`${letter}${number} has ${more.length === 0 ? 'no row' : 'several rows'}`);
      else if (names(shown).length === 0 && !shown.includes('npm run soak')) faults.push(`${letter}${number} names no test`);
      else if (control.trim() === '') faults.push(`${letter}${number} has no control`);
      for (const name of [...names(shown), ...names(control)])
        if (!isThere(name)) faults.push(`${letter}${number} names ${name}, which is not there`);
    }
  }
  return faults;
}

const TEXT = readFileSync(join(ROOT, 'docs/testing.md'), 'utf8');

test('every promise and fault of docs/testing.md has its tests and its control, and they are there', () => {
  assert.deepEqual(faultsOf(TEXT), []);
});

test('a row without test or control, one that is missing or double, and a test that is not there are found', () => {
  const row = /^\| F7 .*$/m;
  const changes: [from: string | RegExp, to: string, fault: string][] = [
    [row, '', 'F7 has no row'],
    [row, '| F7 | `tests/crash/disk-full` | a |\n| F7 | `tests/crash/disk-full` | a |', 'F7 has several rows'],
    [row, '| F7 full disk | looked at | the part must have said so |', 'F7 names no test'],
    [row, '| F7 full disk | `tests/crash/disk-full` | |', 'F7 has no control'],
    [row, '| F7 full disk | `tests/crash/disc-full` | a |', 'F7 names tests/crash/disc-full, which is not there'],
    ['`random-kills`', '`random-killers`', 'P1 names random-killers, which is not there'],
  ];
  for (const [from, to, fault] of changes) assert.ok(faultsOf(TEXT.replace(from, to)).includes(fault), fault);
});
