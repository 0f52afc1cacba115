import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isoTime, parseTime } from '../../../common/iso-time.ts';

test('times with a zone and epoch milliseconds are read', () => {
  const table: [text: string, timeMs: number][] = [
    ['2019-12-24T06:00:00Z', 1_577_167_200_000],
    ['2019-12-24T06:00:00.5Z', 1_577_167_200_500],
    ['2019-12-24T06:00Z', 1_577_167_200_000],
    ['2019-12-24T07:00:00+01:00', 1_577_167_200_000],
    ['2019-12-24Z', 1_577_145_600_000],
    ['1577167200000', 1_577_167_200_000],
    ['0', 0],
    ['-5000', -5_000],
  ];
  for (const [text, timeMs] of table) assert.equal(parseTime(text), timeMs, text);
});

test('local times, days without a zone, other formats and impossible dates are refused', () => {
  const texts = [
    '',
    'now',
    '2019-12-24',
    '2019-12-24T06:00:00',
    '24.12.2019',
    '2019-13-01T00:00:00Z',
    '2019-12-24 06:00:00Z',
    '1e3',
    '9999999999999999',
    ' 5',
  ];
  for (const text of texts) assert.equal(parseTime(text), undefined, text);
});

test('isoTime never throws, also for a time no Date holds', () => {
  assert.equal(isoTime(1_577_145_605_000), '2019-12-24T00:00:05.000Z');
  assert.equal(isoTime(Number.MAX_SAFE_INTEGER), '+275760-09-13T00:00:00.000Z');
  assert.equal(isoTime(Number.MIN_SAFE_INTEGER), '-271821-04-20T00:00:00.000Z');
});
