/**
 * A broker whose logs lie in memory, for virtual time. The logs (VirtualTopics) outlive their users; each user has a connection
 * of its own (VirtualBroker) that can be in trouble or be cut as a whole.
 */
import assert from 'node:assert/strict';
import type {
  Broker,
  Consumption,
  LogState,
  NewRecord,
  RecordBatch,
  StartOffset,
  StoredRecord,
  TopicSettings,
} from '../../common/broker/broker.ts';
import { BATCH_RECORDS_MAX } from '../../common/broker/broker.ts';
import { Delivery } from '../../common/broker/delivery.ts';
import type { Clock } from '../../common/clock.ts';
import { OperatingError } from '../../common/errors.ts';
import type { TopicLog } from './partition-log.ts';
import { VirtualLog } from './virtual-log.ts';

export class VirtualTopics {
  private readonly logs = new Map<string, TopicLog[]>();
  private readonly groups = new Map<string, Map<number, number>>();
  private logsMade = 0;
  readonly connections = new Set<VirtualBroker>();
  private readonly makeLog: (logId: string) => TopicLog;

  constructor(makeLog = (logId: string): TopicLog => new VirtualLog(logId)) {
    this.makeLog = makeLog;
  }

  ensure(topic: string, partitions: number): void {
    if (!this.logs.has(topic))
      this.logs.set(
        topic,
        Array.from({ length: partitions }, () => this.emptyLog()),
      );
  }

  partitions(topic: string): TopicLog[] {
    const logs = this.logs.get(topic);
    if (logs === undefined) throw unreachable(`nobody made ${topic}`);
    return logs;
  }

  log(topic: string, partition: number): TopicLog {
    const log = this.partitions(topic)[partition];
    assert(log !== undefined, `${topic} has no partition ${partition}`);
    return log;
  }

  append(topic: string, partition: number, records: readonly NewRecord[]): number {
    assert(records.length >= 1 && records.length <= BATCH_RECORDS_MAX);
    const log = this.log(topic, partition);
    const baseOffset = log.endOffset;
    log.append(records);
    for (const connection of this.connections) connection.wake();
    return baseOffset;
  }

  read(topic: string, partition: number, fromOffset: number, toOffset: number, limit: number): StoredRecord[] {
    return this.log(topic, partition).read(fromOffset, toOffset, limit);
  }

  committed(topic: string, group: string): Map<number, number> {
    const key = `${topic}/${group}`;
    let offsets = this.groups.get(key);
    if (offsets === undefined) this.groups.set(key, (offsets = new Map()));
    return offsets;
  }

  /** Retention: everything below the group's committed offset goes at once, but for the log's last record, which is young in any log. */
  deleteCommitted(topic: string, group: string): void {
    for (const [partition, offset] of this.committed(topic, group)) this.log(topic, partition).deleteBelow(offset);
  }

  /** The disk under the topic was lost: every log is empty, has another id and begins at 0; nothing is committed. */
  replace(topic: string): void {
    const logs = this.partitions(topic);
    logs.forEach((_, partition) => (logs[partition] = this.emptyLog()));
    for (const [key, offsets] of this.groups) if (key.startsWith(`${topic}/`)) offsets.clear();
    for (const connection of this.connections) connection.failConsumptions();
  }

  private emptyLog(): TopicLog {
    return this.makeLog(`log-${++this.logsMade}`);
  }
}

/** How a call fares. */
export interface BrokerFates {
  /** Before it is served. */
  delayMs(): number;
  /** `lost` is served, and its answer never comes: the caller sees an error all the same. */
  call(kind: 'append' | 'other'): 'served' | 'refused' | 'lost';
}

export const KIND_FATES: BrokerFates = { delayMs: () => 0, call: () => 'served' };

export class VirtualBroker implements Broker {
  private readonly topics: VirtualTopics;
  private readonly clock: Clock;
  private readonly fates: BrokerFates;
  private readonly deliveries = new Set<Delivery>();
  private isCut = false;

  constructor(topics: VirtualTopics, clock: Clock, fates: BrokerFates = KIND_FATES) {
    this.topics = topics;
    this.clock = clock;
    this.fates = fates;
  }

