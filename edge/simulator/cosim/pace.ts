/**
 * Keeps simulated time from running ahead of the wall: a step at tick t waits until (t - fromTick) × secondsPerTick of real
 * time have passed. A run that is behind goes on at once and catches up; being behind is counted, not warned about.
 */
import type { Clock } from '../../../common/clock.ts';

/** Behind by less than this is how timers are. */
const LAG_COUNTED_MS = 100;

export class Pace {
  /** Ticks that began later than they should, and the worst of them. */
  laggingTicks = 0;
  lagMsMax = 0;
  private readonly clock: Clock;
  private readonly msPerTick: number;
  private readonly fromTick: number;
  private startMs: number | undefined;

  /**
   * @param secondsPerTick 0 for as fast as possible
   * @param fromTick ticks before it are not paced; the pace begins when the run gets here
   */
  constructor(clock: Clock, secondsPerTick: number, fromTick: number) {
    this.clock = clock;
    this.msPerTick = secondsPerTick * 1_000;
    this.fromTick = fromTick;
  }

  /** Milliseconds until the tick may begin, 0 for now. Called once per tick, in order. */
  waitMs(tick: number): number {
    if (this.msPerTick === 0 || tick < this.fromTick) return 0;
    const nowMs = this.clock.monotonicMs();
    this.startMs ??= nowMs;
    const waitMs = this.startMs + (tick - this.fromTick) * this.msPerTick - nowMs;
    if (waitMs < -LAG_COUNTED_MS) {
      this.laggingTicks++;
      this.lagMsMax = Math.max(this.lagMsMax, -waitMs);
    }
    return Math.max(0, waitMs);
  }
}
