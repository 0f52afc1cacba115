/**
 * Heartbeats on a socket of their own, every few seconds for ever (R11): they tell the cloud how the edge is doing and the edge
 * whether the link is up. Their deadline is short, so a lost link is seen within seconds whatever the data socket does.
 */
import type { Clock, Timer } from '../../common/clock.ts';
import type { LinkClient } from '../../common/link/link.ts';
import type { Logger } from '../../common/logger.ts';
import type { EdgeStatus } from '../../common/messages.ts';
import type { Random } from '../../common/random.ts';
import { decodeReply, encodeRequest } from '../../common/wire.ts';

/** Heartbeats of a fleet spread by this part of their interval. */
const JITTER = 0.2;

export interface HeartbeatOptions {
  edge: string;
  /** link.site */
  site: string;
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
  /** Called when the link went up (after the spread) or down. */
  onLink: (up: boolean) => void;
}

export class Heartbeat {
  private readonly options: HeartbeatOptions;
  /** Runs while the link is good again and the edge waits for its turn to use it. */
  private turn: Timer | undefined;
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
      else if (!this.isUp && this.turn === undefined) this.waitForTurn(random.next() * spreadMs);
      await clock.sleep(intervalMs * (1 - JITTER + 2 * JITTER * random.next()), signal);
    }
    this.turn?.cancel();
  }

  private goDown(): void {
    this.turn?.cancel();
    this.turn = undefined;
    this.setUp(false);
  }

  /** Heartbeats go on meanwhile: the cloud must not take an edge that waits for a silent one. */
  private waitForTurn(ms: number): void {
    this.turn = this.options.clock.timer('turn after an outage', ms, () => {
      this.turn = undefined;
      this.setUp(true);
    });
  }

  /** The spread that the cloud asks for, undefined when the heartbeat was not answered. */
  private async beat(): Promise<number | undefined> {
    const { edge, site, epoch, link, clock, deadlineMs, status, onAnswer } = this.options;
    const request = { kind: 'heartbeat', heartbeat: { edge, epoch: epoch(), sentMs: clock.nowMs(), status: status() } } as const;
    try {
      const reply = decodeReply(await link.request(encodeRequest(request, site), deadlineMs));
      if (reply.kind !== 'heartbeat') {
        this.tellRefusal(reply.kind === 'refused' ? reply.reason : reply.kind);
        return undefined;
      }
      this.refusal = '';
      onAnswer(reply.startId);
      return reply.spreadMs;
    } catch {
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
