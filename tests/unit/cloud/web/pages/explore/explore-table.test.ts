import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  csvText,
  curlText,
  ndjsonText,
  pythonText,
  questionFor,
  rText,
} from '../../../../../../cloud/web/pages/explore/explore-exports.ts';
import { statsOf, totalsOf } from '../../../../../../cloud/web/pages/explore/explore-stats.ts';
import {
  asSeriesTable,
  DETAILED_SERIES_MAX,
  exploreTableOf,
  onlyShown,
  statsFor,
  withNewer,
} from '../../../../../../cloud/web/pages/explore/explore-table.ts';
import { HOUR_MS, smallTable } from './small-table.ts';

test('of many series only what is drawn is asked for, and how much of it is there', () => {
  assert.deepEqual(statsFor('mean', DETAILED_SERIES_MAX), ['mean', 'min', 'max', 'energy', 'coverage']);
  assert.deepEqual(statsFor('mean', DETAILED_SERIES_MAX + 1), ['mean', 'coverage']);
  assert.deepEqual(statsFor('energy', 1), ['energy', 'coverage']);
  assert.deepEqual(statsFor('last', 1), ['last', 'energy', 'coverage']);
});

test("a reply's columns stand in the order in which the API writes them", () => {
  const head = { from: '1970-01-01T00:00:00.000Z', to: '1970-01-01T02:00:00.000Z', tz: 'UTC', resolution: '1h' as const };
  const its = { series: 'a.power', household: 'a', device: null, state: null, field: 'power', unit: 'W', members: 1, households: 1 };
  const table = exploreTableOf({
    ...head,
    windowSeconds: 5,
    dataLabel: '',
    starts: ['1970-01-01T00:00:00.000Z', '1970-01-01T01:00:00.000Z'],
    series: [{ ...its, columns: { coverage: [1, 0], mean: [2, null] } }],
  });
  assert.deepEqual([table.columns, table.startsMs, table.toMs], [['mean', 'coverage'], [0, HOUR_MS], 2 * HOUR_MS]);
  assert.deepEqual(asSeriesTable(table).series[0], {
    ref: 'a.power',
    unit: 'W',
    mean: [2, null],
    min: [null, null],
    max: [null, null],
    energyKwh: [null, null],
    coverage: [1, 0],
  });
});

test('newer buckets take the place of the last ones; what left the range goes', () => {
  const table = smallTable({ 'a.power': { mean: [1, 2, 3] } });
  const tail = smallTable({ 'a.power': { mean: [30, 40] } }, 2 * HOUR_MS);
  const next = withNewer(table, tail, HOUR_MS);
  assert.deepEqual(
    [next.startsMs, next.series[0]?.columns.mean],
    [
      [HOUR_MS, 2 * HOUR_MS, 3 * HOUR_MS],
      [2, 30, 40],
    ],
  );
  assert.deepEqual([next.fromMs, next.toMs], [HOUR_MS, 4 * HOUR_MS]);
  assert.equal(withNewer(table, { ...tail, resolution: '1m' }, 0), table);
  assert.equal(withNewer(table, smallTable({ 'a.power': { mean: [] } }), 0), table);
});

test('statistics count what is there by the time that it stands for', () => {
  const table = smallTable({
    'a.power': { mean: [100, null, 300, 200], min: [50, null, 250, 0], max: [150, null, 900, 400], coverage: [1, 0, 0.5, 1] },
  });
  const [series] = table.series;
  assert(series !== undefined);
  assert.deepEqual(statsOf(table, series, 'mean'), {
    n: 3,
    of: 4,
    coverage: 2.5 / 4,
    min: 0,
    mean: (100 + 150 + 200) / 2.5,
    max: 900,
    p95: 300,
    energyKwh: (100 + 150 + 200) / 1_000,
  });
  const energy = smallTable({ 'a.power': { energyKwh: [1, null, 4] } });
  const its = energy.series[0];
  assert(its !== undefined);
  const stats = statsOf(energy, its, 'energy');
  assert.deepEqual([stats.mean, stats.energyKwh, stats.min, stats.max], [2.5, 5, 1, 4]);
  const points = Array.from({ length: 100 }, (_, n) => n + 1);
  const hundred = smallTable({ 'a.power': { mean: points } });
  assert.equal(statsOf(hundred, hundred.series[0] ?? its, 'mean').p95, 95);
});

