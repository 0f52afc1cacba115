/**
 * Sends the oldest rows to the cloud and marks what it acknowledged (R5, R9, R11). Per source the lowest seq goes first; a source
 * whose head is refused waits alone. Several requests are on their way at once, as many as the cloud gives credit for. Nothing is
 * sent between a hello and its answer, and nothing is deleted here.
 */
import { type Clock, yieldToEventLoop } from '../../common/clock.ts';
import { reach } from '../../common/failpoints.ts';
import { sourceKey } from '../../common/ids.ts';
import type { LinkClient } from '../../common/link/link.ts';
import type { Logger } from '../../common/logger.ts';
import { type LinkReply, type PartsReply, rangeOf, REQUEST_BYTES_TARGET, ROWS_PER_REQUEST_MAX } from '../../common/messages.ts';
import { PARKED_REASONS } from '../../common/parked-reason.ts';
import { applyAcks } from '../../common/protocol/edge-ledger.ts';
import { ShipLanes } from '../../common/protocol/ship-lanes.ts';
import { shippableSources } from '../../common/protocol/ship-order.ts';
import type { Random } from '../../common/random.ts';
import { RetrySchedule } from '../../common/retry-schedule.ts';
import { Waker } from '../../common/waker.ts';
import { type EdgeWire, type RowToShip, savedFault } from '../../common/wire.ts';
import { Credit } from './credit.ts';
import { type EdgeStore, FENCED } from './edge-store.ts';
import type { Greeter } from './greeter.ts';
import { OutboxFull, type QueuedRow } from './outbox.ts';
import { partsRequest } from './parts-request.ts';
import { UnmendedSources } from './unmended-sources.ts';

/** Refusals back off with full jitter up to this (R11). */
const REFUSAL_BACKOFF_BASE_MS = 200;
const REFUSAL_BACKOFF_CAP_MS = 300_000;
/** A lost request is tried again after a random time below this. */
const LOST_RETRY_MS = 500;
/** With nothing to do, look again after this; new rows wake the shipper at once. */
const IDLE_MS = 5_000;
/** A request is answered in some 20 ms; a slow cloud may hold the intake this long per batch. */
const GIVE_WAY_MS = 100;
/** Rows are marked as sent in the file when their request is not answered by then: most are acked before, and written once. */
const MARK_SENT_AFTER_MS = 250;
/** Rows of one source in one turn: the cloud stores rows that lie side by side for a third of what scattered ones cost. */
const ROWS_PER_TURN = 50;
/** Of one request. The cloud looks each up: rows of 500 sources kept it from heartbeats for 30 ms and more, those of 50 for 7 to 14. */
export const SOURCES_PER_REQUEST_MAX = 100;

export interface ShipperOptions {
  edge: string;
  wire: EdgeWire;
  store: EdgeStore;
  link: LinkClient;
  clock: Clock;
  random: Random;
  logger: Logger;
  deadlineMs: number;
  /** True while heartbeats are answered and a hello may be said. */
  isReached: () => boolean;
  /** True while it is also the edge's turn to ship. */
  isLinkUp: () => boolean;
  greeter: Greeter;
}

/** What a reply refused of a batch. */
interface Refused {
  /** Why, by household. */
  parked: ReadonlyMap<string, string>;
  /** All of it follows from other refusals. */
  isAllFollowing: boolean;
}

const NOTHING_REFUSED: Refused = { parked: new Map(), isAllFollowing: true };

/** `again` goes on at once; only `done` - something was stored - says that refusals are over. */
type Outcome = 'done' | 'again' | 'lost' | 'refused';

export class Shipper {
  private readonly options: ShipperOptions;
  private readonly backoff: RetrySchedule;
  private readonly credit: Credit;
  private readonly inFlight = new Map<number, readonly QueuedRow[]>();
  private readonly lanes = new ShipLanes();
  private readonly unmended: UnmendedSources;
  private nextRequest = 1;
  private wakeUp: (() => void) | undefined;
  private woken = false;
  /** Turns that the intake gives, one after the other. */
  private turns: Promise<void> = Promise.resolve();
  private onTurn: (() => void) | undefined;
  private requestAtTurn = 0;
  /** Aborted to end the waits after refusals. */
  private waits = new AbortController();
  /** What ended a request and is no lost request: a bug or a disk error. Thrown by the loop. */
  private failure: unknown;
  /** The next batch begins behind this source, so that each has its turn. */
  private lastSourceId = 0;
  /** Requests from this one on were sent after the last refusal was known; those before it share its wait. */
  private refusedFrom = 0;
  private refusalMs = 0;

