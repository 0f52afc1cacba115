/**
 * The households of a storm: what their devices say, and how it lies in the topic. Readings come late, twice in a second, with
 * pauses over windows; a device gets a new source; runs skip the beginning; records are damaged.
 */
import { type NewRecord, partitionOf } from '../../common/broker/broker.ts';
import type { Mark, Reading, SeqRange } from '../../common/messages.ts';
import type { Random } from '../../common/random.ts';
import { encodeMark, encodeReading, encodeSkip } from '../../common/topic-codec.ts';

/** While it is drawn. */
type DrawnFleet = Fleet & { readings: Reading[] };

/** What is appended at once, when it is due. */
export interface Produce {
  dueMs: number;
  records: () => NewRecord[];
  hasSkip: boolean;
}

/** A record with the event time at which the simulation reaches it. */
interface TimedRecord {
  reachedMs: number;
  record: NewRecord;
  isSkip: boolean;
}

/** Many, or made one by one: then one is gone when the next is looked at. */
export interface Readings extends Iterable<Reading> {
  readonly length: number;
}

export interface Fleet {
  partitions: number;
  households: string[];
  /** All that can be read in the topic when everything was appended. */
  readings: Readings;
  /** Skipped by the run, and said so. */
  notInRun: SeqRange[];
  /** Their records can't be read. */
  damaged: SeqRange[];
  /** Last seq of each source. */
  last: { household: string; device: string; src: string; seq: number }[];
  /** By partition, in the order of appending. */
  produces: Produce[][];
}

export interface FleetOptions {
  /** Event time that the readings span. */
  spanMs: number;
  /** Event time that passes in one ms. */
  speed: number;
  partitions: number;
  /** Of two produces that change places. */
  outOfTurnOdds: number;
  /** How many; 2 to 4 when undefined. */
  households?: number | undefined;
  /** Of their names. */
  prefix?: string;
}

export const START_MS = 1_577_145_600_000;
export const MARK_MS = 5_000;
const RECORDS_PER_PRODUCE_MAX = 7;
export const RUN = 'storm';
/** Shares of what is unusual. */
const ODDS = { twiceInASecond: 0.12, sameInstant: 0.04, pause: 0.05, late: 0.06, damaged: 0.006, withoutEnergy: 0.03 };

/** A message with the greatest event time up to it in its source: that is when the simulation reaches it. */
interface Timed {
  reachedMs: number;
  household: string;
  value: Buffer;
  isSkip: boolean;
}

export function makeFleet(random: Random, options: FleetOptions): Fleet {
  const { partitions, prefix = 'home-' } = options;
  const drawn = 2 + random.below(3);
  const households = householdNames(prefix, options.households ?? drawn);
  const fleet = { partitions, households, readings: [], notInRun: [], damaged: [], last: [], produces: [] } as DrawnFleet;
  const messages = households.flatMap((household) => [
    ...deviceMessages(fleet, random, options, household, 'meter'),
    ...(random.next() < 0.4 ? deviceMessages(fleet, random, options, household, 'plug') : []),
  ]);
  for (let partition = 0; partition < partitions; partition++) {
    const own = messages.filter(({ household }) => partitionOf(household, partitions) === partition);
    own.sort((a, b) => a.reachedMs - b.reachedMs);
    const records = withMarks(own);
    const last = fleet.last.filter(({ household }) => partitionOf(household, partitions) === partition);
    const endMs = START_MS + options.spanMs + MARK_MS;
    const endMark = encodeMark({ timeMs: endMs, run: RUN, end: true, last });
    records.push({ reachedMs: endMs, record: { key: null, value: endMark }, isSkip: false });
    fleet.produces.push(cutIntoProduces(records, random, options));
  }
  return fleet;
}

