/**
 * The simulator `grid-connection`: sums up what is connected to `power` and `battery_power`. A battery is connected to the latter, which
 * makes it measure again when the battery has answered.
 */
import type { Inputs } from '../../cosim/simulator.ts';
import { type Asset, AssetSimulator, type AssetValues, type StepTime } from './asset-simulator.ts';
import { gridConnectionStep } from './grid-connection.ts';

type NoSettings = Record<never, number>;

export class GridConnectionSimulator extends AssetSimulator<NoSettings, undefined> {
  constructor() {
    super({
      type: 'hybrid',
      name: 'GridConnection',
      eid: 'grid-connection',
      defaults: {},
      attrs: ['power', 'battery_power', 'grid_power', 'import_power', 'export_power'],
      trigger: ['battery_power'],
    });
  }

  protected begin(): undefined {
    return undefined;
  }

  protected stepAsset(_asset: Asset<NoSettings, undefined>, _time: StepTime, inputs: Inputs[string]): AssetValues {
    const { grid_power_w, import_power_w, export_power_w } = gridConnectionStep(powersIn(inputs));
    return { grid_power: grid_power_w, import_power: import_power_w, export_power: export_power_w };
  }
}

function powersIn(inputs: Inputs[string]): number[] {
  const told = [...Object.values(inputs['power'] ?? {}), ...Object.values(inputs['battery_power'] ?? {})];
  return told.filter((power) => typeof power === 'number');
}