  constructor(options: ShipperOptions) {
    this.options = options;
    this.backoff = new RetrySchedule(REFUSAL_BACKOFF_BASE_MS, REFUSAL_BACKOFF_CAP_MS, options.random);
    this.unmended = new UnmendedSources(options.clock, options.random);
    this.credit = new Credit(options.link.inFlightMax, options.clock, options.random);
  }

  async run(signal: AbortSignal): Promise<void> {
    const { greeter, isReached, isLinkUp } = this.options;
    const { credit, inFlight } = this;
    signal.addEventListener('abort', () => this.endWaits(), { once: true });
    while (!signal.aborted) {
      if (this.unmended.endWaits()) greeter.requestHello('a source that was refused after a hello has waited');
      if (!isReached()) await this.rest(IDLE_MS);
      else if (credit.waitMs() > 0) await this.rest(credit.waitMs());
      else if (greeter.isHelloDue && inFlight.size === 0) await this.recover(await this.tryHello(), this.nextRequest);
      else if (isLinkUp() && !greeter.isHelloDue && inFlight.size < credit.inFlightMax && this.sendNext()) continue;
      else await this.rest(IDLE_MS);
    }
  }

  /** R11: the first good heartbeat after an outage ends the backoff, of the hello too. */
  linkReached(): void {
    this.backoff.reset();
    if (this.unmended.forget()) this.options.greeter.requestHello('the cloud is reached again, and lacked something before');
    this.endWaits();
  }

  linkChanged(up: boolean): void {
    if (up) this.linkReached();
    else this.credit.forget();
    this.wake();
  }

  /** New rows, a hello due, or the link is back. */
  wake(): void {
    this.woken = true;
    this.wakeUp?.();
  }

  /**
   * For the intake, between two batches: resolves at once while the rows that wait do not fill a request, else when another request is
   * on its way than at the last call. So a full topic does not starve the shipper, and the next batch is taken while the cloud
   * works. Waits no longer than GIVE_WAY_MS, so that a lost link does not hold the intake.
   */
  giveWay(): Promise<void> {
    const turn = this.turns.then(async () => {
      await yieldToEventLoop();
      if (!this.hadTurn()) {
        const waker = new Waker();
        this.onTurn = () => {
          if (this.hadTurn()) waker.wake();
        };
        await this.options.clock.sleep(GIVE_WAY_MS, waker);
        this.onTurn = undefined;
      }
      this.requestAtTurn = this.nextRequest;
    });
    this.turns = turn;
    return turn;
  }

  private hadTurn(): boolean {
    if (this.nextRequest !== this.requestAtTurn || this.inFlight.size === 0 || !this.options.isLinkUp()) return true;
    return this.options.store.outbox.unackedCount - this.sentCount < ROWS_PER_REQUEST_MAX;
  }

  get sentCount(): number {
    let count = 0;
    for (const rows of this.inFlight.values()) count += rows.length;
    return count;
  }

  private async tryHello(): Promise<Outcome> {
    const { greeter, link, deadlineMs, wire } = this.options;
    const { startId } = greeter;
    const outcome = await greeter.greet(async (request) => {
      const reply = wire.decode(await link.request(wire.encode(request), deadlineMs));
      if (this.credit.take(reply)) throw new Error('the cloud is busy');
      return reply;
    });
    if (greeter.startId !== startId) this.unmended.forget();
    return outcome === 'done' ? 'again' : outcome;
  }

  private endWaits(): void {
    this.waits.abort();
    this.waits = new AbortController();
    this.wake();
  }

