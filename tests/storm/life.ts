/**
 * One life of a process in a storm: its clock, its death, and where it dies - at a failpoint, or at the nth time that it touches
 * something outside of itself (clock, link, broker, store), before it is asked or when it has answered. Between two touches nothing can
 * be seen of a process, so these are all the deaths there are beside those inside a transaction, which are failpoints. Failpoints are for
 * the whole program, so the life in which one was reached is found by the asynchronous context.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Clock, SleepSignal, Timer } from '../../common/clock.ts';
import { armFailpoints, type Failpoint } from '../../common/failpoints.ts';
import { MortalClock } from '../doubles/mortal-clock.ts';

const current = new AsyncLocalStorage<Life>();

/** Thrown where a life ends, so that nothing after it is run. */
export class Killed extends Error {
  override readonly name = 'Killed';
}

/** At the nth time that a failpoint is reached; at the nth touch, of all or of those of one name. */
export type Death = { kind: 'failpoint'; name: Failpoint; times: number } | { kind: 'touch'; name?: string; nth: number };

export interface LifeOptions {
  /** Cuts everything that reaches out of the life; synchronous, also in the middle of a transaction. */
  onDeath: () => void;
  /** Told of every touch, and whether it was the last. */
  onTouch?: (what: string, deadly: boolean) => void;
}

export class Life {
  readonly clock: Clock;
  private readonly mortalClock: MortalClock;
  private readonly options: LifeOptions;
  private death: Death | undefined;
  private touches = 0;
  isOver = false;

  constructor(clock: Clock, options: LifeOptions) {
    this.mortalClock = new MortalClock(clock);
    this.clock = options.onTouch === undefined ? this.mortalClock : new TouchedClock(this.mortalClock, this);
    this.options = options;
  }

  arm(death: Death | undefined): void {
    this.death = death;
  }

  run<T>(work: () => T): T {
    return isWatching ? current.run(this, work) : work();
  }

  end(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.mortalClock.end();
    this.options.onDeath();
  }

  reached(name: Failpoint): void {
    if (this.isOver) throw new Killed(`${name} was reached by the dead`);
    const { death } = this;
    if (death?.kind !== 'failpoint' || death.name !== name || --death.times > 0) return;
    this.end();
    throw new Killed(name);
  }

  /** False when the life ends here, or is over. */
  touch(what: string): boolean {
    if (this.isOver) return false;
    const { death, options } = this;
    const isCounted = death?.kind === 'touch' && (death.name ?? what) === what;
    const isLast = isCounted && ++this.touches >= death.nth;
    options.onTouch?.(what, isLast);
    if (isLast) this.end();
    return !isLast;
  }

  /** As touch, for what does not wait. */
  touchNow(what: string): void {
    if (!this.touch(what)) throw new Killed(what);
  }

  /** Asks something outside. What is asked by the dead is not asked, and what is answered to the dead is never heard. */
  async ask<T>(what: string, call: () => Promise<T>): Promise<T> {
    if (!this.touch(`${what}, before`)) return never();
    try {
      const answer = await call();
      return this.touch(`${what}, after`) ? answer : await never();
    } catch (error) {
      if (this.isOver || !this.touch(`${what}, failed`)) return never();
      throw error;
    }
  }

  /** The target, with a death before and after each call of these methods. */
  touching<T extends object>(name: string, target: T, methods: readonly (keyof T & string)[]): T {
    if (this.options.onTouch === undefined) return target;
    const touched = new Set<string | symbol>(methods);
    return new Proxy(target, {
      get: (its, key) => {
        const value = Reflect.get(its, key, its) as unknown;
        if (typeof value !== 'function') return value;
        if (!touched.has(key)) return value.bind(its);
        return (...args: unknown[]) => this.ask(`${name}.${String(key)}`, () => value.apply(its, args) as Promise<unknown>);
      },
    });
  }
}

function never<T>(): Promise<T> {
  return new Promise<T>(() => {});
}

/** Waking up is a touch too. */
class TouchedClock implements Clock {
  private readonly clock: Clock;
  private readonly life: Life;

  constructor(clock: Clock, life: Life) {
    this.clock = clock;
    this.life = life;
  }

  nowMs(): number {
    return this.clock.nowMs();
  }

  monotonicMs(): number {
    return this.clock.monotonicMs();
  }

  sleep(ms: number, signal?: SleepSignal): Promise<void> {
    return this.life.ask('clock.sleep', () => this.clock.sleep(ms, signal));
  }

  timer(name: string, ms: number, callback: () => void): Timer {
    return this.clock.timer(name, ms, () => {
      if (this.life.touch('clock.timer, after')) callback();
    });
  }
}

let isWatching = false;

/** @param onReach told of every failpoint reached, and whether somebody died there */
export function watchFailpoints(onReach: (name: Failpoint, deadly: boolean) => void): () => void {
  isWatching = true;
  armFailpoints((name) => {
    const life = current.getStore();
    try {
      life?.reached(name);
    } catch (error) {
      onReach(name, true);
      throw error;
    }
    onReach(name, false);
  });
  return () => {
    isWatching = false;
    armFailpoints(undefined);
  };
}
