/** The series store suite's tests of gaps: equal to what a search through all windows finds, with their reasons, in pieces of any size. */
import assert from 'node:assert/strict';
import type { GapQuery, GapRow, SeriesStore } from '../../cloud/server/storage/series-store.ts';
import type { Reading } from '../../common/messages.ts';
import { cutIntoParts } from '../../common/protocol/window.ts';
import { seededRandom } from '../../common/random.ts';
import { collect, Edge, gap, helloEdge, HOME, part, reading, type StoreHarness, T0_MS, WINDOW_MS } from './series-store-probes.ts';

const HOUR_MS = 3_600_000;

async function gapsOf(store: SeriesStore, query: Partial<GapQuery> = {}): Promise<GapRow[]> {
  const gaps: GapRow[] = [];
  for await (const row of store.gaps({ household: HOME, ...query })) gaps.push(row);
  return gaps;
}

/** By looking at every window of the device. */
async function gapsByHand(store: SeriesStore, device: string): Promise<Pick<GapRow, 'device' | 'fromMs' | 'toMs'>[]> {
  const all = await collect(store, { household: HOME, resolution: 'raw' });
  const starts = [...new Set(all.filter((bucket) => bucket.device === device).map(({ startMs }) => startMs))].sort((a, b) => a - b);
  return starts.slice(1).flatMap((toMs, i) => {
    const fromMs = (starts[i] as number) + WINDOW_MS;
    return fromMs < toMs ? [{ device, fromMs, toMs }] : [];
  });
}

/** Whole hours, an hour with one hole, a hole over hours, at the ends of hours, and fields that come and go. */
export async function gapsAreMissingWindows({ store }: StoreHarness): Promise<void> {
  const random = seededRandom(4);
  const edge = new Edge(store);
  await edge.hello();
  for (const device of ['heat-pump', 'meter']) {
    const readings: Reading[] = [];
    const windows = (5 * HOUR_MS) / WINDOW_MS;
    const isHole = (window: number) =>
      (window > 719 && window < 725) || window === 1_439 || window === 1_440 || (window > 1_900 && window < 2_900);
    for (let window = 0; window < windows; window++) {
      if (isHole(window) || (window > 3_000 && random.below(40) === 0)) continue;
      const values: Record<string, number> = window % 3 === 0 && window > 2_900 ? { energy: 1 } : { power: 1, energy: 1 };
      readings.push(reading(readings.length + 1, { device, values, timeMs: T0_MS + window * WINDOW_MS + 1 }));
    }
    const rows = cutIntoParts(readings, WINDOW_MS).map((its) => ({ kind: 'part' as const, part: its }));
    for (let from = 0; from < rows.length; from += 500) await edge.send(rows.slice(from, from + 500));
  }
  const expected = [...(await gapsByHand(store, 'heat-pump')), ...(await gapsByHand(store, 'meter'))];
  assert.ok(expected.length > 20);
  const found = await gapsOf(store);
  assert.deepEqual(
    found.map(({ device, fromMs, toMs }) => ({ device, fromMs, toMs })),
    expected,
  );
  assert.ok(found.every(({ reason, declared }) => reason === 'no readings' && declared === 0));
  for (let at = 0; at < found.length; at += 7) {
    const { device, fromMs } = found[at] as GapRow;
    assert.deepEqual(await gapsOf(store, { after: { device, fromMs } }), found.slice(at + 1), 'one goes on after any of them');
  }
  for (const [fromMs, toMs] of [
    [T0_MS, T0_MS + HOUR_MS],
    [T0_MS + 2_000 * WINDOW_MS, T0_MS + 2_001 * WINDOW_MS],
    [T0_MS + 720 * WINDOW_MS + 1, T0_MS + 3_400 * WINDOW_MS],
  ] as const) {
    assert.deepEqual(
      await gapsOf(store, { fromMs, toMs }),
      found.filter((row) => row.fromMs < toMs && row.toMs > fromMs),
    );
  }
  assert.deepEqual(await gapsOf(store, { household: 'nobody' }), []);
}

/** Hours whole and not, holes at the ends of buckets, inside of them and over hours; windows of all but the last hour are forgotten. */
export async function gapsOutliveTheirWindows({ store }: StoreHarness): Promise<void> {
  const random = seededRandom(9);
  const edge = await helloEdge(store);
  const isHole = (window: number) => (window > 1_000 && window < 1_003) || (window > 1_430 && window < 2_900) || window === 3_000;
  const readings: Reading[] = [];
  for (let window = 0; window < 5 * 720; window++) {
    if (isHole(window) || (window > 2_950 && random.below(30) === 0)) continue;
    readings.push(reading(readings.length + 1, { timeMs: T0_MS + window * WINDOW_MS }));
  }
  const rows = cutIntoParts(readings, WINDOW_MS).map((its) => ({ kind: 'part' as const, part: its }));
  for (let from = 0; from < rows.length; from += 500) await edge.send(rows.slice(from, from + 500));
  const truth = await gapsOf(store);
  const cutMs = T0_MS + 4.5 * HOUR_MS;
  await store.deleteBefore(cutMs);
  await gapsAreThoseOf(store, truth, cutMs, 60_000);
  await store.deleteBefore(T0_MS + 4 * HOUR_MS, { levelMs: 60_000 });
  await gapsAreThoseOf(store, truth, cutMs, 900_000);
  await store.deleteBefore(T0_MS + 4 * HOUR_MS, { levelMs: 900_000 });
  await gapsAreThoseOf(store, truth, cutMs, HOUR_MS);
}

