/**
 * One partition's records in memory as numbers of messages: each is made when it is looked at, and no byte of it is. For figures of what
 * is left when the topic's codec is left out.
 */
import assert from 'node:assert/strict';
import type { NewRecord, StoredRecord } from '../../common/broker/broker.ts';
import type { TopicMessage } from '../../common/messages.ts';
import { encodeMark, encodeReading, encodeSkip } from '../../common/topic-codec.ts';
import type { TopicLog } from './virtual-log.ts';

/** Of a message, either side of 0. */
const NUMBER_MAX = 2 ** 31 - 1;

/** Makes the message of a number, the same one each time. */
export type MakeMessage = (number: number) => TopicMessage;

/** A record as the codec would make it, for whoever asks for its bytes. */
export class MessageRecord implements StoredRecord {
  readonly offset: number;
  readonly make: MakeMessage;
  readonly number: number;

  constructor(make: MakeMessage, number: number, offset = -1) {
    this.offset = offset;
    this.make = make;
    this.number = number;
  }

  get message(): TopicMessage {
    return this.make(this.number);
  }

  get key(): string | null {
    const { message } = this;
    if (message.kind === 'reading') return message.reading.household;
    return message.kind === 'skip' ? message.range.household : null;
  }

  get value(): Buffer {
    return encodeMessage(this.message);
  }
}

export function encodeMessage(message: TopicMessage): Buffer {
  switch (message.kind) {
    case 'reading':
      return encodeReading(message.reading);
    case 'mark':
      return encodeMark(message.mark);
    case 'skip':
      return encodeSkip(message.range);
    case 'unreadable':
      throw new Error(`nothing to lay out: ${message.reason}`);
  }
}

/** For an edge on such a log, instead of the topic's codec. */
export function messageOf(record: StoredRecord): TopicMessage {
  assert(record instanceof MessageRecord);
  return record.message;
}

interface Appended {
  baseOffset: number;
  make: MakeMessage;
  numbers: Int32Array;
}

export class MessageLog implements TopicLog {
  readonly logId: string;
  earliestOffset = 0;
  endOffset = 0;
  private readonly appended: Appended[] = [];

  constructor(logId: string) {
    this.logId = logId;
  }

  /** Records of one making. */
  append(records: readonly NewRecord[]): void {
    const [first] = records;
    assert(first instanceof MessageRecord);
    const numbers = new Int32Array(records.length);
    for (let i = 0; i < records.length; i++) {
      const { make, number } = records[i] as MessageRecord;
      assert(make === first.make && Number.isInteger(number) && Math.abs(number) <= NUMBER_MAX);
      numbers[i] = number;
    }
    this.appended.push({ baseOffset: this.endOffset, make: first.make, numbers });
    this.endOffset += records.length;
  }

  read(fromOffset: number, toOffset: number, limit: number): StoredRecord[] {
    const first = Math.max(fromOffset, this.earliestOffset);
    const end = Math.min(toOffset, this.endOffset, first + limit);
    const records: StoredRecord[] = [];
    for (let at = this.placeOf(first); at < this.appended.length && first + records.length < end; at++) {
      const { baseOffset, make, numbers } = this.appended[at] as Appended;
      for (let i = first + records.length - baseOffset; i < numbers.length && baseOffset + i < end; i++)
        records.push(new MessageRecord(make, numbers[i] as number, baseOffset + i));
    }
    return records;
  }

  get records(): StoredRecord[] {
    return this.read(this.earliestOffset, this.endOffset, Number.MAX_SAFE_INTEGER);
  }

  deleteBelow(offset: number): void {
    this.earliestOffset = Math.max(this.earliestOffset, Math.min(offset, this.endOffset - 1));
    this.appended.splice(0, Math.max(0, this.placeOf(this.earliestOffset)));
  }

  /** Of the last appended that begins at or below the offset; -1 becomes 0. */
  private placeOf(offset: number): number {
    const after = this.appended.findIndex(({ baseOffset }) => baseOffset > offset);
    return Math.max(0, (after < 0 ? this.appended.length : after) - 1);
  }
}
