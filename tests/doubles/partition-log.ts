/** One partition's records in memory, kept in the batches in which they were appended: whatever form a batch has. */
import type { NewRecord, StoredRecord } from '../../common/broker/broker.ts';

/** What a topic in memory asks of a partition's records. */
export type TopicLog = Pick<PartitionLog<Batch>, keyof PartitionLog<Batch>>;

export interface Batch {
  baseOffset: number;
}

export abstract class PartitionLog<Appended extends Batch> {
  readonly logId: string;
  earliestOffset = 0;
  endOffset = 0;
  private readonly appended: Appended[] = [];

  constructor(logId: string) {
    this.logId = logId;
  }

  append(records: readonly NewRecord[]): void {
    this.appended.push(this.batchOf(records, this.endOffset));
    this.endOffset += records.length;
  }

  /** From `fromOffset` on, or from what is there of it, up to before `toOffset`. */
  read(fromOffset: number, toOffset: number, limit: number): StoredRecord[] {
    const first = Math.max(fromOffset, this.earliestOffset);
    const end = Math.min(toOffset, this.endOffset, first + limit);
    const records: StoredRecord[] = [];
    for (let at = this.placeOf(first); at < this.appended.length && first + records.length < end; at++)
      this.take(this.appended[at] as Appended, first + records.length, end, records);
    return records;
  }

  /** All of them. */
  get records(): StoredRecord[] {
    return this.read(this.earliestOffset, this.endOffset, Number.MAX_SAFE_INTEGER);
  }

  /** Everything below the offset goes, but for the last record. */
  deleteBelow(offset: number): void {
    this.earliestOffset = Math.max(this.earliestOffset, Math.min(offset, this.endOffset - 1));
    this.appended.splice(0, Math.max(0, this.placeOf(this.earliestOffset)));
  }

  protected abstract batchOf(records: readonly NewRecord[], baseOffset: number): Appended;

  /** Adds the batch's records with from ≤ offset < end; `from` is in it. */
  protected abstract take(batch: Appended, from: number, end: number, into: StoredRecord[]): void;

  /** Of the last appended that begins at or below the offset; -1 becomes 0. */
  private placeOf(offset: number): number {
    let [low, high] = [0, this.appended.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.appended[middle] as Appended).baseOffset <= offset) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }
}
