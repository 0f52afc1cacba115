/**
 * Connections to the nodes of a Kafka, one per node, and patience: a call is tried again, over fresh connections if need be,
 * until its deadline.
 *
 * What does not happen: no call takes longer than its deadline, whatever the other side does; nothing here reconnects by itself
 * while nobody calls.
 */
import type { Clock } from '../clock.ts';
import { OperatingError } from '../errors.ts';
import { isConnectionError, isSequenceError, kafkaError, KafkaNotReady, KafkaTimeout, mayPass, unknownTopic } from './kafka-errors.ts';
import {
  type Address,
  type ClusterView,
  METADATA_KEY,
  METADATA_VERSION,
  metadataRequest,
  type ProtocolRequest,
  type TopicView,
} from './kafka-metadata.ts';

interface PartitionOffset {
  partition: number;
  offset: string;
}

interface OfTopic<P> {
  topic: string;
  partitions: P[];
}

/** One node, as kafkajs' own producers and consumers use it (its class Broker). */
export interface KafkaNode {
  readonly versions: Readonly<Record<number, { maxVersion: number }>> | null;
  readonly connectionPool: { send<T>(request: ProtocolRequest<T>): Promise<T> };
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  isConnected(): boolean;
  initProducerId(request: { transactionTimeout: number }): Promise<{ producerId: string; producerEpoch: number }>;
  listOffsets(request: {
    replicaId: -1;
    isolationLevel: number;
    topics: OfTopic<{ partition: number; timestamp: number }>[];
  }): Promise<{ responses: OfTopic<PartitionOffset>[] }>;
  findGroupCoordinator(request: { groupId: string; coordinatorType: number }): Promise<{ coordinator: Address }>;
  offsetCommit(request: { groupId: string; groupGenerationId: -1; memberId: ''; topics: OfTopic<PartitionOffset>[] }): Promise<unknown>;
  offsetFetch(request: { groupId: string; topics: OfTopic<{ partition: number }>[] }): Promise<{ responses: OfTopic<PartitionOffset>[] }>;
  createTopics(request: {
    topics: {
      topic: string;
      numPartitions: number;
      replicationFactor: number;
      configEntries: { name: string; value: string }[];
    }[];
  }): Promise<unknown>;
  describeConfigs(request: {
    resources: { type: number; name: string; configNames: string[] }[];
  }): Promise<{ resources: { configEntries: { configName: string; configValue: string }[] }[] }>;
}

export interface KafkaNodesOptions {
  /** The setting's text, for errors. */
  brokers: string;
  seeds: readonly Address[];
  /** Not yet connected. */
  open: (at: Address) => Promise<KafkaNode>;
  clock: Clock;
}

/** A call is given up after so long; below the time a process has for stopping. */
const CALL_MS = 6_000;
const RETRY_FIRST_MS = 50;
const RETRY_MAX_MS = 500;
/** Leaders and the topic's id are looked up again after so long. */
const VIEW_MS = 5_000;

export class KafkaNodes {
  private readonly options: KafkaNodesOptions;
  private readonly nodes = new Map<string, Promise<KafkaNode>>();
  /** Those that were connected once. */
  private readonly ready = new Map<string, KafkaNode>();
  private readonly views = new Map<string, { view: ClusterView; atMs: number }>();
  private known: readonly Address[] = [];
  private isClosed = false;

  constructor(options: KafkaNodesOptions) {
    this.options = options;
  }

  /** @throws OperatingError BROKER_UNREACHABLE with what to do */
  async call<T>(work: () => Promise<T>, deadlineMs = CALL_MS): Promise<T> {
    const { clock, brokers } = this.options;
    const endMs = clock.monotonicMs() + deadlineMs;
    for (let waitMs = RETRY_FIRST_MS; ; waitMs = Math.min(RETRY_MAX_MS, waitMs * 2)) {
      try {
        return await this.within(endMs - clock.monotonicMs(), work);
      } catch (error) {
        if (!mayPass(error) || this.isClosed) throw kafkaError(error, brokers);
        if (isConnectionError(error)) void this.disconnect();
        if (!isSequenceError(error)) this.views.clear();
        if (clock.monotonicMs() + waitMs >= endMs) throw kafkaError(error, brokers);
        await clock.sleep(waitMs);
      }
    }
  }

  /** What is known of the topic, seen within the last seconds. Within `call`. */
  async topic(topic: string): Promise<TopicView> {
    return (await this.cluster(topic)).topic ?? this.missing(topic);
  }

  /** The same, asked for now. */
  async topicNow(topic: string): Promise<TopicView> {
    this.views.delete(topic);
    return this.topic(topic);
  }

  async cluster(topic: string): Promise<ClusterView> {
    const seen = this.views.get(topic);
    const nowMs = this.options.clock.monotonicMs();
    if (seen !== undefined && nowMs - seen.atMs < VIEW_MS) return seen.view;
    const node = await this.any();
    const view = await node.connectionPool.send(metadataRequest(topic));
    this.known = [...view.brokers.values()];
    if (view.topic !== undefined) this.views.set(topic, { view, atMs: nowMs });
    return view;
  }

  /** The node that leads the partition. Within `call`. */
  async leader(topic: string, partition: number): Promise<KafkaNode> {
    const { topic: view, brokers } = await this.cluster(topic);
    const address = brokers.get((view ?? this.missing(topic)).leaders[partition] ?? -1);
    if (address === undefined) throw new KafkaNotReady(`partition ${partition} of the topic ${topic} has no leader`);
    return this.at(address);
  }

  /** Any node that answers, a connected one first: trying a dead one takes seconds. Within `call`. */
  async any(): Promise<KafkaNode> {
    for (const node of this.ready.values()) if (node.isConnected()) return node;
    let failure: unknown;
    for (const address of [...this.known, ...this.options.seeds]) {
      try {
        return await this.at(address);
      } catch (error) {
        failure ??= error;
      }
    }
    throw failure;
  }

  async at(address: Address): Promise<KafkaNode> {
    const key = `${address.host}:${address.port}`;
    let opening = this.nodes.get(key);
    if (opening === undefined) {
      opening = this.options.open(address);
      this.nodes.set(key, opening);
    }
    const node = await opening;
    // It waits for a connecting that is under way: until that is done there may be a socket, but no versions.
    if (!node.isConnected() || node.versions === null) await node.connect();
    if (node.versions === null) throw new KafkaTimeout('the connection is not ready');
    if ((node.versions[METADATA_KEY]?.maxVersion ?? 0) < METADATA_VERSION) throw tooOld(key);
    this.ready.set(key, node);
    return node;
  }

  async close(): Promise<void> {
    this.isClosed = true;
    await this.disconnect();
  }

  private async disconnect(): Promise<void> {
    const nodes = [...this.nodes.values()];
    this.nodes.clear();
    this.ready.clear();
    this.views.clear();
    await Promise.allSettled(nodes.map(async (node) => (await node).disconnect()));
  }

  private missing(topic: string): never {
    throw unknownTopic(topic, this.options.brokers);
  }

  private within<T>(ms: number, work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = this.options.clock.timer('kafka call', ms, () => reject(new KafkaTimeout('no answer in time')));
      void work()
        .then(resolve, reject)
        .finally(() => timer.cancel());
    });
  }
}

function tooOld(address: string): OperatingError {
  return new OperatingError('BROKER_UNREACHABLE', `the Kafka at ${address} is too old: its topics have no id`, {
    retryable: false,
    hint: 'use Apache Kafka 2.8 or newer, or --set broker.kind=embedded',
  });
}
