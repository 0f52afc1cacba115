/** R2: looks through a partition from its earliest record for seqs that are missing, before they are declared. */
import type { Broker } from '../../common/broker/broker.ts';
import { BATCH_RECORDS_MAX } from '../../common/broker/broker.ts';
import { sourceKey } from '../../common/ids.ts';
import type { FoundReading, Hole } from '../../common/protocol/edge-ledger.ts';
import { SeqIntervals } from '../../common/protocol/seq-intervals.ts';
import { decodeTopicMessage } from '../../common/topic-codec.ts';

export interface Found {
  /** By seq; the first record of a seq, as later ones are repetitions. */
  readings: Map<number, FoundReading>;
  /** Seqs that the log says are not in the run. */
  skipped: SeqIntervals;
  /** Seqs that the log holds beyond `readingsMax`. */
  more: SeqIntervals;
}

/**
 * @param readingsMax readings kept in memory, over all holes; the first in the log
 * @returns what the partition holds of each hole, in the order of `holes`
 * @throws OperatingError when the broker can't be read: then nothing may be declared
 */
export async function searchLog(
  broker: Broker,
  topic: string,
  partition: number,
  holes: readonly Hole[],
  readingsMax = Number.POSITIVE_INFINITY,
): Promise<Found[]> {
  const found = holes.map((): Found => ({ readings: new Map(), skipped: new SeqIntervals(), more: new SeqIntervals() }));
  let kept = 0;
  const bySource = new Map(holes.map((hole, i) => [keyOf(hole), { wanted: SeqIntervals.of(hole.missing), found: found[i] as Found }]));
  const { earliestOffset, endOffset } = await broker.logState(topic, partition);
  let next = earliestOffset;
  while (next < endOffset) {
    const records = await broker.read(topic, partition, next, endOffset, BATCH_RECORDS_MAX);
    if (records.length === 0) break;
    for (const record of records) {
      const message = decodeTopicMessage(record.value);
      if (message.kind === 'reading') {
        const { reading } = message;
        const hole = bySource.get(sourceKey(reading.household, reading.device, reading.src));
        if (hole?.wanted.has(reading.seq) !== true || hole.found.readings.has(reading.seq)) continue;
        if (kept++ < readingsMax) hole.found.readings.set(reading.seq, { reading, partition, offset: record.offset });
        else hole.found.more.add(reading.seq, reading.seq);
      } else if (message.kind === 'skip') {
        const { range } = message;
        bySource.get(sourceKey(range.household, range.device, range.src))?.found.skipped.add(range.fromSeq, range.toSeq);
      }
    }
    next = (records.at(-1)?.offset ?? next) + 1;
  }
  return found;
}

function keyOf(hole: Hole): string {
  return sourceKey(hole.source.household, hole.source.device, hole.source.src);
}
