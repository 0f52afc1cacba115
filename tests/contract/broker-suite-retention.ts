/** The broker suite's tests of: committed offsets, and which records go. */
import assert from 'node:assert/strict';
import { type BrokerHarness, TOPIC, RETENTION_MS, texts, startsAt, byPartition, collect } from './broker-probes.ts';

export async function committedStays({ broker, reopen }: BrokerHarness): Promise<void> {
  assert.deepEqual(await broker.committed(TOPIC, 'edge'), []);
  await broker.append(TOPIC, 0, texts('a', 10));
  await broker.append(TOPIC, 2, texts('c', 10));
  const first = [
    { partition: 0, offset: 7 },
    { partition: 2, offset: 10 },
  ];
  await broker.commit(TOPIC, 'edge', first);
  await broker.commit(TOPIC, 'other', [{ partition: 0, offset: 1 }]);
  assert.deepEqual(byPartition(await broker.committed(TOPIC, 'edge')), first);
  await broker.commit(TOPIC, 'edge', [{ partition: 0, offset: 3 }]);
  const reopened = await reopen();
  assert.deepEqual(byPartition(await reopened.committed(TOPIC, 'edge')), [{ partition: 0, offset: 3 }, first[1]]);
  assert.deepEqual(await reopened.committed(TOPIC, 'other'), [{ partition: 0, offset: 1 }]);
}

export async function retentionDeletes({ broker, reopen, passTime }: BrokerHarness): Promise<void> {
  for (let i = 0; i < 250; i++) await broker.append(TOPIC, 0, texts(`${i}`, 10));
  await broker.append(TOPIC, 1, texts('one', 10));
  const { logId } = await broker.logState(TOPIC, 0);
  await broker.commit(TOPIC, 'edge', [{ partition: 0, offset: 2345 }]);
  await passTime(RETENTION_MS + 1);
  const { earliestOffset } = await broker.logState(TOPIC, 0);
  assert.ok(earliestOffset > 2000 && earliestOffset <= 2345, `old records below the commit are still there, from ${earliestOffset}`);
  assert.deepEqual(await broker.logState(TOPIC, 0), { logId, earliestOffset, endOffset: 2500 });
  assert.equal((await broker.logState(TOPIC, 1)).earliestOffset, 0);
  // Below the earliest is from the earliest on, for reads, consumers and commits alike, also after a restart.
  await broker.commit(TOPIC, 'edge', [{ partition: 0, offset: 5 }]);
  assert.deepEqual(await broker.committed(TOPIC, 'edge'), [{ partition: 0, offset: earliestOffset }]);
  const reopened = await reopen();
  assert.equal((await reopened.read(TOPIC, 0, 0, Infinity, 1))[0]?.offset, earliestOffset);
  const collector = collect(reopened, startsAt(0));
  await collector.until(2500 - earliestOffset);
  await collector.stop();
  assert.equal(collector.records(0)[0]?.offset, earliestOffset);
  assert.equal((await reopened.append(TOPIC, 0, texts('next', 1))).baseOffset, 2500);
}

export async function youngStay({ broker, passTime }: BrokerHarness): Promise<void> {
  await broker.append(TOPIC, 0, texts('old', 10));
  await passTime(RETENTION_MS - 30_000);
  await broker.append(TOPIC, 0, texts('young', 10));
  await broker.commit(TOPIC, 'edge', [{ partition: 0, offset: 20 }]);
  assert.equal((await broker.logState(TOPIC, 0)).earliestOffset, 0);
  await passTime(40_000);
  assert.equal((await broker.logState(TOPIC, 0)).earliestOffset, 10, 'the old ones go, the young ones stay');
  await passTime(RETENTION_MS);
  const state = await broker.logState(TOPIC, 0);
  assert.deepEqual([state.earliestOffset, state.endOffset], [20, 20]);
  assert.deepEqual(await broker.read(TOPIC, 0, 0, 20, 20), []);
  assert.deepEqual(await broker.append(TOPIC, 0, texts('next', 1)), { baseOffset: 20 });
}

export async function slowGroupKeeps({ broker, passTime }: BrokerHarness): Promise<void> {
  for (const partition of [0, 1]) for (let i = 0; i < 10; i++) await broker.append(TOPIC, partition, texts(`${i}`, 10));
  await broker.commit(TOPIC, 'fast', [
    { partition: 0, offset: 100 },
    { partition: 1, offset: 100 },
  ]);
  await broker.commit(TOPIC, 'slow', [{ partition: 0, offset: 30 }]);
  await passTime(RETENTION_MS + 1);
  assert.equal((await broker.logState(TOPIC, 0)).earliestOffset, 30);
  assert.equal((await broker.logState(TOPIC, 1)).earliestOffset, 0, 'the slow group has not begun this partition');
  await broker.commit(TOPIC, 'slow', [
    { partition: 0, offset: 100 },
    { partition: 1, offset: 20 },
  ]);
  await passTime(1);
  assert.equal((await broker.logState(TOPIC, 0)).earliestOffset, 100);
  assert.equal((await broker.logState(TOPIC, 1)).earliestOffset, 20);
}

export async function uncommittedStays({ broker, passTime }: BrokerHarness): Promise<void> {
  await broker.ensureTopic('committed', { partitions: 1, retentionMs: RETENTION_MS });
  await broker.append(TOPIC, 0, texts('a', 10));
  await broker.append('committed', 0, texts('a', 10));
  await broker.commit('committed', 'edge', [{ partition: 0, offset: 10 }]);
  await passTime(1_000 * RETENTION_MS);
  assert.equal((await broker.logState('committed', 0)).earliestOffset, 10, 'retention was applied');
  assert.equal((await broker.logState(TOPIC, 0)).earliestOffset, 0);
}

export async function quotaDrops({ broker, reopen, droppedAtQuota }: BrokerHarness, quotaBytes: number): Promise<void> {
  const size = 64;
  const appends = Math.ceil((2.5 * quotaBytes) / (size * 16_000));
  for (let i = 0; i < appends; i++) {
    const { baseOffset } = await broker.append(TOPIC, i % 3, texts(`${i} `.padEnd(15_950, '.'), size));
    assert.equal(baseOffset, Math.floor(i / 3) * size);
  }
  const states = await Promise.all([0, 1, 2].map((partition) => broker.logState(TOPIC, partition)));
  const gone = states.reduce((sum, { earliestOffset }) => sum + earliestOffset, 0);
  const kept = states.reduce((sum, { earliestOffset, endOffset }) => sum + endOffset - earliestOffset, 0);
  assert.ok(gone >= (appends * size) / 2, 'more than half did not fit');
  assert.equal(droppedAtQuota(), gone, 'every dropped record is counted');
  assert.equal(kept + gone, appends * size);
  assert.ok(kept * 16_000 > quotaBytes / 3, 'the quota is used');
  const spread = states.map(({ earliestOffset }) => earliestOffset);
  assert.ok(Math.max(...spread) - Math.min(...spread) <= size, 'the oldest go first, over all partitions');
  const reopened = await reopen();
  assert.equal(droppedAtQuota(), gone);
  for (const [partition, { earliestOffset, endOffset }] of states.entries()) {
    const records = await reopened.read(TOPIC, partition, 0, Infinity, 1_000_000);
    assert.deepEqual(
      records.map(({ offset }) => offset),
      Array.from({ length: endOffset - earliestOffset }, (_, i) => earliestOffset + i),
    );
  }
}
