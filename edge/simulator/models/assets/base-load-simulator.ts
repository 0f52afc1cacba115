/** The simulator `base-load`: what a household takes without the assets, as the synthetic households do. */
import { seededRandom } from '../../../../common/random.ts';
import { MS_PER_DAY, wattsFromMilliwatts } from '../../../../common/units.ts';
import { Home } from '../synthetic-household.ts';
import { type Asset, AssetSimulator, type AssetValues, type StepTime } from './asset-simulator.ts';

export interface BaseLoadSettings {
  /** Of the synthetic household. */
  scale: number;
}

interface RunningHome {
  home: Home;
  /** A midnight before the first step. */
  midnightMs: number | undefined;
}

/** The home is looked at this often within a step: its shortest appliance runs for a minute and a half. */
const LOOK_SECONDS = 10;

export class BaseLoadSimulator extends AssetSimulator<BaseLoadSettings, RunningHome> {
  constructor() {
    super({ type: 'time-based', name: 'BaseLoad', eid: 'base-load', defaults: { scale: 1 }, attrs: ['power'] });
  }

  protected begin(_settings: BaseLoadSettings, seed: number): RunningHome {
    return { home: new Home(seededRandom(seed), false), midnightMs: undefined };
  }

  protected stepAsset({ settings, state }: Asset<BaseLoadSettings, RunningHome>, { timeMs, seconds }: StepTime): AssetValues {
    state.midnightMs ??= Math.floor(timeMs / MS_PER_DAY) * MS_PER_DAY;
    const begin = (timeMs - state.midnightMs) / 1_000;
    const looks = Math.ceil(seconds / LOOK_SECONDS);
    let sumMw = 0;
    for (let look = 0; look < looks; look++) for (const phaseMw of state.home.at(begin + (look * seconds) / looks)) sumMw += phaseMw;
    return { power: (settings.scale * wattsFromMilliwatts(sumMw)) / looks };
  }
}
