/**
 * The simulator `self-consumption`: one controller per household. It steps when the connection point has measured, and tells a set-point
 * only when it changes; so a loop with connection point and battery comes to rest.
 */
import type { Inputs } from '../../cosim/simulator.ts';
import { type Asset, AssetSimulator, type AssetValues, type StepTime, sumOf } from './asset-simulator.ts';
import {
  SELF_CONSUMPTION_DEFAULTS,
  type SelfConsumptionSettings,
  type SelfConsumptionState,
  selfConsumptionStep,
} from './self-consumption.ts';

export class SelfConsumptionSimulator extends AssetSimulator<SelfConsumptionSettings, SelfConsumptionState> {
  constructor() {
    super({
      type: 'hybrid',
      name: 'SelfConsumption',
      eid: 'self-consumption',
      defaults: SELF_CONSUMPTION_DEFAULTS,
      limits: { grid_target_w: [-Number.MAX_VALUE, Number.MAX_VALUE] },
      attrs: ['grid_power', 'battery_power', 'setpoint'],
      trigger: ['grid_power'],
      nonPersistent: ['setpoint'],
    });
  }

  protected begin(): SelfConsumptionState {
    return { setpoint_w: undefined };
  }

  protected stepAsset(asset: Asset<SelfConsumptionSettings, SelfConsumptionState>, _time: StepTime, inputs: Inputs[string]): AssetValues {
    if (inputs['grid_power'] === undefined) return {};
    const grid_power_w = sumOf(inputs, 'grid_power');
    const { setpoint_w, after } = selfConsumptionStep(asset.settings, asset.state, grid_power_w, sumOf(inputs, 'battery_power'));
    asset.state = after;
    return { setpoint: setpoint_w };
  }

  protected override nextTick(): null {
    return null;
  }
}
