import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WorkQueue } from '../../../../cloud/server/work-queue.ts';
import { VirtualClock } from '../../../doubles/virtual-clock.ts';

test('one after the other in the order of arrival, also when an earlier one waits or fails', async () => {
  const clock = new VirtualClock();
  const queue = new WorkQueue(clock);
  const done: string[] = [];
  const work = (name: string, ms: number) => async () => {
    if (ms > 0) await clock.sleep(ms);
    done.push(name);
    return name;
  };
  const failing = queue.run(1, async () => {
    await clock.sleep(50);
    done.push('failing');
    throw new Error('planted');
  });
  const refused = assert.rejects(failing, /planted/);
  const others = [queue.run(1, work('slow', 30)), queue.run(1, work('quick', 0))];
  await clock.advance(100);
  await refused;
  assert.deepEqual(await Promise.all(others), ['slow', 'quick']);
  assert.deepEqual(done, ['failing', 'slow', 'quick']);
  assert.deepEqual([queue.requests, queue.bytes], [0, 0]);
});

test('the event loop turns before each: what else is ready is not held up by all of them', async () => {
  const queue = new WorkQueue(new VirtualClock());
  let turns = 0;
  let isOver = false;
  const turn = () => {
    turns++;
    if (!isOver) setImmediate(turn);
  };
  setImmediate(turn);
  await Promise.all(Array.from({ length: 20 }, () => queue.run(1, async () => undefined)));
  isOver = true;
  assert.ok(turns >= 19, `${turns} turns`);
});

test('full by requests and by bytes, never when nothing waits', async () => {
  const queue = new WorkQueue(new VirtualClock(), { requestsMax: 2, bytesMax: 100 });
  assert.equal(queue.isFull(1_000), false, 'one that is larger than the limit is served when its turn is now');
  const first = queue.run(60, async () => undefined);
  assert.equal(queue.isFull(40), false);
  assert.equal(queue.isFull(41), true);
  const second = queue.run(1, async () => undefined);
  assert.equal(queue.isFull(1), true);
  await Promise.all([first, second]);
  assert.equal(queue.isFull(100), false);
});

test('how long to wait goes by what waits and by what work took lately', async () => {
  const clock = new VirtualClock();
  const queue = new WorkQueue(clock);
  assert.equal(queue.retryAfterMs(), 100, 'never sooner');
  const slow = Array.from({ length: 40 }, () => queue.run(1, () => clock.sleep(200)));
  await clock.advance(200 * 20);
  const halfWay = queue.retryAfterMs();
  assert.ok(halfWay > 20 * 100 * 0.7 && halfWay <= 20 * 100, `${halfWay} ms for 20 requests of 200 ms`);
  await clock.advance(200 * 20);
  await Promise.all(slow);
  void Array.from({ length: 250 }, () => queue.run(1, () => clock.sleep(1)));
  assert.equal(queue.retryAfterMs(), 10_000, 'never later');
});
