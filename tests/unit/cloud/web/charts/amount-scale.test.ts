import assert from 'node:assert/strict';
import { test } from 'node:test';
import { amountScale } from '../../../../../cloud/web/charts/amount-scale.ts';
import { Formatter } from '../../../../../cloud/web/format.ts';

const FORMAT = new Formatter('en', 'Europe/Berlin');
const COLOURS = { font: 'sans', muted: '#888', grid: '#ccc' };

function labels(axis: Parameters<typeof amountScale>[0], ...values: number[]): string[] {
  const { ticks } = amountScale(axis, FORMAT, COLOURS);
  return values.map((value) => ticks.callback(value));
}

test('the axis of power begins at zero, in one unit for all ticks', () => {
  const axis = { unit: 'W', least: 300, greatest: 2_400, beginsAtZero: true };
  assert.equal(amountScale(axis, FORMAT, COLOURS).beginAtZero, true);
  assert.equal(amountScale(axis, FORMAT, COLOURS).title.text, 'kW');
  assert.deepEqual(labels(axis, 0, 500, 2_000), ['0.00', '0.50', '2.00']);
});

test('the axis of a counter stays in its own unit, and its labels differ though the figures hardly do', () => {
  const axis = { unit: 'kWh', least: 24_512.31, greatest: 24_512.87, beginsAtZero: false };
  const scale = amountScale(axis, FORMAT, COLOURS);
  assert.equal(scale.beginAtZero, false);
  assert.equal(scale.title.text, 'kWh');
  assert.deepEqual(labels(axis, 24_512.4, 24_512.6), ['24,512.40', '24,512.60']);
});

test('a counter that stands still, and nothing at all, have an axis too', () => {
  assert.deepEqual(labels({ unit: 'kWh', least: 10, greatest: 10, beginsAtZero: false }, 10), ['10.0']);
  assert.deepEqual(labels({ unit: 'W', least: 0, greatest: 0, beginsAtZero: true }, 0), ['0.00']);
});
