import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { HouseholdDetailReply, HouseholdsReply, StateDetailReply } from '../../../../../../cloud/server/api/api-types.ts';
import { documentedFetch as fetch } from '../../../../../doubles/documented-fetch.ts';
import { type RunningCloud, runCloud, T0_MS, WINDOW_MS } from '../../../../../doubles/running-cloud.ts';
import { VirtualClock } from '../../../../../doubles/virtual-clock.ts';

/** 2019-12-24 07:00 in Berlin is T0, a Tuesday; four days later it is Saturday. */
const DAY_MS = 86_400_000;
const clock = new VirtualClock();
let cloud: RunningCloud;

before(async () => {
  cloud = await runCloud({ clock, states: { a: 'DE-BB', b: 'DE-BB' } });
  await cloud.shipPower('a', 100, 6);
  await cloud.shipPower('a', 400, 6, T0_MS + DAY_MS);
  await cloud.shipPower('a', 900, 6, T0_MS + 4 * DAY_MS);
  await cloud.shipPower('b', 30, 6);
});

after(() => cloud.stop());

async function get<T>(path: string): Promise<T> {
  await clock.advance(100);
  const response = await fetch(cloud.url + path);
  assert.equal(response.status, 200, `${path}: ${response.status}`);
  return (await response.json()) as T;
}

test('a household of the list says which edge owns it, as it does alone', async () => {
  const { households } = await get<HouseholdsReply>('/api/v1/households');
  assert.deepEqual(
    households.map(({ household, edge }) => [household, edge]),
    [
      ['a', 'edge-1'],
      ['b', 'edge-1'],
    ],
  );
  const detail = await get<HouseholdDetailReply>('/api/v1/households/a');
  assert.deepEqual([detail.edge, detail.household.edge], ['edge-1', 'edge-1']);
});

test('an hour of a state’s days has its mean and the least and greatest of its days, workdays apart from the weekend', async () => {
  const range = `from=${T0_MS}&to=${T0_MS + 5 * DAY_MS}`;
  const { hourOfDay, energyKwh } = await get<StateDetailReply>(`/api/v1/states/DE-BB?${range}`);
  const seven = hourOfDay[7];
  // Tuesday: 100 and 30 of two households; Wednesday: 400 of one.
  assert.deepEqual([seven?.weekdayMinW, seven?.weekdayMeanW, seven?.weekdayMaxW], [130, 265, 400]);
  assert.deepEqual([seven?.weekendMinW, seven?.weekendMeanW, seven?.weekendMaxW], [900, 900, 900]);
  assert.deepEqual(hourOfDay[8], {
    hour: 8,
    weekdayMeanW: null,
    weekdayMinW: null,
    weekdayMaxW: null,
    weekendMeanW: null,
    weekendMinW: null,
    weekendMaxW: null,
  });
  const wattWindows = 6 * (100 + 30 + 400 + 900);
  assert(Math.abs((energyKwh ?? 0) - (wattWindows * WINDOW_MS) / 3_600_000_000) < 1e-12);
});
