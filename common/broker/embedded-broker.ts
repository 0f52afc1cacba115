/**
 * The broker on one SQLite file, shared by the processes of one machine. See DESIGN.md beside this file.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type Clock, type Timer, yieldToEventLoop } from '../clock.ts';
import { OperatingError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import { randomId } from '../random.ts';
import type { Broker, Consumption, LogState, NewRecord, RecordBatch, StartOffset, StoredRecord, TopicSettings } from './broker.ts';
import { Delivery } from './delivery.ts';
import { Doorbell } from './doorbell.ts';
import { EmbeddedAppends } from './embedded-appends.ts';
import { EmbeddedConnection, type Opened } from './embedded-connection.ts';
import { errorOf, isBusy, isDamage, notWritable } from './embedded-database.ts';
import type { Salvaged } from './embedded-salvage.ts';

export interface EmbeddedBrokerOptions {
  /** Made if it is missing. */
  folder: string;
  /** Size that the file does not exceed; at least QUOTA_BYTES_MIN. The WAL beside it takes some megabytes more. */
  quotaBytes: number;
  clock: Clock;
  logger: Logger;
  /** Damage is an error, and nothing is set aside: for whoever judges what is there. */
  isOnlyLooking?: boolean;
}

export const QUOTA_BYTES_MIN = 16 << 20;

/** How often a consumer looks for appends that no ring announced. */
const POLL_MS = 250;
/** How often retention is applied. */
const TRIM_EVERY_MS = 30_000;
const PARTITIONS_MAX = 1_024;

export class EmbeddedBroker implements Broker {
  private readonly folder: string;
  private readonly quotaBytes: number;
  private readonly clock: Clock;
  private readonly logger: Logger;
  private readonly isOnlyLooking: boolean;
  private readonly connection: EmbeddedConnection;
  private readonly doorbell: Doorbell;
  private readonly appends: EmbeddedAppends;
  private readonly deliveries = new Set<Delivery>();
  private starting: Promise<void> | undefined;
  private stopping: Promise<void> | undefined;
  private changesSeen = 0;
  private pollTimer: Timer | undefined;
  private trimTimer: Timer | undefined;
  private trimRun: Promise<void> | undefined;

  constructor({ folder, quotaBytes, clock, logger, isOnlyLooking = false }: EmbeddedBrokerOptions) {
    this.folder = folder;
    this.quotaBytes = quotaBytes;
    this.clock = clock;
    this.logger = logger;
    this.isOnlyLooking = isOnlyLooking;
    this.connection = new EmbeddedConnection(folder, quotaBytes, clock);
    this.doorbell = new Doorbell(join(folder, 'doorbell'));
    this.appends = new EmbeddedAppends(this.connection, clock, logger, () => this.announce());
  }

  async start(): Promise<void> {
    await this.stopping;
    this.starting ??= this.open();
    try {
      await this.starting;
    } catch (error) {
      this.starting = undefined;
      throw error;
    }
  }

  private async open(): Promise<void> {
    assert(this.quotaBytes >= QUOTA_BYTES_MIN, `the broker needs a quota of at least ${QUOTA_BYTES_MIN} bytes`);
    const mended = await this.connection.open(this.isOnlyLooking ? undefined : (salvaged) => this.tellSalvaged(salvaged));
    if (mended.length > 0) this.logger.warn({ tables: mended }, "the broker's file was damaged: indexes were made anew from their tables");
    try {
      this.doorbell.open();
    } catch (error) {
      await this.connection.close();
      throw notWritable(this.folder, error);
    }
    this.trimLater();
  }

  private tellSalvaged({ finding, lostBatches, ...its }: Salvaged): void {
    this.logger.error(
      { finding: finding.replaceAll('\n', '; '), ...its, lostBatches: lostBatches ?? 'not known' },
      "the broker's file was damaged: it is kept in this folder, and a new one holds what is sound of it; " +
        'what is lost is said again by its source, or declared missing; look at the disk',
    );
  }

  async stop(): Promise<void> {
    if (this.starting === undefined) return this.stopping;
    this.stopping ??= this.close();
    return this.stopping;
  }

  private async close(): Promise<void> {
    try {
      await this.starting?.catch(() => {});
      // Callbacks that still run may append and commit: the rest stays open until they are done.
      await Promise.all([...this.deliveries].map((delivery) => delivery.stop()));
      this.starting = undefined;
      this.trimTimer?.cancel();
      await this.trimRun;
      await this.appends.finish();
      await this.connection.close();
    } finally {
      this.doorbell.close();
      this.stopping = undefined;
    }
  }

  /** Records deleted at the quota since the file was made, by any process. */
  get counters(): { droppedAtQuota: number } {
    return { droppedAtQuota: this.connection.now.trimming.droppedAtQuota() };
  }

  async ensureTopic(topic: string, settings: TopicSettings): Promise<void> {
    assert(/^[A-Za-z0-9._-]{1,249}$/.test(topic), `${topic} is not a topic name`);
    assert(Number.isInteger(settings.partitions) && settings.partitions >= 1 && settings.partitions <= PARTITIONS_MAX);
    const retentionMs = Math.ceil(settings.retentionMs);
    assert(Number.isSafeInteger(retentionMs) && retentionMs >= 0);
    await this.connection.write(({ store }) => store.ensureTopic(topic, { ...settings, retentionMs }, randomId));
  }

