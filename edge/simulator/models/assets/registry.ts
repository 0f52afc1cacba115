/** The simulators of household assets by the name that a scenario starts them with. */
import type { Simulator } from '../../cosim/simulator.ts';
import { AssetReadings } from './asset-readings.ts';
import { BaseLoadSimulator } from './base-load-simulator.ts';
import { BatterySimulator } from './battery-simulator.ts';
import { EvChargerSimulator } from './ev-charger-simulator.ts';
import { GridConnectionSimulator } from './grid-connection-simulator.ts';
import { HeatPumpSimulator } from './heat-pump-simulator.ts';
import { PvSimulator } from './pv-simulator.ts';
import { SelfConsumptionSimulator } from './self-consumption-simulator.ts';

export const ASSET_SIMULATORS: Record<string, () => Simulator> = {
  'base-load': () => new BaseLoadSimulator(),
  pv: () => new PvSimulator(),
  battery: () => new BatterySimulator(),
  'ev-charger': () => new EvChargerSimulator(),
  'heat-pump': () => new HeatPumpSimulator(),
  'grid-connection': () => new GridConnectionSimulator(),
  'self-consumption': () => new SelfConsumptionSimulator(),
  'asset-readings': () => new AssetReadings(),
};
