/**
 * Keeps simulated time from running ahead of the wall: a step at tick t waits until (t - fromTick) × secondsPerTick of real
 * time have passed. A run that is behind goes on at once and catches up; being behind is counted, not warned about.
 */
import type { Clock } from '../../../common/clock.ts';
import { CosimError } from './errors.ts';

/** Behind by less than this is how timers are. */
const TOLERANCE_MS = 100;

export interface PaceOptions {
  clock: Clock;
  /** 0 for as fast as possible. */
  secondsPerTick: number;
  /** Ticks before it are not paced; the pace begins when the run gets here. */
  fromTick: number;
  /** A tick that begins later is lagging. */
  toleranceMs: number | undefined;
  /** Ends the run at the first lagging tick. */
  rtStrict: boolean;
}

export class Pace {
  /** Ticks that began later than they should, and the worst of them. */
  laggingTicks = 0;
  lagMsMax = 0;
  private readonly clock: Clock;
  private readonly msPerTick: number;
  private readonly fromTick: number;
  private readonly toleranceMs: number;
  private readonly strict: boolean;
  private startMs: number | undefined;
  private begunTick = -1;

  constructor({ clock, secondsPerTick, fromTick, toleranceMs = TOLERANCE_MS, rtStrict }: PaceOptions) {
    this.clock = clock;
    this.msPerTick = secondsPerTick * 1_000;
    this.fromTick = fromTick;
    this.toleranceMs = toleranceMs;
    this.strict = rtStrict;
  }

  get isPaced(): boolean {
    return this.msPerTick > 0;
  }

  /** Milliseconds until the tick may begin, 0 for now. */
  waitMs(tick: number): number {
    return Math.max(0, this.aheadMs(tick));
  }

  /** Notes how late the tick is, once per tick. @throws CosimError TOO_SLOW */
  begins(tick: number): void {
    if (tick <= this.begunTick) return;
    this.begunTick = tick;
    const lateMs = -this.aheadMs(tick);
    if (lateMs <= this.toleranceMs) return;
    this.laggingTicks++;
    this.lagMsMax = Math.max(this.lagMsMax, lateMs);
    if (this.strict)
      throw new CosimError(
        'TOO_SLOW',
        `tick ${tick} began ${Math.round(lateMs)} ms late`,
        'raise rtFactor or rtToleranceMs, or run without rtStrict',
      );
  }

  /** Negative when it should have begun. */
  private aheadMs(tick: number): number {
    if (this.msPerTick === 0 || tick < this.fromTick) return 0;
    const nowMs = this.clock.monotonicMs();
    this.startMs ??= nowMs;
    return this.startMs + (tick - this.fromTick) * this.msPerTick - nowMs;
  }
}
