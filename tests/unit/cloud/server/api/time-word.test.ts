import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseTimeWord, resolveTime } from '../../../../../cloud/server/api/time-word.ts';

const BASES = { nowMs: 2_000_000_000_000, firstMs: 1_000_000, latestMs: 1_577_200_000_000 };

function timeOf(text: string, bases: Parameters<typeof resolveTime>[1] = BASES): number | string {
  const word = parseTimeWord(text);
  return typeof word === 'string' ? word : resolveTime(word, bases);
}

test('fixed times, words, and words with an offset', () => {
  const day = 86_400_000;
  const table: [text: string, timeMs: number][] = [
    ['2019-12-24T06:00:00Z', 1_577_167_200_000],
    ['2019-12-24T07:00:00+01:00', 1_577_167_200_000],
    ['2019-12-24T07:00:00 01:00', 1_577_167_200_000],
    ['1577167200000', 1_577_167_200_000],
    ['0', 0],
    ['now', BASES.nowMs],
    ['latest', BASES.latestMs],
    ['first', BASES.firstMs],
    ['now-24h', BASES.nowMs - day],
    ['latest-90m', BASES.latestMs - 5_400_000],
    ['latest-7d', BASES.latestMs - 7 * day],
    ['latest-2w', BASES.latestMs - 14 * day],
    ['first+30s', BASES.firstMs + 30_000],
    ['first 30s', BASES.firstMs + 30_000],
  ];
  for (const [text, timeMs] of table) assert.equal(timeOf(text), timeMs, text);
});

test('a local time without zone is refused for what it is, anything else as no time', () => {
  for (const text of ['2019-12-24T06:00:00', '2019-12-24T06:00', '2019-12-24 06:00:00.5', '2019-12-24', '2019-12'])
    assert.match(String(timeOf(text)), /^has no zone, so it would mean another instant on every machine/, text);
  for (const text of [
    '',
    'yesterday',
    'latest-',
    'latest-1',
    'latest-1y',
    'latest--1h',
    'now-1234567h',
    'Latest',
    '24h',
    'latest-24h ',
    '2019-13-01T00:00:00Z',
  ])
    assert.match(String(timeOf(text)), /^is not a time: write ISO-8601/, text);
});

test('before anything is stored the words for the data mean the present', () => {
  const empty = { nowMs: 5_000, firstMs: null, latestMs: null };
  assert.deepEqual([timeOf('latest', empty), timeOf('first', empty), timeOf('latest-1s', empty)], [5_000, 5_000, 4_000]);
});
