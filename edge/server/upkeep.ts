/**
 * What an edge does beside taking in and shipping: trims old acked rows in small steps, commits the broker's offsets (R6), feeds
 * closed parts into the averages topic, closes idle parts, looks once through the rows that a start found, and sets aside what is damaged.
 */
import { AVERAGES_TOPIC, type Broker, type NewRecord, POWER_TOPIC, partitionOf } from '../../common/broker/broker.ts';
import { type Clock, yieldToEventLoop } from '../../common/clock.ts';
import { reach } from '../../common/failpoints.ts';
import type { Logger } from '../../common/logger.ts';
import type { EdgeStore } from './edge-store.ts';
import { EDGE_GROUP, type Intake } from './intake.ts';

const UPKEEP_MS = 1_000;
/** Rows looked at in one step of trimming: deleting 500 takes about a millisecond. */
const TRIM_STEP_ROWS = 500;
/** Steps in one round, so that a round stays short beside the shipper. */
const TRIM_STEPS_PER_ROUND = 40;
/** At the quota the oldest acked rows go until so much of it is filled; the others stay, for a cloud that is restored. */
const SHARE_AFTER_EARLY_TRIM = 0.75;
/** About 1 MB of records, a few ms: fewer batches are fewer commits of the broker. */
const AVERAGES_BATCH_ROWS = 1_000;
/** Rows looked at in one step of checking: some ms. A day of 50 homes is looked through in three minutes. */
const CHECK_STEP_ROWS = 1_000;
const CHECK_STEPS_PER_ROUND = 5;
const AVERAGES_CURSOR = 'averages_cursor';

export interface UpkeepOptions {
  broker: Broker;
  store: EdgeStore;
  intake: Intake;
  clock: Clock;
  logger: Logger;
  keepMs: number;
  publishAverages: boolean;
  /** Called after households were unparked: a hello is wanted. */
  onResumed: () => void;
  /** Called after damaged rows were set aside: a hello finds what is missing now. */
  onSetAside: (places: number) => void;
  /** True while seqs that the cloud lacks are still to be searched in the log: no offset is committed then. */
  isRefilling: () => boolean;
}

export class Upkeep {
  private readonly options: UpkeepOptions;
  private readonly committed = new Map<number, number>();
  /** Where the next round of trimming goes on: rows that stay long (of a parked household) are not looked at in every round. */
  private trimmedToId = 0;
  /** Acked rows deleted before their time because of the quota. */
  trimmedEarly = 0;
  /** Rows up to this id were looked at since the start; Infinity when all are that were there. */
  private checkedToId = 0;

