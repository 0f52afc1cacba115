/** What every `latest` must do, run for memory and for Redis. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { AHEAD_SERIES_MAX, type Latest } from '../../cloud/server/storage/latest.ts';
import type { Bucket } from '../../cloud/server/storage/series-store.ts';
import { systemClock } from '../../common/clock.ts';
import { until } from '../doubles/until.ts';

export interface LatestUnderTest {
  name: string;
  /** Why it can't run here. */
  skip?: string | false;
  /** A new one each time, not started. */
  open: () => Latest;
}

export function bucket(household: string, startMs: number, fields: Partial<Bucket> = {}): Bucket {
  const value = startMs / 8;
  const numbers = { count: 5, mean: value, min: value - 0.1, max: value + 1 / 3, first: value, last: -value, energyKwh: null };
  return { household, device: 'meter', field: 'power', startMs, ...numbers, ...fields };
}

/** Of 5 s windows. */
const T0_MS = 1_577_167_200_000;
const at = (window: number) => T0_MS + window * 5_000;

export function sorted(windows: readonly Bucket[]): Bucket[] {
  const key = ({ household, device, field }: Bucket) => `${household}/${device}/${field}`;
  return [...windows].sort((a, b) => (key(a) < key(b) ? -1 : 1));
}

export function latestSuite({ name, skip = false, open }: LatestUnderTest): void {
  describe(`latest: ${name}`, { timeout: 300_000 }, () => {
    if (skip !== false) {
      test('all of it', { skip }, () => {});
      return;
    }
    const started = () => start(open());

    test('keeps the newest window of each series, every number as it was given', async () => {
      await using run = await started();
      assert.deepEqual(await run.latest.all(), []);
      const other = bucket('a', at(1), { field: 'energy', energyKwh: 1e-17, mean: -0.1, min: 1.7976931348623157e308 });
      run.latest.put([bucket('a', at(1)), bucket('b', at(5)), other]);
      run.latest.put([bucket('a', at(2)), bucket('b', at(4)), bucket('a', at(1), { device: 'pump' })]);
      const expected = [bucket('a', at(2)), bucket('b', at(5)), other, bucket('a', at(1), { device: 'pump' })];
      assert.deepEqual(sorted(await run.latest.all()), sorted(expected));
    });

    test('more of the same window replaces it', async () => {
      await using run = await started();
      run.latest.put([bucket('a', at(1), { count: 2 })]);
      run.latest.put([bucket('a', at(1), { count: 3, mean: 9 })]);
      assert.deepEqual(await run.latest.all(), [bucket('a', at(1), { count: 3, mean: 9 })]);
    });

    aheadTests(started);
    subscriberTests(started);

    test('who ended the subscription, and everybody after stop, is told nothing', async () => {
      const run = await started();
      let told = 0;
      const end = run.latest.subscribe(1, () => told++);
      run.latest.subscribe(1, () => told++);
      run.latest.put([bucket('a', at(1))]);
      await until(() => told === 2, 'both calls');
      end();
      run.latest.put([bucket('a', at(2))]);
      await until(() => told === 3, 'the one call');
      run.latest.put([bucket('a', at(3))]);
      await run.latest.stop();
      await systemClock.sleep(50);
      assert.equal(told, 3);
    });
  });
}

