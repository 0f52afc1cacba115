import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ALERT_DETAILS, DETAIL_CODES, type Detail, detail, detailOf, detailText } from '../../../../cloud/server/alert-details.ts';

const VALUES = { n: 12, households: 3, rows: 40_000, minutes: 10, seconds: 0.5, household: 'home-1', reason: 'no such: {n} thing\nbelow' };

/** With a value for each name in braces. */
function filled(code: Detail['code']): Detail {
  const names = [...ALERT_DETAILS[code].matchAll(/\{(\w+)\}/g)].map(([, name]) => name as keyof typeof VALUES);
  return { code, values: Object.fromEntries(names.map((name) => [name, VALUES[name]])) };
}

test('what the event log keeps is read back as it was, of every code', () => {
  assert(DETAIL_CODES.length > 20);
  for (const code of DETAIL_CODES) assert.deepEqual(detailOf(detailText(filled(code))), filled(code), code);
});

test("words of another program are nobody's code", () => {
  for (const text of ['', '12 rowsx', 'x12 rows', 'some rows', '12 rows in ten min', 'the newest windows'])
    assert.equal(detailOf(text), undefined, text);
});

test('a text that looks like a value stays text', () => {
  const hostile = detail('parked', { n: 1, household: '{reason}', reason: '$& {household} 7 rows' });
  assert.equal(detailText(hostile), '1 parked, {reason}: $& {household} 7 rows');
  assert.deepEqual(detailOf(detailText(hostile)), hostile);
});
