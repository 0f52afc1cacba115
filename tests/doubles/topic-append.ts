/** Records put into the readings' topic of a state by somebody beside the simulator. */
import { type NewRecord, POWER_TOPIC, partitionOf } from '../../common/broker/broker.ts';
import { openBroker } from '../../common/broker/open-broker.ts';
import { systemClock } from '../../common/clock.ts';
import { configWith } from '../../common/config.ts';
import { silentLogger } from '../../common/logger.ts';
import { MS_PER_HOUR } from '../../common/units.ts';

/** @param retentionHours as the parts of the state have it; the default setting unless said */
export async function appendToTopic(
  stateDir: string,
  household: string,
  records: readonly NewRecord[],
  retentionHours?: number,
): Promise<void> {
  const config = configWith(retentionHours === undefined ? {} : { 'broker.retention_hours': String(retentionHours) });
  const broker = openBroker(config, stateDir, systemClock, silentLogger);
  await broker.start();
  try {
    const { partitions, retention_hours } = config.broker;
    await broker.ensureTopic(POWER_TOPIC, { partitions, retentionMs: retention_hours * MS_PER_HOUR });
    await broker.append(POWER_TOPIC, partitionOf(household, partitions), records);
  } finally {
    await broker.stop();
  }
}
