import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { tieredEdges } from '../../../../../cloud/server/api/bucket-range.ts';

const [WINDOW, MINUTE, QUARTER, HOUR] = [5_000, 60_000, 900_000, 3_600_000];
const ALWAYS = Number.MIN_SAFE_INTEGER;
const ALL = [WINDOW, MINUTE, QUARTER, HOUR].map((levelMs) => ({ levelMs, fromMs: ALWAYS }));

test('a total of a day that begins at no hour is read from hours, and from shorter buckets at its ends only', () => {
  const from = 10 * HOUR + 7 * MINUTE + 15_000;
  const edges = tieredEdges({ from, to: from + 24 * HOUR }, ALL);
  assert.deepEqual(edges, [
    from,
    10 * HOUR + 8 * MINUTE,
    10 * HOUR + QUARTER,
    11 * HOUR,
    34 * HOUR,
    34 * HOUR + 7 * MINUTE,
    from + 24 * HOUR,
  ]);
});

test('any range: the same ends, ascending, and every bucket tiled by a level of which it takes few', () => {
  const window = fc.integer({ min: 0, max: 2_000_000 });
  fc.assert(
    fc.property(window, fc.integer({ min: 1, max: 400_000 }), (first, length) => {
      const range = { from: first * WINDOW, to: (first + length) * WINDOW };
      const edges = tieredEdges(range, ALL);
      assert.deepEqual([edges[0], edges.at(-1)], [range.from, range.to]);
      let read = 0;
      for (const [i, end] of edges.slice(1).entries()) {
        const start = edges[i] as number;
        assert(start < end);
        const level = ALL.findLast(({ levelMs }) => start % levelMs === 0 && end % levelMs === 0)?.levelMs ?? Number.NaN;
        read += (end - start) / level;
      }
      assert(read <= (range.to - range.from) / HOUR + 2 * (12 + 15 + 4), `${read} buckets`);
    }),
  );
});

test('where windows were forgotten the ends are those of what is kept', () => {
  const kept = [
    { levelMs: WINDOW, fromMs: 20 * HOUR },
    { levelMs: MINUTE, fromMs: 15 * HOUR },
    { levelMs: QUARTER, fromMs: ALWAYS },
    { levelMs: HOUR, fromMs: ALWAYS },
  ];
  assert.deepEqual(tieredEdges({ from: 10 * HOUR + 65_000, to: 30 * HOUR + 5_000 }, kept), [10 * HOUR, 30 * HOUR, 30 * HOUR + 5_000]);
  assert.deepEqual(tieredEdges({ from: 5_000, to: 5_000 }, ALL), []);
});
