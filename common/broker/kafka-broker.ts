/**
 * The broker on a Kafka cluster, through kafkajs. See DESIGN.md beside this file. The only door to kafkajs: its connections
 * and its protocol, without its producers and consumers.
 */
import assert from 'node:assert/strict';
import { Kafka, type KafkaConfig, type LogEntry, logLevel } from 'kafkajs';
import type { Clock } from '../clock.ts';
import type { Logger } from '../logger.ts';
import type { Broker, Consumption, LogState, NewRecord, RecordBatch, StartOffset, StoredRecord, TopicSettings } from './broker.ts';
import { KafkaAppends } from './kafka-appends.ts';
import { KafkaConsumption, logEndsBefore } from './kafka-consumption.ts';
import { fetchRequest } from './kafka-fetch.ts';
import type { Address } from './kafka-metadata.ts';
import { KafkaNodes, type KafkaNode } from './kafka-nodes.ts';
import { KafkaTopics } from './kafka-topics.ts';

export interface KafkaBrokerOptions {
  /** `host:port`, separated by commas. */
  brokers: string;
  /** Begins the name of every topic and group. */
  prefix: string;
  retentionMs: number;
  /** Undefined: 3, or as many as there are brokers. */
  replication: number | undefined;
  /** Undefined: plain text. */
  tls: { ca?: string; cert?: string; key?: string } | undefined;
  sasl: { mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'; username: string; password: string } | undefined;
  clock: Clock;
  logger: Logger;
}

const CONNECT_MS = 3_000;
const REQUEST_MS = 5_000;
/** The first call of a group may wait until the cluster has made its topic of offsets. */
const GROUP_CALL_MS = 8_000;
const EARLIEST = -2;
const LATEST = -1;
const READ_COMMITTED = 1;
const GROUP = 0;
/** Of one read's answer; a batch that is larger comes whole. */
const READ_BYTES = 512 << 10;
const READ_BYTES_PER_RECORD = 64;

/** What kafkajs' own clients are made of; not in its types. */
interface Inside {
  rootLogger: unknown;
  connectionPoolBuilder: { build(at: Address): Promise<unknown> };
  brokerPool: { createBroker(options: { connectionPool: unknown; logger: unknown }): KafkaNode };
}

export class KafkaBroker implements Broker {
  private readonly options: KafkaBrokerOptions;
  private readonly running = new Set<KafkaConsumption>();
  private readonly closing = new Set<Promise<unknown>>();
  private open: { nodes: KafkaNodes; appends: KafkaAppends; topics: KafkaTopics } | undefined;
  private starting: Promise<void> | undefined;
  private stopping: Promise<void> | undefined;

  constructor(options: KafkaBrokerOptions) {
    this.options = options;
  }

  async start(): Promise<void> {
    await this.stopping;
    this.starting ??= this.connect();
    try {
      await this.starting;
    } catch (error) {
      this.starting = undefined;
      throw error;
    }
  }

  private async connect(): Promise<void> {
    const nodes = this.lane();
    try {
      await nodes.call(() => nodes.any());
    } catch (error) {
      void nodes.close();
      throw error;
    }
    this.open = { nodes, appends: new KafkaAppends(nodes, this.options.clock), topics: new KafkaTopics(nodes, this.options) };
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
      await Promise.all([...this.running].map((consumption) => consumption.stop()));
      this.starting = undefined;
      await this.open?.appends.finish();
      await Promise.all([this.open?.nodes.close(), ...this.closing]);
    } finally {
      this.open = undefined;
      this.stopping = undefined;
    }
  }

  /** Connections of their own. */
  private lane(): KafkaNodes {
    const { brokers, clock } = this.options;
    const seeds = brokers.split(',').map((text) => addressOf(text.trim()));
    const inside = insideOf(new Kafka(kafkaConfig(this.options)));
    const open = async (at: Address) =>
      inside.brokerPool.createBroker({ connectionPool: await inside.connectionPoolBuilder.build(at), logger: inside.rootLogger });
    return new KafkaNodes({ brokers, seeds, open, clock });
  }

  private get now() {
    assert(this.open !== undefined, 'the broker is used before start() or after stop()');
    return this.open;
  }

  private nameOf(topic: string): string {
    return `${this.options.prefix}${topic}`;
  }

