/** How far a run is: simulated time, how fast it moves, when it will be there. */
import type { Clock } from '../../../common/clock.ts';

export interface Progress {
  tick: number;
  untilTick: number;
  /** Steps made so far. */
  steps: number;
  /** Ticks per second of real time since the last report. */
  ticksPerSecond: number;
  /** Seconds until the run is over at this speed, Infinity when it stands still. */
  etaSeconds: number;
}

export class ProgressMeter {
  private readonly clock: Clock;
  private readonly untilTick: number;
  private lastTick = 0;
  private lastMs = 0;

  constructor(clock: Clock, untilTick: number) {
    this.clock = clock;
    this.untilTick = untilTick;
  }

  start(tick: number): void {
    this.lastTick = tick;
    this.lastMs = this.clock.monotonicMs();
  }

  report(tick: number, steps: number): Progress {
    const nowMs = this.clock.monotonicMs();
    const ticksPerSecond = nowMs > this.lastMs ? ((tick - this.lastTick) * 1_000) / (nowMs - this.lastMs) : 0;
    this.lastTick = tick;
    this.lastMs = nowMs;
    const { untilTick } = this;
    return { tick, untilTick, steps, ticksPerSecond, etaSeconds: tick >= untilTick ? 0 : (untilTick - tick) / ticksPerSecond };
  }
}
