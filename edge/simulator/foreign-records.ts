/**
 * Whether the topic of a new state holds records of another run. Their readings would be counted as this run's, so such a topic is
 * refused before anything is bound to it. Records that nobody can read are no run's: the edge sets them aside.
 */
import { type Broker, POWER_TOPIC } from '../../common/broker/broker.ts';
import type { Config } from '../../common/config.ts';
import { ConfigError } from '../../common/errors.ts';
import { decodeTopicMessage } from '../../common/topic-codec.ts';

/** Records that are looked at, at each end of a partition. */
const LOOK_RECORDS = 200;

/** @throws ConfigError naming the topic and both ways out */
export async function refuseForeignRecords(broker: Broker, { broker: settings }: Config): Promise<void> {
  const found: string[] = [];
  const partitions = await broker.partitionCount(POWER_TOPIC);
  for (let partition = 0; partition < partitions; partition++) {
    const { earliestOffset, endOffset } = await broker.logState(POWER_TOPIC, partition);
    const isTheirs = await holdsRun(broker, partition, earliestOffset, endOffset);
    if (isTheirs) found.push(`partition ${partition}: ${endOffset - earliestOffset} records`);
  }
  if (found.length === 0) return;
  if (settings.kind === 'embedded') {
    const message = `the topic ${POWER_TOPIC} of this state holds records, and the state does not know of which run (${found.join(', ')})`;
    throw new ConfigError(message, 'begin anew with --fresh (the old state is kept aside), or name another --state DIR');
  }
  const topic = `the topic ${settings.kafka_prefix}${POWER_TOPIC} in Kafka at ${settings.kafka_brokers}`;
  throw new ConfigError(
    `${topic} holds records of another run, and this state is new (${found.join(', ')})`,
    'give this state topics of its own with --set broker.kafka_prefix=WORD-, or go on with the state that wrote them: --state DIR',
  );
}

async function holdsRun(broker: Broker, partition: number, earliestOffset: number, endOffset: number): Promise<boolean> {
  const looks = [
    [earliestOffset, Math.min(endOffset, earliestOffset + LOOK_RECORDS)],
    [Math.max(earliestOffset, endOffset - LOOK_RECORDS), endOffset],
  ] as const;
  for (const [from, to] of looks) {
    if (from >= to) continue;
    const records = await broker.read(POWER_TOPIC, partition, from, to, LOOK_RECORDS);
    if (records.some(({ value }) => decodeTopicMessage(value).kind !== 'unreadable')) return true;
  }
  return false;
}
