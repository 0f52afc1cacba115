/**
 * One life of a process in a storm: its clock, its death, and the failpoint at which it dies. Failpoints are for the whole
 * program, so the life in which one was reached is found by the asynchronous context.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Clock } from '../../common/clock.ts';
import { armFailpoints, type Failpoint } from '../../common/failpoints.ts';
import { MortalClock } from '../doubles/mortal-clock.ts';

const current = new AsyncLocalStorage<Life>();

/** Thrown where a life ends, so that nothing after it is run. */
export class Killed extends Error {
  override readonly name = 'Killed';
}

export class Life {
  readonly clock: MortalClock;
  private readonly onDeath: () => void;
  private failpoint: { name: Failpoint; times: number } | undefined;
  isOver = false;

  /** @param onDeath cuts everything that reaches out of the life; synchronous, also in the middle of a transaction */
  constructor(clock: Clock, onDeath: () => void) {
    this.clock = new MortalClock(clock);
    this.onDeath = onDeath;
  }

  /** Dies at the nth time that the failpoint is reached. */
  arm(name: Failpoint, times: number): void {
    this.failpoint = { name, times };
  }

  run<T>(work: () => T): T {
    return current.run(this, work);
  }

  end(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.clock.end();
    this.onDeath();
  }

  reached(name: Failpoint): void {
    if (this.isOver) throw new Killed(`${name} was reached by the dead`);
    if (this.failpoint?.name !== name || --this.failpoint.times > 0) return;
    this.end();
    throw new Killed(name);
  }
}

/** @param onReach told of every failpoint reached, and whether somebody died there */
export function watchFailpoints(onReach: (name: Failpoint, deadly: boolean) => void): () => void {
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
  return () => armFailpoints(undefined);
}
