import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sorted, sortingOf, sortingText } from '../../../../../cloud/web/shell/sorting.ts';

const compare = (a: string, b: string) => a.localeCompare(b, 'de');

test('what is not known comes last in both directions', () => {
  const up = sorted([3, null, -1, 0, null], (value) => value, false, compare);
  assert.deepEqual(up, [-1, 0, 3, null, null]);
  assert.deepEqual(
    sorted(up, (value) => value, true, compare),
    [3, 0, -1, null, null],
  );
  assert.deepEqual(
    sorted(['b', 'Ä', 'a'], (text) => text, false, compare),
    ['a', 'Ä', 'b'],
  );
});

test('the order in the address; a column nobody knows is the usual order', () => {
  const usual = { by: 'name', isDown: false };
  assert.deepEqual(sortingOf('-power', ['power'], usual), { by: 'power', isDown: true });
  assert.deepEqual(sortingOf('power', ['power'], usual), { by: 'power', isDown: false });
  for (const text of [null, '', 'x', '--power']) assert.deepEqual(sortingOf(text, ['power'], usual), usual);
  assert.equal(sortingText({ by: 'power', isDown: true }), '-power');
});
