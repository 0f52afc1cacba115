/** The broker suite's tests of: consumptions: order, back-pressure, going on, ending. */
import assert from 'node:assert/strict';
import { BATCH_RECORDS_MAX } from '../../common/broker/broker.ts';
import { systemClock } from '../../common/clock.ts';
import { OperatingError } from '../../common/errors.ts';
import { type BrokerHarness, TOPIC, texts, startsAt, plain, collect, newGate, newCounter, waitFor } from './broker-probes.ts';

export async function backlogComesInOrder({ broker }: BrokerHarness): Promise<void> {
  const sizes = [...Array<number>(120).fill(1), 700, 700, BATCH_RECORDS_MAX, 5, 999, 999, 3];
  for (const [i, size] of sizes.entries()) await broker.append(TOPIC, 0, texts(`append ${i}`, size));
  const total = sizes.reduce((sum, size) => sum + size);
  const collector = collect(broker, [{ partition: 0, offset: 0 }]);
  await collector.until(total);
  await collector.stop();
  assert.deepEqual(plain(collector.records(0)), plain(await broker.read(TOPIC, 0, 0, Infinity, total)));
  assert.equal(collector.records(0).length, total);
  for (const { records } of collector.batches) assert.ok(records.length >= 1 && records.length <= BATCH_RECORDS_MAX);
  assert.ok(collector.batches.length < sizes.length, 'small appends are given together');
}

export async function callbackHoldsItsPartition({ broker }: BrokerHarness): Promise<void> {
  for (let i = 0; i < 3; i++) await broker.append(TOPIC, 0, texts(`held ${i}`, BATCH_RECORDS_MAX));
  const gate = newGate();
  let held = 0;
  const others = newCounter();
  const consumption = await broker.consume(TOPIC, 'edge', startsAt(0, 0, 0), async ({ partition }) => {
    if (partition !== 0) return others.add(1);
    held++;
    await gate.opened;
  });
  for (let i = 0; i < 5; i++) {
    await broker.append(TOPIC, 1, texts(`free ${i}`, 1));
    await others.reached(i + 1);
  }
  await broker.append(TOPIC, 0, texts('held 3', 1));
  await systemClock.sleep(20);
  assert.equal(held, 1, 'no batch before the promise of the one before');
  gate.open();
  await waitFor(() => held === 4);
  await consumption.stop();
}

export async function restartGoesOn({ broker, reopen }: BrokerHarness): Promise<void> {
  for (let i = 0; i < 5; i++) await broker.append(TOPIC, 0, texts(`append ${i}`, 300));
  const first = collect(broker, startsAt(0));
  await first.until(1500);
  await first.stop();
  const reopened = await reopen();
  for (const offset of [1, 299, 300, 301, 1499]) {
    const second = collect(reopened, [{ partition: 0, offset }]);
    await second.until(1500 - offset);
    await second.stop();
    assert.deepEqual(plain(second.records(0)), plain(await reopened.read(TOPIC, 0, offset, 1500, 1500)));
    assert.equal(second.records(0)[0]?.offset, offset);
  }
  const atEnd = collect(reopened, [{ partition: 0, offset: 1500 }]);
  await reopened.append(TOPIC, 0, texts('next', 1));
  await atEnd.until(1);
  await atEnd.stop();
  assert.deepEqual(
    atEnd.records(0).map(({ offset }) => offset),
    [1500],
  );
}

export async function offsetBeyondEndIsRefused({ broker }: BrokerHarness): Promise<void> {
  await broker.append(TOPIC, 0, texts('a', 5));
  await assert.rejects(
    broker.consume(TOPIC, 'edge', [{ partition: 0, offset: 6 }], async () => {}),
    (error) => error instanceof OperatingError && error.code === 'STORE_DAMAGED' && error.message.includes(TOPIC),
  );
}

export async function failingCallbackEnds({ broker }: BrokerHarness): Promise<void> {
  await broker.append(TOPIC, 0, texts('bad', 1));
  const failure = new Error('the callback failed');
  const others = newCounter();
  const gate = newGate();
  const consumption = await broker.consume(TOPIC, 'edge', startsAt(0, 0), async ({ partition }) => {
    if (partition === 1) return others.add(1);
    await gate.opened;
    throw failure;
  });
  await broker.append(TOPIC, 1, texts('good', 1));
  await others.reached(1);
  gate.open();
  await assert.rejects(consumption.ended, (error) => error === failure);
  await broker.append(TOPIC, 1, texts('after the end', 1));
  await systemClock.sleep(20);
  assert.equal(others.count, 1);
  await consumption.stop();
  const again = collect(broker, startsAt(0));
  await again.until(1);
  await again.stop();
}

export async function stopWaits({ broker }: BrokerHarness): Promise<void> {
  for (let i = 0; i < 3; i++) await broker.append(TOPIC, 0, texts(`${i}`, BATCH_RECORDS_MAX));
  const entered = newCounter();
  const gate = newGate();
  let left = 0;
  const consumption = await broker.consume(TOPIC, 'edge', startsAt(0, 0), async () => {
    entered.add(1);
    await gate.opened;
    left++;
  });
  await entered.reached(1);
  let isStopped = false;
  const stopping = consumption.stop().then(() => (isStopped = true));
  await systemClock.sleep(20);
  assert.equal(isStopped, false);
  gate.open();
  await stopping;
  assert.equal(left, 1);
  await consumption.ended;
  await consumption.stop();
  await broker.append(TOPIC, 1, texts('late', 1));
  await systemClock.sleep(20);
  assert.equal(entered.count, 1);
}

export async function brokerStopEnds({ broker, reopen }: BrokerHarness): Promise<void> {
  await broker.append(TOPIC, 0, texts('a', 2));
  const entered = newCounter();
  const gate = newGate();
  const consumption = await broker.consume(TOPIC, 'edge', startsAt(0), async ({ records }) => {
    entered.add(1);
    await gate.opened;
    await broker.append(TOPIC, 1, records);
    await broker.commit(TOPIC, 'edge', [{ partition: 0, offset: 2 }]);
  });
  await entered.reached(1);
  const stopping = broker.stop();
  gate.open();
  await stopping;
  await consumption.ended;
  const reopened = await reopen();
  assert.equal((await reopened.logState(TOPIC, 1)).endOffset, 2);
  assert.deepEqual(await reopened.committed(TOPIC, 'edge'), [{ partition: 0, offset: 2 }]);
}

export async function twoGroupsRead({ broker }: BrokerHarness): Promise<void> {
  const groups = [collect(broker, startsAt(0, 0), 'edge'), collect(broker, startsAt(0, 0), 'tool')];
  await broker.append(TOPIC, 0, texts('a', 3));
  await broker.append(TOPIC, 1, texts('b', 2));
  for (const group of groups) await group.until(5);
  await broker.commit(TOPIC, 'edge', [{ partition: 0, offset: 3 }]);
  assert.deepEqual(await broker.committed(TOPIC, 'tool'), []);
  for (const group of groups) await group.stop();
}