  async ensureTopic(topic: string, settings: TopicSettings): Promise<void> {
    await this.now.topics.ensure(this.nameOf(topic), settings);
  }

  /** Beyond the contract, for `fogline doctor`: how many nodes there are, and those of the topics that exist. */
  async inspect(topics: readonly string[]) {
    const { nodes, topics: kept } = this.now;
    const found: { topic: string; partitions: number; retentionMs: number; logAppendTime: boolean }[] = [];
    for (const name of topics) {
      const topic = this.nameOf(name);
      const its = await kept.inspect(topic);
      if (its !== undefined) found.push({ topic, ...its });
    }
    const { brokers } = await nodes.call(() => nodes.cluster(this.nameOf(topics[0] ?? '')));
    return { server: brokers.size === 1 ? 'one node' : `${brokers.size} nodes`, topics: found };
  }

  async partitionCount(topic: string): Promise<number> {
    const { nodes } = this.now;
    return (await nodes.call(() => nodes.topicNow(this.nameOf(topic)))).leaders.length;
  }

  async logState(topic: string, partition: number): Promise<LogState> {
    const name = this.nameOf(topic);
    const { nodes } = this.now;
    return nodes.call(async () => {
      const { id, leaders } = await nodes.topicNow(name);
      assert(partition >= 0 && partition < leaders.length, `the topic ${name} has no partition ${partition}`);
      const [earliestOffset, endOffset] = await Promise.all([
        this.offsetAt(name, partition, EARLIEST),
        this.offsetAt(name, partition, LATEST),
      ]);
      return { logId: `${id}-${partition}`, earliestOffset, endOffset };
    });
  }

  private async offsetAt(name: string, partition: number, timestamp: number): Promise<number> {
    const node = await this.now.nodes.leader(name, partition);
    const topics = [{ topic: name, partitions: [{ partition, timestamp }] }];
    const { responses } = await node.listOffsets({ replicaId: -1, isolationLevel: READ_COMMITTED, topics });
    return Number(responses[0]?.partitions[0]?.offset);
  }

  async append(topic: string, partition: number, records: readonly NewRecord[]): Promise<{ baseOffset: number }> {
    return this.now.appends.append(this.nameOf(topic), partition, records);
  }

  async read(topic: string, partition: number, fromOffset: number, toOffset: number, limit: number): Promise<StoredRecord[]> {
    assert(Number.isSafeInteger(fromOffset) && limit >= 1);
    const { earliestOffset, endOffset } = await this.logState(topic, partition);
    const end = Math.min(toOffset, endOffset);
    const records: StoredRecord[] = [];
    for (let next = Math.max(fromOffset, earliestOffset); next < end && records.length < limit; ) {
      const fetched = await this.fetchOnce(this.nameOf(topic), partition, next, limit - records.length);
      for (const record of fetched?.records ?? []) if (record.offset < end && records.length < limit) records.push(record);
      if (fetched === undefined || fetched.nextOffset <= next) break;
      next = fetched.nextOffset;
    }
    return records;
  }

  private fetchOnce(name: string, partition: number, offset: number, records: number) {
    const { nodes } = this.now;
    const bytes = Math.min(READ_BYTES, records * READ_BYTES_PER_RECORD);
    return nodes.call(async () => {
      const node = await nodes.leader(name, partition);
      const limits = { waitMs: 0, bytes, partitionBytes: bytes };
      return (await node.connectionPool.send(fetchRequest(name, [{ partition, offset }], limits)))[0];
    });
  }

  async consume(
    topic: string,
    _group: string,
    from: readonly StartOffset[],
    onBatch: (batch: RecordBatch) => Promise<void>,
  ): Promise<Consumption> {
    assert(new Set(from.map(({ partition }) => partition)).size === from.length, 'a partition is named once');
    const { clock, logger } = this.options;
    const name = this.nameOf(topic);
    const { nodes } = this.now;
    const { id } = await nodes.call(() => nodes.topicNow(name));
    const begin = await Promise.all(from.map((start) => this.beginAt(topic, start)));
    const bounds = (partition: number) => this.logState(topic, partition);
    const lane = this.lane();
    const consumption = new KafkaConsumption({ nodes: lane, topic: name, topicId: id, from: begin, onBatch, bounds, clock, logger });
    this.running.add(consumption);
    consumption.start();
    this.closeAfter(consumption, lane);
    return consumption;
  }

