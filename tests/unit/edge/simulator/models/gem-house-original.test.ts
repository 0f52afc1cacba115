import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type OriginalColumns, originalHeadOf, replayRowOf } from '../../../../../edge/simulator/models/gem-house-original.ts';

const HEADER = 'date,timestamp,energy,power,power1,power2,power3';

function columnsOf(header: string): OriginalColumns {
  const head = originalHeadOf([header.split(',')]);
  assert(head.kind === 'readings', JSON.stringify(head));
  return head.columns;
}

const convert = (line: string, header = HEADER) => replayRowOf(line.split(','), columnsOf(header));

test('the row of the publisher becomes one of a replay file: date and timestamp are the same instant in UTC', () => {
  const row = convert('2017-11-01T00:00:01.604,1509494401604,17522361115000,477550,192650,35510,249390');
  const line = '2017-11-01 00:00:01,1509494401604,17522361115000,477550,192650,35510,249390\n';
  assert.deepEqual(row, { kind: 'row', timeMs: 1_509_494_401_604, line, dateDiffers: false });
});

test('a blank in the middle, fewer digits of the second, another order and more columns', () => {
  const line = '2019-12-24 00:00:01,1577145601982,90823166859000,249050,98090,111870,39090\n';
  const others: [row: string, header: string][] = [
    ['2019-12-24 00:00:01.982,1577145601982,90823166859000,249050,98090,111870,39090', HEADER],
    ['2019-12-24 00:00:01,1577145601982,90823166859000,249050,98090,111870,39090', HEADER],
    [
      '249050,98090,111870,39090,x,1577145601982,2019-12-24 00:00:01.982,90823166859000',
      'power,power1,power2,power3,note,timestamp,date,energy',
    ],
    ['2019-12-24 00:00:01.982,90823166859000,249050,98090,111870,39090', 'date,energy,power,power1,power2,power3'],
    ['1577145601982,90823166859000,249050,98090,111870,39090', 'timestamp,energy,power,power1,power2,power3'],
  ];
  for (const [row, header] of others) {
    assert.deepEqual(convert(row, header), { kind: 'row', timeMs: 1_577_145_601_982, line, dateDiffers: false }, row);
  }
});

test('a date in local time is noticed, and the timestamp holds', () => {
  const row = convert('2019-12-24 01:00:01.982,1577145601982,90823166859000,249050,98090,111870,39090');
  assert(typeof row !== 'string');
  assert.equal(row.dateDiffers, true);
  assert.match(row.line, /^2019-12-24 00:00:01,1577145601982,/);
});

test('no daylight saving time in it: the hour that Berlin skips and the one it has twice are there as written', () => {
  for (const [date, timeMs] of [
    ['2019-03-31 02:30:00.000', 1_553_999_400_000],
    ['2019-10-27 02:30:00.000', 1_572_143_400_000],
  ] as const) {
    const row = convert(`${date},0,0,0,0,0`, 'date,energy,power,power1,power2,power3');
    assert(typeof row !== 'string');
    assert.equal(row.timeMs, timeMs);
  }
});

test('what is no reading comes with its reason', () => {
  const noTimestamp = 'date,energy,power,power1,power2,power3';
  const cases: [line: string, header: string, reason: RegExp][] = [
    ['2019-12-24 00:00:01.982,1577145601982,1,2,3', HEADER, /^5 columns instead of 7$/],
    ['2019-12-24 00:00:01.982,15771456x1982,1,2,3,4,5', HEADER, /timestamp/],
    ['2019-12-24 00:00:01.982,1577145601982,1,NaN,3,4,5', HEADER, /^power is not a finite number/],
    ['2019-12-24 00:00:01.982,1577145601982,1,2,3,,5', HEADER, /^power2 is not a finite number/],
    ['2019-02-30 00:00:01.982,1,2,3,4,5', noTimestamp, /^date is not a time/],
    ['24.12.2019 00:00,1,2,3,4,5', noTimestamp, /^date is not a time/],
    ['2019-12-24 24:00:00,1,2,3,4,5', noTimestamp, /^date is not a time/],
  ];
  for (const [line, header, reason] of cases) {
    const row = convert(line, header);
    assert(typeof row === 'string', line);
    assert.match(row, reason);
  }
});

test('heads: with a title, daily sums, another table, faulty ones', () => {
  const head = (...lines: string[]) => originalHeadOf(lines.map((line) => line.split(',')));
  assert.equal((head('household', HEADER, '') as { headerLines: number }).headerLines, 2);
  assert.equal(head('date,energy,power,power1,power2,power3', '2018-09-19,116379038911,331025,24488,215011,91526').kind, 'other');
  assert.equal(head('id,applianceType,startTime,stopTime,usage,unit', '524288,AlwaysOn,1,2,5.8,kWh').kind, 'other');
  assert.deepEqual(originalHeadOf([]), { kind: 'faulty', line: 1, reason: 'is empty, like the whole file' });
  assert.deepEqual(head('date,timestamp,energy,power,power1,power3'), { kind: 'faulty', line: 1, reason: 'has no column power2' });
  assert.deepEqual(head('energy,power,power1,power2,power3'), {
    kind: 'faulty',
    line: 1,
    reason: 'has neither a column timestamp nor a column date',
  });
  const rowFirst = head('2019-12-24 00:00:01.982,1577145601982,1,2,3,4,5');
  assert(rowFirst.kind === 'faulty');
  assert.match(rowFirst.reason, /is not a Gem House header: "2019-12-24/);
});
