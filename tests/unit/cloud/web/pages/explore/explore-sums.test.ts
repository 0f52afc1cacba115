import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SeriesReply } from '../../../../../../cloud/server/api/api-types.ts';
import { statsFor, exploreTableOf, savedAddress } from '../../../../../../cloud/web/pages/explore/explore-table.ts';
import { statsOf } from '../../../../../../cloud/web/pages/explore/explore-stats.ts';
import { drawnAddress, tableOf, totalsOf } from '../../../../../../cloud/web/data/series.ts';
import { runCloud, T0_MS } from '../../../../../doubles/running-cloud.ts';

const WINDOWS = 720;
const HOUR_MS = 3_600_000;
const REFS = ['all.power', 'state:DE-BB.power'];

const kwh = (value: number | null) => Math.round((value ?? 0) * 1e6) / 1e6;

/** Two hours; of one home the second is missing. Both draw 300 W. */
async function halfAHole() {
  const cloud = await runCloud({ states: { a: 'DE-BB', b: 'DE-BB' } });
  await cloud.shipPower('a', 300, 2 * WINDOWS);
  await cloud.shipPower('b', 300, WINDOWS);
  const get = async (address: string): Promise<SeriesReply> => {
    const response = await fetch(cloud.url + address);
    assert.equal(response.status, 200, address);
    return (await response.json()) as SeriesReply;
  };
  const question = (resolution: string) => ({
    refs: REFS,
    from: String(T0_MS),
    to: String(T0_MS + 2 * HOUR_MS),
    tz: 'Europe/Berlin',
    grain: { resolution },
  });
  return { cloud, get, question };
}

test('mean and energy of a sum over quarter hours are those that the API tells of the whole, though a household is missing', async (t) => {
  const { cloud, get, question } = await halfAHole();
  t.after(() => cloud.stop());
  const shown = exploreTableOf(await get(savedAddress(question('15m'), statsFor('mean', 9))));
  // 600 W for an hour, 300 W for another: 450 W, though three quarters of all windows are there.
  const whole = await get(savedAddress({ ...question('15m'), grain: { resolution: '1d' } }, ['mean', 'energy', 'coverage']));
  for (const [i, series] of shown.series.entries()) {
    const { mean, energyKwh, coverage } = statsOf(shown, series, 'mean');
    assert.deepEqual([mean, kwh(energyKwh), coverage], [450, 0.9, 0.75], series.ref);
    assert.deepEqual(whole.series[i]?.columns.mean, [450]);
    assert.deepEqual(whole.series[i]?.columns.energyKwh, [0.9]);
    assert.equal(series.columns.energyKwh, undefined, 'not asked for beside so many series');
    // Without the number of households that had data it would be the share of windows, and both numbers too far towards the whole hour.
    const { told: _told, ...untold } = series;
    const { mean: wrong, energyKwh: tooFew } = statsOf(shown, untold, 'mean');
    assert.deepEqual([wrong, kwh(tooFew)], [500, 0.75]);
  }
});

test('the other pages reckon alike', async (t) => {
  const { cloud, get, question } = await halfAHole();
  t.after(() => cloud.stop());
  const table = tableOf(await get(drawnAddress(question('15m'))));
  for (const series of table.series) {
    const { mean, energyKwh, coverage } = totalsOf(table, series);
    assert.deepEqual([mean, kwh(energyKwh), coverage], [450, 0.9, 0.75], series.ref);
  }
  assert.deepEqual(table.series[0]?.told, { households: 2, have: [2, 2, 2, 2, 1, 1, 1, 1] });
});

test('households are asked for only of sums over them', () => {
  const question = { refs: ['a.power'], from: 'first', to: 'latest', tz: 'UTC', grain: { resolution: '1h' } };
  assert.match(drawnAddress(question), /stats=mean,min,max,energy,coverage$/);
  assert.match(drawnAddress({ ...question, refs: ['a.power', 'all.power'] }), /coverage,households$/);
});
