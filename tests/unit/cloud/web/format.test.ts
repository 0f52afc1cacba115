import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Formatter, marked, NO_VALUE } from '../../../../cloud/web/format.ts';

const en = new Formatter('en', 'Europe/Berlin');
const de = new Formatter('de', 'Europe/Berlin');

/** With spaces that break, to be read. */
const plain = (text: string) => text.replaceAll('\u00a0', ' ');

test('a tick of a time axis: midnight is its date, in the reader’s language and zone', () => {
  const midnightMs = Date.parse('2019-12-23T23:00:00Z');
  assert.deepEqual([en.tick(midnightMs, 'minute'), en.tick(midnightMs + 3_600_000, 'minute')], ['24 Dec', '01:00']);
  assert.deepEqual(
    [de.tick(midnightMs, 'minute'), de.tick(midnightMs, 'month'), de.tick(midnightMs, 'year')],
    ['24. Dez.', 'Dez. 2019', '2019'],
  );
  assert.equal(en.tick(midnightMs, 'second'), '00:00:00');
});

test('a counter is told with the digits in which its readings differ', () => {
  assert.equal(en.counter(9_082.3166859, 'kWh'), '9,082.317\u00a0kWh');
  assert.equal(de.counter(10, 'kWh'), '10,000\u00a0kWh');
  assert.equal(en.counter(null, 'kWh'), '—');
  assert.equal(en.ownAxis('kWh').unit, 'kWh');
});

test('power: the unit follows the size and rounding never shows 1,000 W', () => {
  const table: [watts: number | null, english: string, german: string][] = [
    [null, NO_VALUE, NO_VALUE],
    [NaN, NO_VALUE, NO_VALUE],
    [0, '0 W', '0 W'],
    [-0.3, '0 W', '0 W'],
    [534.4, '534 W', '534 W'],
    [999.4, '999 W', '999 W'],
    [999.5, '1.00 kW', '1,00 kW'],
    [1_234, '1.23 kW', '1,23 kW'],
    [12_345, '12.3 kW', '12,3 kW'],
    [1_234_567, '1,234.6 kW', '1.234,6 kW'],
    [12_345_678, '12.3 MW', '12,3 MW'],
    [-120, '−120 W', '−120 W'],
    [-6_012.6, '−6.01 kW', '−6,01 kW'],
  ];
  for (const [watts, english, german] of table) {
    assert.equal(plain(en.power(watts)), english);
    assert.equal(plain(de.power(watts)), german);
  }
});

test('energy: Wh, kWh and MWh; a year is always kWh', () => {
  const table: [kwh: number | null, english: string, german: string][] = [
    [null, NO_VALUE, NO_VALUE],
    [0, '0 Wh', '0 Wh'],
    [0.5, '500 Wh', '500 Wh'],
    [0.9996, '1.00 kWh', '1,00 kWh'],
    [7.25, '7.25 kWh', '7,25 kWh'],
    [83.44, '83.4 kWh', '83,4 kWh'],
    [3_412.4, '3,412 kWh', '3.412 kWh'],
    [12_345, '12.3 MWh', '12,3 MWh'],
    [-0.25, '−250 Wh', '−250 Wh'],
  ];
  for (const [kwh, english, german] of table) {
    assert.equal(plain(en.energy(kwh)), english);
    assert.equal(plain(de.energy(kwh)), german);
  }
  assert.equal(plain(de.annual(23_412.4)), '23.412 kWh');
  assert.equal(en.annual(null), NO_VALUE);
});

test('money in EUR, prices in ct/kWh', () => {
  assert.equal(en.eur(1_023.6), '€1,024');
  assert.equal(plain(de.eur(1_023.6)), '1.024 €');
  assert.equal(en.eur(-318.2), '−€318');
  assert.equal(en.eur(1.5, 2), '€1.50');
  assert.equal(en.eur(null), NO_VALUE);
  assert.equal(plain(en.price(0.3)), '30 ct/kWh');
  assert.equal(plain(de.price(0.3085)), '30,85 ct/kWh');
  assert.equal(en.price(null), NO_VALUE);
});

