import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Owner, WORK_LIMITS, WorkQueue } from '../../../../cloud/server/work-queue.ts';
import { VirtualClock } from '../../../doubles/virtual-clock.ts';

const ONE: Owner = { name: 'one', isProved: false };
const FLOODER: Owner = { name: 'flooder', isProved: true };
const HONEST: Owner = { name: 'honest', isProved: true };
const WORK_MS = 10;

test('one after the other in the order of arrival, also when an earlier one waits or fails', async () => {
  const clock = new VirtualClock();
  const queue = new WorkQueue(clock);
  const done: string[] = [];
  const work = (name: string, ms: number) => async () => {
    if (ms > 0) await clock.sleep(ms);
    done.push(name);
    return name;
  };
  const failing = queue.run(ONE, 1, async () => {
    await clock.sleep(50);
    done.push('failing');
    throw new Error('planted');
  });
  const refused = assert.rejects(failing, /planted/);
  const others = [queue.run(ONE, 1, work('slow', 30)), queue.run(ONE, 1, work('quick', 0))];
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
  await Promise.all(Array.from({ length: 20 }, () => queue.run(ONE, 1, async () => undefined)));
  isOver = true;
  assert.ok(turns >= 19, `${turns} turns`);
});

test('full by requests and by bytes, never when nothing waits', async () => {
  const queue = new WorkQueue(new VirtualClock(), { requestsMax: 2, bytesMax: 100 });
  assert.equal(queue.isFull(ONE, 1_000), false, 'one that is larger than the limit is served when its turn is now');
  const first = queue.run(ONE, 60, async () => undefined);
  assert.equal(queue.isFull(ONE, 40), false);
  assert.equal(queue.isFull(ONE, 41), true);
  const second = queue.run(ONE, 1, async () => undefined);
  assert.equal(queue.isFull(ONE, 1), true);
  await Promise.all([first, second]);
  assert.equal(queue.isFull(ONE, 100), false);
});

test('how long to wait goes by what waits and by what work took lately', async () => {
  const clock = new VirtualClock();
  const queue = new WorkQueue(clock);
  assert.equal(queue.retryAfterMs(), 100, 'never sooner');
  const slow = Array.from({ length: 40 }, () => queue.run(ONE, 1, () => clock.sleep(200)));
  await clock.advance(200 * 20);
  const halfWay = queue.retryAfterMs();
  assert.ok(halfWay > 20 * 100 * 0.7 && halfWay <= 20 * 100, `${halfWay} ms for 20 requests of 200 ms`);
  await clock.advance(200 * 20);
  await Promise.all(slow);
  void Array.from({ length: 250 }, () => queue.run(ONE, 1, () => clock.sleep(1)));
  assert.equal(queue.retryAfterMs(), 10_000, 'never later');
});

test('one certificate has a share of the queue, and who has nothing waiting gets in however full it is', async () => {
  const clock = new VirtualClock();
  const queue = new WorkQueue(clock);
  let taken = 0;
  for (let thief = 0; thief < 20; thief++) {
    const its: Owner = { name: `thief-${thief}`, isProved: true };
    while (!queue.isFull(its, 1)) {
      void queue.run(its, 1, () => clock.sleep(WORK_MS));
      taken++;
      if (thief === 0 && taken > WORK_LIMITS.identityRequestsMax) assert.fail('one certificate takes more than its share');
    }
    if (thief === 0) assert.equal(taken, WORK_LIMITS.identityRequestsMax);
  }
  assert.ok(taken >= WORK_LIMITS.requestsMax, 'the queue is full');
  assert.equal(queue.isFull(HONEST, 1), false, 'an honest hello gets in');
  void queue.run(HONEST, 1, async () => undefined);
  assert.equal(queue.isFull(HONEST, 1), true, 'its second request waits until there is room');
  for (let i = 0; queue.requests < WORK_LIMITS.requestsMax + WORK_LIMITS.firstRequestsMax; i++) {
    const another: Owner = { name: `another-${i}`, isProved: true };
    assert.equal(queue.isFull(another, 1), false);
    void queue.run(another, 1, async () => undefined);
  }
  assert.equal(queue.isFull({ name: 'one more', isProved: true }, 1), true, 'what waits is bounded however many ask');
  await clock.advance(1_000 * WORK_MS);
  assert.equal(queue.requests, 0);
});

