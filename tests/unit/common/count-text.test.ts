import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countText, plural } from '../../../common/count-text.ts';

test('thousands apart, one of a thing without s', () => {
  assert.equal(countText(691_200), '691,200');
  assert.equal(plural(1, 'row'), '1 row');
  assert.equal(plural(0, 'row'), '0 rows');
  assert.equal(plural(1_200, 'row'), '1,200 rows');
  assert.equal(plural(2, 'entry', 'entries'), '2 entries');
});