function aheadTests(started: () => ReturnType<typeof start>): void {
  test('a window that is not stored yet goes ahead, is not taken back by stored ones, and never replaces more of the same', async () => {
    await using run = await started();
    const show = (...windows: Bucket[]) => run.latest.show(windows.map((window) => ({ window, src: 'src-1' })));
    run.latest.put([bucket('a', at(1)), bucket('b', at(1), { count: 5 })]);
    show(bucket('a', at(9), { count: 4 }), bucket('b', at(1), { count: 4, mean: 7 }));
    const ahead = [bucket('a', at(9), { count: 4 }), bucket('b', at(1), { count: 5 })];
    assert.deepEqual(sorted(await run.latest.all()), ahead);
    run.latest.put([bucket('a', at(2)), bucket('a', at(8))]);
    show(bucket('a', at(9), { count: 3 }), bucket('b', at(0), { count: 9 }));
    assert.deepEqual(sorted(await run.latest.all()), ahead);
    run.latest.put([bucket('a', at(9), { count: 4 })]);
    show(bucket('a', at(8)));
    assert.deepEqual(sorted(await run.latest.all()), ahead, 'stored it is the same window');
    show(bucket('c', at(3)));
    assert.deepEqual(sorted(await run.latest.all()), [...ahead, bucket('c', at(3))]);
  });

  test('of what was shown ahead the newer word of a source holds, whatever its start; another source has to be later', async () => {
    await using run = await started();
    run.latest.put([bucket('a', at(1))]);
    run.latest.show([{ window: bucket('a', at(9_000_000)), src: 'src-1' }]);
    run.latest.show([{ window: bucket('a', at(5)), src: 'src-2' }]);
    assert.deepEqual(await run.latest.all(), [bucket('a', at(9_000_000))]);
    run.latest.show([{ window: bucket('a', at(5)), src: 'src-1' }]);
    assert.deepEqual(await run.latest.all(), [bucket('a', at(5))]);
    run.latest.put([bucket('a', at(6))]);
    assert.deepEqual(await run.latest.all(), [bucket('a', at(6))]);
  });

  test('what was never stored is shown of so many series of a household, and others are counted', async () => {
    await using run = await started();
    const series = (household: string, count: number, field: string) =>
      Array.from({ length: count }, (_, i) => bucket(household, at(1), { field: `${field}-${i}` }));
    run.latest.put(series('a', 10, 'stored'));
    const show = (windows: Bucket[]) => run.latest.show(windows.map((window) => ({ window, src: 'src-1' }))).series;
    assert.equal(show(series('a', AHEAD_SERIES_MAX + 7, 'new')), 7);
    assert.equal(show([...series('a', 10, 'stored'), ...series('a', AHEAD_SERIES_MAX, 'new')]), 0, 'known ones go on');
    assert.equal(show(series('b', AHEAD_SERIES_MAX, 'new')), 0, 'each household has its own');
    assert.equal((await run.latest.all()).length, 10 + 2 * AHEAD_SERIES_MAX);
    run.latest.put(series('a', 3, 'new'));
    assert.equal(show(series('a', 5, 'newer')), 2, 'what was stored since makes room');
  });
}

function subscriberTests(started: () => ReturnType<typeof start>): void {
  test('tells subscribers each series once, the newest of it, and never inside put', async () => {
    await using run = await started();
    const told: Bucket[][] = [];
    run.latest.subscribe(10, (windows) => told.push([...windows]));
    for (let window = 0; window <= 100; window++) run.latest.put([bucket('a', at(window)), bucket('b', at(0))]);
    assert.deepEqual(told, []);
    await until(() => told.length > 0, 'the first call');
    assert.deepEqual(sorted(told.at(0) ?? []), [bucket('a', at(100)), bucket('b', at(0))]);
  });

  test('tells no older window, and at most every so often', async () => {
    await using run = await started();
    const calls: { atMs: number; starts: number[] }[] = [];
    run.latest.subscribe(300, (windows) => {
      calls.push({ atMs: systemClock.monotonicMs(), starts: windows.map(({ startMs }) => startMs) });
    });
    for (let window = 1; calls.length < 3; window++) {
      run.latest.put([bucket('a', at(window))]);
      run.latest.put([bucket('a', at(window - 1))]);
      await systemClock.sleep(10);
    }
    const starts = calls.flatMap((call) => call.starts);
    assert.deepEqual(
      starts,
      [...new Set(starts)].sort((a, b) => a - b),
    );
    // A fifth less: timers round, and a call may be a little late.
    const tookMs = (calls.at(-1)?.atMs ?? 0) - (calls[0]?.atMs ?? 0);
    assert.ok(tookMs >= 0.8 * 300 * (calls.length - 1), `${calls.length} calls in ${tookMs} ms`);
  });
}

async function start(latest: Latest) {
  await latest.start();
  return { latest, [Symbol.asyncDispose]: () => latest.stop() };
}
