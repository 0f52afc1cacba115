/**
 * Says hello to the cloud and reconciles with its answer (R5, R9). A hello is due at start, after the cloud started anew, after a
 * `gap` or an `overlap`, and when a household without a generation turns up.
 */
import { type Broker, POWER_TOPIC, partitionOf } from '../../common/broker/broker.ts';
import { type Clock, yieldToEventLoop } from '../../common/clock.ts';
import { reach } from '../../common/failpoints.ts';
import type { Logger } from '../../common/logger.ts';
import { type HelloHousehold, HOUSEHOLDS_PER_HELLO, type LinkReply, type LinkRequest } from '../../common/messages.ts';
import type { Hole, NewRow } from '../../common/protocol/edge-ledger.ts';
import { type Reconciliation, reconcileSource } from '../../common/protocol/hello-rules.ts';
import { SeqIntervals } from '../../common/protocol/seq-intervals.ts';
import { isId, sourceKey } from '../../common/ids.ts';
import type { EdgeStore } from './edge-store.ts';
import { searchLog } from './log-search.ts';
import { OutboxFull } from './outbox.ts';
import { type RowChange, RowChanges } from './row-changes.ts';

/**
 * Readings taken from the log after one hello: some 50 MB of memory. What more is missing follows after the next hello, when these are
 * stored.
 */
const REFILL_READINGS_MAX = 100_000;
/** At the quota a refill takes no more than one request holds: its rows fit into the pages that are kept for acks. */
const REFILL_READINGS_MIN = 500;
/**
 * Rows that one transaction of a hello changes: a few ms (R11). A row that is put in takes four times as long as a change of state.
 */
const PIECE_ROWS = 2_000;
const INSERTED_SHARE = 1 / 4;
/** Room that a reading takes if it becomes a part of its own, as far as that is known before. */
const REFILL_ROW_BYTES = 1_024;

export interface GreeterOptions {
  edge: string;
  store: EdgeStore;
  broker: Broker;
  clock: Clock;
  logger: Logger;
  /** Households that wait for a generation. */
  waitingFor: () => Iterable<string>;
  /** Called after the cloud assigned households. */
  onAssigned: () => void;
  /** Called when a hello became due. */
  onDue: () => void;
  /** Rows that one transaction of a hello changes, instead of PIECE_ROWS; storms have few rows. */
  pieceRows?: number;
}

export class Greeter {
  private readonly options: GreeterOptions;
  private due = true;
  private moreToRefill = false;
  /** The last refill did not fit. */
  private isTight = false;
  /** Names that are no ids, and were told of. */
  private readonly leftOut = new Set<string>();
  /** By source: the lowest seq that the cloud lacked at the last hello. */
  private readonly lacking = new Map<string, number>();
  /** Start id of the cloud that answered the last hello; empty before. */
  startId = '';

  constructor(options: GreeterOptions) {
    this.options = options;
  }

  get isHelloDue(): boolean {
    return this.due;
  }

  /** Households that are in no hello, because their names are none. */
  get leftOutCount(): number {
    return this.leftOut.size;
  }

  /** True while seqs that the cloud lacks are still to be taken from the log. */
  get isRefilling(): boolean {
    return this.due || this.moreToRefill;
  }

  /** The lowest seq of the source that the cloud neither held nor knew as declared when it answered the last hello. */
  lackingSeq(key: string): number {
    return this.lacking.get(key) ?? 1;
  }

  /** All that was queued is sent: time for the next piece of an unfinished refill. */
  continueRefill(): void {
    if (this.moreToRefill) this.requestHello('more is to be refilled');
  }

  requestHello(why: string): void {
    if (this.due) return;
    this.options.logger.info({ why }, 'saying hello to the cloud again');
    this.due = true;
    this.options.onDue();
  }

  /** True for the cloud that answered the last hello; another one makes a hello due, and its word is not taken. */
  isCurrent(startId: string): boolean {
    if (startId === this.startId) return true;
    if (this.startId !== '') this.requestHello('the cloud started anew');
    return false;
  }

