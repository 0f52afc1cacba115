import assert from 'node:assert/strict';
import { test } from 'node:test';
import { drawnNote, drawnSentence, edgesTile } from '../../../../cloud/web/words.ts';

test('drawn postal codes are counted over all states; without one nothing is said', () => {
  const sentence = '3 of 6 households have a drawn postal code; give households.json for real places.';
  assert.equal(
    drawnSentence([
      { households: 4, drawn: 3 },
      { households: 2, drawn: 0 },
    ]),
    sentence,
  );
  assert.equal(drawnSentence([{ households: 4, drawn: 0 }]), '');
  assert.equal(drawnNote({ households: 4, drawn: 3 }), '3 of 4 with a drawn postal code');
  assert.equal(drawnNote({ households: 4, drawn: 0 }), '');
});

test('without a connection no edge is called live', () => {
  const live = { edges: [], edgeCount: 1 };
  assert.equal(edgesTile(live, false), '1 of 1 live');
  assert.equal(edgesTile(live, true), 'unknown');
});