  constructor(options: UpkeepOptions) {
    this.options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger, intake } = this.options;
    const duties = [
      () => intake.closeIdle(),
      () => this.resumeParked(),
      () => this.feedAverages(signal),
      () => this.check(),
      () => this.setAsideDamaged(),
      () => this.trim(),
      () => this.commitOffsets(),
    ];
    this.trimmedEarly = Number(this.options.store.ledgerStore.meta('trimmed_early') ?? '0');
    while (!signal.aborted) {
      // Each by itself: one that fails (no room to close a part) may need what the next one does (make room).
      for (const duty of duties) {
        try {
          await duty();
        } catch (error) {
          if ((error as { retryable?: boolean }).retryable !== true) throw error;
          logger.warn({ error: (error as Error).message }, 'upkeep could not finish; trying again');
        }
      }
      await clock.sleep(UPKEEP_MS, signal);
    }
  }

  private async resumeParked(): Promise<void> {
    const { store, logger, onResumed } = this.options;
    const households = await store.resumeParked();
    if (households.length === 0) return;
    logger.info({ households }, 'households are no longer parked, as was asked');
    onResumed();
  }

  /** Damage shows when a row is read, and acked ones may not be read for a day: by then the topic has not what they held any more. */
  private async check(): Promise<void> {
    const { outbox } = this.options.store;
    for (let step = 0; step < CHECK_STEPS_PER_ROUND && this.checkedToId !== Number.POSITIVE_INFINITY; step++) {
      this.checkedToId = outbox.checkStep(this.checkedToId, CHECK_STEP_ROWS) ?? Number.POSITIVE_INFINITY;
      await yieldToEventLoop();
    }
  }

  private async setAsideDamaged(): Promise<void> {
    const { store, logger, onSetAside } = this.options;
    const found = await store.setAsideDamaged();
    for (const what of found) logger.error({ what }, 'damage in the outbox: set aside, and asked for anew');
    if (found.length > 0) onSetAside(found.length);
  }

  /** Each step is a transaction of its own, and the sockets are served between two. */
  private async trim(): Promise<void> {
    const { store, clock, keepMs } = this.options;
    const early = store.takeRoomWanted();
    const beforeMs = early ? Number.MAX_SAFE_INTEGER : clock.nowMs() - keepMs;
    for (let step = 0; step < TRIM_STEPS_PER_ROUND; step++) {
      const nextId = await store.exclusive(async () => this.trimStep(this.trimmedToId, beforeMs, early));
      this.trimmedToId = nextId ?? 0;
      await yieldToEventLoop();
      if (nextId === undefined || (early && store.outbox.usedShare() < SHARE_AFTER_EARLY_TRIM)) return;
    }
  }

  private trimStep(afterId: number, beforeMs: number, early: boolean): number | undefined {
    const { store, publishAverages } = this.options;
    const untilId = publishAverages ? this.averagesCursor() : Number.MAX_SAFE_INTEGER;
    let nextAfterId: number | undefined;
    store.commit(false, () => {
      const step = store.outbox.trimStep(afterId, untilId, beforeMs, TRIM_STEP_ROWS);
      nextAfterId = step.nextAfterId;
      if (step.deleted === 0) return;
      reach('edge_inside_trim');
      if (early) store.ledgerStore.setMeta('trimmed_early', String((this.trimmedEarly += step.deleted)));
    });
    store.outbox.shrink();
    return nextAfterId;
  }

  /** R6: the first offset of any un-acked or open part, else the next offset. A hint for a take-over, nothing more. */
  private async commitOffsets(): Promise<void> {
    const { broker, store, isRefilling } = this.options;
    if (isRefilling()) return;
    // Not in the middle of a change: rows that are made and not yet inserted would be passed over.
    const lowest = await store.exclusive(async () => this.lowestOffsets());
    const moved = [...lowest].filter(([partition, offset]) => this.committed.get(partition) !== offset);
    if (moved.length === 0) return;
    reach('edge_before_broker_commit');
    await broker.commit(
      POWER_TOPIC,
      EDGE_GROUP,
      moved.map(([partition, offset]) => ({ partition, offset })),
    );
    for (const [partition, offset] of moved) this.committed.set(partition, offset);
  }

  private lowestOffsets(): Map<number, number> {
    const { store, intake } = this.options;
    const lowest = new Map<number, number>();
    for (const { partition, nextOffset } of store.ledgerStore.positions.values()) {
      if (intake.isInLog(partition)) lowest.set(partition, nextOffset);
    }
    const held = [...store.outbox.heads(), ...[...store.ledgerStore.ledger.open.values()].flatMap((entries) => [...entries.values()])];
    for (const { partition, offset } of held) {
      const nextOffset = lowest.get(partition);
      if (nextOffset !== undefined) lowest.set(partition, Math.min(offset, nextOffset));
    }
    return lowest;
  }

  /** Closed parts in the order of the outbox. After a crash the last batch may come twice: its ranges tell. */
  private async feedAverages(signal: AbortSignal): Promise<void> {
    const { broker, store, publishAverages } = this.options;
    if (!publishAverages) return;
    const partitions = await broker.partitionCount(AVERAGES_TOPIC);
    while (!signal.aborted) {
      const parts = store.outbox.partsAbove(this.averagesCursor(), AVERAGES_BATCH_ROWS);
      const last = parts.at(-1);
      if (last === undefined) return;
      const byPartition: NewRecord[][] = Array.from({ length: partitions }, () => []);
      for (const { household, record } of parts) byPartition[partitionOf(household, partitions)]?.push({ key: household, value: record });
      // Together, so that the broker may make them durable at once.
      await Promise.all(byPartition.map((records, partition) => records.length > 0 && broker.append(AVERAGES_TOPIC, partition, records)));
      await store.exclusive(async () => store.commit(false, () => store.ledgerStore.setMeta(AVERAGES_CURSOR, String(last.id))));
    }
  }

  private averagesCursor(): number {
    return Number(this.options.store.ledgerStore.meta(AVERAGES_CURSOR) ?? '0');
  }
}
