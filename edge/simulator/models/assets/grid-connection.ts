/** Where a house meets the grid, pure: what everything behind it takes and gives, taken from or fed into the grid. Nothing is lost here. */
export interface GridConnectionStep {
  /** Consumption of the house is positive, feed-in negative. */
  grid_power_w: number;
  import_power_w: number;
  export_power_w: number;
}

/** @param powers_w of everything behind the connection point, consumption positive */
export function gridConnectionStep(powers_w: readonly number[]): GridConnectionStep {
  const grid_power_w = powers_w.reduce((sum, power_w) => sum + power_w, 0);
  return { grid_power_w, import_power_w: Math.max(0, grid_power_w), export_power_w: Math.max(0, -grid_power_w) };
}
