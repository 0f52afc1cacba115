/**
 * A fleet without surprises, for figures: one meter a household with a reading every so often, and nothing late, damaged or skipped. Only
 * the values are kept; readings are made when they are looked at, and records when they are appended.
 */
import { BATCH_RECORDS_MAX, type NewRecord, partitionOf } from '../../common/broker/broker.ts';
import type { Reading, TopicMessage } from '../../common/messages.ts';
import type { Random } from '../../common/random.ts';
import { encodeMessage, type MakeMessage, MessageRecord } from '../doubles/message-log.ts';
import { type Fleet, MARK_MS, type Produce, RUN, START_MS } from './virtual-fleet.ts';

const FIRST_MS = 1_000;
const POWER_MAX = 3_000;
/** Of a record: the end mark. */
const END = -(2 ** 31 - 1);
const SOURCE = { device: 'meter', src: 'src1' };

interface RegularOptions {
  spanMs: number;
  speed: number;
  partitions: number;
  everyMs: number;
  /** Records are not laid out in bytes. */
  noCodec: boolean;
}

export function regularFleet(random: Random, options: RegularOptions, households: string[]): Fleet {
  const { partitions, spanMs } = options;
  const readings = new RegularReadings(random, options, households);
  const last = households.map((household) => ({ household, ...SOURCE, seq: readings.steps }));
  const fleet: Fleet = { partitions, households, readings, notInRun: [], damaged: [], last, produces: [] };
  for (let partition = 0; partition < partitions; partition++) {
    const isHere = ({ household }: { household: string }) => partitionOf(household, partitions) === partition;
    const own = households.flatMap((household, i) => (isHere({ household }) ? [i] : []));
    const mark = { timeMs: START_MS + spanMs + MARK_MS, run: RUN, end: true, last: last.filter(isHere) };
    fleet.produces.push(producesOf(readings, random, options, own, { kind: 'mark', mark }));
  }
  return fleet;
}

class RegularReadings implements Iterable<Reading> {
  private readonly households: readonly string[];
  private readonly everyMs: number;
  /** By household, then by step. */
  private readonly powers: readonly Float64Array[];
  /** Readings of each household. */
  readonly steps: number;

  constructor(random: Random, { spanMs, everyMs }: RegularOptions, households: readonly string[]) {
    this.households = households;
    this.everyMs = everyMs;
    this.steps = Math.max(0, Math.ceil((spanMs - FIRST_MS) / everyMs));
    this.powers = households.map(() => powersOf(random, this.steps));
  }

  get length(): number {
    return this.households.length * this.steps;
  }

  /** Household after household; the same object each time, with other numbers. */
  [Symbol.iterator](): Iterator<Reading> {
    let [household, step] = [0, 0];
    const values = { power: 0 };
    const reading = { household: '', ...SOURCE, seq: 0, timeMs: 0, values };
    const result = { done: false as const, value: reading };
    const next = (): IteratorResult<Reading> => {
      if (step === this.steps) [household, step] = [household + 1, 0];
      const powers = this.powers[household];
      if (powers === undefined || step >= powers.length) return { done: true, value: undefined };
      reading.household = this.households[household] as string;
      reading.seq = step + 1;
      reading.timeMs = this.timeMs(step);
      values.power = powers[step++] as number;
      return result;
    };
    return { next };
  }

  at(household: number, step: number): Reading {
    const { device, src } = SOURCE;
    const values = { power: this.powers[household]?.[step] as number };
    return { household: this.households[household] as string, device, src, seq: step + 1, timeMs: this.timeMs(step), values };
  }

  timeMs(step: number): number {
    return START_MS + FIRST_MS + step * this.everyMs;
  }
}

function powersOf(random: Random, steps: number): Float64Array {
  const powers = new Float64Array(steps);
  for (let step = 0; step < steps; step++) powers[step] = Math.round(random.next() * POWER_MAX);
  return powers;
}

/** Readings of the households in order of time, with the marks between them, and the end mark. */
function producesOf(
  readings: RegularReadings,
  random: Random,
  { speed, spanMs, noCodec }: RegularOptions,
  own: readonly number[],
  end: TopicMessage,
) {
  // A record is a number until it is appended: a reading its place, a mark its own below zero.
  const records: number[] = [];
  let marks = 1;
  for (let step = 0; step < readings.steps; step++) {
    for (; START_MS + marks * MARK_MS <= readings.timeMs(step); marks++) records.push(-marks);
    for (let i = 0; i < own.length; i++) records.push(step * own.length + i);
  }
  records.push(END);
  const endMs = START_MS + spanMs + MARK_MS;
  const reachedMs = (record: number) => {
    if (record === END) return endMs;
    return record < 0 ? START_MS - record * MARK_MS : readings.timeMs(Math.floor(record / own.length));
  };
  const make: MakeMessage = (record) => {
    if (record === END) return end;
    if (record < 0) return { kind: 'mark', mark: { timeMs: reachedMs(record), run: RUN, end: false, last: [] } };
    return { kind: 'reading', reading: readings.at(own[record % own.length] as number, Math.floor(record / own.length)) };
  };
  const recordOf = (number: number): NewRecord => {
    if (noCodec) return new MessageRecord(make, number);
    const message = make(number);
    return { key: message.kind === 'reading' ? message.reading.household : null, value: encodeMessage(message) };
  };
  const produces: Produce[] = [];
  for (let at = 0; at < records.length; ) {
    const from = at;
    at = Math.min(records.length, from + 1 + random.below(BATCH_RECORDS_MAX));
    const to = at;
    const dueMs = (reachedMs(records[to - 1] as number) - START_MS) / speed;
    produces.push({ dueMs, hasSkip: false, records: () => records.slice(from, to).map(recordOf) });
  }
  return produces;
}