  /** Puts the next batch on its way; false when there is none. */
  private sendNext(): boolean {
    const batch = this.nextBatch();
    if (batch.length === 0) {
      if (this.inFlight.size === 0 && !this.unmended.isAnyWaiting) this.options.greeter.continueRefill();
      return false;
    }
    const request = this.nextRequest++;
    this.inFlight.set(request, batch);
    this.lanes.begin(request, lastOfEach(batch));
    const sending = this.send(request, batch).then((outcome) => this.recover(outcome, request));
    const settle = () => {
      this.inFlight.delete(request);
      this.lanes.end(request);
      this.wake();
    };
    sending.then(settle, (error: unknown) => {
      settle();
      this.failure = error;
    });
    return true;
  }

  private async recover(outcome: Outcome, request: number): Promise<void> {
    const { clock, random } = this.options;
    if (outcome === 'done') this.backoff.reset();
    else if (outcome === 'lost') await clock.sleep(random.next() * LOST_RETRY_MS, this.waits.signal);
    else if (outcome === 'refused') await clock.sleep(this.refusalWaitMs(request), this.waits.signal);
  }

  /** Requests that were on their way together are refused together: that counts once. */
  private refusalWaitMs(request: number): number {
    if (request >= this.refusedFrom) {
      this.refusalMs = this.backoff.nextMs();
      this.refusedFrom = this.nextRequest;
    }
    return this.refusalMs;
  }

  /**
   * Rows of one source after the other, lowest seq first and above what is on its way, until the request is full or has rows of as many
   * sources as it may; the others are next. Where requests may overtake each other, a source with rows on their way waits.
   */
  private nextBatch(): QueuedRow[] {
    const { outbox, ledgerStore } = this.options.store;
    const queued = outbox.queuedSources();
    const shippable = shippableSources(ledgerStore.ledger, queued).map((key) => queued.get(key) as number);
    const above = this.lanes.nextSeqs();
    const { isOrdered } = this.options.link;
    const mayFollow = (id: number) => this.lanes.mayFollow(id, isOrdered, above);
    const isParked = (id: number) => ledgerStore.ledger.parked.has(outbox.householdOf(id));
    const free = shippable.filter((id) => mayFollow(id) && !isParked(id) && !this.unmended.waits(id));
    free.sort((a, b) => a - b);
    const start = free.findIndex((id) => id > this.lastSourceId);
    const inTurn = start < 0 ? free : [...free.slice(start), ...free.slice(0, start)];
    let sources = inTurn.slice(0, SOURCES_PER_REQUEST_MAX);
    const batch: QueuedRow[] = [];
    let bytes = 0;
    while (sources.length > 0) {
      const perSource = Math.max(ROWS_PER_TURN, Math.ceil((ROWS_PER_REQUEST_MAX - batch.length) / sources.length));
      const unfinished: number[] = [];
      for (const sourceId of sources) {
        const rows = outbox.queuedOf(sourceId, above.get(sourceId) ?? 0, perSource);
        for (const row of rows) {
          if (batch.length === ROWS_PER_REQUEST_MAX || (batch.length > 0 && bytes + row.bytes > REQUEST_BYTES_TARGET)) return batch;
          batch.push(row);
          this.lastSourceId = sourceId;
          bytes += row.bytes;
        }
        const last = rows.at(-1);
        if (last !== undefined) above.set(sourceId, rangeOf(last.row).toSeq + 1);
        if (rows.length === perSource) unfinished.push(sourceId);
      }
      sources = unfinished;
    }
    return batch;
  }

  private async send(request: number, batch: readonly QueuedRow[]): Promise<Outcome> {
    const { edge, wire, store, link, deadlineMs, greeter } = this.options;
    reach('edge_before_send');
    const rows = batch.map(({ row }) => row);
    const parts = partsRequest(edge, store, greeter.startId, rows);
    const sentMs = this.options.clock.monotonicMs();
    const answer = link.request(wire.encode({ kind: 'parts', parts }), deadlineMs).then((bytes) => {
      this.credit.answered((this.options.clock.monotonicMs() - sentMs) / deadlineMs);
      return wire.decode(bytes);
    });
    const reply = await this.markedWhenSlow(batch, answer);
    if (reply?.kind !== 'parts') this.lanes.failAll(request);
    if (reply === undefined) {
      this.credit.lost();
      return 'lost';
    }
    reach('edge_after_reply_before_ack_commit');
    return this.takeReply(request, batch, reply);
  }

