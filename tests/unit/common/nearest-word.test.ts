import assert from 'node:assert/strict';
import { test } from 'node:test';
import { editDistance, nearestWord } from '../../../common/nearest-word.ts';

test('distance counts insertions, deletions, replacements and swapped neighbours', () => {
  const cases: [string, string, number][] = [
    ['', '', 0],
    ['', 'abc', 3],
    ['abc', '', 3],
    ['port', 'port', 0],
    ['prot', 'port', 1],
    ['por', 'port', 1],
    ['ports', 'port', 1],
    ['pork', 'port', 1],
    ['kitten', 'sitting', 3],
  ];
  for (const [a, b, distance] of cases) assert.equal(editDistance(a, b), distance, `${a} ${b}`);
});

test('the nearest known word, the first of equals', () => {
  assert.equal(nearestWord('clod', ['edge', 'cloud', 'link']), 'cloud');
  assert.equal(nearestWord('x', ['a', 'b']), 'a');
  assert.equal(nearestWord('x', []), undefined);
});
