/** What Kafka and the way to it may refuse, sorted by who must act. */
import { FOGLINE, PLACE } from '../installation.ts';
import { OperatingError } from '../errors.ts';

const START_IT = PLACE === 'checkout' ? 'start it (docker compose up -d)' : 'look whether it runs';

/** Of kafkajs: `name` is its class, `type` Kafka's name of the error. */
interface KafkaError {
  name: string;
  message: string;
  type?: string;
  retriable?: boolean;
}

/** No answer from there; another connection may get one. */
const CONNECTION_ERRORS: ReadonlySet<string> = new Set([
  'KafkaJSConnectionError',
  'KafkaJSConnectionClosedError',
  'KafkaJSRequestTimeoutError',
  'KafkaJSLockTimeout',
  'KafkaTimeout',
]);
/** The broker forgot the producer, or knows better: a new producer id is wanted. */
const SEQUENCE_ERRORS: ReadonlySet<string> = new Set([
  'OUT_OF_ORDER_SEQUENCE_NUMBER',
  'UNKNOWN_PRODUCER_ID',
  'INVALID_PRODUCER_EPOCH',
  'INVALID_PRODUCER_ID_MAPPING',
]);
const CERTIFICATE = /certificate|altnames|self[- ]signed|wrong version number|SSL routines/i;

/** A call of ours that took too long. */
export class KafkaTimeout extends Error {
  override readonly name = 'KafkaTimeout';
}

/** The cluster is not there yet: a leader is elected, a node starts, a topic is not known everywhere. */
export class KafkaNotReady extends Error {
  override readonly name = 'KafkaNotReady';
  readonly type = 'NOT_READY';
  readonly retriable = true;
}

export function isConnectionError(error: unknown): boolean {
  return CONNECTION_ERRORS.has((error as KafkaError).name);
}

export function isSequenceError(error: unknown): boolean {
  return SEQUENCE_ERRORS.has((error as KafkaError).type ?? '');
}

export function isOutOfRange(error: unknown): boolean {
  return (error as Partial<KafkaError> | undefined)?.type === 'OFFSET_OUT_OF_RANGE';
}

/** True when the same call may succeed soon: leaders move, coordinators load, connections break. */
export function mayPass(error: unknown): boolean {
  if (error instanceof OperatingError) return false;
  const { message, type, retriable } = error as KafkaError;
  if (CERTIFICATE.test(message)) return false;
  return isConnectionError(error) || isSequenceError(error) || (type !== undefined && retriable === true);
}

/** For the operator. `brokers` is the setting's text. */
export function kafkaError(error: unknown, brokers: string): unknown {
  if (error instanceof OperatingError || (error as { code?: string }).code === 'ERR_ASSERTION') return error;
  const { name, message, type = '' } = error as KafkaError;
  const refused = (text: string, hint: string, retryable: boolean) =>
    new OperatingError('BROKER_UNREACHABLE', `Kafka at ${brokers} ${text}: ${message}`, { retryable, hint, cause: error });
  if (name === 'KafkaJSSASLAuthenticationError' || type === 'SASL_AUTHENTICATION_FAILED') {
    return refused('refuses the user', 'check broker.kafka_sasl, broker.kafka_user and broker.kafka_password', false);
  }
  if (CERTIFICATE.test(message)) {
    return refused('can not be trusted', 'name who signed its certificate: broker.kafka_ca_file; is broker.kafka_tls right?', false);
  }
  if (type.endsWith('AUTHORIZATION_FAILED')) {
    return refused('does not allow it', 'give broker.kafka_user the rights to create, read and write the topics and the group', false);
  }
  if (type === 'MESSAGE_TOO_LARGE' || type === 'RECORD_LIST_TOO_LARGE') {
    return refused('takes no append of this size', "raise the topic's max.message.bytes to 4194304", false);
  }
  if (isConnectionError(error) || mayPass(error) || /ECONN|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ETIMEDOUT/.test(message))
    return unreachable(refused);
  return refused('refuses', `look into the broker's log; ${FOGLINE} doctor checks the settings`, false);
}

function unreachable(refused: (text: string, hint: string, retryable: boolean) => OperatingError): OperatingError {
  const hint = `${START_IT}, check broker.kafka_brokers and broker.kafka_tls, or go without: --set broker.kind=embedded`;
  return refused('does not answer', hint, true);
}

export function unknownTopic(topic: string, brokers: string): OperatingError {
  return new OperatingError('BROKER_UNREACHABLE', `Kafka at ${brokers} has no topic ${topic}`, {
    retryable: true,
    hint: 'start the part that makes it (fogline simulate or fogline edge), or check broker.kafka_brokers and broker.kafka_prefix',
  });
}

/** @param retryable whether the one who used it can begin anew without a restart */
export function replacedTopic(topic: string, retryable: boolean): OperatingError {
  return new OperatingError('BROKER_UNREACHABLE', `the topic ${topic} was deleted and made again while it was in use`, {
    retryable,
    hint: 'start the part again: it compares its state with the new topic and repeats what is missing in it',
  });
}
