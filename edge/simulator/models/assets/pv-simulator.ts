/** The simulator `pv`: roofs with solar modules under one sky. */
import { type Asset, AssetSimulator, type AssetValues, type StepTime } from './asset-simulator.ts';
import { PV_DEFAULTS, type PvSettings, pvStep } from './pv.ts';
import { CLIMATE_DEFAULTS, CLIMATE_LIMITS, type Climate, cloudCover, outdoorTemperatureC } from './weather.ts';

type Settings = PvSettings & Climate;

export class PvSimulator extends AssetSimulator<Settings, undefined> {
  constructor() {
    super({
      type: 'time-based',
      name: 'PV',
      eid: 'pv',
      defaults: { ...CLIMATE_DEFAULTS, ...PV_DEFAULTS },
      limits: {
        ...CLIMATE_LIMITS,
        latitude_deg: [-90, 90],
        tilt_deg: [0, 90],
        azimuth_deg: [0, 360],
        system_loss_share: [0, 1],
        albedo: [0, 1],
      },
      attrs: ['power', 'irradiance', 'cloud_cover'],
    });
  }

  protected begin(): undefined {
    return undefined;
  }

  protected stepAsset({ settings }: Asset<Settings, undefined>, { middleMs }: StepTime): AssetValues {
    const cloud_cover = cloudCover(settings, this.seed, middleMs);
    const { power_w, irradiance_w_per_m2 } = pvStep(settings, middleMs, cloud_cover, outdoorTemperatureC(settings, this.seed, middleMs));
    return { power: power_w, irradiance: irradiance_w_per_m2, cloud_cover };
  }
}
