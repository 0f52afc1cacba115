/** Makes topics as Fogline needs them, and tells when one that was there before keeps records too shortly. */
import assert from 'node:assert/strict';
import { OperatingError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import { MS_PER_HOUR } from '../units.ts';
import type { TopicSettings } from './broker.ts';
import { KafkaNotReady } from './kafka-errors.ts';
import type { KafkaNodes } from './kafka-nodes.ts';

export interface KafkaTopicsOptions {
  /** The setting's text, for errors. */
  brokers: string;
  retentionMs: number;
  replication: number | undefined;
  logger: Logger;
}

/** Copies of each record, where there are as many brokers. */
const REPLICATION = 3;
/** With 3 copies an acknowledged record is on 2 of them at least. */
const IN_SYNC = 2;
/** An append is one batch: 2,000 readings have some 500,000 bytes before they are compressed. */
const MESSAGE_BYTES_MAX = 4 << 20;
/** Making a topic, until every partition has a leader. */
const MAKE_MS = 15_000;
const TOPIC_RESOURCE = 2;

export class KafkaTopics {
  private readonly nodes: KafkaNodes;
  private readonly options: KafkaTopicsOptions;

  constructor(nodes: KafkaNodes, options: KafkaTopicsOptions) {
    this.nodes = nodes;
    this.options = options;
  }

  /** @throws OperatingError with how to make it by hand */
  async ensure(topic: string, settings: TopicSettings): Promise<void> {
    assert(/^[A-Za-z0-9._-]{1,120}$/.test(topic), `${topic} is not a topic name`);
    if (await this.nodes.call(() => this.isThere(topic))) return this.check(topic);
    await this.nodes.call(() => this.create(topic, settings), MAKE_MS);
    await this.nodes.call(() => this.isReady(topic), MAKE_MS);
  }

  /** A node that answers may not have heard of a new topic yet. */
  private async isReady(topic: string): Promise<void> {
    if (!(await this.isThere(topic))) throw new KafkaNotReady(`the topic ${topic} was made, but does not show`);
    const { leaders } = await this.nodes.topic(topic);
    for (const partition of leaders.keys()) await this.nodes.leader(topic, partition);
  }

  /** The topic as the cluster keeps it; undefined when nobody has made it. */
  async inspect(topic: string): Promise<{ partitions: number; retentionMs: number; logAppendTime: boolean } | undefined> {
    const { topic: view } = await this.nodes.call(() => this.nodes.cluster(topic));
    if (view === undefined) return undefined;
    const config = await this.configNow(topic);
    return {
      partitions: view.leaders.length,
      retentionMs: Number(config.get('retention.ms') ?? -1),
      logAppendTime: config.get('message.timestamp.type') === 'LogAppendTime',
    };
  }

  private async isThere(topic: string): Promise<boolean> {
    return (await this.nodes.cluster(topic)).topic !== undefined;
  }

  private async create(topic: string, settings: TopicSettings): Promise<void> {
    const { brokers, controller } = await this.nodes.cluster(topic);
    const address = brokers.get(controller);
    const node = await (address === undefined ? this.nodes.any() : this.nodes.at(address));
    if (brokers.size === 0) throw new KafkaNotReady('no node is ready');
    const replicationFactor = this.options.replication ?? Math.min(REPLICATION, brokers.size);
    const config = this.configOf(settings, replicationFactor);
    const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }));
    try {
      await node.createTopics({ topics: [{ topic, numPartitions: settings.partitions, replicationFactor, configEntries }] });
    } catch (error) {
      const refusal = (error as { errors?: { type?: string }[] }).errors?.[0] ?? (error as { type?: string });
      // Another process was quicker, or our first try was heard after all.
      if (refusal.type === 'TOPIC_ALREADY_EXISTS') return;
      const { retriable, message } = refusal as { retriable?: boolean; message?: string };
      if (refusal.type === undefined || retriable === true) throw refusal;
      // Enough nodes are there, but one of them has only just begun.
      if (refusal.type === 'INVALID_REPLICATION_FACTOR' && replicationFactor <= brokers.size) throw new KafkaNotReady(message);
      throw this.notMade(topic, settings, replicationFactor, message ?? '', error);
    }
  }

  /** Said for each topic, whatever the cluster's own defaults are. */
  private configOf({ retentionMs }: TopicSettings, replicationFactor: number): Record<string, string> {
    return {
      'cleanup.policy': 'delete',
      // By append time: readings of a replay are years old.
      'message.timestamp.type': 'LogAppendTime',
      'retention.ms': `${Math.max(this.options.retentionMs, Math.ceil(retentionMs))}`,
      'retention.bytes': '-1',
      'compression.type': 'producer',
      'max.message.bytes': `${MESSAGE_BYTES_MAX}`,
      'unclean.leader.election.enable': 'false',
      'min.insync.replicas': `${replicationFactor >= REPLICATION ? IN_SYNC : 1}`,
    };
  }

  private notMade(topic: string, settings: TopicSettings, replicationFactor: number, reason: string, cause: unknown): OperatingError {
    const config = Object.entries(this.configOf(settings, replicationFactor)).map(([key, value]) => `--config ${key}=${value}`);
    const hint =
      'set broker.kafka_replication, give broker.kafka_user the right to create topics, or make it by hand: kafka-topics.sh ' +
      `--create --topic ${topic} --partitions ${settings.partitions} --replication-factor ${replicationFactor} ${config.join(' ')}`;
    const message = `Kafka at ${this.options.brokers} does not make the topic ${topic}: ${reason}`;
    return new OperatingError('BROKER_UNREACHABLE', message, { retryable: false, hint, cause });
  }

  /** One that somebody else made is used as it is: its settings are theirs to change. */
  private async check(topic: string): Promise<void> {
    const config = await this.configNow(topic);
    const retentionMs = Number(config.get('retention.ms') ?? -1);
    const wantedMs = this.options.retentionMs;
    const { logger } = this.options;
    if (retentionMs >= 0 && retentionMs < wantedMs) {
      const hours = retentionMs / MS_PER_HOUR;
      logger.warn({ topic, hours, wantedHours: wantedMs / MS_PER_HOUR }, 'Kafka keeps the topic shorter than broker.kafka_retention_days');
    }
    if (config.get('cleanup.policy')?.includes('compact') === true)
      logger.warn({ topic }, 'Kafka compacts the topic: readings will be lost');
    const byAppendTime = config.get('message.timestamp.type') !== 'CreateTime';
    if (!byAppendTime) logger.debug({ topic }, 'Kafka dates the topic by the clocks of its producers');
  }

  private configNow(topic: string): Promise<Map<string, string>> {
    const configNames = ['retention.ms', 'cleanup.policy', 'message.timestamp.type'];
    return this.nodes.call(async () => {
      const node = await this.nodes.any();
      const { resources } = await node.describeConfigs({ resources: [{ type: TOPIC_RESOURCE, name: topic, configNames }] });
      return new Map(resources[0]?.configEntries.map(({ configName, configValue }) => [configName, configValue]));
    });
  }
}
