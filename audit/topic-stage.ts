/** What the topic holds, by source: each seq once, as the first record of it says. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { BATCH_RECORDS_MAX, type Broker, POWER_TOPIC, partitionOf, type StoredRecord } from '../common/broker/broker.ts';
import { DATABASE_NAME, fileIdentity } from '../common/broker/embedded-database.ts';
import { EmbeddedSalvage, isBeingSetAside } from '../common/broker/embedded-salvage.ts';
import { yieldToEventLoop } from '../common/clock.ts';
import { sourceKey } from '../common/ids.ts';
import type { Mark, Reading } from '../common/messages.ts';
import { addReadingDigest, type Digest, textDigest } from '../common/protocol/digest.ts';
import { SeqIntervals } from '../common/protocol/seq-intervals.ts';
import { decodeTopicMessage } from '../common/topic-codec.ts';
import { refuseDamage } from './cloud-file.ts';
import { unreadable } from './damage.ts';

export interface TopicSource {
  household: string;
  device: string;
  src: string;
  seqs: SeqIntervals;
  digest: Digest;
  /** Of `seqs`, those below the edge's next offset. */
  taken: SeqIntervals;
}

/** Where the edge goes on, by partition. */
export type Positions = ReadonlyMap<number, { nextOffset: number; logId: string }>;

export class TopicStage {
  readonly broker: Broker;
  readonly sources = new Map<string, TopicSource>();
  /** Records nobody can use. */
  unreadable = 0;
  partitions = 0;
  /** Oldest record kept, by partition. */
  readonly earliest = new Map<number, number>();
  /** The newest end mark of each partition. */
  private readonly ends = new Map<number, Mark>();

  constructor(broker: Broker) {
    this.broker = broker;
  }

  async read(positions: Positions): Promise<void> {
    this.partitions = await this.broker.partitionCount(POWER_TOPIC);
    for (let partition = 0; partition < this.partitions; partition++) {
      const { logId, earliestOffset, endOffset } = await this.broker.logState(POWER_TOPIC, partition);
      this.earliest.set(partition, earliestOffset);
      const position = positions.get(partition);
      const takenBelow = position?.logId === logId ? position.nextOffset : 0;
      for await (const record of recordsOf(this.broker, partition, earliestOffset, endOffset)) {
        const message = decodeTopicMessage(record.value);
        if (message.kind === 'reading') this.take(message.reading, record.offset < takenBelow);
        else if (message.kind === 'unreadable') this.unreadable++;
        else if (message.kind === 'mark' && message.mark.end) this.ends.set(partition, message.mark);
      }
    }
  }

  /** Of the newest run whose end mark is in every partition. */
  get ended(): { run: string; endMs: number; last: Mark['last'] } | undefined {
    const marks = [...this.ends.values()];
    const [mark] = marks;
    if (mark === undefined || marks.length < this.partitions || marks.some(({ run }) => run !== mark.run)) return undefined;
    return { run: mark.run, endMs: mark.timeMs, last: marks.flatMap(({ last }) => last) };
  }

  /** True when the beginning of the household's log is gone: it is compared from its start. */
  isTrimmed(household: string): boolean {
    return (this.earliest.get(partitionOf(household, this.partitions)) ?? 0) > 0;
  }

  /** The household's readings with their offsets, again: to say where a difference is, and for `why`. */
  async *readingsOf(household: string): AsyncGenerator<{ reading: Reading; partition: number; offset: number }> {
    const partition = partitionOf(household, this.partitions || (await this.broker.partitionCount(POWER_TOPIC)));
    const { earliestOffset, endOffset } = await this.broker.logState(POWER_TOPIC, partition);
    for await (const record of recordsOf(this.broker, partition, earliestOffset, endOffset)) {
      if (record.key !== household) continue;
      const message = decodeTopicMessage(record.value);
      if (message.kind === 'reading') yield { reading: message.reading, partition, offset: record.offset };
    }
  }

  /** All readings of a partition, again, in the order of the log. */
  async *readingsIn(partition: number): AsyncGenerator<Reading> {
    const { earliestOffset, endOffset } = await this.broker.logState(POWER_TOPIC, partition);
    for await (const record of recordsOf(this.broker, partition, earliestOffset, endOffset)) {
      const message = decodeTopicMessage(record.value);
      if (message.kind === 'reading') yield message.reading;
    }
  }

  private take(reading: Reading, isTaken: boolean): void {
    const { household, device, src, seq, timeMs, values } = reading;
    const key = sourceKey(household, device, src);
    let source = this.sources.get(key);
    if (source === undefined) {
      source = { household, device, src, seqs: new SeqIntervals(), digest: { high: 0, low: 0 }, taken: new SeqIntervals() };
      this.sources.set(key, source);
    }
    if (isTaken) source.taken.add(seq, seq);
    if (source.seqs.has(seq)) return;
    source.seqs.add(seq, seq);
    addReadingDigest(source.digest, textDigest(key), seq, timeMs, values);
  }
}

/** An embedded broker without a file would be made by opening it. One whose file is away for a moment has one. */
export function hasEmbeddedTopic(stateDir: string): boolean {
  return existsSync(embeddedFile(stateDir)) || isBeingSetAside(dirname(embeddedFile(stateDir)));
}

/**
 * Damage is written down for the next start of a part, which sets the file aside.
 * @throws OperatingError DATA_UNREADABLE
 */
export function refuseUnfitTopic(stateDir: string): void {
  const file = embeddedFile(stateDir);
  const folder = dirname(file);
  if (isBeingSetAside(folder)) {
    const hint = 'try again in a moment; if no part runs, start it again: it goes on with that';
    throw unreadable(`${file} is damaged and being set aside`, hint);
  }
  const identity = fileIdentity(file);
  refuseDamage(file, (finding) => new EmbeddedSalvage(folder).suspect(identity, finding));
}

function embeddedFile(stateDir: string): string {
  return join(stateDir, 'broker', DATABASE_NAME);
}

async function* recordsOf(broker: Broker, partition: number, from: number, to: number): AsyncGenerator<StoredRecord> {
  for (let next = from; next < to; ) {
    const records = await broker.read(POWER_TOPIC, partition, next, to, BATCH_RECORDS_MAX);
    if (records.length === 0) return;
    yield* records;
    next = (records.at(-1) as StoredRecord).offset + 1;
    await yieldToEventLoop();
  }
}
