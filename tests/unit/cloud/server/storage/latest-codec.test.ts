import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { decodeMessage, decodeWindow, encodeMessage, encodeWindow } from '../../../../../cloud/server/storage/latest-codec.ts';
import type { Bucket } from '../../../../../cloud/server/storage/series-store.ts';
import { bucket } from '../../../../contract/latest-suite.ts';

/** JSON has no −0. */
const number = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0);
const name = fc.stringMatching(/^[A-Za-z0-9_-]{1,12}$/);
const window: fc.Arbitrary<Bucket> = fc.record(
  {
    household: name,
    device: name,
    field: name,
    startMs: fc.integer({ min: -1e12, max: 4e12 }),
    count: fc.integer({ min: 1, max: 1e9 }),
    mean: number,
    min: number,
    max: number,
    first: number,
    last: number,
    energyKwh: fc.option(number),
  },
  { noNullPrototype: true },
);

it('every window comes back as it was, alone and in a message', () => {
  fc.assert(
    fc.property(fc.array(window, { maxLength: 5 }), (windows) => {
      for (const its of windows) {
        const { series, text } = encodeWindow(its);
        assert.deepEqual(decodeWindow(its.household, series, text), its);
        // What the write script finds by pattern.
        assert.match(text, /^\[-?\d+,\d+,/);
      }
      assert.deepEqual(decodeMessage(encodeMessage('me', windows)), { from: 'me', windows, unusable: 0 });
    }),
  );
});

it('what nobody can read is undefined, never an exception', () => {
  const good = encodeWindow(bucket('a', 1)).text;
  assert.ok(decodeWindow('a', 'meter/power', good));
  for (const series of ['', '/', 'meter', 'meter/', '/power']) assert.equal(decodeWindow('a', series, good), undefined, series);
  const texts = [
    '',
    '{}',
    '[]',
    '[1,1,1,1,1,1,1]',
    '[1,1,1,1,1,1,1,1,1]',
    '[1.5,1,1,1,1,1,1,1]',
    '[1,0,1,1,1,1,1,1]',
    '[1,1,"1",1,1,1,1,1]',
  ];
  for (const text of [...texts, '[1,1,1,1,1,1,null,1]', '[1,1,1,1,1,1,1,"x"]', '[1e999,1,1,1,1,1,1,1]'])
    assert.equal(decodeWindow('a', 'meter/power', text), undefined, text);
  for (const text of ['', '[]', 'null', '1', '{"v":2,"from":"a","rows":[]}', '{"v":1,"from":1,"rows":[]}', '{"v":1,"from":"a"}'])
    assert.equal(decodeMessage(text), undefined, text);
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => void decodeMessage(text)));
});

it('in a message the rows that can be read count, the others are counted', () => {
  const { series, text } = encodeWindow(bucket('a', 1));
  const rows = [['a', series, text], ['a', series], 7, null, ['', series, text], ['a', series, 'x'], ['a', 1, text]];
  assert.deepEqual(decodeMessage(JSON.stringify({ v: 1, from: 'x', rows })), { from: 'x', windows: [bucket('a', 1)], unusable: 6 });
});
