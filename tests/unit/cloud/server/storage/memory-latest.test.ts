import assert from 'node:assert/strict';
import { it } from 'node:test';
import { AHEAD_KEPT_MS } from '../../../../../cloud/server/storage/latest.ts';
import { MemoryLatest } from '../../../../../cloud/server/storage/memory-latest.ts';
import type { Bucket } from '../../../../../cloud/server/storage/series-store.ts';
import { VirtualClock } from '../../../../doubles/virtual-clock.ts';

function bucket(household: string, startMs: number, mean = startMs): Bucket {
  return { household, device: 'meter', field: 'power', startMs, count: 1, mean, min: 0, max: 0, first: 0, last: 0, energyKwh: null };
}

function told(windows: readonly Bucket[]): string {
  return windows.map(({ household, startMs, mean }) => `${household}@${startMs}=${mean}`).join(' ');
}

it('keeps the newest window of each series, and more of the same one', async () => {
  const latest = new MemoryLatest(new VirtualClock());
  await latest.start();
  latest.put([bucket('a', 10), bucket('b', 5)]);
  latest.put([bucket('a', 5), bucket('b', 5, 6), bucket('c', 1)]);
  assert.equal(told(await latest.all()), 'a@10=10 b@5=6 c@1=1');
  await latest.stop();
});

it('tells subscribers what was accepted, each series once, at most every so often, never inside put', async () => {
  const clock = new VirtualClock();
  const latest = new MemoryLatest(clock);
  const calls: string[] = [];
  const end = latest.subscribe(1_000, (windows) => calls.push(`${clock.monotonicMs()}: ${told(windows)}`));
  latest.put([]);
  latest.put([bucket('a', 1)]);
  assert.deepEqual(calls, []);
  await clock.advance(300);
  latest.put([bucket('a', 2)]);
  latest.put([bucket('a', 1), bucket('b', 1)]);
  latest.put([bucket('a', 3)]);
  await clock.advance(5_000);
  latest.put([bucket('a', 2)]);
  await clock.advance(5_000);
  latest.put([bucket('a', 4)]);
  await clock.advance(1);
  assert.deepEqual(calls, ['0: a@1=1', '1000: a@3=3 b@1=1', '10300: a@4=4']);
  end();
  latest.put([bucket('a', 5)]);
  await clock.advance(5_000);
  assert.equal(calls.length, 3);
  assert.deepEqual(clock.pending(), []);
});

it('tells nobody after stop', async () => {
  const clock = new VirtualClock();
  const latest = new MemoryLatest(clock);
  latest.subscribe(1_000, () => assert.fail('told after stop'));
  latest.put([bucket('a', 1)]);
  await latest.stop();
  await clock.advance(5_000);
});

it('putNewer keeps later windows and more readings of the same one, and says which', async () => {
  const clock = new VirtualClock();
  const latest = new MemoryLatest(clock);
  latest.put([{ ...bucket('a', 10), count: 3 }, bucket('b', 10), bucket('c', 10)]);
  const calls: string[] = [];
  await clock.advance(1);
  latest.subscribe(1, (windows) => calls.push(told(windows)));
  const kept = latest.putNewer([{ ...bucket('a', 10, 0), count: 3 }, { ...bucket('b', 10, 7), count: 2 }, bucket('c', 9), bucket('d', 1)]);
  assert.equal(told(kept), 'b@10=7 d@1=1');
  await clock.advance(1);
  assert.deepEqual(calls, ['b@10=7 d@1=1']);
  assert.deepEqual(latest.putNewer(await latest.all()), []);
  await latest.stop();
});

it('what was shown ahead and of which nothing came for long gives way to what is stored', async () => {
  const clock = new VirtualClock();
  const latest = new MemoryLatest(clock);
  const show = (startMs: number) => latest.show([{ window: bucket('a', startMs), src: 's' }]);
  latest.put([bucket('a', 10)]);
  show(1_000);
  await clock.advance(AHEAD_KEPT_MS - 1);
  latest.put([bucket('a', 20)]);
  assert.equal(told(await latest.all()), 'a@1000=1000');
  show(1_001);
  await clock.advance(AHEAD_KEPT_MS);
  assert.equal(told(await latest.all()), 'a@1001=1001', 'by itself nothing goes back');
  latest.put([bucket('a', 30)]);
  assert.equal(told(await latest.all()), 'a@30=30');
  await clock.advance(AHEAD_KEPT_MS);
  latest.put([bucket('a', 20)]);
  assert.equal(told(await latest.all()), 'a@30=30', 'what is stored stays');
});
