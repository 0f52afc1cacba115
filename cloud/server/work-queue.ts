/**
 * Requests of all edges one after the other, in the order in which they came (R4 judges a source's rows in that order), with a turn of the
 * event loop before each: heartbeats are answered between two. What is above the limits is turned away before it is looked at.
 */
import { type Clock, yieldToEventLoop } from '../../common/clock.ts';

export interface WorkLimits {
  /** Requests waiting. A full one takes some 10 ms, so the last is answered within 3 s: well inside an edge's deadline of 10 s. */
  requestsMax: number;
  /** Bytes of them as they came; a few times as much when they are worked on, one at a time. */
  bytesMax: number;
}

export const WORK_LIMITS: WorkLimits = { requestsMax: 256, bytesMax: 32 << 20 };

/** What one request takes until the first was measured. */
const WORK_MS_GUESSED = 10;
/** Weight of the newest measurement in the mean. */
const NEWEST_WEIGHT = 0.1;
/** Who is turned away asks again no sooner: a round trip and a little room. */
const RETRY_AFTER_MS_MIN = 100;
/** … and no later: an estimate is no promise. */
const RETRY_AFTER_MS_MAX = 10_000;

export class WorkQueue {
  private readonly clock: Clock;
  private readonly limits: WorkLimits;
  private tail: Promise<unknown> = Promise.resolve();
  private workMs = WORK_MS_GUESSED;
  /** Waiting or being worked on. */
  requests = 0;
  bytes = 0;

  constructor(clock: Clock, limits: WorkLimits = WORK_LIMITS) {
    this.clock = clock;
    this.limits = limits;
  }

  /** True when one more request of so many bytes is turned away. An empty queue takes any. */
  isFull(bytes: number): boolean {
    return this.requests > 0 && (this.requests >= this.limits.requestsMax || this.bytes + bytes > this.limits.bytesMax);
  }

  /** When half of what waits will be done, by what work took lately: sooner there is no room, later the queue runs empty. */
  retryAfterMs(): number {
    return Math.min(RETRY_AFTER_MS_MAX, Math.max(RETRY_AFTER_MS_MIN, Math.ceil((this.requests * this.workMs) / 2)));
  }

  /** Runs the work in its turn. A failed one does not stop the next. */
  run<T>(bytes: number, work: () => Promise<T>): Promise<T> {
    this.requests++;
    this.bytes += bytes;
    const result = this.tail.then(async () => {
      await yieldToEventLoop();
      const beganMs = this.clock.monotonicMs();
      try {
        return await work();
      } finally {
        this.workMs += NEWEST_WEIGHT * (this.clock.monotonicMs() - beganMs - this.workMs);
        this.requests--;
        this.bytes -= bytes;
      }
    });
    this.tail = result.catch(() => undefined);
    return result;
  }
}
