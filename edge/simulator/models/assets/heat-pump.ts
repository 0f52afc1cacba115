/**
 * An air-to-water heat pump that heats a house and its water, pure. It follows the heat demand without a store; what it can't give stays
 * unmet, there is no heating rod. Heat is electricity times COP, for heating and hot water each and so for both together.
 */
export interface HeatPumpSettings {
  /** Heat loss of the house for each kelvin that it is colder outside than the heating limit. */
  heat_loss_w_per_k: number;
  heating_limit_c: number;
  hot_water_w: number;
  hot_water_c: number;
  /** Heating water is warmer the colder it is outside: this much at 0 °C, and less for each kelvin above. */
  supply_at_zero_c: number;
  supply_slope: number;
  /** What is left in a real house of the COP of a test bench. */
  cop_correction: number;
  power_max_w: number;
}

/**
 * Sources. House: 140 m² of the better stock, about 60 kWh/m² a year; heating limit 15 °C as in VDI 3807. Hot water: 12.5 kWh/m² a
 * year (EnEV), 200 W all the time, at 50 °C. Heating curve of floor heating 30 °C − 0.5·T, and correction 0.85: Ruhnau, Hirth and
 * Praktiknjo 2019 (When2Heat, doi 10.1038/s41597-019-0199-y). Electric power of a heat pump of this size: own estimate.
 */
export const HEAT_PUMP_DEFAULTS: HeatPumpSettings = {
  heat_loss_w_per_k: 140,
  heating_limit_c: 15,
  hot_water_w: 200,
  hot_water_c: 50,
  supply_at_zero_c: 30,
  supply_slope: 0.5,
  cop_correction: 0.85,
  power_max_w: 3_500,
};

export interface HeatPumpStep {
  /** Electric. */
  power_w: number;
  heat_w: number;
  heat_unmet_w: number;
  /** Heat for each unit of electricity; of hot water alone when nothing else is wanted. */
  cop: number;
}

/** Lifts for which the regression holds; beyond them the nearest counts. */
const LIFT_MIN_K = 15;
const LIFT_MAX_K = 60;

/** Air source, Staffell et al. 2012 (doi 10.1039/c2ee22653g), by the lift from outdoor air to water. */
export function copAtLift(lift_k: number): number {
  const lift = Math.min(LIFT_MAX_K, Math.max(LIFT_MIN_K, lift_k));
  return 6.81 - 0.121 * lift + 0.00063 * lift * lift;
}

export function heatPumpStep(settings: HeatPumpSettings, outdoor_temperature_c: number): HeatPumpStep {
  const heating_w = settings.heat_loss_w_per_k * Math.max(0, settings.heating_limit_c - outdoor_temperature_c);
  const supply_c = settings.supply_at_zero_c - settings.supply_slope * outdoor_temperature_c;
  const heatingCop = settings.cop_correction * copAtLift(supply_c - outdoor_temperature_c);
  const waterCop = settings.cop_correction * copAtLift(settings.hot_water_c - outdoor_temperature_c);
  const demand_w = heating_w + settings.hot_water_w;
  const wanted_w = heating_w / heatingCop + settings.hot_water_w / waterCop;
  const cop = wanted_w === 0 ? heatingCop : demand_w / wanted_w;
  const power_w = Math.min(wanted_w, settings.power_max_w);
  const heat_w = power_w * cop;
  return { power_w, heat_w, heat_unmet_w: Math.max(0, demand_w - heat_w), cop };
}
