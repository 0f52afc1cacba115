import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { type AddedSeries, addSeries } from '../../../../../cloud/server/analytics/add-series.ts';
import { ColumnFiller } from '../../../../../cloud/server/analytics/bucket-columns.ts';

const WINDOW_MS = 5_000;

interface Held {
  windows: number;
  meanW: number;
}

function seriesOf(buckets: readonly Held[]): AddedSeries {
  const filler = new ColumnFiller('power', buckets.length, WINDOW_MS);
  for (const [i, { windows, meanW }] of buckets.entries()) {
    const count = windows * 3;
    if (windows > 0) filler.addStored(i, windows, count, count * meanW, windows * meanW * 5, meanW - 1, meanW + 1, meanW + 0.5, i);
  }
  return { devices: 1, ...filler.finish() };
}

it('adds up what is there and puts nothing in the place of what is missing', () => {
  const held = fc.record({ windows: fc.integer({ min: 0, max: 4 }), meanW: fc.integer({ min: -100, max: 100 }) });
  const several = fc
    .integer({ min: 1, max: 6 })
    .chain((length) => fc.array(fc.array(held, { minLength: length, maxLength: length }), { minLength: 2, maxLength: 5 }));
  fc.assert(
    fc.property(several, (all) => {
      const added = addSeries(all.map(seriesOf), (bucket) => bucket === 0);
      assert.equal(added.devices, all.length);
      for (const i of (all[0] as Held[]).keys()) {
        const some = all.map((its) => its[i] as Held).filter(({ windows }) => windows > 0);
        const sum = (of: (its: Held) => number) => (some.length === 0 ? Number.NaN : some.reduce((total, its) => total + of(its), 0));
        const told = Math.max(0, ...some.map(({ windows }) => windows));
        const mean = sum(({ windows, meanW }) => windows * meanW) / told;
        const want = {
          toldWindows: told,
          windows: some.length === 0 ? 0 : sum(({ windows }) => windows),
          count: some.length === 0 ? 0 : sum(({ windows }) => windows * 3),
          mean,
          sum: sum(({ windows, meanW }) => windows * meanW),
          min: i === 0 ? mean : Number.NaN,
          max: i === 0 ? mean : Number.NaN,
          last: sum(({ meanW }) => meanW + 0.5),
          lastMs: some.length === 0 ? Number.NaN : i,
          energyKwh: sum(({ windows, meanW }) => (windows * meanW * 5) / 3_600_000),
        };
        for (const column of Object.keys(want) as (keyof typeof want)[]) {
          const [got, truth] = [added[column][i] as number, want[column]];
          assert.ok(Object.is(got, truth) || Math.abs(got - truth) < 1e-9, `${column} of bucket ${i}: ${got}, truth ${truth}`);
        }
      }
    }),
    { numRuns: 100 },
  );
});

it('gives one series as it is, extremes too, and of none nothing', () => {
  const one = seriesOf([{ windows: 3, meanW: 7 }]);
  assert.deepEqual([...addSeries([one], () => false).max], [8]);
  assert.deepEqual(addSeries([], () => true).devices, 0);
});

it('the mean of a sum does not depend on how wide its buckets are, while one of its series has no gap', () => {
  const window = fc.option(fc.integer({ min: -100, max: 100 }), { nil: undefined });
  const windows = fc.integer({ min: 1, max: 24 }).chain((length) => {
    const whole = fc.array(fc.integer({ min: -100, max: 100 }), { minLength: length, maxLength: length });
    return fc.tuple(whole, fc.array(fc.array(window, { minLength: length, maxLength: length }), { maxLength: 4 }));
  });
  fc.assert(
    fc.property(windows, ([whole, others]) => {
      const all = [whole, ...others];
      const fine = addSeries(
        all.map((its) => seriesOf(its.map((meanW) => heldOf([meanW])))),
        () => true,
      );
      const wide = addSeries(
        all.map((its) => seriesOf([heldOf(its)])),
        () => false,
      );
      const mean = fine.mean.reduce((sum, its) => sum + its, 0) / whole.length;
      assert.ok(Math.abs((wide.mean[0] as number) - mean) < 1e-9, `${wide.mean[0]}, of the fine ones ${mean}`);
      const energy = fine.energyKwh.reduce((sum, its) => sum + its, 0);
      assert.ok(Math.abs((wide.energyKwh[0] as number) - energy) < 1e-12);
      assert.ok(Math.abs((wide.mean[0] as number) * whole.length * WINDOW_MS - energy * 3.6e9) < 1e-5, 'mean × time told = energy');
    }),
    { numRuns: 200 },
  );
});

it('added piece by piece it is what it is at once', () => {
  const [a, b, c] = [[{ windows: 4, meanW: 10 }], [{ windows: 1, meanW: 100 }], [{ windows: 2, meanW: -7 }]].map(seriesOf) as [
    AddedSeries,
    AddedSeries,
    AddedSeries,
  ];
  const never = () => false;
  assert.deepEqual(addSeries([addSeries([a, b], never), c], never), addSeries([a, b, c], never));
});

function heldOf(windows: readonly (number | undefined)[]): Held {
  const there = windows.filter((its) => its !== undefined);
  return { windows: there.length, meanW: there.length === 0 ? 0 : there.reduce((sum, its) => sum + its, 0) / there.length };
}
