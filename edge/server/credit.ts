/**
 * How many requests may be on their way, and since when not: what the cloud said last (R11). A cloud that has too much to do says
 * `busy`; that is no refusal of anything, so nothing backs off, and all that ship to it wait the time given and a random part of it
 * again, lest they come back together.
 */
import type { Clock } from '../../common/clock.ts';
import type { LinkReply } from '../../common/messages.ts';
import type { Random } from '../../common/random.ts';

/** A cloud may be wrong about how long; new values are to be seen within this. */
const BUSY_WAIT_MS_MAX = 60_000;

export class Credit {
  private readonly linkMax: number;
  private readonly clock: Clock;
  private readonly random: Random;
  private given: number;
  private heldUntilMs = 0;
  /** Requests turned away as busy. */
  busyCount = 0;

  constructor(linkMax: number, clock: Clock, random: Random) {
    this.linkMax = linkMax;
    this.clock = clock;
    this.random = random;
    this.given = linkMax;
  }

  /** Requests that may be on their way now; 0 while the cloud is busy. */
  get inFlightMax(): number {
    return this.waitMs() > 0 ? 0 : this.given;
  }

  /** Until the cloud may be asked again. */
  waitMs(): number {
    return Math.max(0, this.heldUntilMs - this.clock.monotonicMs());
  }

  /** Every reply tells. @returns true for `busy`: the request was not looked at */
  take(reply: LinkReply): boolean {
    if (reply.kind === 'parts') this.given = Math.max(1, Math.min(this.linkMax, reply.inFlightMax ?? this.linkMax));
    if (reply.kind !== 'busy') return false;
    this.busyCount++;
    this.given = 1;
    const waitMs = Math.min(BUSY_WAIT_MS_MAX, reply.retryAfterMs * (1 + this.random.next()));
    this.heldUntilMs = Math.max(this.heldUntilMs, this.clock.monotonicMs() + waitMs);
    return true;
  }

  /** The link went down: what a cloud said before is no longer true. */
  forget(): void {
    this.given = this.linkMax;
    this.heldUntilMs = 0;
  }
}
