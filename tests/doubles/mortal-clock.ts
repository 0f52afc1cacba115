/**
 * The clock of one life. After `end()` nothing that waits on it goes on any more: what a kill -9 leaves of a process's
 * timers. Before that it is the clock behind it.
 */
import type { Clock, SleepSignal, Timer } from '../../common/clock.ts';

export class MortalClock implements Clock {
  private readonly clock: Clock;
  private isOver = false;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  nowMs(): number {
    return this.clock.nowMs();
  }

  monotonicMs(): number {
    return this.clock.monotonicMs();
  }

  sleep(ms: number, signal?: SleepSignal): Promise<void> {
    return new Promise((resolve) => {
      if (this.isOver) return;
      void this.clock.sleep(ms, signal).then(() => {
        if (!this.isOver) resolve();
      });
    });
  }

  timer(name: string, ms: number, callback: () => void): Timer {
    return this.clock.timer(name, ms, () => {
      if (!this.isOver) callback();
    });
  }

  end(): void {
    this.isOver = true;
  }
}
