/**
 * Carries the records of some partitions of a Kafka topic to a callback, from offsets that the caller gives. Fetches are shared by
 * the partitions of a node; what came waits in a mailbox per partition, of bounded size, for `Delivery` to take it.
 *
 * What does not happen: no consumer group is joined, so there is no session that a slow callback could outlast, no rebalance, and
 * nobody else's death to wait for; a partition whose mailbox is full is not fetched, the others are.
 */
import type { Clock } from '../clock.ts';
import { OperatingError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import { BATCH_RECORDS_MAX, type Consumption, type RecordBatch, type StartOffset, type StoredRecord } from './broker.ts';
import { Delivery } from './delivery.ts';
import { isOutOfRange, replacedTopic } from './kafka-errors.ts';
import { type Fetched, fetchRequest } from './kafka-fetch.ts';
import type { KafkaNodes } from './kafka-nodes.ts';

/** How long a node waits for news. New records are answered at once; stopping waits for it. */
const LONG_POLL_MS = 250;
/** Bytes of one partition in one answer, compressed: some 5,000 to 10,000 readings. */
const PARTITION_BYTES = 192 << 10;
const ANSWER_BYTES = 4 << 20;
/** A partition with so many records waiting is not fetched. */
const MAILBOX_RECORDS = 3 * BATCH_RECORDS_MAX;
const LIMITS = { waitMs: LONG_POLL_MS, bytes: ANSWER_BYTES, partitionBytes: PARTITION_BYTES };

export interface KafkaConsumptionOptions {
  /** Of its own: a long poll holds up whatever else goes over its connections. */
  nodes: KafkaNodes;
  topic: string;
  topicId: string;
  from: readonly StartOffset[];
  onBatch: (batch: RecordBatch) => Promise<void>;
  /** Where the log begins and ends now. */
  bounds: (partition: number) => Promise<{ earliestOffset: number; endOffset: number }>;
  clock: Clock;
  logger: Logger;
}

class Mailbox {
  readonly partition: number;
  /** The next to be fetched. */
  offset: number;
  private records: StoredRecord[] = [];
  private taken = 0;

  constructor({ partition, offset }: StartOffset) {
    this.partition = partition;
    this.offset = offset;
  }

  get isFull(): boolean {
    return this.records.length - this.taken >= MAILBOX_RECORDS;
  }

  take(): StoredRecord[] {
    const batch = this.records.slice(this.taken, this.taken + BATCH_RECORDS_MAX);
    this.taken += batch.length;
    if (this.taken === this.records.length) this.drop();
    return batch;
  }

  put({ records, nextOffset }: Fetched): void {
    if (this.taken > 0) {
      this.records = this.records.slice(this.taken);
      this.taken = 0;
    }
    for (const record of records) this.records.push(record);
    this.offset = nextOffset;
  }

  private drop(): void {
    this.records = [];
    this.taken = 0;
  }
}

export class KafkaConsumption implements Consumption {
  private readonly options: KafkaConsumptionOptions;
  private readonly delivery: Delivery;
  private readonly mailboxes: ReadonlyMap<number, Mailbox>;
  private isStopping = false;
  private roomWanted: (() => void) | undefined;
  private fetching: Promise<void> = Promise.resolve();

  constructor(options: KafkaConsumptionOptions) {
    this.options = options;
    this.mailboxes = new Map(options.from.map((start) => [start.partition, new Mailbox(start)]));
    this.delivery = new Delivery((partition) => this.take(partition), options.onBatch);
  }

  start(): void {
    this.delivery.start(this.options.from);
    void this.delivery.finished.then(() => this.halt());
    this.fetching = this.fetchAll().catch((error: unknown) => this.delivery.fail(error));
  }

  get ended(): Promise<void> {
    return this.delivery.ended;
  }

  /** Like `ended`, but resolves in any case, when nothing is fetched any more either. */
  get finished(): Promise<unknown> {
    return this.delivery.finished.then(() => this.fetching);
  }

  async stop(): Promise<void> {
    this.halt();
    await this.delivery.stop();
  }

  private halt(): void {
    this.isStopping = true;
    this.roomWanted?.();
  }

  private async take(partition: number): Promise<StoredRecord[]> {
    const batch = this.mailboxes.get(partition)?.take() ?? [];
    if (batch.length > 0) this.roomWanted?.();
    return batch;
  }

  /** One loop per leading node. They end together when a leader moved or the topic's id is to be looked at again. */
  private async fetchAll(): Promise<void> {
    while (!this.isStopping) {
      const boxesByLeader = await this.options.nodes.call(async () => {
        const leaders = await this.leadersNow();
        return [...new Set(leaders)].map((leader) => [...this.mailboxes.values()].filter((box) => leaders[box.partition] === leader));
      });
      const round = { isOver: false };
      await Promise.all(boxesByLeader.map((boxes) => this.fetchFrom(boxes, round)));
    }
  }

  /** @throws OperatingError when the topic is another one of that name */
  private async leadersNow(): Promise<readonly (number | undefined)[]> {
    const { nodes, topic, topicId } = this.options;
    const { id, leaders } = await nodes.topicNow(topic);
    if (id !== topicId) throw replacedTopic(topic, true);
    return leaders;
  }

  private async fetchFrom(boxes: Mailbox[], round: { isOver: boolean }): Promise<void> {
    const { clock } = this.options;
    const endMs = clock.monotonicMs() + ROUND_MS;
    try {
      while (!this.isStopping && !round.isOver && clock.monotonicMs() < endMs) {
        const wanted = boxes.filter((box) => !box.isFull);
        // The first one of a request gets at least one batch, however large: each is it in its turn.
        boxes.push(boxes.shift() as Mailbox);
        if (wanted.length === 0) await this.room();
        else if (await this.fetchInto(wanted)) this.delivery.wake();
      }
    } finally {
      round.isOver = true;
    }
  }

  /** True when something came. */
  private async fetchInto(boxes: readonly Mailbox[]): Promise<boolean> {
    const { nodes, topic } = this.options;
    let answer: Fetched[];
    try {
      answer = await nodes.call(async () => {
        const node = await nodes.leader(topic, (boxes[0] as Mailbox).partition);
        return node.connectionPool.send(fetchRequest(topic, boxes, LIMITS));
      });
    } catch (error) {
      if (!isOutOfRange(causeOf(error))) throw error;
      for (const box of boxes) await this.moveIntoLog(box);
      return false;
    }
    for (const fetched of answer) this.mailboxes.get(fetched.partition)?.put(fetched);
    return answer.some(({ records }) => records.length > 0);
  }

  /** Retention passed this consumer, the log ends before what was already there, or it is the log of another topic. */
  private async moveIntoLog(box: Mailbox): Promise<void> {
    const { bounds, topic, logger, nodes } = this.options;
    const { partition, offset } = box;
    const { earliestOffset, endOffset } = await bounds(partition);
    await nodes.call(() => this.leadersNow());
    if (offset > endOffset) throw logEndsBefore(topic, partition, offset, endOffset);
    if (offset >= earliestOffset) return;
    logger.warn({ topic, partition, offset, missed: earliestOffset - offset }, 'records were deleted before this consumer had them');
    box.offset = earliestOffset;
  }

  private room(): Promise<void> {
    return new Promise((resolve) => {
      this.roomWanted = () => {
        this.roomWanted = undefined;
        resolve();
      };
      if (this.isStopping) this.roomWanted();
    });
  }
}

/** The leaders and the topic's id are looked at again after so long. */
const ROUND_MS = 5_000;

function causeOf(error: unknown): unknown {
  return error instanceof OperatingError ? error.cause : error;
}

export function logEndsBefore(topic: string, partition: number, offset: number, endOffset: number): OperatingError {
  const message = `topic ${topic}, partition ${partition}: the log ends at ${endOffset}, below the offset ${offset} to go on at`;
  return new OperatingError('STORE_DAMAGED', message, {
    retryable: true,
    hint: 'acknowledged records are gone from Kafka: was it restored from a copy, or an unclean leader elected?',
  });
}
