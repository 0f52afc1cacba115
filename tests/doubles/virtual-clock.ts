/**
 * A Clock whose time moves only when told. Time stands still while promises run: before each timer everything that is ready
 * to run (microtasks and immediates) has run. Timers due at the same instant fire in the order in which they were set,
 * so the same calls give the same run.
 *
 * What does not settle: real I/O (sockets, files, child processes). Parts under a virtual clock do none.
 */
import assert from 'node:assert/strict';
import type { Clock, SleepSignal, Timer } from '../../common/clock.ts';

/** 2019-12-24T00:00:00Z, the day of the sample data. */
export const VIRTUAL_START_MS = 1_577_145_600_000;
/** Turns of the event loop without coming to rest: then something schedules itself for ever. */
const SETTLE_TURNS_MAX = 100_000;

interface Pending {
  name: string;
  dueMs: number;
  order: number;
  /** Undefined when cancelled or fired. */
  fire: (() => void) | undefined;
}

export class VirtualClock implements Clock {
  private elapsedMs = 0;
  private wallOffsetMs: number;
  private timersSet = 0;
  /** Sorted by dueMs, then order; the next one is last. */
  private readonly queue: Pending[] = [];

  constructor(startMs = VIRTUAL_START_MS) {
    this.wallOffsetMs = startMs;
  }

  nowMs(): number {
    return Math.floor(this.wallOffsetMs + this.elapsedMs);
  }

  monotonicMs(): number {
    return this.elapsedMs;
  }

  sleep(ms: number, signal?: SleepSignal): Promise<void> {
    if (signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        timer.cancel();
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const timer = this.timer('sleep', ms, done);
      signal?.addEventListener('abort', done, { once: true });
    });
  }

  timer(name: string, ms: number, callback: () => void): Timer {
    assert(!Number.isNaN(ms), `timer ${name} without a time`);
    const pending: Pending = { name, dueMs: this.elapsedMs + Math.max(0, ms), order: this.timersSet++, fire: callback };
    this.queue.splice(this.placeOf(pending), 0, pending);
    return {
      cancel: () => {
        pending.fire = undefined;
      },
    };
  }

  /** Moves the wall time without letting time pass: an operator or NTP sets the machine's clock. */
  jumpWallTime(ms: number): void {
    this.wallOffsetMs += ms;
  }

  /** Lets `ms` pass, with everything that is due in it. */
  advance(ms: number): Promise<void> {
    return this.run(this.elapsedMs + ms);
  }

  /** Fires everything due up to monotonic `untilMs`, also what is set meanwhile, then stands at `untilMs`. */
  async run(untilMs: number): Promise<void> {
    assert(untilMs >= this.elapsedMs, `time can't go back from ${this.elapsedMs} to ${untilMs} ms`);
    await this.settle();
    while (this.fireDue(untilMs)) await this.settle();
    this.elapsedMs = untilMs;
  }

  /** Fires the next timer, whenever it is due. @returns false when there is none */
  async fireNext(): Promise<boolean> {
    await this.settle();
    const fired = this.fireDue(Number.POSITIVE_INFINITY);
    await this.settle();
    return fired;
  }

  /** Waits until no microtask and no immediate is left; no time passes. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < SETTLE_TURNS_MAX; turn++) {
      await new Promise<void>((resolve) => setImmediate(resolve));
      if (!process.getActiveResourcesInfo().includes('Immediate')) return;
    }
    assert.fail(`no rest after ${SETTLE_TURNS_MAX} turns of the event loop; timers: ${this.pending().join(', ')}`);
  }

  /** `name in n ms` of each timer that is set, the next one first: for dumps. */
  pending(): string[] {
    this.dropCancelled();
    return this.queue
      .filter((timer) => timer.fire !== undefined)
      .map((timer) => `${timer.name} in ${timer.dueMs - this.elapsedMs} ms`)
      .reverse();
  }

  private fireDue(untilMs: number): boolean {
    this.dropCancelled();
    const next = this.queue.at(-1);
    if (next === undefined || next.dueMs > untilMs) return false;
    this.queue.pop();
    this.elapsedMs = next.dueMs;
    const { fire } = next;
    next.fire = undefined;
    fire?.();
    return true;
  }

  private dropCancelled(): void {
    while (this.queue.length > 0 && this.queue.at(-1)!.fire === undefined) this.queue.pop();
  }

  private placeOf(pending: Pending): number {
    let low = 0;
    let high = this.queue.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = this.queue[middle]!;
      const otherFiresLater = other.dueMs > pending.dueMs || (other.dueMs === pending.dueMs && other.order > pending.order);
      if (otherFiresLater) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
