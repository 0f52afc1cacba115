/**
 * One partition's records in memory. Those appended at once lie side by side as bytes, and are made into records when they are read: a log
 * of a day would keep the garbage collector busy with records that nobody looks at.
 */
import type { NewRecord, StoredRecord } from '../../common/broker/broker.ts';
import { type Batch, PartitionLog } from './partition-log.ts';

interface Appended extends Batch {
  keys: (string | null)[];
  bytes: Buffer;
  /** Where each record ends. */
  ends: Int32Array;
}

export class VirtualLog extends PartitionLog<Appended> {
  protected override batchOf(records: readonly NewRecord[], baseOffset: number): Appended {
    const ends = new Int32Array(records.length);
    let length = 0;
    for (const [i, { value }] of records.entries()) ends[i] = length += value.length;
    const bytes = Buffer.concat(
      records.map(({ value }) => value),
      length,
    );
    return { baseOffset, keys: records.map(({ key }) => key), bytes, ends };
  }

  protected override take({ baseOffset, keys, bytes, ends }: Appended, from: number, end: number, into: StoredRecord[]): void {
    for (let i = from - baseOffset; i < keys.length && baseOffset + i < end; i++) {
      const value = bytes.subarray(i === 0 ? 0 : ends[i - 1], ends[i]);
      into.push({ offset: baseOffset + i, key: keys[i] as string | null, value });
    }
  }
}
