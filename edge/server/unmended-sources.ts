/**
 * Sources that the cloud refuses although it was just told all: it acknowledged rows and lacks them all the same. The next hello for such a
 * source waits, longer each time (R11); the others are shipped meanwhile. Any seq more that the cloud holds is progress, and another
 * start of the cloud another matter: then the hello is said at once.
 */
import type { Clock } from '../../common/clock.ts';
import type { Random } from '../../common/random.ts';
import { RetrySchedule } from '../../common/retry-schedule.ts';

const WAIT_BASE_MS = 2_000;
/** An operator who has mended the cloud waits no longer than this. */
const WAIT_CAP_MS = 120_000;

interface Refusal {
  startId: string;
  lackingSeq: number;
  schedule: RetrySchedule;
  /** Monotonic; undefined while nothing waits. */
  untilMs: number | undefined;
}

export class UnmendedSources {
  private readonly refusals = new Map<number, Refusal>();
  private readonly clock: Clock;
  private readonly random: Random;

  constructor(clock: Clock, random: Random) {
    this.clock = clock;
    this.random = random;
  }

  /**
   * The cloud refused the source's lowest row.
   * @param lackingSeq the lowest seq that it lacked at the last hello
   * @returns how long the source waits, in ms; 0: a hello is due now
   */
  refused(sourceId: number, startId: string, lackingSeq: number): number {
    const last = this.refusals.get(sourceId);
    if (last?.startId !== startId || last.lackingSeq !== lackingSeq) {
      const schedule = new RetrySchedule(WAIT_BASE_MS, WAIT_CAP_MS, this.random);
      this.refusals.set(sourceId, { startId, lackingSeq, schedule, untilMs: undefined });
      return 0;
    }
    const waitMs = last.schedule.nextMs();
    last.untilMs = this.clock.monotonicMs() + waitMs;
    return waitMs;
  }

  /** Such a source is not shipped. */
  waits(sourceId: number): boolean {
    return this.refusals.get(sourceId)?.untilMs !== undefined;
  }

  get isAnyWaiting(): boolean {
    return [...this.refusals.values()].some(({ untilMs }) => untilMs !== undefined);
  }

  /** Ends the waits that are over, all of them where `all` is true. @returns true when there were any: a hello is due */
  endWaits(all: boolean): boolean {
    const nowMs = this.clock.monotonicMs();
    let hasEnded = false;
    for (const refusal of this.refusals.values()) {
      if (refusal.untilMs === undefined || (!all && refusal.untilMs > nowMs)) continue;
      refusal.untilMs = undefined;
      hasEnded = true;
    }
    return hasEnded;
  }
}
