/** The simulator `heat-pump`: heated houses in one weather. */
import { type Asset, AssetSimulator, type AssetValues, type StepTime } from './asset-simulator.ts';
import { HEAT_PUMP_DEFAULTS, type HeatPumpSettings, heatPumpStep } from './heat-pump.ts';
import { CLIMATE_DEFAULTS, CLIMATE_LIMITS, type Climate, outdoorTemperatureC } from './weather.ts';

type Settings = HeatPumpSettings & Climate;

export class HeatPumpSimulator extends AssetSimulator<Settings, undefined> {
  constructor() {
    super({
      type: 'time-based',
      name: 'HeatPump',
      eid: 'heat-pump',
      defaults: { ...CLIMATE_DEFAULTS, ...HEAT_PUMP_DEFAULTS },
      limits: { ...CLIMATE_LIMITS, cop_correction: [0.1, 1] },
      attrs: ['power', 'heat', 'heat_unmet', 'cop', 'outdoor_temperature'],
    });
  }

  protected begin(): undefined {
    return undefined;
  }

  protected stepAsset({ settings }: Asset<Settings, undefined>, { middleMs }: StepTime): AssetValues {
    const outdoor_temperature = outdoorTemperatureC(settings, this.seed, middleMs);
    const { power_w, heat_w, heat_unmet_w, cop } = heatPumpStep(settings, outdoor_temperature);
    return { power: power_w, heat: heat_w, heat_unmet: heat_unmet_w, cop, outdoor_temperature };
  }
}
