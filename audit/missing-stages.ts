/** Stages that were here and are not, or are elsewhere: without them a yes would say less than it seems to. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../common/config.ts';
import { unreadable } from './damage.ts';
import { hasEmbeddedTopic, type Positions } from './topic-stage.ts';

/** A partition's log on Kafka is named by the topic's id and the partition, one of the embedded broker by hex digits alone. */
const KAFKA_LOG = /-\d+$/;

/** The log that the edge has read on Kafka, when it read nowhere else. */
export function kafkaLogOf(positions: Positions): string | undefined {
  const logIds = [...positions.values()].map(({ logId }) => logId);
  return logIds.every((logId) => KAFKA_LOG.test(logId)) ? logIds[0] : undefined;
}

/** @throws OperatingError DATA_UNREADABLE when the edge read its topic on Kafka, and the settings name no Kafka */
export function refuseOtherBroker(config: Config, stateDir: string, positions: Positions): void {
  const logId = config.broker.kind === 'embedded' ? kafkaLogOf(positions) : undefined;
  if (logId === undefined) return;
  throw unreadable(
    `the run in ${stateDir} is one on Kafka: its edge reads the log ${logId}`,
    'name its broker, as the run did: --set broker.kind=kafka (and --set broker.kafka_brokers=HOST:PORT)',
  );
}

/**
 * For a state without an outbox. An embedded topic is read by an edge of the same state alone.
 * @param stored whether the cloud holds anything
 * @throws OperatingError DATA_UNREADABLE when an edge had one here
 */
export function refuseGoneOutbox(stateDir: string, stored: boolean): void {
  const folder = join(stateDir, 'edge');
  if (!existsSync(folder) && !(stored && hasEmbeddedTopic(stateDir))) return;
  throw unreadable(
    `the edge's outbox is gone: there is no ${join(folder, 'outbox.db')}, and an edge ran here`,
    'put it back; if it is lost, start the run again: the edge asks the cloud and reads the topic once more',
  );
}
