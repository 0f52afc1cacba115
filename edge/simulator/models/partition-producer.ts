/**
 * Appends one partition's records in order, one unacknowledged produce at a time, the same one again until it is
 * acknowledged. What is acknowledged is saved before the next produce, so a crash repeats at most one.
 */
import { BATCH_RECORDS_MAX, type Broker, type NewRecord, POWER_TOPIC } from '../../../common/broker/broker.ts';
import type { Clock } from '../../../common/clock.ts';
import { reach } from '../../../common/failpoints.ts';
import type { Logger } from '../../../common/logger.ts';
import { RECORD_BYTES_MAX } from '../../../common/messages.ts';
import type { RetrySchedule } from '../../../common/retry-schedule.ts';
import type { AckedSource, ResumePoint } from './resume-point.ts';

/** What an acknowledgement of the record means. */
export type RecordMeaning =
  | { kind: 'reading' | 'skip'; source: AckedSource }
  | { kind: 'mark'; timeMs: number }
  | { kind: 'end'; run: string };

export interface QueuedRecord {
  record: NewRecord;
  /** Simulated second it belongs to. */
  tick: number;
  meaning: RecordMeaning;
}

export interface PartitionProducerOptions {
  broker: Broker;
  partition: number;
  resume: ResumePoint;
  clock: Clock;
  logger: Logger;
  retry: RetrySchedule;
  /** Called after each acknowledgement: there is room in the buffer. */
  onRoom: () => void;
}

export class PartitionProducer {
  private readonly options: PartitionProducerOptions;
  private queue: QueuedRecord[] = [];
  private producing: Promise<void> | undefined;
  private failure: unknown;
  private lastTick = 0;

  constructor(options: PartitionProducerOptions) {
    this.options = options;
  }

  /** Records that are not acknowledged. */
  get length(): number {
    return this.queue.length;
  }

  /** Puts the record behind the others and sees that the queue is worked off. */
  add(record: QueuedRecord, signal: AbortSignal): void {
    this.queue.push(record);
    this.lastTick = record.tick;
    if (this.producing === undefined && this.failure === undefined) this.work(signal);
  }

  /** Resolves when everything is acknowledged or the signal aborted. @throws what ended the producing */
  async drained(): Promise<void> {
    while (this.producing !== undefined) await this.producing;
    this.throwFailure();
  }

  throwFailure(): void {
    if (this.failure !== undefined) throw this.failure;
  }

  private work(signal: AbortSignal): void {
    // After the step that adds them, so that its records go together.
    this.producing = Promise.resolve()
      .then(() => this.produceAll(signal))
      .catch((error: unknown) => {
        this.failure = error;
      })
      .finally(() => {
        this.producing = undefined;
        this.options.onRoom();
      });
  }

  private async produceAll(signal: AbortSignal): Promise<void> {
    while (this.queue.length > 0 && !signal.aborted) {
      const batch = this.nextBatch();
      const endOffset = await this.produce(batch, signal);
      if (endOffset === undefined) return;
      this.acknowledge(batch, endOffset);
      this.options.onRoom();
    }
  }

  /** As many as one append takes, and no more bytes than a broker takes at once. */
  private nextBatch(): QueuedRecord[] {
    let bytes = 0;
    let count = 0;
    for (; count < Math.min(BATCH_RECORDS_MAX, this.queue.length); count++) {
      bytes += (this.queue[count] as QueuedRecord).record.value.length;
      if (count > 0 && bytes > RECORD_BYTES_MAX) break;
    }
    return this.queue.slice(0, count);
  }

  /** The same batch until it is acknowledged. Returns the offset after it, undefined when the signal aborted. */
  private async produce(batch: readonly QueuedRecord[], signal: AbortSignal): Promise<number | undefined> {
    const { broker, partition, clock, logger, retry } = this.options;
    const records = batch.map(({ record }) => record);
    for (let isOutage = false; !signal.aborted; ) {
      reach('simulator_before_append');
      try {
        const { baseOffset } = await broker.append(POWER_TOPIC, partition, records);
        reach('simulator_after_append_before_resume_save');
        if (isOutage) logger.info({ partition }, 'the broker takes records again');
        retry.reset();
        return baseOffset + records.length;
      } catch (error) {
        if ((error as { retryable?: boolean }).retryable !== true) throw error;
        if (!isOutage) logger.warn({ partition, error: (error as Error).message }, 'the broker takes no records; repeating until it does');
        isOutage = true;
        await clock.sleep(retry.nextMs(), signal);
      }
    }
    return undefined;
  }

  private acknowledge(batch: readonly QueuedRecord[], endOffset: number): void {
    const { resume } = this.options;
    for (const { meaning, tick } of batch) {
      if (meaning.kind === 'reading') resume.ackReading(meaning.source, tick);
      else if (meaning.kind === 'skip') resume.ackSkip(meaning.source, tick);
      else if (meaning.kind === 'mark') resume.ackMark(meaning.timeMs);
      else if (meaning.kind === 'end') resume.ackEnd(meaning.run);
    }
    this.queue = this.queue.slice(batch.length);
    resume.save(endOffset, this.queue[0]?.tick ?? this.lastTick);
    reach('simulator_after_resume_save');
  }
}
