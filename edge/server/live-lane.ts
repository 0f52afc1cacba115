/**
 * The live lane: while a backlog drains oldest first, the newest closed window of each device goes ahead, on a connection of its own, so
 * that pages show what is now. For display only: the same rows travel again in their turn, nothing here is counted or acknowledged, and
 * nothing here changes the outbox. It waits for the hello, and neither of them waits for the edge's turn to ship after an outage. It rests
 * while the ordinary way is current.
 */
import { type Clock, yieldToEventLoop } from '../../common/clock.ts';
import type { LinkClient } from '../../common/link/link.ts';
import type { Logger } from '../../common/logger.ts';
import type { LinkReply } from '../../common/messages.ts';
import type { Random } from '../../common/random.ts';
import { Waker } from '../../common/waker.ts';
import type { EdgeWire, RowToShip } from '../../common/wire.ts';
import { Credit } from './credit.ts';
import { partsRequest } from './parts-request.ts';
import type { EdgeStore } from './edge-store.ts';
import type { Greeter } from './greeter.ts';

/** A device with fewer rows waiting is current: one window is open, one is on its way. */
const BACKLOG_ROWS_MIN = 4;
/** Rows in one request, some 40 kB: a third of a second on a slow way. */
const ROWS_PER_REQUEST = 200;
/** Between two rounds: pages are told once a second. */
const ROUND_MS = 1_000;
/** New rows come partition by partition: after the first, so long for the others. */
const GATHER_MS = 100;
/** Without new rows, look again after this: rows may wait for the link. */
const IDLE_MS = 2_000;
/** The connection is kept so long after the last use: a backlog comes back soon or not at all. */
const LINGER_MS = 60_000;
/** A cloud of an older version refuses these requests each time; a bit that turned on the way is refused once. */
const AFTER_REFUSAL_MS = 5_000;

export interface LiveLaneOptions {
  edge: string;
  wire: EdgeWire;
  store: EdgeStore;
  greeter: Greeter;
  /** A connection to the cloud's data port, not started; asked for when there is something to show. */
  open: () => Promise<LinkClient>;
  clock: Clock;
  random: Random;
  logger: Logger;
  deadlineMs: number;
  /** True while heartbeats are answered. */
  isAnswered: () => boolean;
  /** True while it is the edge's turn to ship: before, each row that waits is behind. */
  isLinkUp: () => boolean;
}

/** A device's newest window, to be shown. */
interface Due {
  sourceId: number;
  lastSeq: number;
  rows: RowToShip[];
}

export class LiveLane {
  private readonly options: LiveLaneOptions;
  private readonly credit: Credit;
  private link: LinkClient | undefined;
  private usedAtMs = 0;
  /** Where the rows of a source ended when its newest window was shown, by source id; at the cloud of `shownTo`. */
  private readonly shown = new Map<number, number>();
  private shownTo = '';
  /** Monotonic. */
  private refusedUntilMs = 0;
  /** Requests that were refused since one was not, and why the last was. */
  private refused = { count: 0, reason: '' };
  private wakeUp: (() => void) | undefined;

  constructor(options: LiveLaneOptions) {
    this.options = options;
    this.credit = new Credit(1, options.clock, options.random);
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.options;
    const stop = () => void this.close();
    signal.addEventListener('abort', stop, { once: true });
    try {
      while (!signal.aborted) {
        const isShown = this.mayShow() && (await this.showRound(signal));
        if (!isShown && clock.monotonicMs() - this.usedAtMs > LINGER_MS) await this.close();
        if (isShown) await clock.sleep(ROUND_MS, signal);
        else await this.rest(signal);
        await clock.sleep(GATHER_MS, signal);
      }
    } finally {
      await this.close();
    }
  }

  /** New rows. */
  wake(): void {
    this.wakeUp?.();
  }

  private mayShow(): boolean {
    const { greeter, isAnswered } = this.options;
    // Between hello and answer nothing is sent, and before it nobody knows what the edge owns (R5).
    if (!isAnswered() || greeter.isHelloDue || this.credit.waitMs() > 0 || this.options.clock.monotonicMs() < this.refusedUntilMs)
      return false;
    if (this.shownTo !== greeter.startId) this.shown.clear();
    this.shownTo = greeter.startId;
    return true;
  }

