/**
 * One partition's records in memory as numbers of messages: each is made when it is looked at, and no byte of it is. For figures of what
 * is left when the topic's codec is left out.
 */
import assert from 'node:assert/strict';
import type { NewRecord, StoredRecord } from '../../common/broker/broker.ts';
import type { TopicMessage } from '../../common/messages.ts';
import { encodeMark, encodeReading, encodeSkip } from '../../common/topic-codec.ts';
import { type Batch, PartitionLog } from './partition-log.ts';

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

interface Appended extends Batch {
  make: MakeMessage;
  numbers: Int32Array;
}

export class MessageLog extends PartitionLog<Appended> {
  /** Of records of one making. */
  protected override batchOf(records: readonly NewRecord[], baseOffset: number): Appended {
    const [first] = records;
    assert(first instanceof MessageRecord);
    const numbers = new Int32Array(records.length);
    for (let i = 0; i < records.length; i++) {
      const { make, number } = records[i] as MessageRecord;
      assert(make === first.make && Number.isInteger(number) && Math.abs(number) <= NUMBER_MAX);
      numbers[i] = number;
    }
    return { baseOffset, make: first.make, numbers };
  }

  protected override take({ baseOffset, make, numbers }: Appended, from: number, end: number, into: StoredRecord[]): void {
    for (let i = from - baseOffset; i < numbers.length && baseOffset + i < end; i++)
      into.push(new MessageRecord(make, numbers[i] as number, baseOffset + i));
  }
}
