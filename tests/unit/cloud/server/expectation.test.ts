import assert from 'node:assert/strict';
import { test } from 'node:test';
import { paceOf, reachedByHalf, STALLED_AFTER_MS } from '../../../../cloud/server/edge-front.ts';
import { EXPECTED_FOR_MS, Expectation, UNEVEN_MS, windowsMissing } from '../../../../cloud/server/expectation.ts';
import type { Bucket } from '../../../../cloud/server/storage/series-store.ts';
import { seededRandom } from '../../../../common/random.ts';
import { VirtualClock } from '../../../doubles/virtual-clock.ts';

const WINDOW_MS = 5_000;
const T0_MS = 1_577_167_200_000;

function window(household: string, n: number): Bucket {
  const value = { count: 1, mean: 1, min: 1, max: 1, first: 1, last: 1, energyKwh: null };
  return { household, device: 'meter', field: 'power', startMs: T0_MS + n * WINDOW_MS, ...value };
}

const oneEdge = () => 'edge-1';

/** A fleet whose windows come in as they are over, at this speed. */
function fleet(speed: number, households: readonly string[]) {
  const clock = new VirtualClock();
  const expectation = new Expectation(WINDOW_MS, clock, oneEdge);
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
    const expectation = new Expectation(WINDOW_MS, clock, oneEdge);
    expectation.begin([window('a', 0), window('b', 0)]);
    await clock.advance(60_000);
    assert.deepEqual(
      expectation.owing().map(({ missing }) => missing >= 3),
      [isLive, isLive],
    );
  }
});

