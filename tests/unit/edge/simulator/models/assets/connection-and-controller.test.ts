/** Nothing is lost where a house meets the grid, and the controller asks the battery for exactly what would go over it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../../../../../common/random.ts';
import { BATTERY_DEFAULTS, batteryBegin, batteryStep } from '../../../../../../edge/simulator/models/assets/battery.ts';
import { gridConnectionStep } from '../../../../../../edge/simulator/models/assets/grid-connection.ts';
import { SELF_CONSUMPTION_DEFAULTS, selfConsumptionStep } from '../../../../../../edge/simulator/models/assets/self-consumption.ts';

const random = seededRandom(11);
const anyPower = () => (random.next() - 0.5) * 20_000;

test('what everything takes and what the grid gives is nothing together', () => {
  for (let i = 0; i < 10_000; i++) {
    const powers = Array.from({ length: random.below(8) }, anyPower);
    const { grid_power_w, import_power_w, export_power_w } = gridConnectionStep(powers);
    assert.ok(Math.abs([...powers, -grid_power_w].reduce((sum, power_w) => sum + power_w, 0)) < 1e-9);
    assert.equal(import_power_w - export_power_w, grid_power_w);
    assert.ok(import_power_w >= 0 && export_power_w >= 0 && Math.min(import_power_w, export_power_w) === 0);
  }
  assert.deepEqual(gridConnectionStep([]), { grid_power_w: 0, import_power_w: 0, export_power_w: 0 });
});

test('with a battery that can do it nothing goes over the connection point, and the second look changes nothing', () => {
  let battery = batteryBegin(BATTERY_DEFAULTS);
  let battery_power_w = 0;
  let balanced = 0;
  for (let i = 0; i < 10_000; i++) {
    const house_w = anyPower() / 3;
    let controller = { setpoint_w: undefined as number | undefined };
    const first = selfConsumptionStep(SELF_CONSUMPTION_DEFAULTS, controller, house_w + battery_power_w, battery_power_w);
    controller = first.after;
    assert.ok(Math.abs(first.setpoint_w! + house_w) < 1e-9);
    const answer = batteryStep(BATTERY_DEFAULTS, battery, first.setpoint_w!, 60);
    const grid_power_w = house_w + answer.power_w;
    const second = selfConsumptionStep(SELF_CONSUMPTION_DEFAULTS, controller, grid_power_w, answer.power_w);
    assert.equal(second.setpoint_w, undefined, 'the loop rests');
    if (answer.power_w === first.setpoint_w) {
      balanced++;
      assert.ok(Math.abs(grid_power_w) < 1e-9);
    } else assert.ok(grid_power_w * house_w > 0 && Math.abs(grid_power_w) <= Math.abs(house_w), 'a part of it, the same way');
    battery = answer.after;
    battery_power_w = answer.power_w;
  }
  assert.ok(balanced > 2_000 && balanced < 10_000);
});

test('another target than nothing', () => {
  const settings = { ...SELF_CONSUMPTION_DEFAULTS, grid_target_w: 50 };
  assert.equal(selfConsumptionStep(settings, { setpoint_w: undefined }, -1_000, 200).setpoint_w, 1_250);
});
