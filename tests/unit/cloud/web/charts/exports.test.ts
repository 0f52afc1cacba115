import assert from 'node:assert/strict';
import { test } from 'node:test';
import { csvOf, curlOf, fileNameOf, jsonOf, pythonOf, rowsOf } from '../../../../../cloud/web/charts/exports.ts';
import type { SeriesTable } from '../../../../../cloud/web/data/series.ts';

const T0_MS = Date.parse('2019-12-24T06:00:00Z');
const TABLE: SeriesTable = {
  fromMs: T0_MS,
  toMs: T0_MS + 120_000,
  tz: 'Europe/Berlin',
  resolution: '1m',
  windowSeconds: 5,
  dataLabel: 'synthetic',
  startsMs: [T0_MS, T0_MS + 60_000],
  series: [
    { ref: 'a.power', unit: 'W', mean: [1.5, null], min: [1, null], max: [2, null], energyKwh: [0.000025, null], coverage: [1, 0] },
    { ref: "o'b.power", unit: 'W', mean: [0, 7], min: [0, 7], max: [0, 7], energyKwh: [0, 0.1], coverage: [0.5, 1] },
  ],
};

test('CSV: what is not there is an empty cell, what is 0 is 0', () => {
  assert.equal(
    csvOf(TABLE, 'dot'),
    [
      'start,series,mean,min,max,energyKwh,coverage',
      '2019-12-24T06:00:00.000Z,a.power,1.5,1,2,0.000025,1',
      '2019-12-24T06:01:00.000Z,a.power,,,,,0',
      "2019-12-24T06:00:00.000Z,o'b.power,0,0,0,0,0.5",
      "2019-12-24T06:01:00.000Z,o'b.power,7,7,7,0.1,1",
      '',
    ].join('\n'),
  );
});

test('CSV with decimal commas is parted by semicolons; names stay', () => {
  const [head, first] = csvOf(TABLE, 'comma').split('\n');
  assert.equal(head, 'start;series;mean;min;max;energyKwh;coverage');
  assert.equal(first, '2019-12-24T06:00:00.000Z;a.power;1,5;1;2;0,000025;1');
});

test('JSON says range, resolution and zone, and null where there is nothing', () => {
  const its = JSON.parse(jsonOf(TABLE)) as { rows: { mean: number | null }[]; resolution: string; from: string };
  assert.deepEqual([its.resolution, its.from, its.rows.length], ['1m', '2019-12-24T06:00:00.000Z', 4]);
  assert.equal(its.rows[1]?.mean, null);
});

test('rows say where their bucket ends; the last one ends with the range', () => {
  assert.deepEqual(
    rowsOf(TABLE).map(({ startMs, endMs }) => [startMs - T0_MS, endMs - T0_MS]),
    [
      [0, 60_000],
      [60_000, 120_000],
      [0, 60_000],
      [60_000, 120_000],
    ],
  );
});

test('curl and Python ask for fixed instants, and a quote can not end the argument', () => {
  const curl = curlOf(TABLE, 'http://127.0.0.1:8080');
  assert.match(curl, /^curl --fail 'http:\/\/127\.0\.0\.1:8080\/api\/v1\/series\?/);
  assert.match(curl, /from=2019-12-24T06:00:00\.000Z&to=2019-12-24T06:02:00\.000Z&tz=Europe\/Berlin&resolution=1m&.*&format=csv'$/);
  assert.equal(curl.split("'").length, 3);
  assert.match(pythonOf(TABLE, 'http://127.0.0.1:8080'), /^import pandas as pd\n\ndf = pd\.read_csv\("http:.*format=csv"\)\n/);
});

test('a file is named after what is in it', () => {
  assert.equal(fileNameOf('Gesamtleistung: Länder/…', TABLE), 'fogline-gesamtleistung-la-nder-20191224T0600Z-1m');
});
