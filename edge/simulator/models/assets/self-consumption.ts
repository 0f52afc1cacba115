/**
 * The controller of self-consumption, pure: charges the battery from what would be fed in, discharges it into what would be taken
 * from the grid. It knows the power at the connection point and the battery's; what the battery can do, the battery knows.
 */
export interface SelfConsumptionSettings {
  /** What the connection point shall show. */
  grid_target_w: number;
  /** A set-point that changes by less is not told. Above the rounding of sums, below what anybody measures. */
  tolerance_w: number;
}

/** Source: definition of self-consumption; no exchange with the grid as long as the battery can prevent it. */
export const SELF_CONSUMPTION_DEFAULTS: SelfConsumptionSettings = { grid_target_w: 0, tolerance_w: 1e-6 };

export interface SelfConsumptionState {
  /** Undefined before the first. */
  setpoint_w: number | undefined;
}

export interface SelfConsumptionStep {
  /** Undefined when it stays as it is. */
  setpoint_w: number | undefined;
  after: SelfConsumptionState;
}

/**
 * @param grid_power_w measured while the battery's power was `battery_power_w`
 */
export function selfConsumptionStep(
  { grid_target_w, tolerance_w }: SelfConsumptionSettings,
  before: SelfConsumptionState,
  grid_power_w: number,
  battery_power_w: number,
): SelfConsumptionStep {
  const setpoint_w = battery_power_w - grid_power_w + grid_target_w;
  if (before.setpoint_w !== undefined && Math.abs(setpoint_w - before.setpoint_w) <= tolerance_w)
    return { setpoint_w: undefined, after: before };
  return { setpoint_w, after: { setpoint_w } };
}