  private takeReply(request: number, batch: readonly QueuedRow[], reply: LinkReply): Promise<Outcome> {
    const { greeter, logger } = this.options;
    if (this.credit.take(reply)) {
      logger.debug({ waitMs: Math.round(this.credit.waitMs()) }, 'the cloud is busy: the request is kept and sent again');
      return Promise.resolve('again');
    }
    if (reply.kind === 'refused') {
      logger.error({ reason: reply.reason }, 'the cloud refused a request; it is kept and tried again');
      return this.parkDamaged(batch);
    }
    if (!greeter.isCurrent(reply.startId) || reply.kind !== 'parts') return Promise.resolve('again');
    return this.takeVerdicts(request, batch, reply);
  }

  /** A row that was damaged in the file makes the whole request unusable: its household parks, the others go on. */
  private async parkDamaged(batch: readonly QueuedRow[]): Promise<Outcome> {
    const { ledgerStore } = this.options.store;
    const parked = new Map<string, string>();
    for (const { id, row } of batch) {
      const damage = savedFault(row, ledgerStore.ledger.windowMs);
      if (damage !== undefined) parked.set(rangeOf(row).household, PARKED_REASONS.say('row-damaged', { row: id, fault: damage }));
    }
    if (parked.size === 0 || !(await this.commitIfRoom(() => this.park(parked)))) return 'refused';
    this.tellParked(parked);
    return 'again';
  }

  /** Inside a commit. */
  private park(parked: ReadonlyMap<string, string>): void {
    const { ledgerStore } = this.options.store;
    for (const [household, reason] of parked) {
      ledgerStore.ledger.parked.set(household, reason);
      ledgerStore.saveHousehold(household);
    }
  }

  private tellParked(parked: ReadonlyMap<string, string>): void {
    for (const [household, reason] of parked)
      this.options.logger.error({ household, reason }, 'household parked: its rows are kept and not sent');
  }

  /** Undefined when no answer came. `sent` is for people, nothing depends on it: on a full disk the rows stay `queued`. */
  private async markedWhenSlow(batch: readonly QueuedRow[], answer: Promise<LinkReply>): Promise<LinkReply | undefined> {
    const { store, clock, logger } = this.options;
    const settled = new Waker();
    const received = answer
      .catch((error: Error) => {
        logger.debug({ error: error.message }, 'a request was lost');
        return undefined;
      })
      .finally(() => settled.wake());
    const marked = clock.sleep(MARK_SENT_AFTER_MS, settled).then(async () => {
      if (settled.aborted) return;
      const ids = batch.map((row) => row.id);
      await this.commitIfRoom(() => store.outbox.markSent(ids, clock.nowMs()));
    });
    const [reply] = await Promise.all([received, marked]);
    return reply;
  }

  /** False when the disk is full: nothing was written, and it is tried again. */
  private async commitIfRoom(change: () => void): Promise<boolean> {
    const { store, logger } = this.options;
    try {
      await store.exclusive(async () => store.commit(false, change));
      return true;
    } catch (error) {
      if (!(error instanceof OutboxFull)) throw error;
      logger.error({ error: error.message }, 'the outbox can not be written, the disk may be full; what is in it is kept and tried again');
      return false;
    }
  }

  /** Acks in one transaction; what was refused stays queued or parks its household. */
  private async takeVerdicts(request: number, batch: readonly QueuedRow[], reply: PartsReply & { kind: 'parts' }): Promise<Outcome> {
    const { store, clock } = this.options;
    const { outbox, ledgerStore } = store;
    const acked = batch.filter((_, i) => isHeld(reply.verdicts[i]?.verdict));
    const { parked, isAllFollowing } = acked.length < batch.length ? this.judgeRefused(request, batch, reply) : NOTHING_REFUSED;
    const isWritten = await this.commitIfRoom(() => {
      outbox.acknowledge(acked, clock.nowMs());
      applyAcks(
        ledgerStore.ledger,
        acked.map(({ row }) => row),
      );
      this.park(parked);
      for (const [household, code] of Object.entries(reply.postalCodes)) {
        if (ledgerStore.postalCodes.get(household) === code) continue;
        ledgerStore.postalCodes.set(household, code);
        ledgerStore.saveHousehold(household);
      }
      reach('edge_inside_ack_commit');
    });
    if (!isWritten) return 'refused';
    reach('edge_after_ack_commit');
    this.tellParked(parked);
    if (acked.length > 0) return 'done';
    return isAllFollowing ? 'again' : 'refused';
  }

