/**
 * Heartbeats on a socket of their own, every few seconds for ever (R11): they tell the cloud how the edge is doing and the edge
 * whether the link is up. Their deadline is short, so a lost link is seen within seconds whatever the data socket does.
 */
import type { Clock, Timer } from '../../common/clock.ts';
import type { LinkClient } from '../../common/link/link.ts';
import type { Logger } from '../../common/logger.ts';
import type { EdgeStatus } from '../../common/messages.ts';
import type { Random } from '../../common/random.ts';
import { type EdgeWire, VersionError } from '../../common/wire.ts';

/** Heartbeats of a fleet spread by this part of their interval. */
const JITTER = 0.2;
/**
 * Hellos come over no longer than this, whatever the spread: what is current can't be shown before (live-lane.ts), and a thousand of them
 * are a few seconds of the cloud's work, of which it turns away what is too much.
 */
export const HELLO_SPREAD_MS_MAX = 3_000;

export interface HeartbeatOptions {
  edge: string;
  wire: EdgeWire;
  epoch: () => string;
  link: LinkClient;
  clock: Clock;
  random: Random;
  logger: Logger;
  intervalMs: number;
  deadlineMs: number;
  status: () => EdgeStatus;
  /** Called with the cloud's start id at every answer. */
  onAnswer: (startId: string) => void;
  /** Called when the cloud answers again and a hello may be said, before the edge's turn. */
  onReached: () => void;
  /** Called when the link went up (after the spread) or down. */
  onLink: (up: boolean) => void;
}

export class Heartbeat {
  private readonly options: HeartbeatOptions;
  /** While the link is good again and the edge waits for its turn: where in the spread that is, from 0 to 1, and since when it waits. */
  private waiting: { share: number; sinceMs: number } | undefined;
  private turn: Timer | undefined;
  private helloTurn: Timer | undefined;
  /** A hello may be said; rows wait for `isUp`. */
  isReached = false;
  isUp = false;
  /** Why the cloud refused the last heartbeat, empty when it did not. */
  private refusal = '';
  /** The last heartbeat was answered; the edge may still wait for its turn. */
  isAnswered = false;

  constructor(options: HeartbeatOptions) {
    this.options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, random, intervalMs } = this.options;
    while (!signal.aborted) {
      const spreadMs = await this.beat();
      this.isAnswered = spreadMs !== undefined;
      if (spreadMs === undefined) this.goDown();
      else if (!this.isUp) this.waitForTurn(spreadMs);
      await clock.sleep(intervalMs * (1 - JITTER + 2 * JITTER * random.next()), signal);
    }
    this.cancelTurns();
  }

  private goDown(): void {
    this.cancelTurns();
    this.waiting = undefined;
    this.isReached = false;
    this.setUp(false);
  }

  private cancelTurns(): void {
    this.turn?.cancel();
    this.helloTurn?.cancel();
    this.helloTurn = undefined;
  }

  /**
   * Each answer tells the spread anew, as more edges are heard or have shipped: the place in it stays, so the turn comes sooner or later.
   * Heartbeats go on meanwhile: the cloud must not take an edge that waits for a silent one.
   */
  private waitForTurn(spreadMs: number): void {
    const { clock, random } = this.options;
    this.waiting ??= { share: random.next(), sinceMs: clock.monotonicMs() };
    const { share, sinceMs } = this.waiting;
    if (!this.isReached)
      this.helloTurn ??= clock.timer('hello after an outage', share * Math.min(spreadMs, HELLO_SPREAD_MS_MAX), () => this.setReached());
    this.turn?.cancel();
    this.turn = clock.timer('turn after an outage', Math.max(0, sinceMs + share * spreadMs - clock.monotonicMs()), () => {
      this.waiting = undefined;
      this.setReached();
      this.setUp(true);
    });
  }

  private setReached(): void {
    this.helloTurn?.cancel();
    this.helloTurn = undefined;
    if (this.isReached) return;
    this.isReached = true;
    this.options.onReached();
  }

  /** The spread that the cloud asks for, undefined when the heartbeat was not answered. */
  private async beat(): Promise<number | undefined> {
    const { edge, wire, epoch, link, clock, deadlineMs, status, onAnswer } = this.options;
    const request = { kind: 'heartbeat', heartbeat: { edge, epoch: epoch(), sentMs: clock.nowMs(), status: status() } } as const;
    try {
      const reply = wire.decode(await link.request(wire.encode(request), deadlineMs));
      if (reply.kind !== 'heartbeat') {
        this.tellRefusal(reply.kind === 'refused' ? reply.reason : reply.kind);
        return undefined;
      }
      this.refusal = '';
      onAnswer(reply.startId);
      return reply.spreadMs;
    } catch (error) {
      if (error instanceof VersionError) this.tellRefusal(error.message);
      return undefined;
    }
  }

  /** Once per reason: it stays until somebody acts, and says who. */
  private tellRefusal(reason: string): void {
    if (reason === this.refusal) return;
    this.refusal = reason;
    this.options.logger.error({ reason }, 'the cloud refuses this edge: readings are kept here until somebody mends it');
  }

  private setUp(up: boolean): void {
    if (up === this.isUp) return;
    this.isUp = up;
    this.options.logger[up ? 'info' : 'warn'](
      {},
      up ? 'the cloud answers' : 'the cloud does not answer: readings are kept here until it does',
    );
    this.options.onLink(up);
  }
}
