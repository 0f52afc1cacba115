/**
 * Appends that come together go into one transaction and share its fsync. Before, room is made for them at the quota.
 *
 * What does not happen: appends of this process to one partition never overtake each other; no append is answered
 * before its transaction is on the disk.
 */
import { type Clock, yieldToEventLoop } from '../clock.ts';
import { OperatingError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import type { NewRecord } from './broker.ts';
import type { EmbeddedConnection } from './embedded-connection.ts';
import { isBusy } from './embedded-database.ts';
import type { LogHandle } from './embedded-store.ts';
import { pagesOfBatch } from './embedded-trimming.ts';
import { type EncodedBatch, encodeBatches } from './record-batch.ts';

/** Bytes of appends put into one transaction, so that the write lock is held for some milliseconds only. */
const GROUP_BYTES_MAX = 4 << 20;
/** Between two log lines about the quota. */
const QUOTA_WARNING_EVERY_MS = 60_000;

interface QueuedAppend {
  topic: string;
  partition: number;
  batches: readonly EncodedBatch[];
  bytes: number;
  resolve(result: { baseOffset: number }): void;
  reject(error: unknown): void;
}

interface LocatedAppend {
  log: LogHandle;
  batches: readonly EncodedBatch[];
  queued: QueuedAppend;
}

export class EmbeddedAppends {
  private readonly connection: EmbeddedConnection;
  private readonly clock: Clock;
  private readonly logger: Logger;
  private readonly onAppended: () => void;
  private readonly queue: QueuedAppend[] = [];
  private flushing: Promise<void> | undefined;
  private quotaWarnedMs = -Infinity;

  /** @param onAppended called after each transaction, before its appends are answered */
  constructor(connection: EmbeddedConnection, clock: Clock, logger: Logger, onAppended: () => void) {
    this.connection = connection;
    this.clock = clock;
    this.logger = logger;
    this.onAppended = onAppended;
  }

  /** The records are copied before it returns. */
  append(topic: string, partition: number, records: readonly NewRecord[]): Promise<{ baseOffset: number }> {
    const batches = encodeBatches(records);
    const bytes = batches.reduce((sum, batch) => sum + batch.bytes.length, 0);
    return new Promise((resolve, reject) => {
      this.queue.push({ topic, partition, batches, bytes, resolve, reject });
      this.flushing ??= this.flushQueue();
    });
  }

  /** Resolves when every append so far is answered. */
  async finish(): Promise<void> {
    await this.flushing;
  }

  private async flushQueue(): Promise<void> {
    while (this.queue.length > 0) {
      // One turn of the event loop collects the appends that come together.
      await yieldToEventLoop();
      await this.flushGroup(this.takeGroup());
    }
    this.flushing = undefined;
  }

  /** The oldest queued appends, as many as one transaction takes, at least one. */
  private takeGroup(): QueuedAppend[] {
    let bytes = 0;
    let taken = 0;
    for (const append of this.queue) {
      bytes += append.bytes;
      if (taken > 0 && bytes > GROUP_BYTES_MAX) break;
      taken++;
    }
    return this.queue.splice(0, taken);
  }

  private async flushGroup(group: readonly QueuedAppend[]): Promise<void> {
    try {
      const appends = await this.connection.call(() => this.locate(group));
      if (appends.length === 0) return;
      await this.makeRoom(appends);
      const offsets = await this.connection.write(({ store }) => store.append(appends, this.clock.nowMs()));
      this.onAppended();
      for (const [i, { queued }] of appends.entries()) queued.resolve({ baseOffset: offsets[i] as number });
    } catch (error) {
      for (const append of group) append.reject(error);
    }
  }

  /** Finds the logs. Appends to unknown topics are refused, each for itself. */
  private locate(group: readonly QueuedAppend[]): LocatedAppend[] {
    const located: LocatedAppend[] = [];
    for (const queued of group) {
      try {
        located.push({ log: this.connection.log(queued.topic, queued.partition), batches: queued.batches, queued });
      } catch (error) {
        if (isBusy(error)) throw error;
        queued.reject(error);
      }
    }
    return located;
  }

  private async makeRoom(appends: readonly LocatedAppend[]): Promise<void> {
    let pages = 0;
    for (const { batches } of appends) for (const { bytes } of batches) pages += pagesOfBatch(bytes.length);
    if (!this.connection.now.trimming.canEverHold(pages)) {
      throw new OperatingError('BROKER_FULL', 'an append is larger than the whole quota of the broker', {
        retryable: false,
        hint: 'raise broker.quota_mb',
      });
    }
    for (;;) {
      const dropped = await this.connection.write(({ trimming }) => trimming.dropOldest(pages));
      if (dropped === 0) break;
      await this.warnOfQuota(dropped);
    }
    await this.connection.call(() => this.connection.checkDisk(pages));
  }

  private async warnOfQuota(dropped: number): Promise<void> {
    const nowMs = this.clock.monotonicMs();
    if (nowMs - this.quotaWarnedMs < QUOTA_WARNING_EVERY_MS) return;
    this.quotaWarnedMs = nowMs;
    const droppedAtQuota = await this.connection.call(({ trimming }) => trimming.droppedAtQuota());
    this.logger.warn({ dropped, droppedAtQuota }, 'the broker reached its quota: the oldest records were deleted');
  }
}