test('amounts of any unit, shares', () => {
  assert.equal(plain(en.amount(1_234, 'W')), '1.23 kW');
  assert.equal(plain(de.amount(0.5, 'kWh')), '500 Wh');
  assert.equal(plain(de.amount(55.55, '%')), '55,6 %');
  assert.equal(en.amount(1.25, 'EUR'), '€1.25');
  assert.equal(en.amount(3, ''), '3');
  assert.equal(en.amount(null, 'W'), NO_VALUE);
  assert.equal(plain(en.percent(0.254)), '25 %');
  assert.equal(en.percent(null), NO_VALUE);
});

test('durations and lengths of data', () => {
  const durations: [seconds: number | null, text: string][] = [
    [null, NO_VALUE],
    [-1, '0 s'],
    [8.9, '8 s'],
    [119, '119 s'],
    [120, '2 min'],
    [3_600, '1 h 00 min'],
    [7_500, '2 h 05 min'],
    [172_800, '2 d 0 h'],
  ];
  for (const [seconds, text] of durations) assert.equal(plain(en.duration(seconds)), text);
  const lapses: [seconds: number | null, text: string][] = [
    [null, '—'],
    [90, '90 s'],
    [150, '2 min 30 s'],
    [515, '8 min 35 s'],
    [600, '10 min'],
    [7_200, '2 h 00 min'],
  ];
  for (const [seconds, text] of lapses) assert.equal(plain(en.lapse(seconds)), text);
  const lengths: [hours: number, text: string][] = [
    [0.0014, '< 1 min'],
    [0.05, '3 min'],
    [0.99, '59 min'],
    [1, '1.0 h'],
    [9.96, '10 h'],
    [24, '24 h'],
    [60, '2.5 d'],
  ];
  for (const [hours, text] of lengths) assert.equal(plain(en.length(hours)), text);
});

test('an axis has one unit for all its ticks', () => {
  const kw = en.axis('W', 2_400);
  assert.equal(kw.unit, 'kW');
  assert.deepEqual(
    [0, 500, 1_000, 2_500].map((watts) => kw.label(watts, 500)),
    ['0.0', '0.5', '1.0', '2.5'],
  );
  assert.deepEqual(
    [0, 200, 800].map((watts) => de.axis('W', 900).label(watts, 200)),
    ['0', '200', '800'],
  );
  assert.equal(de.axis('W', -12_000_000).unit, 'MW');
  assert.equal(en.axis('kWh', 0.4).unit, 'Wh');
  assert.equal(en.axis('%', 80).unit, '%');
  assert.equal(de.axis('kWh', 2).label(1.5, 0.5), '1,5');
});

test('times stand in the zone, which is named; the doubled hour is told apart', () => {
  const evening = Date.parse('2019-12-23T23:00:05.000Z');
  assert.equal(en.dateTime(evening), '24 Dec 2019, 00:00:05 CET');
  assert.match(de.dateTime(evening), /^24\. Dez\.? 2019, 00:00:05 CET$/);
  assert.equal(new Formatter('en', 'UTC').dateTime(evening), '23 Dec 2019, 23:00:05 UTC');
  const summer = Date.parse('2019-10-27T00:30:00.000Z');
  assert.equal(en.dateTime(summer), '27 Oct 2019, 02:30:00 CEST');
  assert.equal(en.dateTime(summer + 3_600_000), '27 Oct 2019, 02:30:00 CET');
  assert.equal(en.span(summer, summer + 1_800_000), '27 Oct 2019, 02:30 CEST – 02:00 CET');
  assert.equal(en.span(evening - 5_000, evening + 86_395_000), '24 Dec 2019, 00:00 – 25 Dec 2019, 00:00 CET');
  assert.equal(en.dateTime(null), NO_VALUE);
});

test('rough figures are marked, a missing one is not', () => {
  assert.equal(marked('3,412 kWh', true), '~3,412 kWh');
  assert.equal(marked('3,412 kWh', false), '3,412 kWh');
  assert.equal(marked(NO_VALUE, true), NO_VALUE);
  assert.equal(marked('−5 kWh', true), '~\u2009−5 kWh');
});
