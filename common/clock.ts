/**
 * The only file that touches the machine's clock and timers. Everything else takes a Clock, so that tests can
 * let hours pass at once.
 */
export interface Timer {
  /** The callback is not called any more after this. */
  cancel(): void;
}

/** What ends a sleep early: an AbortSignal, or a Waker. */
export interface SleepSignal {
  readonly aborted: boolean;
  addEventListener(type: 'abort', listener: () => void, options: { once: true }): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

export interface Clock {
  /** Wall time, integer milliseconds UTC. May jump. */
  nowMs(): number;
  /** Milliseconds since an arbitrary start; never goes back. For durations and deadlines. */
  monotonicMs(): number;
  /** Resolves after `ms`, or at once when the signal aborts; never rejects. Callers look at the signal. */
  sleep(ms: number, signal?: SleepSignal): Promise<void>;
  /** Calls back once after `ms`. The name shows in test dumps. */
  timer(name: string, ms: number, callback: () => void): Timer;
}

class SystemClock implements Clock {
  nowMs(): number {
    return Date.now();
  }

  monotonicMs(): number {
    return performance.now();
  }

  sleep(ms: number, signal?: SleepSignal): Promise<void> {
    if (signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(handle);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const handle = setTimeout(done, ms);
      signal?.addEventListener('abort', done, { once: true });
    });
  }

  timer(_name: string, ms: number, callback: () => void): Timer {
    const handle = setTimeout(callback, ms);
    return { cancel: () => clearTimeout(handle) };
  }
}

export const systemClock: Clock = new SystemClock();

/** Gives the event loop one turn, so that sockets are served between two pieces of long work. */
export function yieldToEventLoop(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