  /** One hello for all households, in pieces. `refused` backs off, `lost` is tried again soon. */
  async greet(ask: (request: LinkRequest) => Promise<LinkReply>): Promise<'done' | 'lost' | 'refused'> {
    const { edge, store, logger } = this.options;
    const households = this.households();
    const { windowMs, generations } = store.ledgerStore.ledger;
    const answers: HelloHousehold[] = [];
    const refused = new Map<string, string>();
    let startId: string | undefined;
    for (let at = 0; at < Math.max(1, households.length); at += HOUSEHOLDS_PER_HELLO) {
      const piece = households.slice(at, at + HOUSEHOLDS_PER_HELLO);
      const known = piece.map((household) => ({ household, generation: generations.get(household) ?? 0 }));
      let reply: LinkReply;
      try {
        reply = await ask({ kind: 'hello', hello: { edge, epoch: store.epoch, claim: store.claim, windowMs, households: known } });
      } catch {
        return 'lost';
      }
      if (reply.kind !== 'hello' || reply.claim !== store.claim) {
        logger.error({ reason: reply.kind === 'refused' ? reply.reason : reply.kind }, 'the cloud did not answer the hello');
        return 'refused';
      }
      if (startId !== undefined && reply.startId !== startId) return 'lost';
      startId = reply.startId;
      answers.push(...reply.households);
      for (const { household, reason } of reply.refused ?? []) refused.set(household, reason);
      for (const { at: place, reason } of reply.unusable ?? []) if (piece[place] !== undefined) refused.set(piece[place], reason);
    }
    reach('edge_after_hello_before_reconcile');
    try {
      await store.exclusive(() => this.reconcile(answers, refused));
    } catch (error) {
      if ((error as { retryable?: boolean }).retryable !== true) throw error;
      this.isTight ||= error instanceof OutboxFull;
      logger.warn({ error: (error as Error).message }, 'the answer to the hello can not be worked in yet; trying again');
      return 'refused';
    }
    for (const [household, reason] of refused) logger.error({ household, reason }, 'household parked: its rows are kept and not sent');
    this.startId = startId as string;
    this.due = false;
    this.options.onAssigned();
    if (this.households().some((household) => !store.ledgerStore.ledger.generations.has(household))) this.due = true;
    return 'done';
  }

  /**
   * All that are known or wait, without those that another edge has taken. One whose readings are here is claimed, whether a generation is
   * known or not: its row may have been damaged.
   */
  private households(): string[] {
    const { ledger, toBeAsked } = this.options.store.ledgerStore;
    const all = new Set([...ledger.generations.keys(), ...toBeAsked, ...this.options.waitingFor()]);
    for (const { household } of ledger.sources.values()) all.add(household);
    for (const household of ledger.parked.keys()) all.delete(household);
    return [...all].filter((household) => isId(household) || this.leaveOut(household));
  }

  /** An older cloud takes no hello in which one name is none. What lies under such a name stays in the outbox. */
  private leaveOut(household: string): false {
    if (this.leftOut.has(household)) return false;
    this.leftOut.add(household);
    this.options.logger.error(
      { household, leftOut: this.leftOut.size },
      'the name of a household is no id: its rows are kept and not sent',
    );
    return false;
  }

