/**
 * What an edge does beside taking in and shipping: trims old acked rows in small steps, commits the broker's offsets (R6), feeds
 * closed parts into the averages topic, closes idle parts.
 */
import { AVERAGES_TOPIC, type Broker, POWER_TOPIC, partitionOf } from '../../common/broker/broker.ts';
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
const AVERAGES_BATCH_ROWS = 500;
const AVERAGES_CURSOR = 'averages_cursor';

export interface UpkeepOptions {
  broker: Broker;
  store: EdgeStore;
  intake: Intake;
  clock: Clock;
  logger: Logger;
  keepMs: number;
  publishAverages: boolean;
}

export class Upkeep {
  private readonly options: UpkeepOptions;
  private readonly committed = new Map<number, number>();
  /** Acked rows deleted before their time because of the quota. */
  trimmedEarly = 0;

  constructor(options: UpkeepOptions) {
    this.options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.options;
    this.trimmedEarly = Number(this.options.store.ledgerStore.meta('trimmed_early') ?? '0');
    while (!signal.aborted) {
      try {
        await this.options.intake.closeIdle();
        await this.feedAverages(signal);
        await this.trim();
        await this.commitOffsets();
      } catch (error) {
        if ((error as { retryable?: boolean }).retryable !== true) throw error;
        logger.warn({ error: (error as Error).message }, 'upkeep could not finish; trying again');
      }
      await clock.sleep(UPKEEP_MS, signal);
    }
  }

  /** Each step is a transaction of its own, and the sockets are served between two. */
  private async trim(): Promise<void> {
    const { store, clock, intake, keepMs } = this.options;
    const early = intake.outboxFull;
    const beforeMs = early ? Number.MAX_SAFE_INTEGER : clock.nowMs() - keepMs;
    let afterId: number | undefined = 0;
    for (let step = 0; step < TRIM_STEPS_PER_ROUND && afterId !== undefined; step++) {
      const from: number = afterId;
      afterId = await store.exclusive(async () => this.trimStep(from, beforeMs, early));
      await yieldToEventLoop();
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
    const { broker, store, intake } = this.options;
    const lowest = new Map<number, number>();
    for (const { partition, nextOffset } of store.ledgerStore.positions.values()) {
      if (intake.isInLog(partition)) lowest.set(partition, nextOffset);
    }
    const held = [...store.outbox.heads(), ...[...store.ledgerStore.ledger.open.values()].flatMap((entries) => [...entries.values()])];
    for (const { partition, offset } of held) {
      const nextOffset = lowest.get(partition);
      if (nextOffset !== undefined) lowest.set(partition, Math.min(offset, nextOffset));
    }
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

  /** Closed parts in the order of the outbox. After a crash the last batch may come twice: its ranges tell. */
  private async feedAverages(signal: AbortSignal): Promise<void> {
    const { broker, store, publishAverages } = this.options;
    if (!publishAverages) return;
    const partitions = await broker.partitionCount(AVERAGES_TOPIC);
    while (!signal.aborted) {
      const parts = store.outbox.partsAbove(this.averagesCursor(), AVERAGES_BATCH_ROWS);
      const last = parts.at(-1);
      if (last === undefined) return;
      for (let partition = 0; partition < partitions; partition++) {
        const records = parts
          .filter(({ part }) => partitionOf(part.household, partitions) === partition)
          .map(({ part }) => ({ key: part.household, value: Buffer.from(JSON.stringify({ v: 1, ...part })) }));
        if (records.length > 0) await broker.append(AVERAGES_TOPIC, partition, records);
      }
      await store.exclusive(async () => store.commit(false, () => store.ledgerStore.setMeta(AVERAGES_CURSOR, String(last.id))));
    }
  }

  private averagesCursor(): number {
    return Number(this.options.store.ledgerStore.meta(AVERAGES_CURSOR) ?? '0');
  }
}
