/** A topic writer of the production code on topics in memory. */
import { systemClock } from '../../common/clock.ts';
import { silentLogger } from '../../common/logger.ts';
import { seededRandom } from '../../common/random.ts';
import { TopicWriter } from '../../edge/simulator/models/topic-writer.ts';
import { VirtualBroker, type VirtualTopics } from './virtual-broker.ts';

/** @returns opened */
export async function openVirtualWriter(
  topics: VirtualTopics,
  stateFolder: string,
  t0Ms: number,
  partitions: number,
): Promise<TopicWriter> {
  const writer = new TopicWriter({
    broker: new VirtualBroker(topics, systemClock),
    topic: { partitions, retentionMs: 3_600_000 },
    stateFolder,
    run: 'run-1',
    t0Ms,
    markTicks: 5,
    passTicks: undefined,
    bufferRecordsMax: 10_000,
    clock: systemClock,
    random: seededRandom(1),
    logger: silentLogger,
    signal: new AbortController().signal,
  });
  await writer.open();
  return writer;
}
