import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import type { AddedSeries } from '../../../../../cloud/server/analytics/add-series.ts';
import { bucketEdges } from '../../../../../cloud/server/analytics/bucket-edges.ts';
import { ColumnFiller } from '../../../../../cloud/server/analytics/bucket-columns.ts';
import { profileOf } from '../../../../../cloud/server/analytics/profile.ts';

const BERLIN = 'Europe/Berlin';
const WINDOW_MS = 5_000;
const QUARTER_MS = 900_000;
const PER_QUARTER = QUARTER_MS / WINDOW_MS;

interface Quarter {
  windows: number;
  meanW: number;
}

/** One reading a window, `meanW` each, and of the first one 10 W more or less at once. */
function seriesOf(quarters: readonly Quarter[], devices = 1): AddedSeries {
  const filler = new ColumnFiller('power', quarters.length, WINDOW_MS);
  for (const [i, { windows, meanW }] of quarters.entries()) {
    if (windows === 0) continue;
    filler.addStored(i, windows, windows, windows * meanW, (windows * meanW * WINDOW_MS) / 1_000, meanW - 10, meanW + 10, meanW, i);
  }
  return { devices, ...filler.finish() };
}

function quartersFrom(from: string, count: number): number[] {
  const fromMs = Date.parse(from);
  const query = { resolution: '15m', fromMs, toMs: fromMs + count * QUARTER_MS, timeZone: BERLIN, windowMs: WINDOW_MS } as const;
  return bucketEdges(query) as number[];
}

function close(got: number | null, want: number | null, what: string): void {
  if (got === null || want === null) assert.equal(got, want, what);
  else assert.ok(Math.abs(got - want) <= 1e-9 * Math.max(1, Math.abs(want)), `${what}: ${got}, truth ${want}`);
}

const quarter: fc.Arbitrary<Quarter> = fc.record({
  windows: fc.oneof(fc.constant(0), fc.constant(PER_QUARTER), fc.integer({ min: 1, max: PER_QUARTER })),
  meanW: fc.integer({ min: -500, max: 5_000 }),
});

it('is the truth by the definition', () => {
  const starts = fc.constantFrom('2019-03-30T20:00Z', '2019-10-26T12:00Z', '2019-06-30T23:15Z');
  const format = new Intl.DateTimeFormat('en-GB', { timeZone: BERLIN, weekday: 'short', hour: '2-digit', hourCycle: 'h23' });
  const days = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];
  fc.assert(
    fc.property(fc.array(quarter, { minLength: 1, maxLength: 300 }), starts, (quarters, from) => {
      const edges = quartersFrom(from, quarters.length);
      const profile = profileOf(seriesOf(quarters), edges, BERLIN, WINDOW_MS);
      const held = quarters.flatMap((its, i) => (its.windows > 0 ? [{ ...its, startMs: edges[i] as number }] : []));
      const windows = held.reduce((sum, its) => sum + its.windows, 0);
      const weighted = held.reduce((sum, its) => sum + its.windows * its.meanW, 0);
      const none = held.length === 0;
      close(profile.meanW, none ? null : weighted / windows, 'mean');
      close(profile.energyKwh, none ? null : (weighted * WINDOW_MS) / 3.6e9, 'energy');
      close(profile.minW, none ? null : Math.min(...held.map((its) => its.meanW)) - 10, 'min');
      close(profile.maxW, none ? null : Math.max(...held.map((its) => its.meanW)) + 10, 'max');
      close(profile.coverage, windows / (PER_QUARTER * quarters.length), 'coverage');

      const whole = held.filter((its) => its.windows >= PER_QUARTER / 2);
      const sorted = whole.map((its) => its.meanW).sort((a, b) => b - a);
      assert.equal(profile.quarters, whole.length);
      assert.equal(profile.loadDurationW.length, whole.length === 0 ? 0 : 101);
      for (const [percent, watt] of profile.loadDurationW.entries()) {
        // So many quarters reach it, give or take the two that it lies between.
        const reached = sorted.filter((its) => its >= watt - 1e-9).length;
        assert.ok(reached >= (percent / 100) * (sorted.length - 1) - 1e-6, `${percent} %: ${watt} W is reached in ${reached} quarters`);
        assert.ok(sorted.filter((its) => its > watt + 1e-9).length <= (percent / 100) * (sorted.length - 1) + 1 - 1e-9);
      }
      assert.equal(profile.baseLoadW, profile.loadDurationW[95] ?? null);
      const peak = whole.find((its) => its.meanW === sorted[0]);
      assert.deepEqual([profile.peakW, profile.peakAtMs], [peak?.meanW ?? null, peak?.startMs ?? null]);

      const cells = new Map<string, { weighted: number; windows: number }>();
      for (const { startMs, windows: its, meanW } of held) {
        const parts = new Map(format.formatToParts(startMs).map(({ type, value }) => [type, value]));
        const key = `${days.indexOf(parts.get('weekday') ?? '')}/${Number(parts.get('hour'))}`;
        const cell = cells.get(key) ?? { weighted: 0, windows: 0 };
        cells.set(key, { weighted: cell.weighted + its * meanW, windows: cell.windows + its });
      }
      for (const [day, hours] of profile.hourByDayW.entries()) {
        assert.equal(hours.length, 24);
        for (const [hour, watt] of hours.entries()) {
          const cell = cells.get(`${day}/${hour}`);
          close(watt, cell === undefined ? null : cell.weighted / cell.windows, `${days[day]} ${hour}:00`);
        }
      }
    }),
    { numRuns: 60 },
  );
});

it('gives an hour that the clocks show twice one place, and says of nothing that it is nothing', () => {
  // 2019-10-27, a Sunday: 01:00, 02:00 and 02:00 again.
  const hours = [100, 200, 400].flatMap((meanW) => Array.from({ length: 4 }, () => ({ windows: PER_QUARTER, meanW })));
  const profile = profileOf(seriesOf(hours), quartersFrom('2019-10-26T23:00Z', 12), BERLIN, WINDOW_MS);
  assert.deepEqual(profile.hourByDayW[6]?.slice(0, 5), [null, 100, 300, null, null]);

  const empty = profileOf(seriesOf([{ windows: 0, meanW: 0 }]), quartersFrom('2019-10-26T23:00Z', 1), BERLIN, WINDOW_MS);
  assert.deepEqual(
    { ...empty, hourByDayW: empty.hourByDayW.flat().filter((its) => its !== null) },
    {
      energyKwh: null,
      meanW: null,
      minW: null,
      maxW: null,
      maxAtMs: null,
      peakW: null,
      peakAtMs: null,
      baseLoadW: null,
      coverage: 0,
      quarters: 0,
      loadDurationW: [],
      hourByDayW: [],
    },
  );
});
