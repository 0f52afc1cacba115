import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PARKED_REASONS, parkedReason } from '../../../common/parked-reason.ts';
import { SECOND_SOURCE } from '../../../common/protocol/receiver-rules.ts';
import { WordedTexts } from '../../../common/worded.ts';

const SAID = { edge: 'edge-1', fault: 'what is known of source s of meter: no part', row: 7, from: 1, to: 12 };

test('what the cloud refuses of a hello says in every language who must act', () => {
  const said: [text: string, code: string][] = [
    ['its name is not an id: bring edge and cloud to one version, then: fogline parked resume', 'name-unusable'],
    ["its generation is not a count: the edge's outbox is damaged: stop the edge, put its outbox aside, start it", 'generation-unusable'],
  ];
  for (const [text, code] of said) assert.deepEqual(parkedReason(text), { code, values: {} });
});

test('every reason is read back from its text, with numbers as numbers', () => {
  assert(PARKED_REASONS.codes.length > 5);
  for (const code of PARKED_REASONS.codes) {
    const text = PARKED_REASONS.text({ code, values: SAID });
    const read = parkedReason(text);
    assert.equal(read?.code, code, text);
    for (const [name, value] of Object.entries(read.values)) assert.equal(value, SAID[name as keyof typeof SAID], text);
  }
});

test('a row that was refused for what is wrong with its household has that for a reason; what fits nothing has none', () => {
  const notAllowed = PARKED_REASONS.say('not-allowed', { edge: 'edge-1' });
  const refused = (fault: string) => PARKED_REASONS.say('rejected', { from: 1, to: 2, fault });
  assert.deepEqual(parkedReason(refused(notAllowed)), { code: 'not-allowed', values: { edge: 'edge-1' } });
  assert.deepEqual(parkedReason(refused(SECOND_SOURCE)), { code: 'second-source', values: { from: 1, to: 2 } });
  assert.deepEqual(parkedReason(refused('field names')), { code: 'rejected', values: { from: 1, to: 2, fault: 'field names' } });
  for (const text of [
    '',
    'second source',
    'conflict at seq one..2: the cloud has other readings under these numbers',
    notAllowed.replace('edge-1', 'edge-2'),
  ])
    assert.equal(parkedReason(text), undefined, text);
  assert.equal(parkedReason(refused('x'.repeat(1_000))), undefined, 'what is too long is not looked at');
});

test('of two texts that fit the first is read, and a name that stands twice is the same value both times', () => {
  const texts = new WordedTexts({ narrow: '{a} of {a}: gone', wide: '{a} of {n}: {b}' }, ['n']);
  assert.deepEqual(texts.of('x of x: gone'), { code: 'narrow', values: { a: 'x' } });
  assert.deepEqual(texts.of('x of 3: gone'), { code: 'wide', values: { a: 'x', n: 3, b: 'gone' } });
  assert.equal(texts.of('x of y: gone'), undefined);
});
