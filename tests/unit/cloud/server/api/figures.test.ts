import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CURRENT_WINDOWS_MAX, powerByHousehold, stateRows, totalPower } from '../../../../../cloud/server/api/figures.ts';
import type { Bucket, HouseholdRow, PowerTotals } from '../../../../../cloud/server/storage/series-store.ts';

const NAMES = new Map([
  ['DE-TH', 'Thüringen'],
  ['DE-BB', 'Brandenburg'],
  ['DE-BE', 'Berlin'],
]);
const WINDOW_MS = 5_000;

function household(id: string, state: string): HouseholdRow {
  return { household: id, postalCode: '10115', state, postalCodeFrom: 'file', firstMs: null, lastMs: null, readings: 0, declared: 0 };
}

function total(id: string, state: string, meanW: number, coveredHours: number): PowerTotals {
  return { household: id, state, count: 1, energyKwh: (meanW * coveredHours) / 1_000, coveredHours };
}

function window(id: string, startMs: number, mean: number, device = 'meter', field = 'power'): Bucket {
  return { household: id, device, field, startMs, count: 1, mean, min: mean, max: mean, first: mean, last: mean, energyKwh: null };
}

test('a state is the mean of its households, each by its own mean power, whatever the length of its data', () => {
  const totals = [total('a', 'DE-BB', 100, 10), total('b', 'DE-BB', 300, 2)];
  const rows = stateRows(totals, [household('a', 'DE-BB'), household('b', 'DE-BB')], NAMES, 0.3);
  const [, brandenburg] = rows;
  assert.equal(brandenburg?.meanW, 200);
  assert.equal(brandenburg?.annualKwh, 1_752);
  assert.equal(brandenburg?.annualEur?.toFixed(6), '525.600000');
  assert.equal(brandenburg?.coveredHours, 6);
  assert.equal(brandenburg?.rough, false);
  assert.equal(brandenburg?.reporting, 2);
});

test('a state without a household is null and not 0; one whose households have no window too, but it says so', () => {
  const rows = stateRows([total('a', 'DE-BB', 0, 1)], [household('a', 'DE-BB'), household('b', 'DE-TH')], NAMES, 0.3);
  assert.deepEqual(
    rows.map(({ name, households, reporting, meanW, annualKwh, annualEur }) => [name, households, reporting, meanW, annualKwh, annualEur]),
    [
      ['Berlin', 0, 0, null, null, null],
      ['Brandenburg', 1, 1, 0, 0, 0],
      ['Thüringen', 1, 0, null, null, null],
    ],
  );
});

test('below one hour a figure is rough; feed-in is negative', () => {
  const [, row] = stateRows([total('a', 'DE-BB', -50, 0.999)], [household('a', 'DE-BB')], NAMES, 0.3);
  assert.equal(row?.rough, true);
  assert.equal(row?.annualKwh?.toFixed(6), '-438.000000');
});

test('total power adds the newest windows of current households only', () => {
  const newest = 1_000_000;
  const oldestCurrent = newest - CURRENT_WINDOWS_MAX * WINDOW_MS;
  const powers = powerByHousehold(
    [
      window('a', newest, 100),
      window('b', oldestCurrent, 20),
      window('c', oldestCurrent - WINDOW_MS, 4_000),
      window('a', newest, 7, 'meter', 'power1'),
    ],
    WINDOW_MS,
  );
  assert.deepEqual(totalPower(powers, WINDOW_MS), { powerW: 120, current: 2, newestMs: newest + WINDOW_MS });
  assert.deepEqual(powers.get('c'), { powerW: 4_000, startMs: oldestCurrent - WINDOW_MS });
});

test('devices of a household are added, one that stopped long ago is not', () => {
  const powers = powerByHousehold([window('a', 600_000, 100), window('a', 595_000, 50, 'pv'), window('a', 0, 9_999, 'old')], WINDOW_MS);
  assert.deepEqual([...powers], [['a', { powerW: 150, startMs: 600_000 }]]);
});

test('a household of rare readings counts until its next is long overdue', () => {
  const quarterMs = 900_000;
  const newest = 10 * quarterMs;
  const intervalMsOf = (household: string) => (household === 'often' ? WINDOW_MS : quarterMs);
  const starts = { often: newest, rare: newest - 2 * quarterMs, away: newest - 2 * quarterMs - WINDOW_MS };
  const windows = Object.entries(starts).map(([its, startMs]) => window(its, startMs, 100));
  const powers = powerByHousehold([...windows, window('rare', newest - 3 * quarterMs, 10, 'pv')], WINDOW_MS, intervalMsOf);
  assert.deepEqual(totalPower(powers, WINDOW_MS, intervalMsOf), { powerW: 210, current: 2, newestMs: newest + WINDOW_MS });
});

test('without a window there is no total', () => {
  assert.deepEqual(totalPower(new Map(), WINDOW_MS), { powerW: null, current: 0, newestMs: null });
});

test('a state says how many of its households have a drawn postal code', () => {
  const households = [household('a', 'DE-BB'), { ...household('b', 'DE-BB'), postalCodeFrom: 'drawn' as const }];
  const rows = stateRows([], households, NAMES, 0.3);
  assert.deepEqual(
    rows.map((row) => row.drawn),
    [0, 1, 0],
  );
});
