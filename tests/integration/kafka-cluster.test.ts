/** What only a cluster does to the Kafka broker: topics made again, trimmed, refused; connections lost; a server killed or frozen. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Broker } from '../../common/broker/broker.ts';
import { openBroker } from '../../common/broker/open-broker.ts';
import { systemClock } from '../../common/clock.ts';
import { configWith, type SettingName } from '../../common/config.ts';
import { EXIT, OperatingError } from '../../common/errors.ts';
import { silentLogger } from '../../common/logger.ts';
import { noKafka } from '../../scripts/real-kafka.ts';
import { TestKafka } from '../doubles/test-kafka.ts';
import { collect, newCounter, newGate, plain, startsAt, texts, TOPIC, waitFor } from '../contract/broker-probes.ts';

/** How long the server is down; a slow run asks for more. */
const OUTAGE_SECONDS = Number(process.env['FOGLINE_KAFKA_OUTAGE_SECONDS'] ?? '20');
const IDLE_CONNECTION_MS = 1_500;
const DAY_MS = 86_400_000;

/** It closes connections on which nothing comes for a short while. */
const kafka = new TestKafka({ properties: { 'connections.max.idle.ms': `${IDLE_CONNECTION_MS}` } });
const running = new Set<Broker>();
let prefixes = 0;

if (noKafka === false) before(() => kafka.start());
after(() => kafka.stop());
afterEach(async () => {
  for (const broker of running) await broker.stop();
  running.clear();
});

const needsKafka = { skip: noKafka, timeout: 300_000 };
const patient = { skip: noKafka, timeout: (OUTAGE_SECONDS + 120) * 1_000 };

function newPrefix(): string {
  return `cluster${++prefixes}-`;
}

async function start(prefix: string, more: Partial<Record<SettingName, string>> = {}): Promise<Broker> {
  const broker = openBroker(configWith({ ...kafka.settings(prefix), ...more }), tmpdir(), systemClock, silentLogger);
  running.add(broker);
  await broker.start();
  return broker;
}

async function startWithTopic(prefix: string, partitions = 1): Promise<Broker> {
  const broker = await start(prefix);
  await broker.ensureTopic(TOPIC, { partitions, retentionMs: 0 });
  return broker;
}

function isOperatingError(code: string, retryable: boolean, pattern: RegExp) {
  return (error: unknown) => {
    assert.ok(error instanceof OperatingError, String(error));
    assert.deepEqual([error.code, error.retryable], [code, retryable], error.message);
    assert.match(`${error.message} ${error.hint}`, pattern);
    return true;
  };
}

test('a topic is made with append time, at least 14 days, no limit of bytes, and what was asked', needsKafka, async () => {
  const prefix = newPrefix();
  await startWithTopic(prefix, 5);
  const name = `${prefix}${TOPIC}`;
  const { config, partitions } = await kafka.administer(async (admin) => {
    const { resources } = await admin.describeConfigs({ includeSynonyms: false, resources: [{ type: 2, name }] });
    const { topics } = await admin.fetchTopicMetadata({ topics: [name] });
    const entries = resources[0]?.configEntries ?? [];
    return { config: new Map(entries.map((its) => [its.configName, its.configValue])), partitions: topics[0]?.partitions.length };
  });
  assert.equal(partitions, 5);
  assert.equal(config.get('message.timestamp.type'), 'LogAppendTime');
  assert.equal(config.get('retention.ms'), `${14 * DAY_MS}`);
  assert.equal(config.get('retention.bytes'), '-1');
  assert.equal(config.get('cleanup.policy'), 'delete');
});

test('records that Kafka deleted: reads, consumers and commits begin at the earliest one', needsKafka, async () => {
  const prefix = newPrefix();
  const broker = await startWithTopic(prefix);
  for (let i = 0; i < 4; i++) await broker.append(TOPIC, 0, texts(`${i}`, 100));
  await broker.commit(TOPIC, 'edge', [{ partition: 0, offset: 10 }]);
  const { logId } = await broker.logState(TOPIC, 0);
  await kafka.deleteRecords(`${prefix}${TOPIC}`, 0, 150);
  assert.deepEqual(await broker.logState(TOPIC, 0), { logId, earliestOffset: 150, endOffset: 400 });
  assert.deepEqual(await broker.committed(TOPIC, 'edge'), [{ partition: 0, offset: 150 }]);
  assert.equal((await broker.read(TOPIC, 0, 0, Infinity, 1))[0]?.offset, 150);
  const collector = collect(broker, startsAt(0));
  await collector.until(250);
  await collector.stop();
  assert.equal(collector.records(0)[0]?.offset, 150);
});