test('of nothing there is no statistic, and no energy of what is no power', () => {
  const table = smallTable({ 'a.power': { mean: [null, null] }, 'a.energy': { mean: [7, 8] } });
  const [nothing, counter] = table.series.map((series) => statsOf(table, series, 'mean'));
  assert.deepEqual(nothing, { n: 0, of: 2, coverage: 0, min: null, mean: null, max: null, p95: null, energyKwh: null });
  assert.equal(counter?.energyKwh, null);
});

test('a total only of what adds up; null is not zero', () => {
  const table = smallTable({ 'a.power': { mean: [100, 100] }, 'b.power': { mean: [50, null] } });
  const rows = table.series.map((series) => statsOf(table, series, 'mean'));
  assert.deepEqual(totalsOf(table, rows, 'mean'), { mean: 150, energyKwh: 0.25, coverage: 0.75 });
  assert.equal(totalsOf(onlyShown(table, new Set(['b.power'])), rows.slice(0, 1), 'mean'), undefined);
  const empty = smallTable({ 'a.power': { mean: [null] }, 'b.power': { mean: [null] } });
  const none = empty.series.map((series) => statsOf(empty, series, 'mean'));
  assert.deepEqual(totalsOf(empty, none, 'mean'), { mean: null, energyKwh: null, coverage: 0 });
});

test('files hold every bucket: empty cells and nulls where there is no data', () => {
  const table = smallTable({ 'a.power': { mean: [1.5, null] }, 'b.power': { mean: [2, 3] } });
  assert.equal(
    csvText(table, 'dot'),
    'start,a.power.mean,a.power.coverage,b.power.mean,b.power.coverage\n' +
      '1970-01-01T00:00:00.000Z,1.5,1,2,1\n1970-01-01T01:00:00.000Z,,0,3,1\n',
  );
  assert.match(csvText(table, 'comma'), /\n1970-01-01T00:00:00\.000Z;1,5;1;2;1\n/);
  assert.deepEqual(
    ndjsonText(table)
      .trimEnd()
      .split('\n')
      .map((line): unknown => JSON.parse(line)),
    [
      { start: '1970-01-01T00:00:00.000Z', 'a.power.mean': 1.5, 'a.power.coverage': 1, 'b.power.mean': 2, 'b.power.coverage': 1 },
      { start: '1970-01-01T01:00:00.000Z', 'a.power.mean': null, 'a.power.coverage': 0, 'b.power.mean': 3, 'b.power.coverage': 1 },
    ],
  );
});

test('other programs ask for the same: fixed instants, resolution, zone, statistics and form', () => {
  const table = smallTable({ 'a.power': { mean: [1], energyKwh: [1] } });
  const address = questionFor(table, 'http://cloud', 'csv');
  assert.equal(
    address,
    'http://cloud/api/v1/series?series=a.power&from=1970-01-01T00:00:00.000Z&to=1970-01-01T01:00:00.000Z&tz=Europe/Berlin' +
      '&resolution=1h&stats=mean,energy,coverage&layout=columns&format=csv',
  );
  assert.equal(curlText([address]), `curl --fail '${address}'`);
  assert.equal(curlText(["x'y", 'z']), "curl --fail 'x%27y'\ncurl --fail 'z'");
  assert.match(pythonText([address, 'z']), /shown = pd\.read_csv\("http:.*\ncompared = pd\.read_csv\("z"/);
  const gone = { ...table, series: table.series.map((series) => ({ ...series, isUnknown: true })) };
  assert.match(questionFor(gone, '', 'csv'), /&unknown=null&layout=columns&format=csv$/, 'answered, though one of a saved link is gone');
  assert.match(rText([address]), /^shown <- read\.csv\("http:[^"]+", check\.names = FALSE\)\nshown\$start <- as\.POSIXct/);
});
