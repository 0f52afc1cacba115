/**
 * The simulator `battery`. It keeps its set-point until another one comes, and may be told one several times in a tick: what it holds
 * moves on only with simulated time, so the rounds of a same-time loop replace one another.
 */
import type { Inputs } from '../../cosim/simulator.ts';
import { type Asset, AssetSimulator, type AssetValues, type StepTime, sumOf } from './asset-simulator.ts';
import { BATTERY_DEFAULTS, type BatterySettings, type BatteryState, batteryBegin, batteryStep, socPercent } from './battery.ts';

interface HeldPower {
  /** Tick since which `power_w` holds, and what was stored then. */
  tick: number;
  stored: BatteryState;
  power_w: number;
  setpoint_w: number;
}

export class BatterySimulator extends AssetSimulator<BatterySettings, HeldPower> {
  constructor() {
    super({
      type: 'hybrid',
      name: 'Battery',
      eid: 'battery',
      defaults: BATTERY_DEFAULTS,
      limits: {
        capacity_wh: [1, Number.MAX_VALUE],
        charge_efficiency: [0.01, 1],
        discharge_efficiency: [0.01, 1],
        soc_min_percent: [0, 100],
        soc_max_percent: [0, 100],
        soc_begin_percent: [0, 100],
      },
      fault: ({ soc_min_percent: min, soc_begin_percent: begin, soc_max_percent: max }) =>
        min <= begin && begin <= max
          ? undefined
          : `soc_begin_percent ${begin} is not from soc_min_percent ${min} to soc_max_percent ${max}`,
      attrs: ['setpoint', 'power', 'soc', 'stored_energy', 'loss'],
      trigger: ['setpoint'],
    });
  }

  protected begin(settings: BatterySettings): HeldPower {
    return { tick: 0, stored: batteryBegin(settings), power_w: 0, setpoint_w: 0 };
  }

  protected stepAsset(asset: Asset<BatterySettings, HeldPower>, { tick, seconds }: StepTime, inputs: Inputs[string]): AssetValues {
    const { settings, state } = asset;
    const elapsed = this.secondsBetween(state.tick, tick);
    const stored = elapsed > 0 ? batteryStep(settings, state.stored, state.power_w, elapsed).after : state.stored;
    const setpoint_w = inputs['setpoint'] === undefined ? state.setpoint_w : sumOf(inputs, 'setpoint');
    const { power_w, loss_w } = batteryStep(settings, stored, setpoint_w, seconds);
    asset.state = { tick, stored, power_w, setpoint_w };
    return { power: power_w, soc: socPercent(settings, stored), stored_energy: stored.stored_wh, loss: loss_w };
  }
}
