import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tableCsv } from '../../../../../cloud/web/charts/table-csv.ts';

test('no data is an empty cell; what would break a row is quoted', () => {
  const rows = [
    ['a', 1.5, null],
    ['b,"c"', 0, -2],
  ];
  assert.equal(tableCsv(['name', 'w', 'kwh'], rows, 'dot'), 'name,w,kwh\na,1.5,\n"b,""c""",0,-2\n');
  assert.equal(tableCsv(['name', 'w', 'kwh'], rows.slice(0, 1), 'comma'), 'name;w;kwh\na;1,5;\n');
});
