/** The Kafka broker over TLS, with a user known by SASL SCRAM: what is let in, and what is said to whom is not. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { openBroker } from '../../common/broker/open-broker.ts';
import { systemClock } from '../../common/clock.ts';
import { configWith, loadConfig, type SettingName } from '../../common/config.ts';
import { ConfigError, OperatingError } from '../../common/errors.ts';
import { silentLogger } from '../../common/logger.ts';
import { noKafka } from '../../scripts/real-kafka.ts';
import { TestKafka } from '../doubles/test-kafka.ts';
import { collect, startsAt, texts, TOPIC } from '../contract/broker-probes.ts';

const PASSWORD = 'only for this test';
const noOpenssl = spawnSync('openssl', ['version']).status === 0 ? false : 'openssl is not installed, which makes the certificates';
const skip = noKafka || noOpenssl;
const folder = mkdtempSync(join(tmpdir(), 'fogline-kafka-secured-'));
let kafka: TestKafka | undefined;

if (skip === false) before(startSecured);
after(async () => {
  await kafka?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** One listener for everybody, itself included. */
async function startSecured(): Promise<void> {
  const { certificate, key } = selfSigned('server');
  selfSigned('foreign');
  const store = join(folder, 'server-store.pem');
  writeFileSync(store, readFileSync(key, 'utf8') + readFileSync(certificate, 'utf8'));
  chmodSync(store, 0o600);
  const login = `org.apache.kafka.common.security.scram.ScramLoginModule required username="fogline" password="${PASSWORD}";`;
  kafka = new TestKafka({
    listener: 'SASL_SSL',
    formatArgs: ['--add-scram', `SCRAM-SHA-512=[name=fogline,password=${PASSWORD}]`],
    properties: {
      'ssl.keystore.type': 'PEM',
      'ssl.keystore.location': store,
      'ssl.truststore.type': 'PEM',
      'ssl.truststore.location': certificate,
      'sasl.enabled.mechanisms': 'SCRAM-SHA-512',
      'sasl.mechanism.inter.broker.protocol': 'SCRAM-SHA-512',
      'listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config': login,
    },
  });
  await kafka.start();
}

function selfSigned(name: string): { certificate: string; key: string } {
  const certificate = join(folder, `${name}.pem`);
  const key = join(folder, `${name}.key`);
  const subject = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1'];
  const made = spawnSync('openssl', [
    ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-keyout', key, '-out', certificate],
    ...subject,
  ]);
  assert.equal(made.status, 0, String(made.stderr));
  return { certificate, key };
}

/** A password on the command line is refused: it comes from a file here. */
function open(changes: Partial<Record<SettingName, string>> = {}, password = PASSWORD) {
  const passwordFile = join(folder, 'password');
  writeFileSync(passwordFile, `${password}\n`);
  const settings: Partial<Record<SettingName, string>> = {
    ...kafka?.settings('secured-'),
    'broker.kafka_tls': 'true',
    'broker.kafka_ca_file': join(folder, 'server.pem'),
    'broker.kafka_sasl': 'scram-sha-512',
    'broker.kafka_user': 'fogline',
    'broker.kafka_password': `file:${passwordFile}`,
    ...changes,
  };
  return openBroker(configWith(settings), tmpdir(), systemClock, silentLogger);
}

async function refusal(broker: ReturnType<typeof open>): Promise<OperatingError> {
  const error = await broker.start().then(
    () => assert.fail('it was let in'),
    (reason: unknown) => reason,
  );
  await broker.stop();
  assert.ok(error instanceof OperatingError, String(error));
  assert.equal(error.code, 'BROKER_UNREACHABLE');
  return error;
}

const secured = { skip, timeout: 300_000 };

test('with the right authority and password records go in and come out', secured, async () => {
  const broker = open();
  await broker.start();
  await broker.ensureTopic(TOPIC, { partitions: 2, retentionMs: 0 });
  await broker.append(TOPIC, 1, texts('secret', 3));
  const collector = collect(broker, startsAt(0, 0));
  await collector.until(3);
  await collector.stop();
  await broker.commit(TOPIC, 'edge', [{ partition: 1, offset: 3 }]);
  assert.deepEqual(await broker.committed(TOPIC, 'edge'), [{ partition: 1, offset: 3 }]);
  await broker.stop();
});

test('a wrong password is told with the setting, not with the password, and is not tried again', secured, async () => {
  const error = await refusal(open({}, 'guessed password'));
  assert.equal(error.retryable, false);
  assert.match(error.message, /refuses the user/);
  assert.match(error.hint, /broker\.kafka_password/);
  assert.doesNotMatch(`${error.message}${error.hint}`, /guessed/);
});

test('a certificate of an authority that is not named is refused', secured, async () => {
  const error = await refusal(open({ 'broker.kafka_ca_file': join(folder, 'foreign.pem') }));
  assert.equal(error.retryable, false);
  assert.match(error.message, /can not be trusted.*certificate/);
  assert.match(error.hint, /broker\.kafka_ca_file/);
});

test('plain text to a port of TLS is refused in bounded time', secured, async () => {
  const plain = { 'broker.kafka_tls': 'false', 'broker.kafka_ca_file': '', 'broker.kafka_sasl': 'none', 'broker.kafka_user': '' };
  const error = await refusal(open(plain));
  assert.match(error.hint, /broker\.kafka_tls/);
});

test('settings that do not fit together are the operator’s to mend', () => {
  const isRefused = (changes: Partial<Record<SettingName, string>>, remedy: RegExp) => {
    const kafkaSettings = { 'broker.kind': 'kafka', ...changes };
    assert.throws(
      () => openBroker(configWith(kafkaSettings), tmpdir(), systemClock, silentLogger),
      (error) => error instanceof ConfigError && remedy.test(`${error.message} ${error.remedy}`),
    );
  };
  isRefused({ 'broker.kafka_brokers': 'localhost' }, /host:port/);
  isRefused({ 'broker.kafka_brokers': '' }, /host:port/);
  isRefused({ 'broker.kafka_prefix': 'a b' }, /kafka_prefix/);
  isRefused({ 'broker.kafka_ca_file': '/nowhere.pem' }, /kafka_tls/);
  isRefused({ 'broker.kafka_tls': 'true', 'broker.kafka_ca_file': '/nowhere.pem' }, /can't be read/);
  isRefused({ 'broker.kafka_tls': 'true', 'broker.kafka_key_file': '/nowhere.pem' }, /belong together/);
  isRefused({ 'broker.kafka_user': 'fogline' }, /kafka_sasl/);
  isRefused({ 'broker.kafka_sasl': 'plain', 'broker.kafka_user': 'fogline' }, /FOGLINE_BROKER_KAFKA_PASSWORD/);
  isRefused({ 'broker.kafka_retention_days': '7' }, /at least 14/);
  assert.throws(() => loadConfig({ sets: ['broker.kafka_password=open'] }), ConfigError);
  const { config, origins } = loadConfig({ env: { FOGLINE_BROKER_KAFKA_PASSWORD: 'from the environment' } });
  assert.equal(config.broker.kafka_password, 'from the environment');
  assert.equal(origins.get('broker.kafka_password')?.text, '(secret)');
});
