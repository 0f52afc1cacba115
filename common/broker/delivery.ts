/**
 * Carries the records of some partitions to a callback: per partition in order, the next batch after the promise of the
 * one before, partitions side by side.
 *
 * What does not happen: no batch is read ahead; a failed read or callback is never retried or passed over, it ends the
 * whole consumption; no callback runs any more once `stop()` or `ended` has settled.
 */
import assert from 'node:assert/strict';
import type { Consumption, RecordBatch, StartOffset, StoredRecord } from './broker.ts';
import { yieldToEventLoop } from '../clock.ts';

/** The records from the offset on, at most one batch; empty when there is nothing yet. */
export type ReadBatch = (partition: number, offset: number) => Promise<StoredRecord[]>;

export class Delivery implements Consumption {
  private readonly read: ReadBatch;
  private readonly onBatch: (batch: RecordBatch) => Promise<void>;
  private isStopping = false;
  private failure: { error: unknown } | undefined;
  private waiting: (() => void)[] = [];
  private wakes = 0;
  private settled: Promise<unknown> | undefined;
  private outcome: Promise<void> | undefined;

  constructor(read: ReadBatch, onBatch: (batch: RecordBatch) => Promise<void>) {
    this.read = read;
    this.onBatch = onBatch;
  }

  start(from: readonly StartOffset[]): void {
    assert(this.settled === undefined, 'a delivery starts once');
    this.settled = Promise.all(from.map(({ partition, offset }) => this.deliver(partition, offset).catch((error) => this.fail(error))));
    this.outcome = this.settled.then(() => {
      if (this.failure !== undefined) throw this.failure.error;
    });
  }

  /** Like `ended`, but resolves in any case, and does not count as looking at the error. */
  get finished(): Promise<unknown> {
    assert(this.settled !== undefined, 'a delivery must be started first');
    return this.settled;
  }

  get ended(): Promise<void> {
    assert(this.outcome !== undefined, 'a delivery must be started first');
    return this.outcome;
  }

  /** Whoever waits for records looks again. */
  wake(): void {
    this.wakes++;
    const waiting = this.waiting;
    this.waiting = [];
    for (const look of waiting) look();
  }

  /** Waiting for it inside a callback would wait for ever: the callback is one of those waited for. */
  async stop(): Promise<void> {
    this.halt();
    await this.settled;
  }

  /** Ends the consumption with an error from outside, such as a replaced file. */
  fail(error: unknown): void {
    this.failure ??= { error };
    this.halt();
  }

  private halt(): void {
    this.isStopping = true;
    this.wake();
  }

  private async deliver(partition: number, from: number): Promise<void> {
    let offset = from;
    while (!this.isStopping) {
      const wakesBefore = this.wakes;
      const records = await this.read(partition, offset);
      const last = records.at(-1);
      if (this.isStopping) return;
      if (last === undefined) {
        // A wake during the read may be about records that the read did not see.
        if (this.wakes === wakesBefore) await this.news();
        continue;
      }
      await this.onBatch({ partition, records });
      offset = last.offset + 1;
      // A callback that never waits must not keep everything else in the process from running.
      await yieldToEventLoop();
    }
  }

  private news(): Promise<void> {
    return new Promise((look) => this.waiting.push(look));
  }
}
