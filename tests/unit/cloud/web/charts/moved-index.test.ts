import assert from 'node:assert/strict';
import { test } from 'node:test';
import { movedIndex, NO_ROWS } from '../../../../../cloud/web/charts/moved-index.ts';

test('arrow keys go from point to point and stay inside', () => {
  assert.deepEqual(
    ['ArrowRight', 'ArrowLeft', 'Home', 'End', 'a'].map((key) => movedIndex(key, 1, 3)),
    [2, 0, 0, 2, undefined],
  );
  assert.equal(movedIndex('ArrowRight', undefined, 3), 0);
  assert.equal(movedIndex('ArrowLeft', undefined, 3), 2);
  assert.equal(movedIndex('ArrowRight', 2, 3), 2);
  assert.equal(movedIndex('ArrowRight', undefined, 0), undefined);
});

test('without rows up and down are the page’s', () => {
  assert.deepEqual(
    ['ArrowUp', 'ArrowDown', 'ArrowLeft'].map((key) => movedIndex(key, 1, 3, NO_ROWS)),
    [undefined, undefined, 0],
  );
});

test('in a matrix up and down go to the neighbouring row', () => {
  assert.equal(movedIndex('ArrowDown', 5, 168, 24), 29);
  assert.equal(movedIndex('ArrowUp', 29, 168, 24), 5);
  assert.equal(movedIndex('ArrowUp', 5, 168, 24), 5);
});
