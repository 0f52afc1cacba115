/** The broker suite's tests of: topics, logs, appends and reads. */
import assert from 'node:assert/strict';
import { BATCH_RECORDS_MAX, type NewRecord } from '../../common/broker/broker.ts';
import { OperatingError } from '../../common/errors.ts';
import { type BrokerHarness, TOPIC, RETENTION_MS, texts, plain } from './broker-probes.ts';

export async function topicKeepsPartitions({ broker, reopen }: BrokerHarness): Promise<void> {
  await broker.ensureTopic(TOPIC, { partitions: 7, retentionMs: RETENTION_MS });
  assert.equal(await broker.partitionCount(TOPIC), 3);
  await broker.ensureTopic('averages', { partitions: 1, retentionMs: RETENTION_MS });
  const reopened = await reopen();
  assert.equal(await reopened.partitionCount(TOPIC), 3);
  assert.equal(await reopened.partitionCount('averages'), 1);
}

export async function unknownTopicIsRefused({ broker }: BrokerHarness): Promise<void> {
  const isRefusal = (error: unknown) => error instanceof OperatingError && error.code === 'BROKER_UNREACHABLE' && error.hint !== '';
  const [known, unknown] = await Promise.allSettled([broker.append(TOPIC, 0, texts('a', 1)), broker.append('nowhere', 0, texts('b', 1))]);
  assert.equal(known.status, 'fulfilled');
  assert.ok(unknown.status === 'rejected' && isRefusal(unknown.reason));
  await assert.rejects(broker.partitionCount('nowhere'), isRefusal);
  await assert.rejects(broker.logState('nowhere', 0), isRefusal);
}

export async function logIdStays({ broker, reopen }: BrokerHarness): Promise<void> {
  const states = await Promise.all([0, 1, 2].map((partition) => broker.logState(TOPIC, partition)));
  for (const { earliestOffset, endOffset } of states) assert.deepEqual([earliestOffset, endOffset], [0, 0]);
  assert.equal(new Set(states.map(({ logId }) => logId)).size, 3);
  await broker.append(TOPIC, 1, texts('a', 5));
  const reopened = await reopen();
  assert.deepEqual(await reopened.logState(TOPIC, 1), { ...states[1], endOffset: 5 });
  assert.deepEqual(await reopened.logState(TOPIC, 0), states[0]);
}

export async function replacedLogIsAnother({ broker, replace }: BrokerHarness): Promise<void> {
  await broker.append(TOPIC, 0, texts('a', 5));
  await broker.commit(TOPIC, 'edge', [{ partition: 0, offset: 5 }]);
  const before = await broker.logState(TOPIC, 0);
  const replaced = await replace();
  await replaced.ensureTopic(TOPIC, { partitions: 3, retentionMs: RETENTION_MS });
  const after = await replaced.logState(TOPIC, 0);
  assert.notEqual(after.logId, before.logId);
  assert.deepEqual([after.earliestOffset, after.endOffset], [0, 0]);
  assert.deepEqual(await replaced.committed(TOPIC, 'edge'), []);
  assert.deepEqual(await replaced.append(TOPIC, 0, texts('b', 1)), { baseOffset: 0 });
}

export async function startAndStopTwice({ broker }: BrokerHarness): Promise<void> {
  await Promise.all([broker.start(), broker.start()]);
  await broker.append(TOPIC, 0, texts('a', 1));
  await Promise.all([broker.stop(), broker.stop()]);
  await broker.stop();
  await broker.start();
  assert.deepEqual(await broker.append(TOPIC, 0, texts('b', 1)), { baseOffset: 1 });
}

export async function recordsComeBack({ broker, reopen }: BrokerHarness): Promise<void> {
  const records: NewRecord[] = [
    { key: 'household', value: Buffer.from('{"v":1}') },
    { key: null, value: Buffer.from('a mark') },
    { key: '', value: Buffer.alloc(0) },
    { key: 'Häuschen ☀', value: Buffer.from([0, 255, 128, 10, 13]) },
    { key: 'household', value: Buffer.alloc(16 * 1024, 'x') },
  ];
  assert.deepEqual(await broker.append(TOPIC, 2, records), { baseOffset: 0 });
  const expected = records.map((record, offset) => ({ offset, key: record.key, value: record.value }));
  assert.deepEqual(plain(await broker.read(TOPIC, 2, 0, 100, 100)), plain(expected));
  assert.deepEqual(plain(await (await reopen()).read(TOPIC, 2, 0, 100, 100)), plain(expected));
}

export async function appendsKeepOrder({ broker }: BrokerHarness): Promise<void> {
  const sizes = [1, 3, BATCH_RECORDS_MAX, 1, 250];
  const bases = await Promise.all(sizes.map((size, i) => broker.append(TOPIC, i % 2, texts(`append ${i}`, size))));
  assert.deepEqual(
    bases.map(({ baseOffset }) => baseOffset),
    [0, 0, 1, 3, 1 + BATCH_RECORDS_MAX],
  );
  const even = await broker.read(TOPIC, 0, 0, Infinity, 10_000);
  assert.deepEqual(
    even.map(({ value }) => value.toString()),
    [0, 2, 4].flatMap((i) => texts(`append ${i}`, sizes[i] as number).map(({ value }) => value.toString())),
  );
  assert.deepEqual(
    even.map(({ offset }) => offset),
    even.map((_, i) => i),
  );
}

export async function buffersAreCopied({ broker }: BrokerHarness): Promise<void> {
  const value = Buffer.from('first');
  const first = broker.append(TOPIC, 0, [{ key: null, value }]);
  value.fill('x');
  await first;
  assert.deepEqual(
    (await broker.read(TOPIC, 0, 0, 1, 1)).map((record) => record.value.toString()),
    ['first'],
  );
}

export async function readIsBounded({ broker }: BrokerHarness): Promise<void> {
  for (let i = 0; i < 4; i++) await broker.append(TOPIC, 0, texts(`${i}`, 700));
  const offsets = async (from: number, to: number, limit: number) =>
    (await broker.read(TOPIC, 0, from, to, limit)).map(({ offset }) => offset);
  assert.deepEqual(await offsets(0, 3, 100), [0, 1, 2]);
  assert.deepEqual(await offsets(699, 701, 100), [699, 700]);
  assert.deepEqual(await offsets(1399, 5000, 2), [1399, 1400]);
  assert.deepEqual(await offsets(2799, 5000, 2), [2799]);
  assert.deepEqual(await offsets(2800, 5000, 2), []);
  assert.deepEqual(await offsets(9000, 9999, 2), []);
  assert.deepEqual(await offsets(5, 5, 2), []);
  assert.deepEqual(await offsets(-10, 2, 9), [0, 1]);
  assert.equal((await offsets(100, 2700, 5000)).length, 2600);
  assert.deepEqual(await broker.committed(TOPIC, 'edge'), []);
}

export async function severalBrokersSeeTheSame({ broker, another }: BrokerHarness): Promise<void> {
  const second = await another();
  await broker.append(TOPIC, 0, texts('a', 2));
  assert.deepEqual(await second.append(TOPIC, 0, texts('b', 2)), { baseOffset: 2 });
  assert.deepEqual(await broker.append(TOPIC, 0, texts('c', 1)), { baseOffset: 4 });
  assert.deepEqual(await second.logState(TOPIC, 0), await broker.logState(TOPIC, 0));
  assert.deepEqual(plain(await second.read(TOPIC, 0, 0, 9, 9)), plain(await broker.read(TOPIC, 0, 0, 9, 9)));
}
