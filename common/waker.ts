/**
 * Ends one sleep early. For waits of which a loop has thousands: an AbortController makes an event with its time and, unless it is given a
 * reason, an exception with its stack for each.
 */
import type { SleepSignal } from './clock.ts';

export class Waker implements SleepSignal {
  aborted = false;
  private listener: (() => void) | undefined;

  /** The sleep ends now; one that has not begun will not begin. */
  wake(): void {
    this.aborted = true;
    const { listener } = this;
    this.listener = undefined;
    listener?.();
  }

  /** @throws Error while another sleep has it */
  addEventListener(_type: 'abort', listener: () => void): void {
    if (this.listener !== undefined) throw new Error('a waker is for one sleep');
    this.listener = listener;
  }

  removeEventListener(_type: 'abort', listener: () => void): void {
    if (this.listener === listener) this.listener = undefined;
  }
}
