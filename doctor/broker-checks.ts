/** Kafka, where the settings ask for it: through the broker contract, and what a broker tells about itself beyond that. */
import { MS_PER_DAY } from '../common/units.ts';
import { AVERAGES_TOPIC, type Broker, POWER_TOPIC } from '../common/broker/broker.ts';
import type { Clock } from '../common/clock.ts';
import type { Config } from '../common/config.ts';
import { ConfigError, OperatingError } from '../common/errors.ts';
import type { Place } from '../common/installation.ts';
import { silentLogger } from '../common/logger.ts';
import { type Check, missing, ok, unreachable, warn } from './check.ts';
import { isKafkaWanted } from './program-checks.ts';
import { REMEDIES } from './remedies.ts';

export interface TopicInspection {
  topic: string;
  partitions: number;
  /** -1 is for ever. */
  retentionMs: number;
  /** False: records carry the producer's time, and retention deletes what is old by that. */
  logAppendTime: boolean;
}

export interface BrokerInspection {
  /** What it says it is, e.g. its version or number of nodes. */
  server: string;
  /** Those that exist. */
  topics: readonly TopicInspection[];
}

/** A broker may offer this; without it only the way to it is checked. */
export interface InspectableBroker extends Broker {
  inspect?(topics: readonly string[]): Promise<BrokerInspection>;
}

const DEADLINE_MS = 15_000;
/** An edge may be away for a holiday. */
const RETENTION_DAYS_MIN = 14;

export async function brokerChecks(config: Config, stateDir: string, clock: Clock, place: Place): Promise<Check[]> {
  if (!isKafkaWanted(config)) return [];
  const { openBroker } = await import('../common/broker/open-broker.ts');
  return inspectBroker(openBroker(config, stateDir, clock, silentLogger), clock, place);
}

export async function inspectBroker(broker: InspectableBroker, clock: Clock, place: Place): Promise<Check[]> {
  try {
    await within(broker.start(), clock);
    if (broker.inspect === undefined) return [ok('kafka', 'answers')];
    const { server, topics } = await within(broker.inspect([POWER_TOPIC, AVERAGES_TOPIC]), clock);
    return [ok('kafka', `answers: ${server}`), ...topics.map(topicCheck)];
  } catch (error) {
    if (error instanceof ConfigError) return [missing('kafka', error.message, error.remedy)];
    const hint = error instanceof OperatingError ? error.hint : REMEDIES[place].kafka;
    return [unreachable('kafka', (error as Error).message, hint)];
  } finally {
    await broker.stop().catch(() => {});
  }
}

export function topicCheck({ topic, partitions, retentionMs, logAppendTime }: TopicInspection): Check {
  const alter = `kafka-configs.sh --bootstrap-server HOST:PORT --alter --entity-type topics --entity-name ${topic} --add-config`;
  if (!logAppendTime) {
    const says = `${topic} keeps the time of the reading: retention would delete what was read long ago`;
    return missing('topic', says, `${alter} message.timestamp.type=LogAppendTime`);
  }
  const days = retentionMs / MS_PER_DAY;
  if (retentionMs >= 0 && days < RETENTION_DAYS_MIN) {
    const remedy = `${alter} retention.ms=${RETENTION_DAYS_MIN * MS_PER_DAY}`;
    return warn('topic', `${topic} keeps records for ${days.toFixed(1)} days, an outage may be longer`, remedy);
  }
  return ok(
    'topic',
    `${topic}: ${partitions} partitions, kept ${retentionMs < 0 ? 'for ever' : `${Math.floor(days)} days`}, log append time`,
  );
}

async function within<T>(work: Promise<T>, clock: Clock): Promise<T> {
  const done = new AbortController();
  const late = clock.sleep(DEADLINE_MS, done.signal).then(() => {
    throw new Error(`no answer within ${DEADLINE_MS / 1_000} s`);
  });
  // Whoever loses the race may still reject.
  late.catch(() => {});
  work.catch(() => {});
  try {
    return await Promise.race([work, late]);
  } finally {
    done.abort();
  }
}
