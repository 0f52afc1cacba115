/**
 * Keeps simulated time from running ahead of the wall: a step at tick t waits until (t - fromTick) × secondsPerTick of real
 * time have passed. A run that is behind goes on at once and catches up; being behind is counted, not warned about. Each step is
 * measured against its own tick: simulators that wait for nobody may be in time while another is late.
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
  /** A step that begins later is lagging. */
  toleranceMs: number | undefined;
  /** Ends the run at the first lagging step. */
  rtStrict: boolean;
}

export class Pace {
  /** Steps that began later than they should, and the worst of them. */
  laggingSteps = 0;
  lagMsMax = 0;
  private readonly clock: Clock;
  private readonly msPerTick: number;
  private readonly fromTick: number;
  private readonly toleranceMs: number;
  private readonly strict: boolean;
  private startMs: number | undefined;

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

  /** Notes how late a step is. @throws CosimError TOO_SLOW */
  begins(sid: string, tick: number): void {
    if (this.msPerTick === 0) return;
    const lateMs = -this.aheadMs(tick);
    if (lateMs <= this.toleranceMs) return;
    this.laggingSteps++;
    this.lagMsMax = Math.max(this.lagMsMax, lateMs);
    if (this.strict)
      throw new CosimError(
        'TOO_SLOW',
        `${sid} began its step at ${tick} ${Math.round(lateMs)} ms late`,
        'raise rtFactor or rtToleranceMs, or run without rtStrict',
        { sid, call: 'step', time: tick },
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
