/**
 * How many requests may be on their way, and since when not (R11): what the cloud said last, and what the way bears. Replies that come soon
 * let one more go out, slow and lost ones halve the number, so that on a narrow way requests do not stand in line until their deadline
 * is over. A cloud that has too much to do says `busy`; that is no refusal of anything, so nothing backs off, and all that ship to
 * it wait the time given and a random part of it again, lest they come back together.
 */
import type { Clock } from '../../common/clock.ts';
import type { LinkReply } from '../../common/messages.ts';
import type { Random } from '../../common/random.ts';

/** A cloud may be wrong about how long; new values are to be seen within this. */
const BUSY_WAIT_MS_MAX = 60_000;
/** Before anything is known of the way. */
export const IN_FLIGHT_FIRST = 2;
/** Of the deadline: a reply within it says that there is room … */
const SOON = 0.1;
/** … and one later than this that there is too much on the way. */
const SLOW = 0.3;

export class Credit {
  private readonly linkMax: number;
  private readonly clock: Clock;
  private readonly random: Random;
  private given: number;
  private window: number;
  private heldUntilMs = 0;

  constructor(linkMax: number, clock: Clock, random: Random) {
    this.linkMax = linkMax;
    this.clock = clock;
    this.random = random;
    this.given = linkMax;
    this.window = Math.min(linkMax, IN_FLIGHT_FIRST);
  }

  /** Requests that may be on their way now; 0 while the cloud is busy. */
  get inFlightMax(): number {
    return this.waitMs() > 0 ? 0 : Math.min(this.given, this.window);
  }

  /** Until the cloud may be asked again. */
  waitMs(): number {
    return Math.max(0, this.heldUntilMs - this.clock.monotonicMs());
  }

  /** A reply came after so much of its deadline. */
  answered(share: number): void {
    if (share <= SOON) this.window = Math.min(this.linkMax, this.window + 1);
    else if (share > SLOW) this.shrink();
  }

  /** A deadline passed. */
  lost(): void {
    this.shrink();
  }

  /** Every reply tells. @returns true for `busy`: the request was not looked at */
  take(reply: LinkReply): boolean {
    if (reply.kind === 'parts') this.given = Math.max(1, Math.min(this.linkMax, reply.inFlightMax ?? this.linkMax));
    if (reply.kind !== 'busy') return false;
    this.given = 1;
    const waitMs = Math.min(BUSY_WAIT_MS_MAX, reply.retryAfterMs * (1 + this.random.next()));
    this.heldUntilMs = Math.max(this.heldUntilMs, this.clock.monotonicMs() + waitMs);
    return true;
  }

  /** The link went down: what a cloud said before is no longer true. */
  forget(): void {
    this.given = this.linkMax;
    this.window = Math.min(this.linkMax, IN_FLIGHT_FIRST);
    this.heldUntilMs = 0;
  }

  private shrink(): void {
    this.window = Math.max(1, this.window >> 1);
  }
}