  async start(): Promise<void> {
    this.topics.connections.add(this);
  }

  async stop(): Promise<void> {
    await Promise.all([...this.deliveries].map((delivery) => delivery.stop()));
    this.topics.connections.delete(this);
  }

  ensureTopic(topic: string, { partitions }: TopicSettings): Promise<void> {
    return this.serve('other', () => this.topics.ensure(topic, partitions));
  }

  partitionCount(topic: string): Promise<number> {
    return this.serve('other', () => this.topics.partitions(topic).length);
  }

  logState(topic: string, partition: number): Promise<LogState> {
    return this.serve('other', () => {
      const log = this.topics.log(topic, partition);
      return { logId: log.logId, earliestOffset: log.earliestOffset, endOffset: log.endOffset };
    });
  }

  append(topic: string, partition: number, records: readonly NewRecord[]): Promise<{ baseOffset: number }> {
    return this.serve('append', () => ({ baseOffset: this.topics.append(topic, partition, records) }));
  }

  async consume(
    topic: string,
    _group: string,
    from: readonly StartOffset[],
    onBatch: (batch: RecordBatch) => Promise<void>,
  ): Promise<Consumption> {
    const begin = await this.serve('other', () => from.map((start) => this.beginAt(topic, start)));
    const readNext = (partition: number, offset: number) =>
      this.serve('other', () => this.topics.read(topic, partition, offset, Number.MAX_SAFE_INTEGER, BATCH_RECORDS_MAX));
    const delivery = new Delivery(readNext, onBatch);
    this.deliveries.add(delivery);
    delivery.start(begin);
    void delivery.finished.then(() => this.deliveries.delete(delivery));
    // Whoever died before it was told of the consumption never looks at how it ended.
    delivery.ended.catch(() => undefined);
    return delivery;
  }

  read(topic: string, partition: number, fromOffset: number, toOffset: number, limit: number): Promise<StoredRecord[]> {
    return this.serve('other', () => this.topics.read(topic, partition, fromOffset, toOffset, limit));
  }

  commit(topic: string, group: string, offsets: readonly StartOffset[]): Promise<void> {
    return this.serve('other', () => {
      for (const { partition, offset } of offsets) this.topics.committed(topic, group).set(partition, offset);
    });
  }

  committed(topic: string, group: string): Promise<StartOffset[]> {
    return this.serve('other', () => [...this.topics.committed(topic, group)].map(([partition, offset]) => ({ partition, offset })));
  }

  wake(): void {
    for (const delivery of this.deliveries) delivery.wake();
  }

  /** Ends what is being consumed, as a lost connection does. */
  failConsumptions(): void {
    for (const delivery of this.deliveries) delivery.fail(unreachable('the connection is lost'));
  }

  /** The process at this end is dead: no promise is settled and no callback called any more. */
  cut(): void {
    this.isCut = true;
    this.topics.connections.delete(this);
    this.deliveries.clear();
  }

  private beginAt(topic: string, { partition, offset }: StartOffset): StartOffset {
    const log = this.topics.log(topic, partition);
    if (offset > log.endOffset) {
      const what = `${topic}/${partition} ends at ${log.endOffset}, below ${offset}`;
      throw new OperatingError('STORE_DAMAGED', what, { retryable: false, hint: 'nothing: a test' });
    }
    return { partition, offset: Math.max(offset, log.earliestOffset) };
  }

  private async serve<T>(kind: 'append' | 'other', call: () => T): Promise<T> {
    const delayMs = this.fates.delayMs();
    if (delayMs > 0) await this.clock.sleep(delayMs);
    if (this.isCut) return new Promise(() => {});
    const fate = this.fates.call(kind);
    if (fate === 'refused') throw unreachable('no connection');
    const answer = call();
    if (fate === 'lost') throw unreachable('no answer');
    return answer;
  }
}

function unreachable(what: string): OperatingError {
  return new OperatingError('BROKER_UNREACHABLE', `the broker can't be reached: ${what}`, { retryable: true, hint: 'nothing: a test' });
}
