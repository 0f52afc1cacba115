import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EXPECTED_FOR_MS, Expectation, paceOf, STALLED_AFTER_MS, UNEVEN_MS, windowsMissing } from '../../../../cloud/server/expectation.ts';
import type { Bucket } from '../../../../cloud/server/storage/series-store.ts';
import { VirtualClock } from '../../../doubles/virtual-clock.ts';

const WINDOW_MS = 5_000;
const T0_MS = 1_577_167_200_000;

function window(household: string, n: number): Bucket {
  const value = { count: 1, mean: 1, min: 1, max: 1, first: 1, last: 1, energyKwh: null };
  return { household, device: 'meter', field: 'power', startMs: T0_MS + n * WINDOW_MS, ...value };
}

/** A fleet whose windows come in as they are over, at this speed. */
function fleet(speed: number, households: readonly string[]) {
  const clock = new VirtualClock();
  const expectation = new Expectation(WINDOW_MS, clock);
  const silent = new Set<string>();
  let n = 0;
  const owes = () => Object.fromEntries(expectation.owing().map(({ household, missing }) => [household, missing]));
  const late = () => expectation.owing().flatMap(({ household, missing, isLate }) => (isLate && missing >= 3 ? [household] : []));
  /** One window of all that are not silent. */
  const step = async () => {
    await clock.advance(WINDOW_MS / speed);
    expectation.put(households.filter((household) => !silent.has(household)).map((household) => window(household, n)));
    n++;
  };
  return { clock, expectation, silent, owes, late, step };
}

test('a household that stops owes each window that the others have beyond its last: the third is noticed, not the second', async () => {
  const { silent, owes, late, step } = fleet(1, ['a', 'b', 'c']);
  for (let i = 0; i < 5; i++) await step();
  assert.deepEqual(owes(), { a: 0, b: 0, c: 0 });
  silent.add('b');
  await step();
  await step();
  assert.deepEqual([owes()['b'], late()], [2, []]);
  await step();
  assert.deepEqual([owes()['b'], late()], [3, ['b']]);
  silent.delete('b');
  await step();
  assert.deepEqual([owes(), late()], [{ a: 0, b: 0, c: 0 }, []]);
});

test('at sixty times the speed the same rule holds in event time; what may be under way is waited for', async () => {
  const { silent, owes, late, step, clock } = fleet(60, ['a', 'b']);
  for (let i = 0; i < 100; i++) await step();
  silent.add('b');
  const stoppedMs = clock.monotonicMs();
  for (let i = 0; i < 3; i++) await step();
  assert.deepEqual([owes()['b'], late()], [3, []]);
  while (late().length === 0 && clock.monotonicMs() < stoppedMs + 60_000) await step();
  const tookMs = clock.monotonicMs() - stoppedMs;
  assert(tookMs <= UNEVEN_MS + (2 * WINDOW_MS) / 60, `${tookMs} ms`);
});

test('where all stop, the front goes on at the pace it had', async () => {
  for (const speed of [1, 60]) {
    const { clock, late, step } = fleet(speed, ['a', 'b']);
    for (let i = 0; i < 20 * speed; i++) await step();
    await clock.advance(STALLED_AFTER_MS - 1);
    assert.deepEqual(late(), []);
    await clock.advance(Math.max(1, (3 * WINDOW_MS) / speed - STALLED_AFTER_MS + 1));
    assert.deepEqual(late(), ['a', 'b'], `speed ${speed}`);
  }
});

test('a replay that was never seen to move has no pace: nothing is expected; live data have that of the clock', async () => {
  for (const isLive of [false, true]) {
    const clock = new VirtualClock(isLive ? T0_MS + 60_000 : T0_MS + 86_400_000 * 300);
    const expectation = new Expectation(WINDOW_MS, clock);
    expectation.begin([window('a', 0), window('b', 0)]);
    await clock.advance(60_000);
    assert.deepEqual(
      expectation.owing().map(({ missing }) => missing >= 3),
      [isLive, isLive],
    );
  }
});

test('of one that left long ago nothing is expected; before the first window of nobody', () => {
  const expectation = new Expectation(WINDOW_MS, new VirtualClock());
  assert.deepEqual(expectation.owing(), []);
  assert.equal(expectation.missingOf('a'), null);
  expectation.put([window('gone', 0), window('a', EXPECTED_FOR_MS / WINDOW_MS)]);
  assert.deepEqual(
    expectation.owing().map(({ household }) => household),
    ['a'],
  );
  assert.equal(expectation.missingOf('gone'), null);
  assert.equal(expectation.missingOf('a'), 0);
});

test('older windows than the newest change nothing, in whatever order they come', () => {
  const expectation = new Expectation(WINDOW_MS, new VirtualClock());
  expectation.put([window('a', 9), window('a', 3), window('b', 5), window('b', 9), window('b', 4)]);
  assert.deepEqual([expectation.missingOf('a'), expectation.missingOf('b')], [0, 0]);
});

test('windows missing and pace, as tables', () => {
  for (const [newest, front, missing] of [
    [0, 0, 0],
    [0, 4_999, 0],
    [0, 5_000, 1],
    [0, 15_000, 3],
    [20_000, 5_000, 0],
  ] as const)
    assert.equal(windowsMissing(newest, front, WINDOW_MS), missing);
  assert.equal(paceOf([]), null);
  assert.equal(paceOf([{ frontMs: 0, atMs: 0 }]), null);
  assert.equal(
    paceOf([
      { frontMs: 0, atMs: 0 },
      { frontMs: 9_000, atMs: 1_000 },
    ]),
    null,
    'a second is chance',
  );
  assert.equal(
    paceOf([
      { frontMs: 0, atMs: 0 },
      { frontMs: 5, atMs: 500 },
      { frontMs: 600_000, atMs: 10_000 },
    ]),
    60,
  );
});

for (const aheadMs of [20_000, 8 * 86_400_000]) {
  test(`one household whose clock is ${aheadMs / 1_000} s ahead makes nobody late, and hides nobody who is`, async () => {
    const others = ['a', 'b', 'c', 'd'];
    const { clock, expectation, silent, owes, late, step } = fleet(1, others);
    const stepAll = async () => {
      await step();
      const atMs = clock.monotonicMs();
      expectation.put([{ ...window('wrong', 0), startMs: T0_MS + Math.round(atMs / WINDOW_MS) * WINDOW_MS + aheadMs }]);
    };
    for (let i = 0; i < 6; i++) {
      await stepAll();
      assert.deepEqual(late(), []);
    }
    silent.add('b');
    for (let i = 0; i < 4; i++) await stepAll();
    assert.deepEqual(late(), ['b']);
    assert.equal(owes()['a'], 0);
  });
}
