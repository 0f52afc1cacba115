/**
 * A battery with its inverter, pure. Charging is consumption, so positive. What goes in is stored times the charge efficiency; what
 * comes out is taken divided by the discharge efficiency. No loss at rest, no ageing.
 */
export interface BatterySettings {
  capacity_wh: number;
  charge_power_max_w: number;
  discharge_power_max_w: number;
  /** One way, each. */
  charge_efficiency: number;
  discharge_efficiency: number;
  soc_min_percent: number;
  soc_max_percent: number;
  soc_begin_percent: number;
}

/**
 * Source: data sheet of the Tesla Powerwall 2 (AC): 13.5 kWh usable at 100 % depth of discharge, 5 kW either way, 90 % from AC to AC; one
 * way is the square root of it.
 */
export const BATTERY_DEFAULTS: BatterySettings = {
  capacity_wh: 13_500,
  charge_power_max_w: 5_000,
  discharge_power_max_w: 5_000,
  charge_efficiency: 0.9487,
  discharge_efficiency: 0.9487,
  soc_min_percent: 0,
  soc_max_percent: 100,
  soc_begin_percent: 50,
};

export interface BatteryState {
  stored_wh: number;
}

export interface BatteryStep {
  /** Mean power of the step at the AC side. */
  power_w: number;
  loss_w: number;
  after: BatteryState;
}

const SECONDS_PER_HOUR = 3_600;

export function batteryBegin({ capacity_wh, soc_begin_percent }: BatterySettings): BatteryState {
  return { stored_wh: (capacity_wh * soc_begin_percent) / 100 };
}

export function socPercent({ capacity_wh }: BatterySettings, { stored_wh }: BatteryState): number {
  return (100 * stored_wh) / capacity_wh;
}

/**
 * Follows the set-point as far as power and state of charge allow over the whole step. A power that can be held for a step can be
 * held for a shorter one.
 */
export function batteryStep(settings: BatterySettings, before: BatteryState, setpoint_w: number, seconds: number): BatteryStep {
  const hours = seconds / SECONDS_PER_HOUR;
  const power_w = setpoint_w > 0 ? chargeable(settings, before, setpoint_w, hours) : -dischargeable(settings, before, -setpoint_w, hours);
  const intoStore_w = power_w > 0 ? power_w * settings.charge_efficiency : power_w / settings.discharge_efficiency;
  return { power_w, loss_w: power_w - intoStore_w, after: { stored_wh: before.stored_wh + intoStore_w * hours } };
}

function chargeable(settings: BatterySettings, { stored_wh }: BatteryState, wanted_w: number, hours: number): number {
  const room_wh = Math.max(0, (settings.capacity_wh * settings.soc_max_percent) / 100 - stored_wh);
  return Math.min(wanted_w, settings.charge_power_max_w, room_wh / settings.charge_efficiency / hours);
}

function dischargeable(settings: BatterySettings, { stored_wh }: BatteryState, wanted_w: number, hours: number): number {
  const usable_wh = Math.max(0, stored_wh - (settings.capacity_wh * settings.soc_min_percent) / 100);
  const given_w = Math.min(wanted_w, settings.discharge_power_max_w, (usable_wh * settings.discharge_efficiency) / hours);
  return given_w === 0 ? -0 : given_w;
}
