import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasPartsOfSums, isPartOfSum, modelOf } from '../../../../../cloud/web/charts/time-points.ts';
import type { Column, SeriesTable } from '../../../../../cloud/web/data/series.ts';

const HOUR_MS = 3_600_000;

function table(fromMs: number, mean: Column, min: Column = mean.map(() => null), max: Column = min): SeriesTable {
  const startsMs = mean.map((_, index) => fromMs + index * HOUR_MS);
  const nothing = mean.map(() => null);
  const energyKwh = mean.map((value) => (value === null ? null : value / 1_000));
  const series = [{ ref: 'a.power', unit: 'W', mean, min, max, energyKwh, coverage: nothing }];
  const toMs = fromMs + mean.length * HOUR_MS;
  return { fromMs, toMs, tz: 'Europe/Berlin', resolution: '1h', windowSeconds: 5, dataLabel: '', startsMs, series };
}

const PARTS = {
  comparison: undefined,
  label: (ref: string) => ref,
  comparedLabel: (label: string) => `${label} before`,
  hidden: new Set<string>(),
  kind: 'line' as const,
  statistic: 'mean' as const,
  sinceMs: 0,
  untilMs: Number.MAX_SAFE_INTEGER,
};

test('a bucket without data is no number, and a gap; points stand in the middle of their bucket', () => {
  const model = modelOf({ ...PARTS, table: table(0, [1, null, 3]) });
  assert.deepEqual(model.lines[0]?.points, [
    { x: HOUR_MS / 2, y: 1 },
    { x: 1.5 * HOUR_MS, y: NaN },
    { x: 2.5 * HOUR_MS, y: 3 },
  ]);
  assert.deepEqual(model.gaps, [{ fromMs: HOUR_MS, toMs: 2 * HOUR_MS }]);
});

test('the band is drawn where extremes are known and say more than the mean', () => {
  const withBand = modelOf({ ...PARTS, table: table(0, [2, 3], [1, 2], [3, 9]) });
  assert.deepEqual(
    withBand.lines[0]?.band?.max.map(({ y }) => y),
    [3, 9],
  );
  assert.equal(modelOf({ ...PARTS, table: table(0, [2, 3], [2, 3]) }).lines[0]?.band, undefined);
  assert.equal(modelOf({ ...PARTS, table: table(0, [2, 3]) }).lines[0]?.band, undefined);
  assert.equal(modelOf({ ...PARTS, kind: 'bar', table: table(0, [2, 3], [1, 2], [3, 9]) }).lines[0]?.band, undefined);
});

test('energy is drawn in kWh; what is hidden is not drawn, and no gap of anything', () => {
  const model = modelOf({ ...PARTS, kind: 'bar', statistic: 'energyKwh', table: table(0, [2_000, null]) });
  assert.equal(model.unit, 'kWh');
  assert.deepEqual(
    model.lines[0]?.points.map(({ y }) => y),
    [2, NaN],
  );
  const hidden = modelOf({ ...PARTS, hidden: new Set(['a.power']), table: table(0, [1, null]) });
  assert.deepEqual([hidden.lines, hidden.gaps], [[], []]);
});

test('the axis of a counter fits its data, that of its energy and of power begins at zero', () => {
  const counter = table(0, [9_082.3, 9_082.4]);
  const [own = assert.fail()] = counter.series;
  const kwh = { ...counter, series: [{ ...own, ref: 'a.energy', unit: 'kWh' }] };
  assert.equal(modelOf({ ...PARTS, table: kwh }).fitsData?.first, true);
  assert.equal(modelOf({ ...PARTS, table: kwh, kind: 'bar', statistic: 'energyKwh' }).fitsData?.first, false);
  assert.equal(modelOf({ ...PARTS, table: counter }).fitsData?.first, false);
});

test('a sum of which a part of the households is missing is told apart; a household and an hour without anything are not', () => {
  const whole = table(0, [1, 2, null, 4]);
  const [own = assert.fail()] = whole.series;
  const partly = (ref: string) => ({ ...whole, series: [{ ...own, ref, coverage: [1, 0.9, 0, 0.999] }] });
  const [line = assert.fail()] = modelOf({ ...PARTS, table: partly('all.power') }).lines;
  assert.deepEqual(
    [0, 1, 2, 3].map((index) => isPartOfSum(line, index)),
    [false, true, false, false],
  );
  assert.equal(hasPartsOfSums(modelOf({ ...PARTS, table: partly('state:DE-BB.power') })), true);
  assert.equal(hasPartsOfSums(modelOf({ ...PARTS, table: partly('a.power') })), false);
});

test('one household of three hundred that has nothing is told, though the coverage hardly knows of it', () => {
  const whole = table(0, [1, 2, 3]);
  const [own = assert.fail()] = whole.series;
  const sum = { ...own, ref: 'all.power', coverage: [1, 0.9967, 0.9967] };
  const lineOf = (told: typeof own.told) =>
    modelOf({ ...PARTS, table: { ...whole, series: [{ ...sum, told }] } }).lines[0] ?? assert.fail();
  const parts = (line: ReturnType<typeof lineOf>) => [0, 1, 2].map((index) => isPartOfSum(line, index));
  assert.deepEqual(parts(lineOf({ households: 300, have: [300, 299, 300] })), [false, true, false]);
  assert.deepEqual(parts(lineOf(undefined)), [false, false, false]);
});

test('what is compared stands under the same local time, over a change of the clocks too', () => {
  // Local midnight of 28 October, winter time; the day before has 25 hours and began in summer time.
  const today = table(Date.parse('2019-10-27T23:00:00Z'), [1, 2, 3, 4, 5, 6]);
  const yesterday = table(Date.parse('2019-10-26T22:00:00Z'), [10, 20, 30, 40, 50, 60]);
  const model = modelOf({ ...PARTS, table: today, comparison: yesterday });
  const [, compared] = model.lines;
  assert(compared?.isCompared);
  assert.equal(compared.label, 'a.power before');
  assert.equal(compared.coverage.length, compared.points.length);
  // Half past midnight under half past midnight; both halves of the doubled hour under the one of today.
  const hours = compared.points.map(({ x }) => (x - today.fromMs) / HOUR_MS);
  assert.deepEqual(hours, [0.5, 1.5, 2.5, 2.5, 3.5, 4.5]);
});
