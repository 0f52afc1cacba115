/**
 * The machine's clock with a dial: wall and monotonic time can be moved forward, and timers of chosen names run only when
 * the test says so.
 */
import { type Clock, type SleepSignal, systemClock, type Timer } from '../../common/clock.ts';

interface HeldTimer {
  name: string;
  callback: () => void;
}

export class ShiftedClock implements Clock {
  private shiftMs = 0;
  private readonly heldNames: ReadonlySet<string>;
  private readonly held = new Set<HeldTimer>();

  /** @param heldNames timers that run only by `fire` */
  constructor(heldNames: readonly string[]) {
    this.heldNames = new Set(heldNames);
  }

  shift(ms: number): void {
    this.shiftMs += ms;
  }

  /** Runs the timers of this name that are waiting now; gives their number. */
  fire(name: string): number {
    const due = [...this.held].filter((timer) => timer.name === name);
    for (const timer of due) {
      this.held.delete(timer);
      timer.callback();
    }
    return due.length;
  }

  waiting(name: string): number {
    return [...this.held].filter((timer) => timer.name === name).length;
  }

  nowMs(): number {
    return systemClock.nowMs() + this.shiftMs;
  }

  monotonicMs(): number {
    return systemClock.monotonicMs() + this.shiftMs;
  }

  sleep(ms: number, signal?: SleepSignal): Promise<void> {
    return systemClock.sleep(ms, signal);
  }

  timer(name: string, ms: number, callback: () => void): Timer {
    if (!this.heldNames.has(name)) return systemClock.timer(name, ms, callback);
    const timer = { name, callback };
    this.held.add(timer);
    return { cancel: () => this.held.delete(timer) };
  }
}
