/** A real Kafka on a free loopback port, in a temporary folder, to be hurt by tests. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import { systemClock } from '../../common/clock.ts';
import type { SettingName } from '../../common/config.ts';
import { RealKafka, type RealKafkaOptions } from '../../scripts/real-kafka.ts';
import { freePorts } from './free-port.ts';

const LOOK_MS = 50;

export class TestKafka {
  private readonly more: Partial<RealKafkaOptions>;
  private folder: string | undefined;
  private kafka: RealKafka | undefined;

  constructor(more: Partial<RealKafkaOptions> = {}) {
    this.more = more;
  }

  async start(): Promise<void> {
    this.folder = mkdtempSync(join(tmpdir(), 'fogline-kafka-'));
    // Its controller takes the port above it.
    const port = (await freePorts(2))[0] as number;
    this.kafka = new RealKafka({ folder: this.folder, port, ...this.more });
    await this.kafka.start();
  }

  get server(): RealKafka {
    if (this.kafka === undefined) throw new Error('the Kafka was not started');
    return this.kafka;
  }

  settings(prefix: string): Partial<Record<SettingName, string>> {
    return { 'broker.kind': 'kafka', 'broker.kafka_brokers': this.server.address, 'broker.kafka_prefix': prefix };
  }

  /** As an administrator does it, past the broker. The server tells of a topic for a moment after it has deleted it: waits that long. */
  async deleteTopics(prefix: string): Promise<void> {
    await this.administer(async (admin) => {
      const topicsThere = async () => (await admin.listTopics()).filter((topic) => topic.startsWith(prefix));
      await admin.deleteTopics({ topics: await topicsThere() });
      while ((await topicsThere()).length > 0) await systemClock.sleep(LOOK_MS);
    });
  }

  /** Those below the offset. */
  async deleteRecords(topic: string, partition: number, offset: number): Promise<void> {
    await this.administer(async (admin) => {
      // Without it kafkajs does not know who leads the partition.
      await admin.fetchTopicOffsets(topic);
      await admin.deleteTopicRecords({ topic, partitions: [{ partition, offset: `${offset}` }] });
    });
  }

  async administer<T>(work: (admin: ReturnType<Kafka['admin']>) => Promise<T>): Promise<T> {
    const admin = new Kafka({ brokers: [this.server.address], logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    try {
      return await work(admin);
    } finally {
      await admin.disconnect();
    }
  }

  async stop(): Promise<void> {
    // What it holds goes away with its folder: it need not be tidy.
    await this.kafka?.kill();
    if (this.folder !== undefined) rmSync(this.folder, { recursive: true, force: true });
  }
}
