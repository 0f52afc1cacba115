/** Heat is electricity times COP, and a year is as measured ones are. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../../../../../common/random.ts';
import { copAtLift, HEAT_PUMP_DEFAULTS, heatPumpStep } from '../../../../../../edge/simulator/models/assets/heat-pump.ts';
import { CLIMATE_DEFAULTS, outdoorTemperatureC } from '../../../../../../edge/simulator/models/assets/weather.ts';

const HOUR_MS = 3_600_000;
const YEAR_MS = Date.parse('2023-01-01T00:00:00Z');

test('heat is electricity times COP, and demand is met or told as unmet, in 10,000 steps', () => {
  const random = seededRandom(3);
  let unmet = 0;
  for (let i = 0; i < 10_000; i++) {
    const settings = {
      ...HEAT_PUMP_DEFAULTS,
      heat_loss_w_per_k: random.next() * 400,
      hot_water_w: random.next() * 500,
      power_max_w: random.next() * 6_000,
    };
    const outdoor_c = random.next() * 60 - 25;
    const { power_w, heat_w, heat_unmet_w, cop } = heatPumpStep(settings, outdoor_c);
    const demand_w = settings.heat_loss_w_per_k * Math.max(0, 15 - outdoor_c) + settings.hot_water_w;
    assert.ok(Math.abs(heat_w - power_w * cop) < 1e-9);
    assert.ok(Math.abs(heat_w + heat_unmet_w - demand_w) < 1e-9);
    assert.ok(power_w >= 0 && power_w <= settings.power_max_w && cop > 0.8 && cop < 6);
    if (heat_unmet_w > 1) unmet++;
  }
  assert.ok(unmet > 500 && unmet < 9_500);
});

test('the COP falls with the lift, and by the regression of Staffell et al. 2012', () => {
  assert.ok(Math.abs(copAtLift(30) - (6.81 - 3.63 + 0.567)) < 1e-9);
  for (let lift = 0; lift < 80; lift++) assert.ok(copAtLift(lift + 1) <= copAtLift(lift));
  assert.equal(copAtLift(5), copAtLift(15));
  assert.equal(copAtLift(70), copAtLift(60));
  assert.ok(heatPumpStep(HEAT_PUMP_DEFAULTS, -10).cop < heatPumpStep(HEAT_PUMP_DEFAULTS, 10).cop);
});

test('a house that wants nothing takes nothing', () => {
  const { power_w, heat_w, heat_unmet_w } = heatPumpStep({ ...HEAT_PUMP_DEFAULTS, hot_water_w: 0 }, 20);
  assert.deepEqual([power_w, heat_w, heat_unmet_w], [0, 0, 0]);
});

test('a year: 3 to 4 units of heat for one of electricity, about 10,000 kWh of heat, hardly any unmet', () => {
  // Fraunhofer ISE field tests of air-to-water heat pumps: 2.8 on average in 2008, 3.1 in the stock in 2020, the best above 4.
  for (let seed = 1; seed <= 10; seed++) {
    const sum = { power_w: 0, heat_w: 0, heat_unmet_w: 0 };
    for (let hour = 0; hour < 8_760; hour++) {
      const step = heatPumpStep(HEAT_PUMP_DEFAULTS, outdoorTemperatureC(CLIMATE_DEFAULTS, seed, YEAR_MS + (hour + 0.5) * HOUR_MS));
      for (const name of ['power_w', 'heat_w', 'heat_unmet_w'] as const) sum[name] += step[name];
    }
    const cop = sum.heat_w / sum.power_w;
    assert.ok(cop > 3 && cop < 4, `${cop}`);
    assert.ok(sum.heat_w > 8e6 && sum.heat_w < 13e6, `${sum.heat_w / 1_000} kWh`);
    assert.ok(sum.heat_unmet_w < 0.001 * sum.heat_w);
  }
});
