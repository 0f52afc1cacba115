import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Column, gapsOf, type SeriesTable, seriesAddress, tableOf, totalsOf, withTail } from '../../../../../cloud/web/data/series.ts';

const MINUTE_MS = 60_000;

/** Buckets of a minute from `fromMinute`; null is no data. */
function table(fromMinute: number, mean: Column, more: Partial<SeriesTable['series'][number]> = {}): SeriesTable {
  const startsMs = mean.map((_, index) => (fromMinute + index) * MINUTE_MS);
  const nothing = mean.map(() => null);
  const series = [{ ref: 'all.power', unit: 'W', mean, min: nothing, max: nothing, energyKwh: nothing, coverage: nothing, ...more }];
  const toMs = (fromMinute + mean.length) * MINUTE_MS;
  return { fromMs: fromMinute * MINUTE_MS, toMs, tz: 'UTC', resolution: '1m', windowSeconds: 5, dataLabel: '', startsMs, series };
}

test('the question names series, range, zone and either points or a resolution', () => {
  const question = { refs: ['all.power', 'state:DE-BB.power'], from: 'latest-24h', to: 'latest', tz: 'Europe/Berlin' };
  assert.equal(
    seriesAddress({ ...question, grain: { points: 500 } }),
    '/api/v1/series?series=all.power,state:DE-BB.power&from=latest-24h&to=latest&tz=Europe/Berlin&points=500' +
      '&stats=mean,min,max,energy,coverage',
  );
  assert.match(seriesAddress({ ...question, grain: { resolution: '15m' } }, { format: 'csv' }), /&resolution=15m&stats=.*&format=csv$/);
});

test('a reply becomes a table; columns that were not asked for are without data', () => {
  const reply = {
    from: '2019-12-24T06:00:00.000Z',
    to: '2019-12-24T06:02:00.000Z',
    tz: 'Europe/Berlin',
    resolution: '1m' as const,
    windowSeconds: 5,
    dataLabel: 'synthetic',
    starts: ['2019-12-24T06:00:00.000Z', '2019-12-24T06:01:00.000Z'],
    series: [{ series: 'a.power', unit: 'W', columns: { mean: [1, null] } }],
  };
  const its = tableOf(reply);
  assert.deepEqual(its.startsMs, [Date.parse('2019-12-24T06:00:00Z'), Date.parse('2019-12-24T06:01:00Z')]);
  assert.deepEqual(its.series[0]?.mean, [1, null]);
  assert.deepEqual(its.series[0]?.coverage, [null, null]);
});

test('gaps are where no series has data, up to where data ends', () => {
  const minute = (fromMs: number, toMs: number) => ({ fromMs: fromMs * MINUTE_MS, toMs: toMs * MINUTE_MS });
  const its = table(0, [null, 1, null, null, 2, null, null]);
  assert.deepEqual(gapsOf(its, its.series, 0, 100 * MINUTE_MS), [minute(0, 1), minute(2, 4), minute(5, 7)]);
  assert.deepEqual(gapsOf(its, its.series, 0, 5.5 * MINUTE_MS), [minute(0, 1), minute(2, 4), minute(5, 5.5)]);
  assert.deepEqual(gapsOf(its, its.series, MINUTE_MS, 4 * MINUTE_MS), [minute(2, 4)], 'before its beginning nothing is missing');
  const [first] = its.series;
  assert(first !== undefined);
  const other = { ...first, mean: [null, null, 3, null, null, 3, 3] };
  assert.deepEqual(gapsOf(its, [first, other], 0, 100 * MINUTE_MS), [minute(0, 1), minute(3, 4)]);
});

test('totals weigh buckets by their data; without data there is no total, and no 0', () => {
  const its = table(0, [100, 200, null], { coverage: [1, 0.5, 0], min: [90, 110, null], max: [120, 400, null], energyKwh: [1, 2, null] });
  const [series] = its.series;
  assert(series !== undefined);
  const totals = totalsOf(its, series);
  assert.equal(Math.round(totals.mean ?? 0), 133);
  assert.deepEqual([totals.min, totals.max, totals.energyKwh, totals.coverage], [90, 400, 3, 0.5]);
  const empty = table(0, [null, null]);
  const [nothing] = empty.series;
  assert(nothing !== undefined);
  assert.deepEqual(totalsOf(empty, nothing), { mean: null, min: null, max: null, energyKwh: null, coverage: 0 });
});

test('a tail takes the place of the last buckets, what left the range goes', () => {
  const joined = withTail(table(0, [1, 2, 3, 4]), table(3, [40, 50, 60]), 'latest-4m');
  assert.deepEqual(joined.series[0]?.mean, [3, 40, 50, 60]);
  assert.deepEqual(
    joined.startsMs.map((startMs) => startMs / MINUTE_MS),
    [2, 3, 4, 5],
  );
  assert.equal(joined.toMs, 6 * MINUTE_MS);
});

test('a growing range keeps its beginning; a tail of another width is no tail', () => {
  assert.deepEqual(withTail(table(0, [1, 2]), table(2, [3]), 'first').series[0]?.mean, [1, 2, 3]);
  const before = table(0, [1, 2]);
  assert.equal(withTail(before, { ...table(2, [3]), resolution: '5m' }, 'first'), before);
  assert.equal(withTail(before, table(2, []), 'first'), before);
  assert.deepEqual(withTail(table(0, [1, 2]), table(9, [5, 6]), 'latest-2m').series[0]?.mean, [5, 6]);
});