/**
 * Windows, then shorter buckets, are forgotten while somebody goes through the gaps: what is told then may be told by buckets, and nothing
 * is told that is none.
 */
export async function gapsStayTrueWhileWindowsAreForgotten({ store }: StoreHarness): Promise<void> {
  const edge = await helloEdge(store);
  // A hole every quarter of an hour, two windows wide, for eight hours.
  const readings: Reading[] = [];
  for (let window = 0; window < 8 * 720; window++)
    if (window % 180 !== 100 && window % 180 !== 101) readings.push(reading(readings.length + 1, { timeMs: T0_MS + window * WINDOW_MS }));
  const rows = cutIntoParts(readings, WINDOW_MS).map((its) => ({ kind: 'part' as const, part: its }));
  for (let from = 0; from < rows.length; from += 500) await edge.send(rows.slice(from, from + 500));
  const truth = await gapsOf(store);
  assert.equal(truth.length, 32);
  const forget = [
    () => store.deleteBefore(T0_MS + 4 * HOUR_MS),
    () => store.deleteBefore(T0_MS + 3 * HOUR_MS, { levelMs: 60_000 }),
    () => store.deleteBefore(T0_MS + 7 * HOUR_MS),
  ];
  for (const its of forget) {
    const found: GapRow[] = [];
    for await (const row of store.gaps({ household: HOME })) {
      found.push(row);
      if (found.length === 2) await its();
    }
    assert.equal(found.length, truth.length);
    for (const [i, { fromMs, toMs, missingMs }] of found.entries()) {
      const true_ = truth[i] as GapRow;
      assert.equal(missingMs, true_.missingMs, `gap ${i}: ${toMs - fromMs} ms`);
      assert.ok(fromMs <= true_.fromMs && toMs >= true_.toMs && toMs - fromMs < 900_000, `gap ${i}: ${fromMs} to ${toMs}`);
    }
  }
}

/** To the window where two buckets lie between, or windows are kept; within `levelMs` elsewhere, with nothing lost or counted twice. */
async function gapsAreThoseOf(store: SeriesStore, truth: readonly GapRow[], cutMs: number, levelMs: number): Promise<void> {
  const found = await gapsOf(store);
  const missing = (rows: readonly GapRow[]) => rows.reduce((sum, { missingMs }) => sum + missingMs, 0);
  assert.equal(missing(found), missing(truth), `by ${levelMs}`);
  assert.deepEqual(
    found.filter(({ fromMs }) => fromMs >= cutMs),
    truth.filter(({ fromMs }) => fromMs >= cutMs),
  );
  assert.ok(found.some(({ fromMs, toMs, missingMs }) => missingMs < toMs - fromMs));
  for (const { fromMs, toMs, missingMs } of found) {
    const inside = truth.filter((its) => its.fromMs >= fromMs && its.toMs <= toMs);
    assert.equal(missing(inside), missingMs, `${fromMs} to ${toMs}`);
    if (inside.length !== 1) assert.ok(toMs - fromMs < levelMs, 'what is not known lies within one bucket');
  }
  for (let at = 0; at < found.length; at += 5) {
    const { device, fromMs } = found[at] as GapRow;
    assert.deepEqual(await gapsOf(store, { after: { device, fromMs } }), found.slice(at + 1), 'one goes on after any of them');
  }
  for (const [from, to] of [
    [0, 1],
    [1.9, 2.3],
    [2.5, 5],
    [4.6, 5],
  ] as const) {
    const [fromMs, toMs] = [T0_MS + from * HOUR_MS, T0_MS + to * HOUR_MS];
    assert.deepEqual(
      await gapsOf(store, { fromMs, toMs }),
      found.filter((row) => row.fromMs < toMs && row.toMs > fromMs),
    );
  }
}

export async function gapsTellTheirReason({ store }: StoreHarness): Promise<void> {
  const edge = await helloEdge(store);
  const at = (window: number) => T0_MS + window * WINDOW_MS;
  await edge.verdicts(gap(1, 4, 'not in run'), part(5, 5, { timeMs: at(10) }), part(6, 6, { timeMs: at(20) }), gap(7, 9));
  assert.deepEqual(await gapsOf(store), [
    { device: 'meter', fromMs: at(11), toMs: at(20), reason: 'no readings', declared: 0, missingMs: 9 * WINDOW_MS },
  ]);
  await edge.verdicts(part(10, 10, { timeMs: at(30) }), part(11, 11, { timeMs: at(31) }), gap(12, 12), part(13, 13, { timeMs: at(32) }));
  assert.deepEqual(
    (await gapsOf(store)).map(({ fromMs, toMs, reason, declared }) => [fromMs, toMs, reason, declared]),
    [
      [at(11), at(20), 'no readings', 0],
      [at(21), at(30), 'declared: missing in the log', 3],
    ],
    'what was declared between two windows that follow each other is no gap',
  );
  await edge.verdicts(part(8, 8, { timeMs: at(25) }));
  assert.deepEqual(
    (await gapsOf(store)).slice(1).map(({ fromMs, toMs, declared }) => [fromMs, toMs, declared]),
    [
      [at(21), at(25), 1],
      [at(26), at(30), 1],
    ],
    'a declared reading that turns up splits its gap',
  );
}
