/**
 * Sources that the cloud refuses although it was just told all: it acknowledged rows and lacks them all the same. The next hello for such a
 * source waits, longer each time (R11); the others are shipped meanwhile. Any seq more that the cloud holds is progress: then the hello is
 * said at once.
 */
import type { Clock } from '../../common/clock.ts';
import type { Random } from '../../common/random.ts';
import { RetrySchedule } from '../../common/retry-schedule.ts';

const WAIT_BASE_MS = 2_000;
/** An operator who has mended the cloud waits no longer than this. */
const WAIT_CAP_MS = 120_000;

interface Refusal {
  lackingSeq: number;
  schedule: RetrySchedule;
}

export class UnmendedSources {
  private readonly refusals = new Map<number, Refusal>();
  /** Of those that wait: monotonic time of its end. */
  private readonly untilMs = new Map<number, number>();
  private readonly clock: Clock;
  private readonly random: Random;

  constructor(clock: Clock, random: Random) {
    this.clock = clock;
    this.random = random;
  }

  /**
   * The cloud refused the source's lowest row.
   * @param lackingSeq the lowest seq that it lacked at the last hello
   * @returns how long the source waits, in ms; undefined: a hello is due now
   */
  refused(sourceId: number, lackingSeq: number): number | undefined {
    const last = this.refusals.get(sourceId);
    if (last?.lackingSeq !== lackingSeq) {
      this.refusals.set(sourceId, { lackingSeq, schedule: new RetrySchedule(WAIT_BASE_MS, WAIT_CAP_MS, this.random) });
      return undefined;
    }
    const waitMs = last.schedule.nextMs();
    this.untilMs.set(sourceId, this.clock.monotonicMs() + waitMs);
    return waitMs;
  }

  /** Such a source is not shipped. */
  waits(sourceId: number): boolean {
    return this.untilMs.has(sourceId);
  }

  get isAnyWaiting(): boolean {
    return this.untilMs.size > 0;
  }

  /** Ends the waits that are over. @returns true when there were any: a hello is due */
  endWaits(): boolean {
    const before = this.untilMs.size;
    for (const [sourceId, untilMs] of this.untilMs) if (untilMs <= this.clock.monotonicMs()) this.untilMs.delete(sourceId);
    return this.untilMs.size < before;
  }

  /** The cloud may be another one, or mended. @returns true when any waited */
  forget(): boolean {
    const wasAnyWaiting = this.isAnyWaiting;
    this.refusals.clear();
    this.untilMs.clear();
    return wasAnyWaiting;
  }
}
