import assert from 'node:assert/strict';
import { it } from 'node:test';
import { addAggregate, addUp, bucketStartMs, countWindow, isPower, type Rollup } from '../../../../../cloud/server/analytics/rollup.ts';

function rollup(fields: Partial<Rollup>): Rollup {
  const reading = { count: 1, sum: 10, min: 10, max: 10, first: 10, firstMs: 0, firstSource: 1, firstSeq: 1, last: 10, lastMs: 0 };
  return { startMs: 0, ...reading, lastSource: 1, lastSeq: 1, energyWs: 0, windowCount: 0, ...fields };
}

it('first and last go by time, then source, then seq, whatever comes first', () => {
  const names = ['firstMs', 'firstSource', 'firstSeq'] as const;
  const lasts = ['lastMs', 'lastSource', 'lastSeq'] as const;
  for (const [i, name] of names.entries()) {
    const early = rollup({ [name]: 1, [lasts[i] as 'lastMs']: 1, first: 1, last: 1 });
    const late = rollup({ [name]: 2, [lasts[i] as 'lastMs']: 2, first: 2, last: 2 });
    for (const [into, other] of [
      [{ ...early }, late],
      [{ ...late }, early],
    ] as const) {
      addAggregate(into, other);
      assert.deepEqual([into.first, into.last, into.count, into.sum], [1, 2, 2, 20]);
    }
  }
});

it('a late part changes the energy of its window by the difference of the means', () => {
  const first = rollup({ count: 2, sum: 200 });
  countWindow(first, undefined, 5_000, true);
  assert.deepEqual([first.energyWs, first.windowCount], [500, 1]);
  const late = rollup({ count: 1, sum: 400 });
  countWindow(late, first, 5_000, true);
  assert.deepEqual([late.energyWs, late.windowCount], [500, 0]);
  const whole = rollup({ count: 3, sum: 600 });
  countWindow(whole, undefined, 5_000, true);
  assert.equal(first.energyWs + late.energyWs, whole.energyWs);
});

it('what is no power has no energy', () => {
  const register = rollup({ sum: 9_000 });
  countWindow(register, undefined, 5_000, false);
  assert.deepEqual([register.energyWs, register.windowCount], [0, 1]);
  assert.deepEqual(['power', 'power3', 'energy', 'voltage'].map(isPower), [true, true, false, false]);
});

it('changes add up to coarser buckets, in any order of time', () => {
  const starts = [60_000, 0, 65_000, 5_000, 3_600_000];
  const minutes = addUp(
    starts.map((startMs) => rollup({ startMs, windowCount: 1, energyWs: 2 })),
    60_000,
  );
  const told = (rollups: Rollup[]) => rollups.map(({ startMs, count, windowCount, energyWs }) => [startMs, count, windowCount, energyWs]);
  assert.deepEqual(told(minutes), [
    [60_000, 2, 2, 4],
    [0, 2, 2, 4],
    [3_600_000, 1, 1, 2],
  ]);
  assert.deepEqual(told(addUp(minutes, 900_000)), [
    [0, 4, 4, 8],
    [3_600_000, 1, 1, 2],
  ]);
  assert.equal(bucketStartMs(-1, 60_000), -60_000);
});