test('bytes of one certificate are bounded as its requests are', () => {
  const queue = new WorkQueue(new VirtualClock());
  void queue.run(FLOODER, WORK_LIMITS.identityBytesMax, async () => undefined);
  assert.deepEqual([queue.isFull(FLOODER, 1), queue.isFull(HONEST, 1)], [true, false]);
});

/** How long the honest owner's requests take beside one that keeps its share of the queue full. */
async function honestMs(flooder: Owner, honest: Owner): Promise<number[]> {
  const clock = new VirtualClock();
  const queue = new WorkQueue(clock);
  let isOver = false;
  const flood = async (): Promise<void> => {
    while (!isOver) {
      if (queue.isFull(flooder, 1)) await clock.sleep(1);
      else await queue.run(flooder, 1, () => clock.sleep(WORK_MS));
    }
  };
  const flooding = Array.from({ length: WORK_LIMITS.identityRequestsMax }, flood);
  await clock.advance(200);
  const tookMs: number[] = [];
  for (let i = 0; i < 20; i++) {
    const beganMs = clock.monotonicMs();
    const done = queue.run(honest, 1, () => clock.sleep(1)).then(() => tookMs.push(clock.monotonicMs() - beganMs));
    for (let ms = 0; ms < 2_000 && tookMs.length <= i; ms++) await clock.advance(1);
    await done;
    await clock.advance(7);
  }
  isOver = true;
  await clock.advance(WORK_LIMITS.requestsMax * WORK_MS);
  await Promise.all(flooding);
  return tookMs;
}

test('beside one that floods, an honest request waits for one piece of work at most; in one line with it, for all of it', async () => {
  const beside = await honestMs(FLOODER, HONEST);
  assert.ok(Math.max(...beside) <= WORK_MS + 2, `${beside}`);
  // The control: who shares an owner with the flood waits behind it.
  const behind = await honestMs(ONE, ONE);
  assert.ok(Math.min(...behind) > 10 * WORK_MS, `${behind}`);
});

test('turns go by work done: who asks for much each time gets no more of it than who asks for little', async () => {
  const clock = new VirtualClock();
  const queue = new WorkQueue(clock);
  const done: string[] = [];
  const ask = (owner: Owner, ms: number) =>
    void queue.run(owner, 1, async () => {
      await clock.sleep(ms);
      done.push(owner.name);
    });
  for (let i = 0; i < 10; i++) ask(FLOODER, 50);
  for (let i = 0; i < 20; i++) ask(HONEST, 10);
  await clock.advance(50 + 20 * 10 + 4 * 50 + 50);
  const beforeTheEnd = done.slice(0, done.lastIndexOf('honest') + 1);
  const large = beforeTheEnd.filter((name) => name === 'flooder').length;
  assert.ok(large >= 4 && large <= 5, `${large} large ones beside 20 small ones`);
});

test('going away and coming back gains nothing', async () => {
  const clock = new VirtualClock();
  const queue = new WorkQueue(clock);
  const work = { flooder: 0, honest: 0 };
  let isOver = false;
  /** One request at a time: its lane is empty each time it is served. */
  const come = async (owner: Owner, ms: number): Promise<void> => {
    while (!isOver) {
      await queue.run(owner, 1, () => clock.sleep(ms));
      work[owner.name as keyof typeof work] += ms;
    }
  };
  const both = [come(FLOODER, 50), come(HONEST, 5), come(HONEST, 5)];
  await clock.advance(2_000);
  isOver = true;
  await clock.advance(200);
  await Promise.all(both);
  assert.ok(work.flooder <= 1.3 * work.honest, JSON.stringify(work));
});