  /**
   * In three steps, each of transactions that leave a sound outbox: rows that are here change their state or go, piece by piece; then
   * what is known of the sources, all at once, with what that closed; then what was found in the log is put in, piece by piece. A hello
   * stays due until all of it is done, and the next one works out anew what was not: it goes by the rows that are here, not by what was
   * planned.
   */
  private async reconcile(answers: readonly HelloHousehold[], refused: ReadonlyMap<string, string>): Promise<void> {
    const { store } = this.options;
    try {
      const results: SourceResult[] = [];
      for (const answer of answers) {
        results.push(...(await this.reconcileHousehold(answer)));
      }
      const readingsMax = this.refillReadingsMax();
      const { rows, hasMore } = await this.refill(results, readingsMax);
      // The smallest refill may use the pages above the quota: rows above what is missing can't be shipped, and would hold it up for ever.
      const isBounded = readingsMax > REFILL_READINGS_MIN;
      const closed = results.flatMap((result) => result.rows);
      await this.changeRows(results);
      store.commit(isBounded && closed.length > 0, () => {
        this.insert(closed);
        for (const { household, generation, postalCode } of answers) {
          store.ledgerStore.ledger.generations.set(household, generation);
          store.ledgerStore.postalCodes.set(household, postalCode);
          store.ledgerStore.saveHousehold(household);
        }
        this.park(refused);
        reach('edge_inside_reconcile');
      });
      await this.insertInPieces(rows, isBounded);
      this.moreToRefill = hasMore;
      this.isTight = false;
    } catch (error) {
      store.reload();
      throw error;
    }
  }

  /** Inside a commit. Generation 0, where it never had one: its readings go into the outbox, and its partition waits for nobody. */
  private park(refused: ReadonlyMap<string, string>): void {
    const { ledgerStore } = this.options.store;
    for (const [household, reason] of refused) {
      ledgerStore.ledger.generations.set(household, ledgerStore.ledger.generations.get(household) ?? 0);
      ledgerStore.ledger.parked.set(household, reason);
      ledgerStore.saveHousehold(household);
    }
  }

  /** Row after row is read of a household with a backlog: heartbeats go out between two steps. */
  private async reconcileHousehold(answer: HelloHousehold): Promise<SourceResult[]> {
    const { ledger } = this.options.store.ledgerStore;
    const told = new Map(answer.sources.map((source) => [sourceKey(answer.household, source.device, source.src), source]));
    const known = [...ledger.sources].filter(([, source]) => source.household === answer.household).map(([key]) => key);
    const results: SourceResult[] = [];
    for (const key of new Set([...known, ...told.keys()])) {
      results.push(await this.reconcileOne(key, told.get(key)));
      await yieldToEventLoop();
    }
    return results;
  }

  private async reconcileOne(key: string, held: HelloHousehold['sources'][number] | undefined): Promise<SourceResult> {
    const { ledgerStore, outbox } = this.options.store;
    const { ledger } = ledgerStore;
    const [household, device, src] = key.split('/') as [string, string, string];
    const source = ledger.source({ household, device, src });
    const told = { covered: SeqIntervals.of(held?.covered ?? []), declared: SeqIntervals.of(held?.declared ?? []) };
    this.lacking.set(key, lowestLacking(told));
    const steps = outbox.held(source, told.covered, told.declared);
    let step = steps.next();
    while (step.done !== true) {
      await yieldToEventLoop();
      step = steps.next();
    }
    const open = ledger.openOf(household, device);
    const ownOpen = open?.part.src === src ? open : undefined;
    const result = reconcileSource(source, ownOpen, told, step.value);
    const rows: NewRow[] = [];
    if (ownOpen !== undefined && result.open === 'close') rows.push(ledger.close(ownOpen));
    if (ownOpen !== undefined && result.open === 'drop') ledger.forgetOpen(ownOpen);
    return { source, result, rows };
  }

  private refillReadingsMax(): number {
    const { outbox } = this.options.store;
    const roomFor = this.isTight ? 0 : Math.floor(outbox.freeBytes() / REFILL_ROW_BYTES);
    return Math.min(REFILL_READINGS_MAX, Math.max(REFILL_READINGS_MIN, roomFor));
  }