test('of one that left long ago nothing is expected; before the first window of nobody', () => {
  const expectation = new Expectation(WINDOW_MS, new VirtualClock(), oneEdge);
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
  const expectation = new Expectation(WINDOW_MS, new VirtualClock(), oneEdge);
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

/** Homes are named `EDGE/HOME`. */
const edgeOfName = (household: string) => household.split('/')[0];
const homesOf = (edge: string, count: number) => Array.from({ length: count }, (_, i) => `${edge}/${i}`);

/**
 * 2,000 homes of a hundred edges, and 17 of one whose clock is wrong; three fall silent.
 * @returns who was told late, before and after that
 */
async function toldOf(edgeOf: (household: string) => string | undefined, aheadMs: number) {
  const right = Array.from({ length: 100 }, (_, i) => homesOf(`edge-${i}`, 20)).flat();
  const wrong = homesOf('wrong', 17);
  const clock = new VirtualClock();
  const expectation = new Expectation(WINDOW_MS, clock, edgeOf);
  const silent = new Set<string>();
  const told = new Set<string>();
  const step = async (n: number) => {
    await clock.advance(WINDOW_MS);
    const windows = [...right.map((home) => window(home, n)), ...wrong.map((home) => window(home, n + aheadMs / WINDOW_MS))];
    expectation.put(windows.filter(({ household }) => !silent.has(household)));
    for (const { household, missing, isLate } of expectation.owing()) if (isLate && missing >= 3) told.add(household);
  };
  for (let n = 0; n < 6; n++) await step(n);
  const before = [...told];
  for (const household of SILENT) silent.add(household);
  for (let n = 6; n < 9; n++) await step(n);
  return { before, after: [...told].sort(), expected: expectation.owing().length };
}

const SILENT = ['edge-3/4', 'edge-99/19', 'wrong/2'];

for (const aheadMs of [20_000, 8 * 86_400_000, -8 * 86_400_000]) {
  test(`17 homes of an edge whose clock is ${aheadMs / 1_000} s wrong, among 2,000: silence of all others is noticed as ever`, async () => {
    assert.deepEqual(await toldOf(edgeOfName, aheadMs), { before: [], after: SILENT, expected: 2_017 });
  });
}

test('control: with one front for all, a silence is missed', async () => {
  assert.notDeepEqual((await toldOf(() => 'all', 8 * 86_400_000)).after, SILENT);
});

test('property: other edges change nothing of what is expected of one, whatever their clocks and speeds', async () => {
  let noticed = 0;
  for (let seed = 1; seed <= 40; seed++) {
    const random = seededRandom(seed);
    const clock = new VirtualClock();
    const edges = Array.from({ length: 1 + random.below(5) }, (_, i) => ({
      homes: homesOf(`edge-${i}`, 1 + random.below(9)),
      speed: [1, 1, 60][random.below(3)] as number,
      aheadMs: random.below(2) === 0 ? 0 : (random.below(400_000) - 200_000) * WINDOW_MS,
      silentFrom: new Map<string, number>(),
    }));
    for (const { homes, silentFrom } of edges) for (const home of homes) if (random.below(4) === 0) silentFrom.set(home, random.below(60));
    const all = new Expectation(WINDOW_MS, clock, edgeOfName);
    const alone = edges.map(() => new Expectation(WINDOW_MS, clock, edgeOfName));
    for (let n = 0; n < 60; n++) {
      await clock.advance(WINDOW_MS);
      const windows = edges.map(({ homes, speed, aheadMs, silentFrom }) =>
        homes.filter((home) => n <= 1 || n < (silentFrom.get(home) ?? 60)).map((home) => window(home, n * speed + aheadMs / WINDOW_MS)),
      );
      all.put(windows.flat());
      alone.forEach((its, i) => its.put(windows[i] ?? []));
      const owing = all.owing();
      assert.deepEqual(
        alone
          .flatMap((its) => its.owing())
          .map(({ household, missing }) => `${household} ${missing}`)
          .sort(),
        owing.map(({ household, missing }) => `${household} ${missing}`).sort(),
        `seed ${seed}, step ${n}`,
      );
      if (n === 59) noticed += owing.filter(({ missing }) => missing >= 3).length;
    }
  }
  assert.ok(noticed > 100, `${noticed} silences`);
});

test('property: where a minority of an edge stops, it is told and nobody else', async () => {
  for (let seed = 1; seed <= 40; seed++) {
    const random = seededRandom(1_000 + seed);
    const homes = homesOf('edge-1', 3 + random.below(20));
    const { silent, late, step } = fleet(1, homes);
    for (let n = 0; n < 5; n++) await step();
    const count = random.below(Math.ceil(homes.length / 2));
    while (silent.size < count) silent.add(homes[random.below(homes.length)] as string);
    for (let n = 0; n < 3; n++) await step();
    assert.deepEqual(late().sort(), [...silent].sort(), `seed ${seed}`);
  }
});

test('one home to an edge: its silence shows by its own pace, or before it was seen to move by that of the others', async () => {
  const clock = new VirtualClock();
  const expectation = new Expectation(WINDOW_MS, clock, edgeOfName);
  expectation.begin([window('a/0', 0), window('b/0', 0), window('gone/0', -EXPECTED_FOR_MS / WINDOW_MS)]);
  const owed = () => Object.fromEntries(expectation.owing().map(({ household, missing }) => [household, missing]));
  for (let n = 1; n <= 12; n++) {
    await clock.advance(WINDOW_MS);
    expectation.put([window('a/0', n)]);
  }
  assert.deepEqual(owed(), { 'a/0': 0, 'b/0': 12 }, 'each window since the start');
  await clock.advance(20_000);
  assert.equal(owed()['a/0'], 4);
});

test('of a household that no edge is known to own nothing is expected, and it holds back nobody', async () => {
  const clock = new VirtualClock();
  const owners = new Map([['a', 'edge-1']]);
  const expectation = new Expectation(WINDOW_MS, clock, (household) => owners.get(household));
  expectation.put([window('a', 3), window('b', 0), window('c', 9)]);
  assert.deepEqual(
    expectation.owing().map(({ household }) => household),
    ['a'],
  );
  assert.equal(expectation.missingOf('b'), null);
  for (const household of ['b', 'c']) owners.set(household, 'edge-1');
  expectation.ownersChanged();
  assert.deepEqual([expectation.missingOf('a'), expectation.missingOf('b'), expectation.missingOf('c')], [0, 3, 0]);
});

test('the value that half have reached, as a table', () => {
  for (const [values, half] of [
    [[5], 5],
    [[1, 9], 9],
    [[1, 5, 9], 5],
    [[1, 2, 8, 9], 8],
    [[9, 9, 1], 9],
  ] as const)
    assert.equal(reachedByHalf(values), half);
});

const QUARTER_WINDOWS = 180;
const rareOnly = (household: string) => (household === 'rare' ? QUARTER_WINDOWS * WINDOW_MS : WINDOW_MS);

test('a household that tells a value every quarter of an hour owes none until its next is due: the third is noticed', async () => {
  const clock = new VirtualClock();
  const expectation = new Expectation(WINDOW_MS, clock, oneEdge, rareOnly);
  const owes = () => expectation.owing().find(({ household }) => household === 'rare');
  let worst = 0;
  const run = async (fromWindow: number, toWindow: number, isHeard: boolean) => {
    for (let n = fromWindow; n < toWindow; n++) {
      await clock.advance(WINDOW_MS / 60);
      expectation.put([window('often', n), ...(isHeard && n % QUARTER_WINDOWS === 0 ? [window('rare', n)] : [])]);
      worst = Math.max(worst, owes()?.missing ?? 0);
    }
  };
  await run(0, 4 * QUARTER_WINDOWS + 1, true);
  assert.deepEqual([worst, owes()?.intervalMs], [0, QUARTER_WINDOWS * WINDOW_MS]);
  await run(4 * QUARTER_WINDOWS + 1, 6 * QUARTER_WINDOWS + QUARTER_WINDOWS - 1, false);
  assert.equal(owes()?.missing, 2);
  await run(7 * QUARTER_WINDOWS - 1, 7 * QUARTER_WINDOWS + 1, false);
  assert.deepEqual([owes()?.missing, expectation.missingOf('rare')], [3, 3]);
  assert.equal(expectation.owing().find(({ household }) => household === 'often')?.missing, 0);
});

test('many that are rare do not hold back the front of those that are not', async () => {
  const clock = new VirtualClock();
  const isRare = (household: string) => household.startsWith('rare');
  const expectation = new Expectation(WINDOW_MS, clock, oneEdge, (household) => (isRare(household) ? 900_000 : WINDOW_MS));
  const rare = ['rare-1', 'rare-2', 'rare-3', 'rare-4'];
  for (let n = 0; n < 20; n++) {
    await clock.advance(WINDOW_MS);
    expectation.put([window('often', n), ...(n < 10 ? [window('stops', n)] : []), ...(n === 0 ? rare.map((its) => window(its, n)) : [])]);
  }
  assert.deepEqual(
    expectation.owing().flatMap(({ household, missing }) => (missing > 0 ? [[household, missing]] : [])),
    [['stops', 10]],
  );
});

test('alone on its edge it is judged by its own pace', async () => {
  for (const speed of [1, 60]) {
    const clock = new VirtualClock();
    const expectation = new Expectation(WINDOW_MS, clock, oneEdge, () => 900_000);
    for (let n = 0; n < 5; n++) {
      if (n > 0) await clock.advance(900_000 / speed);
      assert.ok(expectation.owing().every(({ missing }) => missing <= 1));
      expectation.put([window('rare', n * QUARTER_WINDOWS)]);
    }
    await clock.advance((3 * 900_000) / speed - 1_000);
    assert.deepEqual(expectation.owing()[0]?.missing, 2, `speed ${speed}`);
    await clock.advance(1_000);
    assert.deepEqual(expectation.owing()[0]?.missing, 3, `speed ${speed}`);
  }
});