export function householdNames(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix}${i + 1}`);
}

function deviceMessages(fleet: DrawnFleet, random: Random, { spanMs }: FleetOptions, household: string, device: string): Timed[] {
  const changesSource = random.next() < 0.25;
  const changeMs = Math.floor(spanMs * (0.3 + 0.4 * random.next()));
  const spans = changesSource
    ? [
        [0, changeMs],
        [changeMs + 30_000, spanMs],
      ]
    : [[0, spanMs]];
  return spans.flatMap(([from, to], i) => sourceMessages(fleet, random, household, device, `src${i + 1}`, from as number, to as number));
}

/** One source's readings from START_MS + from to START_MS + to. */
function sourceMessages(
  fleet: DrawnFleet,
  random: Random,
  household: string,
  device: string,
  src: string,
  from: number,
  to: number,
): Timed[] {
  const messages: Timed[] = [];
  const skipped = random.next() < 0.3 ? 1 + random.below(20) : 0;
  let energy = random.next() * 1_000;
  let seq = 0;
  let reachedMs = 0;
  for (let ms = from + random.below(2_000); ms < to; ms += stepMs(random)) {
    seq++;
    reachedMs = Math.max(reachedMs, ms);
    const power = (random.next() - 0.2) * 3_000;
    energy += Math.abs(power) * 1e-6;
    // Never earlier than the source begins: an earlier source of the device must end before it.
    const timeMs = START_MS + (random.next() < ODDS.late ? Math.max(from, ms - 1_000 - random.below(20_000)) : ms);
    const values: Record<string, number> = random.next() < ODDS.withoutEnergy ? { power } : { power, energy };
    const range = { household, device, src, fromSeq: seq, toSeq: seq };
    if (seq <= skipped) continue;
    if (seq === skipped + 1 && skipped > 0) {
      const skip = { household, device, src, fromSeq: 1, toSeq: skipped };
      fleet.notInRun.push(skip);
      messages.push({ reachedMs: START_MS + reachedMs, household, value: encodeSkip(skip), isSkip: true });
    }
    const isDamaged = random.next() < ODDS.damaged;
    const reading: Reading = { household, device, src, seq, timeMs, values };
    if (isDamaged) fleet.damaged.push(range);
    else fleet.readings.push(reading);
    const value = encodeReading(reading);
    messages.push({
      reachedMs: START_MS + reachedMs,
      household,
      value: isDamaged ? value.subarray(0, value.length - 9) : value,
      isSkip: false,
    });
  }
  if (seq > skipped) fleet.last.push({ household, device, src, seq });
  return messages;
}

function stepMs(random: Random): number {
  const kind = random.next();
  if (kind < ODDS.sameInstant) return 0;
  if (kind < ODDS.sameInstant + ODDS.twiceInASecond) return 100 + random.below(700);
  if (kind < ODDS.sameInstant + ODDS.twiceInASecond + ODDS.pause) return 6_000 + random.below(60_000);
  return 1_000 + random.below(2_500);
}

function withMarks(messages: readonly Timed[]): TimedRecord[] {
  const records: TimedRecord[] = [];
  let nextMarkMs = START_MS + MARK_MS;
  for (const { reachedMs, household, value, isSkip } of messages) {
    for (; nextMarkMs <= reachedMs; nextMarkMs += MARK_MS) {
      const mark: Mark = { timeMs: nextMarkMs, run: RUN, end: false, last: [] };
      records.push({ reachedMs: nextMarkMs, record: { key: null, value: encodeMark(mark) }, isSkip: false });
    }
    records.push({ reachedMs, record: { key: household, value }, isSkip });
  }
  return records;
}

/**
 * Now and then two produces change places, as with two unacknowledged ones at a broker that does not keep order. Not with a skip:
 * what was declared missing before it came would keep that reason.
 */
function cutIntoProduces(records: readonly TimedRecord[], random: Random, { speed, outOfTurnOdds }: FleetOptions): Produce[] {
  const produces: Produce[] = [];
  for (let at = 0; at < records.length; ) {
    const some = records.slice(at, at + 1 + random.below(RECORDS_PER_PRODUCE_MAX));
    const dueMs = ((some.at(-1)?.reachedMs ?? START_MS) - START_MS) / speed;
    const own = some.map(({ record }) => record);
    produces.push({ dueMs, records: () => own, hasSkip: some.some(({ isSkip }) => isSkip) });
    at += some.length;
  }
  for (let i = 0; i + 2 < produces.length; i++) {
    const [one, other] = [produces[i] as Produce, produces[i + 1] as Produce];
    if (random.next() >= outOfTurnOdds || one.hasSkip || other.hasSkip) continue;
    [produces[i], produces[i + 1]] = [
      { ...other, dueMs: one.dueMs },
      { ...one, dueMs: other.dueMs },
    ];
  }
  return produces;
}
