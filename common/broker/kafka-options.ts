/** The settings of broker.kafka_… as the Kafka broker wants them. */
import { readFileSync } from 'node:fs';
import type { Clock } from '../clock.ts';
import type { Config } from '../config.ts';
import { ConfigError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import { MS_PER_HOUR } from '../units.ts';
import type { KafkaBrokerOptions } from './kafka-broker.ts';

const HOURS_PER_DAY = 24;
const ADDRESS = /^(\[[0-9a-fA-F:.]+\]|[^:\s]+):(\d{1,5})$/;

/** @throws ConfigError for an address that is none, a file that can't be read, or settings that do not fit together */
export function kafkaOptions({ broker }: Config, clock: Clock, logger: Logger): KafkaBrokerOptions {
  for (const address of broker.kafka_brokers.split(',')) {
    if (ADDRESS.test(address.trim())) continue;
    throw new ConfigError(`broker.kafka_brokers: ${address.trim() || '(empty)'} is no address`, 'write host:port,host:port');
  }
  if (!/^[A-Za-z0-9._-]{0,60}$/.test(broker.kafka_prefix)) {
    throw new ConfigError(
      `broker.kafka_prefix = ${broker.kafka_prefix} can't begin the name of a topic`,
      'at most 60 of A-Z a-z 0-9 . _ -',
    );
  }
  return {
    brokers: broker.kafka_brokers,
    prefix: broker.kafka_prefix,
    retentionMs: Math.ceil(broker.kafka_retention_days * HOURS_PER_DAY * MS_PER_HOUR),
    replication: broker.kafka_replication ?? undefined,
    tls: tlsOf(broker),
    sasl: saslOf(broker),
    clock,
    logger,
  };
}

function tlsOf({ kafka_tls, kafka_ca_file, kafka_cert_file, kafka_key_file }: Config['broker']): KafkaBrokerOptions['tls'] {
  const files = { kafka_ca_file, kafka_cert_file, kafka_key_file };
  if (!kafka_tls) {
    for (const [key, path] of Object.entries(files)) {
      if (path !== '') throw new ConfigError(`broker.${key} is set without broker.kafka_tls`, 'also set broker.kafka_tls = true');
    }
    return undefined;
  }
  if ((kafka_cert_file === '') !== (kafka_key_file === '')) {
    throw new ConfigError('broker.kafka_cert_file and broker.kafka_key_file belong together', 'set both or neither');
  }
  return {
    ...(kafka_ca_file === '' ? {} : { ca: pem('kafka_ca_file', kafka_ca_file) }),
    ...(kafka_cert_file === '' ? {} : { cert: pem('kafka_cert_file', kafka_cert_file), key: pem('kafka_key_file', kafka_key_file) }),
  };
}

function pem(key: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new ConfigError(`broker.${key}: ${path} can't be read`, 'name a PEM file that can be read', { cause });
  }
}

function saslOf({ kafka_sasl, kafka_user, kafka_password }: Config['broker']): KafkaBrokerOptions['sasl'] {
  if (kafka_sasl === 'none') {
    if (kafka_user === '') return undefined;
    throw new ConfigError('broker.kafka_user is set without broker.kafka_sasl', 'also set broker.kafka_sasl, e.g. scram-sha-512');
  }
  if (kafka_user === '' || kafka_password === '') {
    throw new ConfigError(
      `broker.kafka_sasl = ${kafka_sasl} needs a user and a password`,
      'set broker.kafka_user, and FOGLINE_BROKER_KAFKA_PASSWORD in the environment',
    );
  }
  return { mechanism: kafka_sasl, username: kafka_user, password: kafka_password };
}
