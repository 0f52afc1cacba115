/** A battery loses nothing but by its efficiencies, and keeps its limits, whatever it is told. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { seededRandom } from '../../../../../../common/random.ts';
import {
  BATTERY_DEFAULTS,
  type BatterySettings,
  batteryBegin,
  batteryStep,
  socPercent,
} from '../../../../../../edge/simulator/models/assets/battery.ts';

const STEPS = 20_000;
const random = seededRandom(20);

function anySettings(): BatterySettings {
  const between = (min: number, max: number) => min + (max - min) * random.next();
  return {
    capacity_wh: between(500, 30_000),
    charge_power_max_w: between(0, 12_000),
    discharge_power_max_w: between(0, 12_000),
    charge_efficiency: between(0.5, 1),
    discharge_efficiency: between(0.5, 1),
    soc_min_percent: between(0, 20),
    soc_max_percent: between(80, 100),
    soc_begin_percent: between(20, 80),
  };
}

test('charged · efficiency − discharged / efficiency is what it holds more, in every one of 20,000 steps', () => {
  let full = 0;
  let empty = 0;
  for (let run = 0; run < 20; run++) {
    const settings = anySettings();
    let state = batteryBegin(settings);
    for (let step = 0; step < STEPS / 20; step++) {
      const seconds = 1 + random.below(3_600);
      const setpoint_w = (random.next() - 0.5) * 30_000;
      const { power_w, loss_w, after } = batteryStep(settings, state, setpoint_w, seconds);
      const hours = seconds / 3_600;
      const charged_wh = Math.max(0, power_w) * hours;
      const discharged_wh = Math.max(0, -power_w) * hours;
      const stored_wh = charged_wh * settings.charge_efficiency - discharged_wh / settings.discharge_efficiency;
      assert.ok(Math.abs(after.stored_wh - state.stored_wh - stored_wh) < 1e-9);
      assert.ok(Math.abs(charged_wh - discharged_wh - stored_wh - loss_w * hours) < 1e-9, 'the loss is the rest');
      assert.ok(loss_w >= -1e-9);
      assert.ok(
        power_w * setpoint_w >= 0 && Math.abs(power_w) <= Math.abs(setpoint_w) + 1e-9,
        'never more than it is told, never the other way',
      );
      assert.ok(power_w <= settings.charge_power_max_w && -power_w <= settings.discharge_power_max_w);
      const soc = socPercent(settings, after);
      assert.ok(soc >= settings.soc_min_percent - 1e-9 && soc <= settings.soc_max_percent + 1e-9);
      if (soc > settings.soc_max_percent - 1e-9) full++;
      if (soc < settings.soc_min_percent + 1e-9) empty++;
      state = after;
    }
  }
  assert.ok(full > 500 && empty > 500, `it was full ${full} times and empty ${empty} times`);
});

describe('the default battery', () => {
  const half = batteryBegin(BATTERY_DEFAULTS);

  test('gives back 90 % of what it took', () => {
    const charged = batteryStep(BATTERY_DEFAULTS, half, 2_000, 3_600);
    assert.equal(charged.power_w, 2_000);
    let given_wh = 0;
    let state = charged.after;
    while (state.stored_wh > half.stored_wh) {
      const step = batteryStep(BATTERY_DEFAULTS, state, -1_000, 1);
      given_wh -= step.power_w / 3_600;
      state = step.after;
    }
    assert.ok(Math.abs(given_wh / 2_000 - 0.9) < 0.001);
  });

  test('does nothing when it is told nothing, and when it is empty', () => {
    assert.deepEqual(batteryStep(BATTERY_DEFAULTS, half, 0, 60), { power_w: 0, loss_w: 0, after: half });
    assert.equal(batteryStep(BATTERY_DEFAULTS, { stored_wh: 0 }, -3_000, 60).power_w, 0);
    assert.equal(batteryStep(BATTERY_DEFAULTS, { stored_wh: 13_500 }, 3_000, 60).power_w, 0);
  });
});