  private closeAfter(consumption: KafkaConsumption, lane: KafkaNodes): void {
    const closed: Promise<unknown> = consumption.finished
      .then(() => lane.close())
      .finally(() => {
        this.running.delete(consumption);
        this.closing.delete(closed);
      });
    this.closing.add(closed);
  }

  private async beginAt(topic: string, { partition, offset }: StartOffset): Promise<StartOffset> {
    assert(Number.isSafeInteger(offset), `${offset} is not an offset`);
    const { earliestOffset, endOffset } = await this.logState(topic, partition);
    if (offset > endOffset) throw logEndsBefore(this.nameOf(topic), partition, offset, endOffset);
    return { partition, offset: Math.max(offset, earliestOffset) };
  }

  async commit(topic: string, group: string, offsets: readonly StartOffset[]): Promise<void> {
    for (const { offset } of offsets) assert(Number.isSafeInteger(offset) && offset >= 0, `${offset} is not an offset`);
    const topics = [
      { topic: this.nameOf(topic), partitions: offsets.map(({ partition, offset }) => ({ partition, offset: `${offset}` })) },
    ];
    await this.now.nodes.call(async () => {
      const { groupId, node } = await this.coordinator(group);
      await node.offsetCommit({ groupId, groupGenerationId: -1, memberId: '', topics });
    }, GROUP_CALL_MS);
  }

  async committed(topic: string, group: string): Promise<StartOffset[]> {
    const { nodes } = this.now;
    const name = this.nameOf(topic);
    const { leaders } = await nodes.call(() => nodes.topicNow(name));
    const topics = [{ topic: name, partitions: leaders.map((_, partition) => ({ partition })) }];
    const { responses } = await nodes.call(async () => {
      const { groupId, node } = await this.coordinator(group);
      return node.offsetFetch({ groupId, topics });
    }, GROUP_CALL_MS);
    const known = (responses[0]?.partitions ?? []).map(({ partition, offset }) => ({ partition, offset: Number(offset) }));
    return Promise.all(known.filter(({ offset }) => offset >= 0).map((start) => this.notBelowEarliest(topic, start)));
  }

  private async notBelowEarliest(topic: string, { partition, offset }: StartOffset): Promise<StartOffset> {
    const { earliestOffset } = await this.logState(topic, partition);
    return { partition, offset: Math.max(offset, earliestOffset) };
  }

  private async coordinator(group: string): Promise<{ groupId: string; node: KafkaNode }> {
    const { nodes } = this.now;
    const groupId = this.nameOf(group);
    const { coordinator } = await (await nodes.any()).findGroupCoordinator({ groupId, coordinatorType: GROUP });
    return { groupId, node: await nodes.at(coordinator) };
  }
}

function kafkaConfig({ brokers, tls, sasl, logger }: KafkaBrokerOptions): KafkaConfig {
  return {
    clientId: 'fogline',
    brokers: [brokers],
    connectionTimeout: CONNECT_MS,
    requestTimeout: REQUEST_MS,
    enforceRequestTimeout: true,
    logLevel: logLevel.INFO,
    // What matters comes as an error and is told by whoever called.
    logCreator: () => (entry: LogEntry) => logger.debug({ kafkajs: entry.log.message, namespace: entry.namespace }, 'kafkajs'),
    ...(tls === undefined ? {} : { ssl: tls }),
    ...(sasl === undefined ? {} : { sasl: sasl as NonNullable<KafkaConfig['sasl']> }),
  };
}

/** `host:port`; checked with the settings. */
function addressOf(text: string): Address {
  const at = text.lastIndexOf(':');
  return { host: text.slice(0, at).replace(/^\[|\]$/g, ''), port: Number(text.slice(at + 1)) };
}

/** kafkajs makes its clients from a cluster that only it can open; the version is pinned in package.json. */
function insideOf(kafka: Kafka): Inside {
  const symbol = Object.getOwnPropertySymbols(kafka).find(({ description }) => description === 'private:Kafka:createCluster');
  assert(symbol !== undefined, 'this program needs kafkajs 2.2.4');
  const createCluster = (kafka as unknown as Record<symbol, (options: object) => Inside>)[symbol];
  assert(createCluster !== undefined);
  return createCluster({ allowAutoTopicCreation: false });
}