test('records deleted before a slow consumer had them: it goes on at the earliest one', needsKafka, async () => {
  const prefix = newPrefix();
  const broker = await startWithTopic(prefix);
  const offsets: number[] = [];
  const gate = newGate();
  const consumption = await broker.consume(TOPIC, 'edge', startsAt(0), async ({ records }) => {
    await gate.opened;
    for (const { offset } of records) offsets.push(offset);
  });
  // More than waits in its mailbox, so that some of them are not fetched when they go.
  for (let i = 0; i < 40; i++) await broker.append(TOPIC, 0, texts(`${i} `.padEnd(50 + i, 'x'), 1_000));
  await kafka.deleteRecords(`${prefix}${TOPIC}`, 0, 39_500).finally(() => gate.open());
  await waitFor(() => offsets.at(-1) === 39_999);
  await consumption.stop();
  const jump = offsets.findIndex((offset, i) => i > 0 && offset !== (offsets[i - 1] as number) + 1);
  assert.equal(offsets[jump], 39_500, 'nothing is left out but what is gone');
  assert.equal(offsets.length - jump, 500);
});

test('a topic deleted and made again under its users is noticed, also when it is longer than before', needsKafka, async () => {
  const prefix = newPrefix();
  const broker = await startWithTopic(prefix);
  await broker.append(TOPIC, 0, texts('before', 10));
  const before = await broker.logState(TOPIC, 0);
  const consumed = newCounter();
  const consumption = await broker.consume(TOPIC, 'edge', startsAt(0), async ({ records }) => consumed.add(records.length));
  const ended = assert.rejects(consumption.ended, isOperatingError('BROKER_UNREACHABLE', true, /made again|no topic/));
  await consumed.reached(10);
  await kafka.deleteTopics(prefix);
  const other = await startWithTopic(prefix);
  await other.append(TOPIC, 0, texts('after', 50));
  await ended;
  // The topic is looked at every few seconds; what comes before is in the new one.
  const appendOn = async () => {
    for (;;) {
      await broker.append(TOPIC, 0, texts('after', 1));
      await systemClock.sleep(100);
    }
  };
  await assert.rejects(appendOn(), isOperatingError('BROKER_UNREACHABLE', false, /made again.*start the part again/));
  const now = await broker.logState(TOPIC, 0);
  assert.notEqual(now.logId, before.logId);
  assert.ok(now.earliestOffset === 0 && now.endOffset >= 50);
  // Whoever looks at the log again can go on.
  const collector = collect(broker, startsAt(0));
  await collector.until(now.endOffset);
  await collector.stop();
});

test(
  'of a topic made again that is shorter than before it is said that it is another one, not that its log is damaged',
  needsKafka,
  async () => {
    const prefix = newPrefix();
    const broker = await startWithTopic(prefix);
    await broker.append(TOPIC, 0, texts('before', 10));
    const consumed = newCounter();
    const consumption = await broker.consume(TOPIC, 'edge', startsAt(0), async ({ records }) => consumed.add(records.length));
    const ended = assert.rejects(consumption.ended, isOperatingError('BROKER_UNREACHABLE', true, /made again|no topic/));
    await consumed.reached(10);
    await kafka.deleteTopics(prefix);
    await startWithTopic(prefix);
    await ended;
  },
);

test('a topic that can not be made is told with the command that makes it', needsKafka, async () => {
  const broker = await start(newPrefix(), { 'broker.kafka_replication': '3' });
  await assert.rejects(
    broker.ensureTopic(TOPIC, { partitions: 2, retentionMs: 0 }),
    isOperatingError(
      'BROKER_UNREACHABLE',
      false,
      /does not make the topic.*kafka_replication.*kafka-topics\.sh --create --topic \S+ --partitions 2/s,
    ),
  );
});

test('without a server the start is refused with what to do, and a command ends with exit code 3', needsKafka, async () => {
  // Port 1 of the loopback: nobody listens there.
  const nowhere = { 'broker.kind': 'kafka', 'broker.kafka_brokers': '127.0.0.1:1' } as const;
  const broker = openBroker(configWith(nowhere), tmpdir(), systemClock, silentLogger);
  await assert.rejects(
    broker.start(),
    isOperatingError('BROKER_UNREACHABLE', true, /Kafka at 127\.0\.0\.1:1 does not answer.*docker compose up.*kafka_brokers/s),
  );
  await broker.stop();
  const folder = mkdtempSync(join(tmpdir(), 'fogline-kafka-nowhere-'));
  const program = fileURLToPath(new URL('../../fogline.ts', import.meta.url));
  const sets = Object.entries(nowhere).flatMap(([name, value]) => ['--set', `${name}=${value}`]);
  const { status, stderr } = spawnSync(process.execPath, ['--import', 'tsx', program, 'simulate', '--state', folder, ...sets], {
    encoding: 'utf8',
  });
  rmSync(folder, { recursive: true });
  assert.equal(status, EXIT.unreachable, stderr);
  assert.match(stderr, /does not answer.*BROKER_UNREACHABLE.*what to do/s);
});

test('a callback slower than connections live does not end its consumption', needsKafka, async () => {
  const broker = await startWithTopic(newPrefix(), 2);
  const seen: string[] = [];
  const consumption = await broker.consume(TOPIC, 'edge', startsAt(0, 0), async ({ partition, records }) => {
    if (seen.length === 0) await systemClock.sleep(4 * IDLE_CONNECTION_MS);
    for (const { value } of records) seen.push(`${partition} ${value.toString()}`);
  });
  await broker.append(TOPIC, 0, texts('slow', 2));
  await systemClock.sleep(2 * IDLE_CONNECTION_MS);
  await broker.append(TOPIC, 0, texts('later', 1));
  await waitFor(() => seen.length === 3);
  assert.deepEqual(seen, ['0 slow 0', '0 slow 1', '0 later 0']);
  await broker.append(TOPIC, 1, texts('other', 1));
  await waitFor(() => seen.length === 4);
  await consumption.stop();
  await consumption.ended;
});

