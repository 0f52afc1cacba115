import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OperatingError } from '../../../common/errors.ts';
import { type BrokerFates, KIND_FATES, VirtualBroker, VirtualTopics } from '../../doubles/virtual-broker.ts';
import { VirtualClock } from '../../doubles/virtual-clock.ts';

const TOPIC = 'readings';

async function open(fates: BrokerFates = KIND_FATES) {
  const clock = new VirtualClock();
  const topics = new VirtualTopics();
  topics.ensure(TOPIC, 2);
  const broker = new VirtualBroker(topics, clock, fates);
  await broker.start();
  return { clock, topics, broker };
}

const record = (text: string) => ({ key: 'h', value: Buffer.from(text) });

test('records come in order, per partition, from the offset asked for, also those appended later', async () => {
  const { clock, broker } = await open();
  const seen: string[] = [];
  await broker.append(TOPIC, 0, ['a', 'b', 'c'].map(record));
  const consumption = await broker.consume(TOPIC, 'g', [{ partition: 0, offset: 1 }], async ({ records }) => {
    for (const { offset, value } of records) seen.push(`${offset}${value.toString()}`);
  });
  await clock.settle();
  assert.deepEqual(await broker.append(TOPIC, 0, [record('d')]), { baseOffset: 3 });
  await broker.append(TOPIC, 1, [record('x')]);
  await clock.settle();
  await consumption.stop();
  await consumption.ended;
  assert.deepEqual(seen, ['1b', '2c', '3d']);
});

test('an append whose answer is lost has happened', async () => {
  const { topics, broker } = await open({ delayMs: () => 0, call: () => 'lost' });
  await assert.rejects(broker.append(TOPIC, 0, [record('a')]), (error: OperatingError) => error.code === 'BROKER_UNREACHABLE');
  assert.equal(topics.log(TOPIC, 0).records.length, 1);
});

test('a lost connection ends what is consumed with an error that is worth another try', async () => {
  const { clock, broker } = await open();
  const consumption = await broker.consume(TOPIC, 'g', [{ partition: 0, offset: 0 }], async () => undefined);
  await clock.settle();
  broker.failConsumptions();
  await assert.rejects(consumption.ended, (error: OperatingError) => error.retryable);
});

test('a replaced log has another id, begins at 0, and an offset of the old one is refused', async () => {
  const { topics, broker } = await open();
  await broker.append(TOPIC, 0, ['a', 'b'].map(record));
  const before = await broker.logState(TOPIC, 0);
  topics.replace(TOPIC);
  const after = await broker.logState(TOPIC, 0);
  assert.notEqual(after.logId, before.logId);
  assert.deepEqual([after.earliestOffset, after.endOffset], [0, 0]);
  await assert.rejects(
    broker.consume(TOPIC, 'g', [{ partition: 0, offset: 2 }], async () => undefined),
    (error: OperatingError) => error.code === 'STORE_DAMAGED',
  );
});

test('retention deletes below the committed offset and nothing above', async () => {
  const { topics, broker } = await open();
  await broker.append(TOPIC, 0, ['a', 'b', 'c'].map(record));
  await broker.commit(TOPIC, 'g', [{ partition: 0, offset: 2 }]);
  topics.deleteCommitted(TOPIC, 'g');
  assert.equal((await broker.logState(TOPIC, 0)).earliestOffset, 2);
  assert.deepEqual(
    (await broker.read(TOPIC, 0, 0, 10, 10)).map(({ value }) => value.toString()),
    ['c'],
  );
});

test('a cut connection settles nothing and calls nobody', async () => {
  const { clock, topics, broker } = await open();
  let calls = 0;
  await broker.consume(TOPIC, 'g', [{ partition: 0, offset: 0 }], async () => void calls++);
  await clock.settle();
  broker.cut();
  let settled = false;
  void broker.append(TOPIC, 0, [record('a')]).finally(() => (settled = true));
  topics.append(TOPIC, 0, [record('b')]);
  await clock.advance(1_000);
  assert.deepEqual([calls, settled], [0, false]);
  assert.equal(topics.log(TOPIC, 0).records.length, 1);
});
