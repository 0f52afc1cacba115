import { join } from 'node:path';
import type { Clock } from '../clock.ts';
import type { Config } from '../config.ts';
import { countAside } from '../set-aside.ts';
import type { Logger } from '../logger.ts';
import type { Broker } from './broker.ts';
import { BROKER_NAME } from './embedded-salvage.ts';
import { EmbeddedBroker } from './embedded-broker.ts';
import { KafkaBroker } from './kafka-broker.ts';
import { kafkaOptions } from './kafka-options.ts';

/**
 * The broker that the settings name, not yet started.
 * @param isOnlyLooking an embedded one's damage is an error, and nothing is set aside
 * @throws ConfigError for settings of Kafka that do not fit together
 */
export function openBroker(config: Config, stateDir: string, clock: Clock, logger: Logger, isOnlyLooking = false): Broker {
  if (config.broker.kind === 'kafka') return new KafkaBroker(kafkaOptions(config, clock, logger));
  const quotaBytes = config.broker.quota_mb * 2 ** 20;
  return new EmbeddedBroker({ folder: folderIn(stateDir), quotaBytes, clock, logger, isOnlyLooking });
}

/** Damaged files of the embedded broker that lie set aside, whichever process did it. */
export function topicDamage(config: Config, stateDir: string): number {
  return config.broker.kind === 'kafka' ? 0 : countAside(folderIn(stateDir), BROKER_NAME);
}

function folderIn(stateDir: string): string {
  return join(stateDir, 'broker');
}