  /** Searches the log for what is missing, partition by partition. What is there and not taken now counts as seen until the next hello. */
  private async refill(results: readonly SourceResult[], readingsMax: number): Promise<{ rows: NewRow[]; hasMore: boolean }> {
    const { broker, store, logger } = this.options;
    const rows: NewRow[] = [];
    let hasMore = false;
    let left = readingsMax;
    const incomplete = results.filter(({ result }) => result.missing.length > 0);
    if (incomplete.length === 0) return { rows, hasMore };
    const partitions = await broker.partitionCount(POWER_TOPIC);
    for (let partition = 0; partition < partitions; partition++) {
      const holes: Hole[] = incomplete
        .filter(({ source }) => partitionOf(source.household, partitions) === partition)
        .map(({ source, result }) => ({ source, missing: result.missing }));
      if (holes.length === 0) continue;
      // A gap has no record of its own: until it is acknowledged it holds back the whole log (R6).
      const position = { partition, offset: (await broker.logState(POWER_TOPIC, partition)).earliestOffset };
      const found = await searchLog(broker, POWER_TOPIC, partition, holes, left);
      for (const [i, hole] of holes.entries()) {
        const { readings, skipped, more } = found[i] as (typeof found)[number];
        left -= readings.size;
        hasMore ||= !more.isEmpty;
        hole.source.seen.addAll(more);
        // One after the other: so many arguments may be more than a call takes.
        for (const row of store.ledgerStore.ledger.fillHole(hole, readings, skipped, position)) rows.push(row);
        logger.warn(
          { household: hole.source.household, missing: hole.missing, found: readings.size },
          'the cloud lacks seqs: searched the log',
        );
        await yieldToEventLoop();
      }
    }
    return { rows, hasMore };
  }

  /** What is known of the sources is not written meanwhile: killed between two pieces, the edge knows what it knew before the hello. */
  private async changeRows(results: readonly SourceResult[]): Promise<void> {
    const { outbox } = this.options.store;
    const changes = new RowChanges(this.pieceRows);
    for (const { source, result } of results) {
      const sourceId = outbox.sourceIdOf(source);
      for (const kind of ['requeue', 'acknowledge', 'drop'] as const) changes.add(kind, sourceId, result[kind]);
      await yieldToEventLoop();
    }
    for (const piece of changes.pieces()) {
      this.options.store.commitRows(false, () => this.apply(piece));
      await this.betweenPieces();
    }
    for (const { source, result } of results) {
      if (result.requeue.length === 0) continue;
      for (const _step of outbox.orderSteps(outbox.sourceIdOf(source))) await yieldToEventLoop();
    }
  }

  private apply(piece: readonly RowChange[]): void {
    const { outbox } = this.options.store;
    const nowMs = this.options.clock.nowMs();
    for (const { kind, sourceId, ids } of piece) {
      if (kind === 'requeue') outbox.requeue(sourceId, ids, nowMs);
      else if (kind === 'drop') outbox.drop(sourceId, ids);
      else
        outbox.acknowledge(
          ids.map((id) => ({ id, sourceId })),
          nowMs,
        );
    }
  }

  /** What is known of the sources names these rows already: those that a kill leaves out are missing at the next hello. */
  private async insertInPieces(rows: readonly NewRow[], isBounded: boolean): Promise<void> {
    const length = Math.ceil(this.pieceRows * INSERTED_SHARE);
    for (let at = 0; at < rows.length; at += length) {
      await this.betweenPieces();
      this.options.store.commitRows(isBounded, () => this.insert(rows.slice(at, at + length)));
    }
  }

  private insert(rows: readonly NewRow[]): void {
    const nowMs = this.options.clock.nowMs();
    for (const row of rows) this.options.store.outbox.insert(row, nowMs);
  }

  private async betweenPieces(): Promise<void> {
    reach('edge_between_reconcile_pieces');
    await yieldToEventLoop();
  }

  private get pieceRows(): number {
    return this.options.pieceRows ?? PIECE_ROWS;
  }
}

interface SourceResult {
  source: Hole['source'];
  result: Reconciliation;
  /** The open part, when it was closed. */
  rows: NewRow[];
}

function lowestLacking({ covered, declared }: { covered: SeqIntervals; declared: SeqIntervals }): number {
  const known = covered.clone();
  known.addAll(declared);
  return known.missing(1, known.max + 1)[0]?.[0] ?? 1;
}
