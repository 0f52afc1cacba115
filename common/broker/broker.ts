/**
 * The broker contract: a durable, partitioned, append-only log per topic. One suite (tests/contract/broker-suite.ts)
 * holds for every implementation.
 *
 * What does not happen: an append that resolved is never lost by kill -9 or power cut; records of one partition are never
 * delivered out of order; a batch's successor is never delivered before its promise resolved; retention never
 * deletes a record at or above a committed offset that is younger than the retention time, except at the quota, which is counted.
 */
export interface TopicSettings {
  partitions: number;
  /** Records below every committed offset and older than this may be deleted. */
  retentionMs: number;
}

export interface NewRecord {
  /** Household id; null for marks. */
  key: string | null;
  value: Buffer;
}

export interface StoredRecord {
  offset: number;
  key: string | null;
  /** May be a view of a whole batch: whoever keeps a few values for long copies them. */
  value: Buffer;
}

export interface RecordBatch {
  partition: number;
  /** At least one, in offset order. */
  records: readonly StoredRecord[];
}

/** State of one partition's log. */
export interface LogState {
  /** Identity of the log: another id means that the log was replaced and offsets start anew. */
  logId: string;
  /** Offset of the oldest record kept. */
  earliestOffset: number;
  /** Offset that the next appended record gets. */
  endOffset: number;
}

/** Where a consumer begins in a partition. */
export interface StartOffset {
  partition: number;
  offset: number;
}

export interface Consumption {
  /** Resolves when no callback is running and none will be called any more. */
  stop(): Promise<void>;
  /**
   * Rejects with what ended the consumption (a thrown callback, OperatingError); resolves after stop(). Never retried here: the
   * caller decides.
   */
  readonly ended: Promise<void>;
}

export interface Broker {
  /**
   * @throws OperatingError BROKER_UNREACHABLE with the remedy
   */
  start(): Promise<void>;
  stop(): Promise<void>;

  /** Makes the topic if it is missing. An existing one keeps its partitions: they are fixed at creation. */
  ensureTopic(topic: string, settings: TopicSettings): Promise<void>;
  /** @throws OperatingError BROKER_UNREACHABLE for a topic that nobody made, as every call below */
  partitionCount(topic: string): Promise<number>;
  logState(topic: string, partition: number): Promise<LogState>;

  /**
   * Appends 1 to BATCH_RECORDS_MAX records in order, all or none, and resolves when durable, with the offset of the first.
   * A rejected append may still have happened: the caller repeats it and the edge drops what it knows by seq.
   * @throws OperatingError BROKER_UNREACHABLE, BROKER_FULL
   */
  append(topic: string, partition: number, records: readonly NewRecord[]): Promise<{ baseOffset: number }>;

  /**
   * Delivers every record from the given offsets on, batch by batch, waiting for `onBatch` before the partition's next.
   * An offset below the earliest starts at the earliest. Partitions not named are not consumed.
   * @throws OperatingError STORE_DAMAGED for an offset above the end: acknowledged records are gone
   */
  consume(topic: string, group: string, from: readonly StartOffset[], onBatch: (batch: RecordBatch) => Promise<void>): Promise<Consumption>;

  /** One bounded read for looking back: records with fromOffset ≤ offset < toOffset, at most `limit`. Touches no group. */
  read(topic: string, partition: number, fromOffset: number, toOffset: number, limit: number): Promise<StoredRecord[]>;

  /** Remembers how far the group is done (next offset wanted); never goes back below what retention deleted. */
  commit(topic: string, group: string, offsets: readonly StartOffset[]): Promise<void>;
  committed(topic: string, group: string): Promise<StartOffset[]>;
}

/** Partition of a household: FNV-1a of the key, so that every producer agrees without asking. */
export function partitionOf(key: string, partitions: number): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  return (hash >>> 0) % partitions;
}

export const POWER_TOPIC = 'power_topic';
export const AVERAGES_TOPIC = 'avg_power_topic';
/** Records per batch given to a consumer or appended at once. */
export const BATCH_RECORDS_MAX = 2_000;
