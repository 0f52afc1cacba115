import assert from 'node:assert/strict';
import { test } from 'node:test';
import { yieldToEventLoop } from '../../../common/clock.ts';
import { VirtualClock } from '../../doubles/virtual-clock.ts';

test('timers fire in the order of their time, equal times in the order they were set', async () => {
  const clock = new VirtualClock();
  const fired: string[] = [];
  const note = (name: string, ms: number) => clock.timer(name, ms, () => fired.push(`${name}@${clock.monotonicMs()}`));
  note('late', 30);
  note('first', 10);
  note('second', 10);
  note('third', 10);
  note('now', 0);
  await clock.run(20);
  assert.deepEqual(fired, ['now@0', 'first@10', 'second@10', 'third@10']);
  assert.equal(clock.monotonicMs(), 20);
  await clock.advance(10);
  assert.equal(fired.at(-1), 'late@30');
});

test('what a timer sets for later in the same span fires too', async () => {
  const clock = new VirtualClock(1_000);
  const times: number[] = [];
  const again = () => {
    times.push(clock.nowMs());
    if (times.length < 5) clock.timer('again', 7, again);
  };
  clock.timer('again', 7, again);
  await clock.run(100);
  assert.deepEqual(times, [1_007, 1_014, 1_021, 1_028, 1_035]);
});

test('time stands still while promises and immediates run', async () => {
  const clock = new VirtualClock();
  const seen: number[] = [];
  clock.timer('work', 5, () => {
    void (async () => {
      for (let i = 0; i < 50; i++) await Promise.resolve();
      for (let i = 0; i < 20; i++) await yieldToEventLoop();
      seen.push(clock.monotonicMs());
    })();
  });
  clock.timer('next', 6, () => seen.push(-1));
  await clock.run(6);
  assert.deepEqual(seen, [5, -1]);
});

test('a cancelled timer never fires, also when it is cancelled by another at the same instant', async () => {
  const clock = new VirtualClock();
  const fired: string[] = [];
  clock.timer('killer', 5, () => victim.cancel());
  const victim = clock.timer('victim', 5, () => fired.push('victim'));
  const early = clock.timer('early', 1, () => fired.push('early'));
  early.cancel();
  assert.deepEqual(clock.pending(), ['killer in 5 ms', 'victim in 5 ms']);
  await clock.run(10);
  assert.deepEqual(fired, []);
  assert.deepEqual(clock.pending(), []);
});

test('a sleep ends at its time or at once when the signal aborts, and never rejects', async () => {
  const clock = new VirtualClock();
  const stop = new AbortController();
  const ended: string[] = [];
  void clock.sleep(10).then(() => ended.push(`whole@${clock.monotonicMs()}`));
  void clock.sleep(1_000, stop.signal).then(() => ended.push(`aborted@${clock.monotonicMs()}`));
  clock.timer('stop', 3, () => stop.abort());
  await clock.run(10);
  assert.deepEqual(ended, ['aborted@3', 'whole@10']);
  await clock.sleep(1_000, stop.signal);
  assert.equal(clock.monotonicMs(), 10);
  assert.deepEqual(clock.pending(), []);
});

test('one timer at a time, however late the next one is', async () => {
  const clock = new VirtualClock();
  const fired: number[] = [];
  clock.timer('far', 1e9, () => fired.push(clock.monotonicMs()));
  clock.timer('near', 1, () => fired.push(clock.monotonicMs()));
  assert.equal(await clock.fireNext(), true);
  assert.deepEqual(fired, [1]);
  assert.equal(await clock.fireNext(), true);
  assert.deepEqual(fired, [1, 1e9]);
  assert.equal(await clock.fireNext(), false);
});

test('the wall time may jump, durations do not', async () => {
  const clock = new VirtualClock(5_000);
  clock.jumpWallTime(-2_000);
  assert.equal(clock.nowMs(), 3_000);
  await clock.advance(1);
  assert.equal(clock.monotonicMs(), 1);
  assert.equal(clock.nowMs(), 3_001);
});

test('two equal set-ups with many timers give the same run', async () => {
  const runOnce = async () => {
    const clock = new VirtualClock();
    const fired: number[] = [];
    for (let i = 0; i < 300; i++) clock.timer(`t${i}`, (i * 7919) % 13, () => fired.push(i));
    await clock.run(20);
    return fired;
  };
  const fired = await runOnce();
  assert.equal(fired.length, 300);
  assert.deepEqual(await runOnce(), fired);
  const byTime = fired.map((i) => (i * 7919) % 13);
  assert.deepEqual(
    byTime,
    byTime.toSorted((a, b) => a - b),
  );
});
