import assert from 'node:assert/strict';
import { test } from 'node:test';
import { STATE_NAMES } from '../../../../../cloud/server/postal-codes.ts';
import { named, stateName, stateNames } from '../../../../../cloud/web/words/state-names.ts';

test('every state has a name in both languages, the German one is that of the API', () => {
  assert.equal(STATE_NAMES.size, 16);
  for (const [code, name] of STATE_NAMES) {
    assert.equal(stateName(code, 'de'), name);
    assert.notEqual(stateName(code, 'en'), code);
  }
  assert.equal(stateName('DE-BY', 'en'), 'Bavaria');
  assert.equal(stateName('DE-NW', 'en'), 'North Rhine-Westphalia');
  assert.equal(stateName('XX', 'en'), 'XX');
});

test('rows bear the names of the reader, searches know both', () => {
  assert.deepEqual(named([{ state: 'DE-TH', name: 'Thüringen', households: 3 }], 'en'), [
    { state: 'DE-TH', name: 'Thuringia', households: 3 },
  ]);
  assert.deepEqual(stateNames('DE-SN'), ['Saxony', 'Sachsen']);
  assert.deepEqual(stateNames('DE-BE'), ['Berlin']);
});
