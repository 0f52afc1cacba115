import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deviceKey, isId, sourceKey } from '../../../common/ids.ts';

test('ids are 1 to 128 letters, digits, _ and -', () => {
  const table: [unknown, boolean][] = [
    ['h1', true],
    ['ab'.repeat(32), true],
    ['A_b-9', true],
    ['a'.repeat(128), true],
    ['constructor', true],
    ['a'.repeat(129), false],
    ['', false],
    ['a b', false],
    ['a/b', false],
    ['a.b', false],
    ['ä', false],
    ['a\n', false],
    ['__proto__', false],
    [5, false],
    [null, false],
    [undefined, false],
    [['a'], false],
  ];
  for (const [text, expected] of table) assert.equal(isId(text), expected, JSON.stringify(text));
});

test('keys tell their parts apart', () => {
  assert.equal(deviceKey('h', 'd'), 'h/d');
  assert.equal(sourceKey('h', 'd', 's'), 'h/d/s');
  assert.notEqual(sourceKey('a-b', 'c', 's'), sourceKey('a', 'b-c', 's'));
});

test('keys are right beyond those that are kept', () => {
  for (let i = 0; i < 100_002; i++) assert.equal(sourceKey(`h${i}`, 'd', 's'), `h${i}/d/s`);
  for (let i = 0; i < 100_002; i++) assert.equal(sourceKey('h', 'd', `s${i}`), `h/d/s${i}`);
  assert.equal(deviceKey('h0', 'd'), 'h0/d');
  assert.equal(sourceKey('h0', 'd', 's'), 'h0/d/s');
});