  /** Every device that is behind and has a window not shown yet, some at a time. False when there is none. */
  private async showRound(signal: AbortSignal): Promise<boolean> {
    const { store, isLinkUp } = this.options;
    const { outbox } = store;
    let due: Due[] = [];
    let rows = 0;
    let isAny = false;
    for (const { sourceId, lastSeq } of outbox.backlogs(isLinkUp() ? BACKLOG_ROWS_MIN : 1)) {
      if (this.shown.get(sourceId) === lastSeq || !this.isOurs(outbox.householdOf(sourceId))) continue;
      const its = { sourceId, lastSeq, rows: outbox.newestWindow(sourceId) };
      due.push(its);
      rows += its.rows.length;
      if (rows < ROWS_PER_REQUEST) continue;
      isAny = true;
      if (!(await this.show(due)) || signal.aborted) return true;
      due = [];
      rows = 0;
      await yieldToEventLoop();
    }
    if (rows > 0) await this.show(due);
    return isAny || rows > 0;
  }

  private isOurs(household: string): boolean {
    const { generations, parked } = this.options.store.ledgerStore.ledger;
    return generations.has(household) && !parked.has(household);
  }

  /** False when the rest of the round is not worth trying. */
  private async show(due: readonly Due[]): Promise<boolean> {
    const { edge, wire, store, greeter, deadlineMs, logger } = this.options;
    let reply: LinkReply;
    try {
      const link = await this.opened();
      // R5: a hello may have become due meanwhile.
      if (greeter.isHelloDue) return false;
      const newest = partsRequest(
        edge,
        store,
        greeter.startId,
        due.flatMap((its) => its.rows),
      );
      reply = wire.decode(await link.request(wire.encode({ kind: 'newest', newest }), deadlineMs));
    } catch (error) {
      logger.debug({ error: (error as Error).message }, 'the newest windows were not shown; newer ones follow');
      return false;
    }
    if (this.credit.take(reply)) return false;
    if (reply.kind === 'refused') {
      this.takeRefusal(reply.reason);
      return false;
    }
    if (!greeter.isCurrent(reply.startId) || reply.kind !== 'newest') return false;
    for (const { sourceId, lastSeq } of due) this.shown.set(sourceId, lastSeq);
    const { count } = this.refused;
    if (count > 0) logger.info({ refused: count }, 'the cloud shows newest windows ahead of the backlog again');
    this.refused = { count: 0, reason: '' };
    return true;
  }

  /** Told once per reason: an older cloud refuses as long as a backlog lasts. */
  private takeRefusal(reason: string): void {
    const { clock, logger } = this.options;
    this.refusedUntilMs = clock.monotonicMs() + AFTER_REFUSAL_MS;
    const isTold = this.refused.count > 0 && this.refused.reason === reason;
    this.refused = { count: this.refused.count + 1, reason };
    if (!isTold) logger.warn({ reason }, 'the cloud did not show newest windows ahead of the backlog; it is asked again in a while');
  }

  private async opened(): Promise<LinkClient> {
    this.usedAtMs = this.options.clock.monotonicMs();
    if (this.link !== undefined) return this.link;
    const link = await this.options.open();
    this.link = link;
    await link.start();
    return link;
  }

  private async close(): Promise<void> {
    const { link } = this;
    this.link = undefined;
    await link?.stop();
  }

  /** Until `wake`, at most IDLE_MS. */
  private async rest(signal: AbortSignal): Promise<void> {
    const waker = new Waker();
    const wakeUp = () => waker.wake();
    if (signal.aborted) return;
    signal.addEventListener('abort', wakeUp, { once: true });
    this.wakeUp = wakeUp;
    await this.options.clock.sleep(IDLE_MS, waker);
    signal.removeEventListener('abort', wakeUp);
    this.wakeUp = undefined;
  }
}
