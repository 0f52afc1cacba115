import assert from 'node:assert/strict';
import { test } from 'node:test';
import { csvText } from '../../../../../cloud/server/api/csv-cell.ts';
import { parseSeriesRef } from '../../../../../cloud/server/api/series-ref.ts';

test('the four forms of a reference', () => {
  assert.deepEqual(parseSeriesRef('h-1.power'), { kind: 'household', household: 'h-1', field: 'power' });
  assert.deepEqual(parseSeriesRef('h-1/meter.power1'), { kind: 'device', household: 'h-1', device: 'meter', field: 'power1' });
  assert.deepEqual(parseSeriesRef('state:DE-BB.power'), { kind: 'state', state: 'DE-BB', field: 'power' });
  assert.deepEqual(parseSeriesRef('all.power'), { kind: 'all', field: 'power' });
  assert.deepEqual(parseSeriesRef('all/meter.power'), { kind: 'device', household: 'all', device: 'meter', field: 'power' });
});

test('what is no reference', () => {
  for (const text of [
    '',
    '.',
    'power',
    '.power',
    'h.',
    'h/.power',
    '/m.power',
    'h/m/n.power',
    'state:BB.power',
    'state:de-bb.power',
    'h..power',
    'ä.power',
  ])
    assert.equal(parseSeriesRef(text), undefined, text);
});

test('text of a CSV is text for a spreadsheet too', () => {
  const table: [text: string, cell: string][] = [
    ['home-1.power', 'home-1.power'],
    ['-1.power', "'-1.power"],
    ['=1+1', "'=1+1"],
    ['@SUM(A1)', "'@SUM(A1)"],
    ['+1', "'+1"],
    ['\t=1', "'\t=1"],
    ['a,b', '"a,b"'],
    ['say "x"', '"say ""x"""'],
    ['=a,b', `"'=a,b"`],
    ['a\nb', '"a\nb"'],
  ];
  for (const [text, cell] of table) assert.equal(csvText(text), cell);
});
