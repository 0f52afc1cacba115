/** Long reads in turn: so many at once, so many that wait, and a problem for the next, so that memory has a bound whoever asks. */
import { PROBLEM_DETAILS } from './problem-details.ts';
import { Problem } from './problem.ts';

/** Each holds up to some 20 MB; the store reads in one thread, so more at once would be no faster. */
export const READS_AT_ONCE_MAX = 8;
/** Some thirty pages that open at the same time. */
export const READS_WAITING_MAX = 200;
const RETRY_AFTER_SECONDS = 2;

export class ReadGate {
  private running = 0;
  private readonly waiting: (() => void)[] = [];

  /**
   * @param signal its client has gone: the read is not begun any more
   * @throws Problem 503 when too many wait
   */
  async run<T>(signal: AbortSignal, read: () => Promise<T>): Promise<T> {
    if (this.running < READS_AT_ONCE_MAX) this.running++;
    else await this.turn();
    try {
      signal.throwIfAborted();
      return await read();
    } finally {
      const next = this.waiting.shift();
      // The place goes to the next, and is free only when nobody waits.
      if (next === undefined) this.running--;
      else next();
    }
  }

  private turn(): Promise<void> {
    if (this.waiting.length >= READS_WAITING_MAX) {
      const detail = PROBLEM_DETAILS.say('reads-wait', { n: READS_WAITING_MAX });
      throw new Problem(503, 'busy', detail, { headers: { 'Retry-After': String(RETRY_AFTER_SECONDS) } });
    }
    return new Promise((resolve) => this.waiting.push(resolve));
  }
}
