/** The simulator `ev-charger`: wallboxes, each with a car of its own. */
import { type Asset, AssetSimulator, type AssetValues, type StepTime } from './asset-simulator.ts';
import {
  EV_CHARGER_DEFAULTS,
  EV_CHARGER_LIMITS,
  type EvChargerSettings,
  type EvChargerState,
  evChargerStep,
  NO_VISIT,
} from './ev-charger.ts';

export class EvChargerSimulator extends AssetSimulator<EvChargerSettings, EvChargerState> {
  constructor() {
    super({
      type: 'time-based',
      name: 'EvCharger',
      eid: 'ev-charger',
      defaults: EV_CHARGER_DEFAULTS,
      limits: EV_CHARGER_LIMITS,
      attrs: ['power', 'energy_wanted', 'plugged_in'],
    });
  }

  protected begin(): EvChargerState {
    return NO_VISIT;
  }

  protected stepAsset(asset: Asset<EvChargerSettings, EvChargerState>, { timeMs, seconds }: StepTime): AssetValues {
    const { power_w, energy_wanted_wh, isPluggedIn, after } = evChargerStep(asset.settings, asset.seed, asset.state, timeMs, seconds);
    asset.state = after;
    return { power: power_w, energy_wanted: energy_wanted_wh, plugged_in: isPluggedIn ? 1 : 0 };
  }
}
