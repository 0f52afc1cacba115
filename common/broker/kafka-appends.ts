/**
 * Appends to a Kafka: acks of all replicas, idempotent, one unacknowledged produce per partition, gzip.
 *
 * What does not happen: appends of this process to one partition never overtake each other; a produce that got no answer is
 * sent again with the same sequence number, so the log does not take it twice. An append that was given up has an open
 * outcome, so its producer id is not used for another one: with it, Kafka would take a different append for the same.
 */
import assert from 'node:assert/strict';
import type { Clock } from '../clock.ts';
import type { NewRecord } from './broker.ts';
import { isSequenceError, replacedTopic } from './kafka-errors.ts';
import type { KafkaNodes } from './kafka-nodes.ts';
import { compressed, type LaidOut, layOut, type ProducerPosition, produceRequest, recordBatch } from './kafka-records.ts';

/** An append is given up after so long; below the time a process has for stopping. */
const APPEND_MS = 8_000;
/** How long the leader waits for the other replicas. */
const REPLICAS_MS = 5_000;
/** No transaction is ever begun; the request wants a number. */
const TRANSACTION_MS = 60_000;
/** Sequence numbers have 31 bits; before they run out another producer id begins at 0. */
const SEQUENCE_MAX = 2_000_000_000;

interface Writer {
  /** Resolves when every append so far is answered. */
  tail: Promise<unknown>;
  producer: ProducerPosition | undefined;
  /** The topic that was there at the first append. */
  topicId: string | undefined;
}

export class KafkaAppends {
  private readonly nodes: KafkaNodes;
  private readonly clock: Clock;
  private readonly writers = new Map<string, Writer>();

  constructor(nodes: KafkaNodes, clock: Clock) {
    this.nodes = nodes;
    this.clock = clock;
  }

  /** The records are copied before it returns. */
  append(topic: string, partition: number, records: readonly NewRecord[]): Promise<{ baseOffset: number }> {
    const laidOut = layOut(records);
    const compressing = compressed(laidOut);
    const writer = this.writer(topic, partition);
    const result = Promise.all([compressing, writer.tail]).then(([bytes]) =>
      this.produce(writer, topic, partition, { count: laidOut.count, bytes }),
    );
    writer.tail = result.catch(() => undefined);
    return result;
  }

  /** Resolves when every append so far is answered. */
  async finish(): Promise<void> {
    await Promise.all([...this.writers.values()].map(({ tail }) => tail));
    this.writers.clear();
  }

  private writer(topic: string, partition: number): Writer {
    const key = `${topic}/${partition}`;
    let writer = this.writers.get(key);
    if (writer === undefined) {
      writer = { tail: Promise.resolve(), producer: undefined, topicId: undefined };
      this.writers.set(key, writer);
    }
    return writer;
  }

  private async produce(writer: Writer, topic: string, partition: number, append: LaidOut): Promise<{ baseOffset: number }> {
    try {
      const baseOffset = await this.nodes.call(() => this.produceOnce(writer, topic, partition, append), APPEND_MS);
      assert(writer.producer !== undefined);
      writer.producer.sequence += append.count;
      if (writer.producer.sequence > SEQUENCE_MAX) writer.producer = undefined;
      return { baseOffset };
    } catch (error) {
      writer.producer = undefined;
      throw error;
    }
  }

  private async produceOnce(writer: Writer, topic: string, partition: number, { count, bytes }: LaidOut): Promise<number> {
    const { nodes, clock } = this;
    const { id, leaders } = await nodes.topic(topic);
    assert(partition >= 0 && partition < leaders.length, `the topic ${topic} has no partition ${partition}`);
    writer.topicId ??= id;
    if (writer.topicId !== id) throw replacedTopic(topic, false);
    const node = await nodes.leader(topic, partition);
    const producer = (writer.producer ??= await this.newProducer());
    const batch = recordBatch(count, bytes, producer, clock.nowMs());
    try {
      return await node.connectionPool.send(produceRequest(topic, partition, batch, REPLICAS_MS));
    } catch (error) {
      if (isSequenceError(error)) writer.producer = undefined;
      throw error;
    }
  }

  private async newProducer(): Promise<ProducerPosition> {
    const node = await this.nodes.any();
    const { producerId, producerEpoch } = await node.initProducerId({ transactionTimeout: TRANSACTION_MS });
    return { id: BigInt(producerId), epoch: producerEpoch, sequence: 0 };
  }
}