test('a frozen server: calls are refused in bounded time, stop is too, and nothing is lost or mixed up after it', patient, async () => {
  const prefix = newPrefix();
  const broker = await startWithTopic(prefix);
  await broker.append(TOPIC, 0, texts('before', 3));
  const consumption = await broker.consume(TOPIC, 'edge', startsAt(0), async () => {});
  const ended = assert.rejects(consumption.ended, isOperatingError('BROKER_UNREACHABLE', true, /does not answer/));
  kafka.server.freeze();
  try {
    const refused = isOperatingError('BROKER_UNREACHABLE', true, /does not answer/);
    // Two appends of the same size: the second must not be taken for the first when its answer comes late.
    await assert.rejects(broker.append(TOPIC, 0, texts('first', 2)), refused);
    await assert.rejects(broker.logState(TOPIC, 0), refused);
    await ended;
  } finally {
    kafka.server.thaw();
  }
  await repeatUntilTaken(broker, 0, 'second', 2);
  const values = (await broker.read(TOPIC, 0, 0, Infinity, 100)).map(({ value }) => value.toString());
  assert.deepEqual(values.slice(0, 3), ['before 0', 'before 1', 'before 2']);
  assert.deepEqual(
    values.filter((value) => value.startsWith('second')),
    ['second 0', 'second 1'],
  );
  kafka.server.freeze();
  try {
    const winner = await Promise.race([broker.stop().then(() => 'stopped'), systemClock.sleep(10_000).then(() => 'late')]);
    assert.equal(winner, 'stopped');
  } finally {
    kafka.server.thaw();
  }
});

test(`kill -9 of the server in mid-stream, ${OUTAGE_SECONDS} s later back with its data: nothing lost, order kept`, patient, async () => {
  const prefix = newPrefix();
  const broker = await startWithTopic(prefix, 2);
  let isOver = false;
  let isFailed = false;
  const sent = [0, 0];
  const produce = async (partition: number) => {
    while (!isOver) {
      await repeatUntilTaken(broker, partition, `batch ${sent[partition]}`, 20);
      sent[partition] = (sent[partition] as number) + 1;
    }
  };
  const next = [0, 0];
  let ends: number[] | undefined;
  const isDone = () => isFailed || ends?.every((end, partition) => (next[partition] as number) >= end) === true;
  const got: string[][] = [[], []];
  const consume = async () => {
    // As the edge does it: again from its own offsets until it is told to end.
    while (!isDone()) {
      try {
        const consumption = await broker.consume(TOPIC, 'edge', startsAt(...next), async ({ partition, records }) => {
          for (const { offset, value } of records) {
            assert.equal(offset, next[partition]);
            next[partition] = offset + 1;
            got[partition]?.push(value.toString());
          }
        });
        await Promise.race([consumption.ended, waitFor(isDone)]);
        await consumption.stop();
      } catch (error) {
        assert.ok(error instanceof OperatingError && error.retryable, String(error));
        await systemClock.sleep(200);
      }
    }
  };
  const producing = Promise.all([produce(0), produce(1)]);
  const working = Promise.all([producing, consume()]);
  const reached = (isReached: () => boolean) => Promise.race([waitFor(() => isFailed || isReached()), working]);
  try {
    await reached(() => next.every((offset) => offset > 200));
    await kafka.server.kill();
    await systemClock.sleep(OUTAGE_SECONDS * 1_000);
    await kafka.server.start();
    const atReturn = [...next];
    await reached(() => next.every((offset, partition) => offset > (atReturn[partition] as number) + 200));
    isOver = true;
    await producing;
    ends = await Promise.all([0, 1].map(async (partition) => (await broker.logState(TOPIC, partition)).endOffset));
    await working;
  } finally {
    isOver = true;
    isFailed = true;
  }
  for (const partition of [0, 1]) {
    const expected = Array.from({ length: sent[partition] as number }, (_, i) =>
      texts(`batch ${i}`, 20).map(({ value }) => value.toString()),
    );
    // An append that was given up may be there before its repetition.
    assert.deepEqual([...new Set(got[partition])], expected.flat());
    const log = plain(await broker.read(TOPIC, partition, 0, Infinity, 1_000_000)).map(({ value }) => value);
    assert.deepEqual(got[partition], log);
    assert.ok(log.length - expected.flat().length <= 20, 'at most the append that was under way is there twice');
  }
});

async function repeatUntilTaken(broker: Broker, partition: number, text: string, count: number): Promise<void> {
  for (;;) {
    try {
      await broker.append(TOPIC, partition, texts(text, count));
      return;
    } catch (error) {
      assert.ok(error instanceof OperatingError && error.retryable, String(error));
      await systemClock.sleep(50);
    }
  }
}
