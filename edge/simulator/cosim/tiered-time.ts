/**
 * Simulated time: a tick, and below it one sub-tick per nested group of same-time loops around the simulator whose time it is.
 * Outside of groups there are no sub-ticks.
 */
export interface TieredTime {
  readonly tick: number;
  /** Outermost group first. Missing ones are 0. */
  readonly tiers: readonly number[];
}

/**
 * What a connection adds to the time of an output. `tiers` is added to the sub-ticks of the groups that source and
 * destination share; sub-ticks of groups that only the source is in are dropped, those of the destination begin at 0.
 */
export interface Delay {
  readonly ticks: number;
  readonly tiers: readonly number[];
  /** Groups around the destination. */
  readonly depth: number;
}

export const NO_TIERS: readonly number[] = [];
export const NO_DELAY: Delay = { ticks: 0, tiers: NO_TIERS, depth: 0 };

export function atTick(tick: number): TieredTime {
  return { tick, tiers: NO_TIERS };
}

/** Negative when `a` is earlier. Both of one simulator, or of simulators in the same groups. */
export function compareTimes(a: TieredTime, b: TieredTime): number {
  if (a.tick !== b.tick) return a.tick - b.tick;
  if (a.tiers === b.tiers) return 0;
  for (let i = 0; i < a.tiers.length || i < b.tiers.length; i++) {
    const difference = (a.tiers[i] ?? 0) - (b.tiers[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** A shift in ticks, or in a sub-tick, begins everything below it at 0. */
export function addDelay(time: TieredTime, delay: Delay): TieredTime {
  if (delay.depth === 0) return delay.ticks === 0 && time.tiers.length === 0 ? time : atTick(time.tick + delay.ticks);
  const tiers = new Array<number>(delay.depth).fill(0);
  if (delay.ticks > 0) return { tick: time.tick + delay.ticks, tiers };
  for (let i = 0; i < delay.tiers.length; i++) {
    const added = delay.tiers[i] as number;
    tiers[i] = (time.tiers[i] ?? 0) + added;
    if (added > 0) break;
  }
  return { tick: time.tick, tiers };
}

/** `12`, or `12.0.3` in groups: for people. */
export function timeText({ tick, tiers }: TieredTime): string {
  return [tick, ...tiers].join('.');
}
