import { join } from 'node:path';
import type { Clock } from '../clock.ts';
import type { Config } from '../config.ts';
import type { Logger } from '../logger.ts';
import type { Broker } from './broker.ts';
import { EmbeddedBroker } from './embedded-broker.ts';

/** The broker that the settings name, not yet started. */
export function openBroker(config: Config, stateDir: string, clock: Clock, logger: Logger): Broker {
  const quotaBytes = config.broker.quota_mb * 2 ** 20;
  return new EmbeddedBroker({ folder: join(stateDir, 'broker'), quotaBytes, clock, logger });
}
