/**
 * One partition's records in memory. Those appended at once lie side by side as bytes, and are made into records when they are read: a log
 * of a day would keep the garbage collector busy with records that nobody looks at.
 */
import type { NewRecord, StoredRecord } from '../../common/broker/broker.ts';

interface Appended {
  baseOffset: number;
  keys: (string | null)[];
  bytes: Buffer;
  /** Where each record ends. */
  ends: Int32Array;
}

/** What a topic in memory asks of a partition's records. */
export type TopicLog = Pick<VirtualLog, keyof VirtualLog>;

export class VirtualLog {
  readonly logId: string;
  earliestOffset = 0;
  endOffset = 0;
  private readonly appended: Appended[] = [];

  constructor(logId: string) {
    this.logId = logId;
  }

  append(records: readonly NewRecord[]): void {
    const ends = new Int32Array(records.length);
    let length = 0;
    for (const [i, { value }] of records.entries()) ends[i] = length += value.length;
    const bytes = Buffer.concat(
      records.map(({ value }) => value),
      length,
    );
    this.appended.push({ baseOffset: this.endOffset, keys: records.map(({ key }) => key), bytes, ends });
    this.endOffset += records.length;
  }

  /** From `fromOffset` on, or from what is there of it, up to before `toOffset`. */
  read(fromOffset: number, toOffset: number, limit: number): StoredRecord[] {
    const first = Math.max(fromOffset, this.earliestOffset);
    const end = Math.min(toOffset, this.endOffset, first + limit);
    const records: StoredRecord[] = [];
    for (let at = this.placeOf(first); at < this.appended.length && first + records.length < end; at++) {
      const { baseOffset, keys, bytes, ends } = this.appended[at] as Appended;
      for (let i = first + records.length - baseOffset; i < keys.length && baseOffset + i < end; i++) {
        const value = bytes.subarray(i === 0 ? 0 : ends[i - 1], ends[i]);
        records.push({ offset: baseOffset + i, key: keys[i] as string | null, value });
      }
    }
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
