import assert from 'node:assert/strict';
import { it } from 'node:test';
import { CSV_TITLE, formatRow, formatRows } from '../../../../cloud/server/export-rows.ts';
import type { Bucket } from '../../../../cloud/server/storage/series-store.ts';

const BUCKET: Bucket = {
  household: 'home-a',
  device: 'meter',
  field: 'power',
  startMs: 1_577_145_600_000,
  count: 3,
  mean: -0.1 - 0.2,
  min: -1e-7,
  max: 1e21,
  first: 1,
  last: 249.05,
  energyKwh: null,
};

async function* repeated(count: number, ended: { at: number }): AsyncGenerator<Bucket> {
  try {
    for (ended.at = 0; ended.at < count; ended.at++) yield { ...BUCKET, startMs: BUCKET.startMs + ended.at * 5_000 };
  } finally {
    ended.at = -ended.at;
  }
}

it('writes every digit of a number and the time with its zone', () => {
  assert.equal(formatRow(BUCKET, 'csv'), 'home-a,meter,power,2019-12-24T00:00:00.000Z,-0.30000000000000004,-1e-7,1e+21,249.05,3\n');
  assert.deepEqual(JSON.parse(formatRow(BUCKET, 'ndjson')), {
    household: 'home-a',
    device: 'meter',
    field: 'power',
    window_start: '2019-12-24T00:00:00.000Z',
    mean: -0.30000000000000004,
    min: -1e-7,
    max: 1e21,
    last: 249.05,
    count: 3,
  });
});

it('an id that a spreadsheet would take for a formula is marked in CSV only', () => {
  const bucket = { ...BUCKET, household: '-A1', device: '-B2' };
  assert.match(formatRow(bucket, 'csv'), /^'-A1,'-B2,power,.*,-0\.30000000000000004,/);
  assert.match(formatRow(bucket, 'ndjson'), /"household":"-A1"/);
});

it('gives pieces with all rows in order, the title first', async () => {
  const pieces: string[] = [];
  for await (const piece of formatRows(repeated(3_000, { at: 0 }), 'csv')) pieces.push(piece);
  assert.ok(pieces.length > 2 && pieces.every(({ length }) => length < 100_000));
  const lines = pieces.join('').split('\n');
  assert.equal(`${lines[0]}\n`, CSV_TITLE);
  assert.equal(lines.length, 3_002);
  assert.ok(lines.slice(1, -1).every((line, i) => line.includes(new Date(BUCKET.startMs + i * 5_000).toISOString())));
});

it('an empty export has a title in CSV and nothing in NDJSON', async () => {
  const all = async (format: 'csv' | 'ndjson') => {
    const pieces: string[] = [];
    for await (const piece of formatRows(repeated(0, { at: 0 }), format)) pieces.push(piece);
    return pieces;
  };
  assert.deepEqual(await all('csv'), [CSV_TITLE]);
  assert.deepEqual(await all('ndjson'), []);
});

it('ends the reading when its reader ends early', async () => {
  const ended = { at: 0 };
  for await (const _ of formatRows(repeated(1_000_000, ended), 'csv')) break;
  assert.ok(ended.at < 0 && ended.at > -10_000, `read ${-ended.at} buckets`);
});
