/** A folder with an embedded broker's file, and ways to look at it and to harm it behind the broker's back. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import type { NewRecord } from '../../../../common/broker/broker.ts';
import { EmbeddedBroker, type EmbeddedBrokerOptions, QUOTA_BYTES_MIN } from '../../../../common/broker/embedded-broker.ts';
import { systemClock } from '../../../../common/clock.ts';
import { silentLogger } from '../../../../common/logger.ts';

export const TOPIC = 'readings';

export class EmbeddedFolder {
  /** Of the broker. */
  folder = '';
  private parent = '';
  private readonly started: EmbeddedBroker[] = [];

  static async make(): Promise<EmbeddedFolder> {
    const made = new EmbeddedFolder();
    made.parent = await mkdtemp(join(tmpdir(), 'fogline-broker-'));
    made.folder = join(made.parent, 'broker');
    return made;
  }

  get file(): string {
    return join(this.folder, 'broker.db');
  }

  broker(options: Partial<EmbeddedBrokerOptions> = {}): EmbeddedBroker {
    const broker = new EmbeddedBroker({
      folder: this.folder,
      quotaBytes: QUOTA_BYTES_MIN,
      clock: systemClock,
      logger: silentLogger,
      ...options,
    });
    this.started.push(broker);
    return broker;
  }

  /** A started one with TOPIC of two partitions. */
  async open(options: Partial<EmbeddedBrokerOptions> = {}): Promise<EmbeddedBroker> {
    const broker = this.broker(options);
    await broker.start();
    await broker.ensureTopic(TOPIC, { partitions: 2, retentionMs: 60_000 });
    return broker;
  }

  /** A connection of its own; closed after `use`. */
  raw<T>(use: (database: Database.Database) => T): T {
    const database = new Database(this.file);
    try {
      return use(database);
    } finally {
      database.close();
    }
  }

  async remove(): Promise<void> {
    await Promise.all(this.started.map((broker) => broker.stop()));
    await rm(this.parent, { recursive: true, force: true });
  }
}

export function records(count: number, bytes = 20): NewRecord[] {
  return Array.from({ length: count }, (_, i) => ({ key: `key ${i % 5}`, value: Buffer.from(`${i} `.padEnd(bytes, '.')) }));
}
