import assert from 'node:assert/strict';
import { test } from 'node:test';
import { count, counted, dateAndTime, duration, eur, hours, kwh, marked, power, price } from '../../../../cloud/web/format.ts';

test('power: the unit follows the size and rounding never shows 1,000 W', () => {
  const table: [watts: number | null, text: string][] = [
    [null, '–'],
    [0, '0 W'],
    [534.4, '534 W'],
    [999.4, '999 W'],
    [999.5, '1.00 kW'],
    [1_234, '1.23 kW'],
    [12_345, '12.3 kW'],
    [1_234_567, '1,234.6 kW'],
    [12_345_678, '12.3 MW'],
    [-120, '−120 W'],
    [-6_012.6, '−6.01 kW'],
  ];
  for (const [watts, text] of table) assert.equal(power(watts), text);
});

test('energy, money and price have separators and units; no value is a dash, not 0', () => {
  assert.equal(kwh(3_412.4), '3,412 kWh');
  assert.equal(kwh(0), '0 kWh');
  assert.equal(kwh(null), '–');
  assert.equal(eur(1_023.6), '€1,024');
  assert.equal(eur(-318.2), '−€318');
  assert.equal(eur(null), '–');
  assert.equal(price(0.3), '0.30 EUR/kWh');
  assert.equal(price(0.3085), '0.3085 EUR/kWh');
});

test('rough figures are marked, a missing one is not', () => {
  assert.equal(marked('3,412 kWh', true), '~3,412 kWh');
  assert.equal(marked('3,412 kWh', false), '3,412 kWh');
  assert.equal(marked('–', true), '–');
  assert.equal(marked('−5 kWh', true), '~\u2009−5 kWh');
});

test('lengths of data and durations', () => {
  const lengths: [hours: number, text: string][] = [
    [0.0014, 'under a minute'],
    [0.05, '3 min'],
    [0.99, '59 min'],
    [1, '1.0 h'],
    [9.96, '10 h'],
    [24, '24 h'],
    [60, '2.5 days'],
  ];
  for (const [amount, text] of lengths) assert.equal(hours(amount), text);
  const durations: [seconds: number, text: string][] = [
    [-1, '0 s'],
    [8.9, '8 s'],
    [119, '119 s'],
    [120, '2 min'],
    [3_600, '1 h 00 min'],
    [7_500, '2 h 05 min'],
  ];
  for (const [seconds, text] of durations) assert.equal(duration(seconds), text);
});

test('counts', () => {
  assert.equal(count(12_400), '12,400');
  assert.equal(counted(1, 'household'), '1 household');
  assert.equal(counted(0, 'household'), '0 households');
  assert.equal(counted(12_400, 'part'), '12,400 parts');
});

test('times are UTC', () => {
  assert.deepEqual(dateAndTime('2019-12-24T00:00:05.000Z'), { date: '24 Dec 2019', time: '00:00:05' });
  assert.deepEqual(dateAndTime('2019-07-01T23:59:59.999Z'), { date: '1 Jul 2019', time: '23:59:59' });
});
