/** What the broker suite's tests share: the harness they get, records, and a collector. */
import assert from 'node:assert/strict';
import type { Broker, Consumption, NewRecord, RecordBatch, StartOffset, StoredRecord } from '../../common/broker/broker.ts';
import { systemClock } from '../../common/clock.ts';
import type { ChildBroker } from './broker-child.ts';

export const TOPIC = 'readings';
export const RETENTION_MS = 60_000;

export interface BrokerHarness {
  /** Started. */
  broker: Broker;
  /** Stops `broker` and starts another one on the same logs. */
  reopen: () => Promise<Broker>;
  /** Starts a second one beside `broker`; cleanup stops it. */
  another: () => Promise<Broker>;
  /** Stops `broker`, takes its logs away and starts an empty one in the same place. */
  replace: () => Promise<Broker>;
  /** How a child process opens the same one. */
  child: ChildBroker;
  /** Lets wall time pass and waits until retention has been applied. */
  passTime: (ms: number) => Promise<void>;
  /** Records deleted at the quota. */
  droppedAtQuota: () => number;
  /** Stops everything and removes what is on the disk. */
  cleanup: () => Promise<void>;
}

/** Records `text 0`, `text 1`, … */
export function texts(text: string, count: number): NewRecord[] {
  return Array.from({ length: count }, (_, i) => ({ key: `key ${i % 5}`, value: Buffer.from(`${text} ${i}`) }));
}

export function startsAt(...offsets: number[]): StartOffset[] {
  return offsets.map((offset, partition) => ({ partition, offset }));
}

export function byPartition(offsets: readonly StartOffset[]): StartOffset[] {
  return [...offsets].sort((a, b) => a.partition - b.partition);
}

/** Comparable whatever memory the values lie in. */
export function plain(records: readonly StoredRecord[]): { offset: number; key: string | null; value: string }[] {
  return records.map(({ offset, key, value }) => ({ offset, key, value: value.toString('latin1') }));
}

/** That the records of this tag are `tag:0` … `tag:count-1`, in this order. */
export function assertNumbered(records: readonly StoredRecord[], tag: string, count: number): void {
  const values = records.filter(({ key }) => key === tag).map(({ value }) => value.toString());
  assert.deepEqual(
    values,
    Array.from({ length: count }, (_, i) => `${tag}:${i}`),
  );
}

/** Lengths of the runs of records with the same key. */
export function runsOf(records: readonly StoredRecord[]): number[] {
  const runs: number[] = [];
  for (const [i, record] of records.entries()) {
    if (i > 0 && records[i - 1]?.key === record.key) runs[runs.length - 1] = (runs.at(-1) as number) + 1;
    else runs.push(1);
  }
  return runs;
}

export function collect(broker: Broker, from: readonly StartOffset[], group = 'edge') {
  const batches: RecordBatch[] = [];
  const counter = newCounter();
  let consumption: Consumption | undefined;
  const begun = broker.consume(TOPIC, group, from, async (batch) => {
    batches.push(batch);
    counter.add(batch.records.length);
  });
  const failed = begun.then(async (running) => {
    consumption = running;
    await running.ended;
    return 'ended';
  });
  failed.catch(() => {});
  return {
    batches,
    records: (partition: number) => batches.filter((batch) => batch.partition === partition).flatMap((batch) => batch.records),
    /** Resolves when exactly so many records have come; rejects when the consumption fails before. */
    until: async (count: number) => {
      await begun;
      await Promise.race([counter.reached(count), failed]);
      assert.equal(counter.count, count);
    },
    stop: async () => {
      await begun;
      await consumption?.stop();
      await failed;
    },
  };
}

export function newGate(): { opened: Promise<void>; open(): void } {
  let open = () => {};
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open: () => open() };
}

export function newCounter() {
  let waiting: { count: number; resolve: () => void }[] = [];
  const counter = {
    count: 0,
    add(more: number): void {
      counter.count += more;
      for (const { count, resolve } of waiting) if (count <= counter.count) resolve();
      waiting = waiting.filter(({ count }) => count > counter.count);
    },
    reached(count: number): Promise<void> {
      if (counter.count >= count) return Promise.resolve();
      return new Promise((resolve) => waiting.push({ count, resolve }));
    },
  };
  return counter;
}

/** Ends with the test's time-out when it never comes true. */
export async function waitFor(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await systemClock.sleep(2);
}