  async partitionCount(topic: string): Promise<number> {
    return this.connection.call(() => this.connection.topic(topic).logs.length);
  }

  async logState(topic: string, partition: number): Promise<LogState> {
    return this.connection.call(({ store }) => store.logState(this.connection.log(topic, partition)));
  }

  async read(topic: string, partition: number, fromOffset: number, toOffset: number, limit: number): Promise<StoredRecord[]> {
    assert(Number.isSafeInteger(fromOffset) && limit >= 1);
    return this.connection.call(({ store }) => store.read(this.connection.log(topic, partition), fromOffset, toOffset, limit));
  }

  async commit(topic: string, group: string, offsets: readonly StartOffset[]): Promise<void> {
    for (const { offset } of offsets) assert(Number.isSafeInteger(offset) && offset >= 0, `${offset} is not an offset`);
    await this.connection.write(({ store }) => store.commit(this.connection.topic(topic), group, offsets));
  }

  async committed(topic: string, group: string): Promise<StartOffset[]> {
    return this.connection.call(({ store }) => store.committed(this.connection.topic(topic), group));
  }

  async append(topic: string, partition: number, records: readonly NewRecord[]): Promise<{ baseOffset: number }> {
    assert(this.starting !== undefined, 'the broker is used before start() or after stop()');
    return this.appends.append(topic, partition, records);
  }

  private announce(): void {
    this.doorbell.ring();
    this.wakeAll();
  }

  private wakeAll(): void {
    for (const delivery of this.deliveries) delivery.wake();
  }

  async consume(
    topic: string,
    group: string,
    from: readonly StartOffset[],
    onBatch: (batch: RecordBatch) => Promise<void>,
  ): Promise<Consumption> {
    assert(new Set(from.map(({ partition }) => partition)).size === from.length, 'a partition is named once');
    const begin = await this.connection.call((opened) => from.map((start) => this.beginAt(opened, topic, start)));
    const delivery = new Delivery((partition, offset) => this.readNext(topic, group, partition, offset), onBatch);
    this.deliveries.add(delivery);
    this.listen();
    delivery.start(begin);
    void delivery.finished.then(() => this.forget(delivery));
    return delivery;
  }

  private beginAt({ store }: Opened, topic: string, { partition, offset }: StartOffset): StartOffset {
    assert(Number.isSafeInteger(offset), `${offset} is not an offset`);
    const { earliestOffset, endOffset } = store.logState(this.connection.log(topic, partition));
    if (offset > endOffset) {
      throw new OperatingError(
        'STORE_DAMAGED',
        `topic ${topic}, partition ${partition}: the log ends at ${endOffset}, below the offset ${offset} to go on at`,
        { retryable: false, hint: 'start the part again: it compares what it knows with the log' },
      );
    }
    return { partition, offset: Math.max(offset, earliestOffset) };
  }

  private async readNext(topic: string, group: string, partition: number, offset: number): Promise<StoredRecord[]> {
    const records = await this.connection.call(({ store }) => store.readBatch(this.connection.log(topic, partition), offset));
    const missed = (records[0]?.offset ?? offset) - offset;
    if (missed > 0) this.logger.warn({ topic, group, partition, offset, missed }, 'records were deleted before this consumer had them');
    return records;
  }

  private forget(delivery: Delivery): void {
    this.deliveries.delete(delivery);
    if (this.deliveries.size === 0) this.stopListening();
  }

  private listen(): void {
    this.doorbell.listen(
      () => this.wakeAll(),
      (error) => this.logger.warn({ error: error.message }, `no notices of the broker's file, looking every ${POLL_MS} ms instead`),
    );
    if (this.pollTimer === undefined) this.pollLater();
  }

  private stopListening(): void {
    this.doorbell.hush();
    this.pollTimer?.cancel();
    this.pollTimer = undefined;
  }

  private pollLater(): void {
    this.pollTimer = this.clock.timer('broker poll', POLL_MS, () => {
      this.pollLater();
      this.poll();
    });
  }

  /** Finds what no ring announced, and a file that is gone. */
  private poll(): void {
    try {
      this.connection.checkIdentity();
      const changes = this.connection.now.store.changesSeen();
      if (changes === this.changesSeen) return;
      this.changesSeen = changes;
      this.wakeAll();
    } catch (error) {
      if (!isBusy(error)) this.failAll(errorOf(error, this.folder));
    }
  }

  private failAll(error: unknown): void {
    for (const delivery of this.deliveries) delivery.fail(error);
  }

  private trimLater(): void {
    this.trimTimer = this.clock.timer('broker trim', TRIM_EVERY_MS, () => {
      this.trimRun = this.trim();
    });
  }

  /** Retention, step by step, with a turn of the event loop between two steps. */
  private async trim(): Promise<void> {
    try {
      while (this.starting !== undefined && (await this.connection.write((opened) => this.trimStep(opened)))) await yieldToEventLoop();
    } catch (error) {
      // Nothing is lost by keeping records longer; the next turn tries again.
      this.logger.warn({ error: error instanceof Error ? error.message : String(error) }, 'old records of the broker could not be deleted');
      if (isDamage(error)) this.failAll(error);
    }
    if (this.starting !== undefined) this.trimLater();
  }

  private trimStep({ trimming }: Opened): boolean {
    return trimming.trimRetained(this.clock.nowMs()) || trimming.shrink();
  }
}