  /** What is not stored: parks its household, follows from another refusal, or makes a hello due. */
  private judgeRefused(request: number, batch: readonly QueuedRow[], reply: PartsReply & { kind: 'parts' }): Refused {
    const parked = new Map<string, string>();
    // The first refusal is what is to be mended; those behind it follow from it.
    const park = (household: string, why: string) => void (parked.has(household) || parked.set(household, why));
    const verdicts = batch.map(({ sourceId }, i) => {
      const { verdict = 'lost' as const, reason } = reply.verdicts[i] ?? {};
      return { sourceId, verdict, reason };
    });
    const follows = this.lanes.followers(request, verdicts);
    this.lanes.fail(verdicts.filter(({ verdict }) => !isHeld(verdict)).map(({ sourceId }) => sourceId));
    batch.forEach(({ sourceId, row }, i) => {
      const { verdict, reason } = verdicts[i] as (typeof verdicts)[number];
      const { household, fromSeq, toSeq } = rangeOf(row);
      if (isHeld(verdict)) return;
      const seqs = { from: fromSeq, to: toSeq };
      if (verdict === 'conflict') park(household, PARKED_REASONS.say('conflict', seqs));
      else if (verdict === 'rejected') park(household, PARKED_REASONS.say('rejected', { ...seqs, fault: reason ?? '' }));
      else if (follows[i] === true) return;
      else if (verdict === 'not_owner' && this.isFenced(household, reply)) park(household, FENCED);
      else this.askAfterRefusal(sourceId, row, verdict);
    });
    return { parked, isAllFollowing: follows.every((its, i) => its || isHeld(verdicts[i]?.verdict)) };
  }

  /** Says hello, unless that has just been in vain. */
  private askAfterRefusal(sourceId: number, row: RowToShip, verdict: string): void {
    const { greeter, logger } = this.options;
    // Other rows of the same source may be refused with it.
    if (greeter.isHelloDue || this.unmended.waits(sourceId)) return;
    const { household, device, src, fromSeq } = rangeOf(row);
    const waitMs = this.unmended.refused(sourceId, greeter.lackingSeq(sourceKey(household, device, src)));
    if (waitMs === undefined) greeter.requestHello(`${verdict} at ${household} seq ${fromSeq}`);
    else
      logger.error(
        { household, device, fromSeq, verdict, waitSeconds: Math.ceil(waitMs / 1_000) },
        'the cloud goes on refusing a row after a hello; its source is kept and waits, the others go on: look at the log of the cloud',
      );
  }

  private isFenced(household: string, reply: PartsReply & { kind: 'parts' }): boolean {
    return (reply.generations[household] ?? 0) > (this.options.store.ledgerStore.ledger.generations.get(household) ?? 0);
  }

  /** Until `wake`, at most so long. */
  private async rest(ms: number): Promise<void> {
    this.onTurn?.();
    if (this.failure !== undefined) throw this.failure;
    if (this.woken) {
      this.woken = false;
      return;
    }
    const waker = new Waker();
    this.wakeUp = () => waker.wake();
    await this.options.clock.sleep(ms, waker);
    this.wakeUp = undefined;
    this.woken = false;
  }
}

/** The cloud has the row. */
function isHeld(verdict: string | undefined): boolean {
  return verdict === 'stored' || verdict === 'duplicate';
}

/** Rows of one source lie side by side, lowest seq first: the last of each such run. */
function lastOfEach(batch: readonly QueuedRow[]): { sourceId: number; toSeq: number }[] {
  const last: { sourceId: number; toSeq: number }[] = [];
  for (let i = 0; i < batch.length; i++) {
    const { sourceId, row } = batch[i] as QueuedRow;
    if (batch[i + 1]?.sourceId !== sourceId) last.push({ sourceId, toSeq: rangeOf(row).toSeq });
  }
  return last;
}
