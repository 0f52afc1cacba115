import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import {
  BUCKET_RESOLUTIONS,
  type BucketResolution,
  bucketEdges,
  BUCKETS_MAX,
  isWholeWindows,
  resolutionForPoints,
  resolutionKept,
} from '../../../../../cloud/server/analytics/bucket-edges.ts';

const BERLIN = 'Europe/Berlin';
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const WINDOW_MS = 5_000;
const NEVER = Number.MIN_SAFE_INTEGER;

function edges(resolution: BucketResolution, from: string, to: string, timeZone = BERLIN): number[] {
  const all = bucketEdges({ resolution, fromMs: Date.parse(from), toMs: Date.parse(to), timeZone, windowMs: WINDOW_MS });
  assert.ok(all !== undefined);
  return all;
}

/** What the clocks show, by another way than the code's. */
function clockOf(timeZone: string): (timeMs: number) => number {
  const format = new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'medium' });
  return (timeMs) => Date.parse(`${format.format(timeMs).replace(' ', 'T')}Z`);
}

/** Walks through the quarters of an hour: a bucket begins where the clocks show a multiple, or have left one out. */
function walkedEdges(widthMs: number, fromMs: number, toMs: number, timeZone: string): number[] {
  const clock = clockOf(timeZone);
  const all: number[] = [];
  const quarterMs = 900_000;
  let place = Number.NaN;
  for (
    let atMs = Math.floor(fromMs / quarterMs) * quarterMs - 2 * DAY_MS;
    all.length === 0 || (all.at(-1) as number) < toMs;
    atMs += quarterMs
  ) {
    const shown = clock(atMs);
    const begins = shown % widthMs === 0 || (!Number.isNaN(place) && Math.floor(shown / widthMs) > place);
    if (!begins) continue;
    place = Math.floor(shown / widthMs);
    if (atMs <= fromMs) all[0] = atMs;
    else all.push(atMs);
  }
  return all;
}

it('has 100 quarters of an hour on the day of 25 hours, 92 on that of 23', () => {
  const count = (resolution: BucketResolution, from: string, to: string) => edges(resolution, from, to).length - 1;
  const autumn = ['2019-10-27T00:00+02:00', '2019-10-28T00:00+01:00'] as const;
  const spring = ['2019-03-31T00:00+01:00', '2019-04-01T00:00+02:00'] as const;
  const widths = ['15m', '30m', '1h', '3h', '6h', '1d'] as const;
  assert.deepEqual(
    widths.map((its) => count(its, ...autumn)),
    [100, 50, 25, 8, 4, 1],
  );
  assert.deepEqual(
    widths.map((its) => count(its, ...spring)),
    [92, 46, 23, 8, 4, 1],
  );
});

it('makes two buckets of the hour that the clocks show twice', () => {
  const starts = edges('1h', '2019-10-27T01:00+02:00', '2019-10-27T04:00+01:00').map((its) => new Date(its).toISOString().slice(11, 16));
  assert.deepEqual(starts, ['23:00', '00:00', '01:00', '02:00', '03:00']);
  const shown = edges('3h', '2019-10-27T00:00+02:00', '2019-10-27T06:00+01:00').map((its) => clockOf(BERLIN)(its) % DAY_MS);
  assert.deepEqual(shown, [0, 3 * HOUR_MS, 6 * HOUR_MS]);
});

it('begins days, ISO weeks, months and years at local midnight', () => {
  const shown = (resolution: BucketResolution) =>
    edges(resolution, '2019-12-31T12:00Z', '2020-02-01T00:00Z').map((its) => new Date(clockOf(BERLIN)(its)).toISOString().slice(0, 16));
  assert.deepEqual(shown('1y'), ['2019-01-01T00:00', '2020-01-01T00:00', '2021-01-01T00:00']);
  assert.deepEqual(shown('1M'), ['2019-12-01T00:00', '2020-01-01T00:00', '2020-02-01T00:00', '2020-03-01T00:00']);
  assert.deepEqual(shown('1w').slice(0, 3), ['2019-12-30T00:00', '2020-01-06T00:00', '2020-01-13T00:00']);
  assert.equal(shown('1d').length, 34);
});

it('follows the clocks of any zone, as walking through the quarters of an hour does', () => {
  const zones = [BERLIN, 'America/New_York', 'America/Sao_Paulo', 'Asia/Kolkata', 'Asia/Kathmandu', 'UTC'];
  const width = fc.constantFrom(['30m', 0.5], ['1h', 1], ['3h', 3], ['6h', 6], ['1d', 24]) as fc.Arbitrary<[BucketResolution, number]>;
  const changes = ['2018-03-25', '2018-10-28', '2018-11-04', '2019-02-17', '2019-03-10', '2019-03-31', '2019-10-27', '2020-02-29'];
  const near = fc.tuple(fc.constantFrom(...changes), fc.integer({ min: -2 * DAY_MS, max: 2 * DAY_MS }));
  fc.assert(
    fc.property(
      width,
      near,
      fc.integer({ min: 1, max: 4 * DAY_MS }),
      fc.constantFrom(...zones),
      ([resolution, hours], [date, by], spanMs, timeZone) => {
        const fromMs = Date.parse(date) + by;
        const toMs = fromMs + spanMs;
        const got = bucketEdges({ resolution, fromMs, toMs, timeZone, windowMs: WINDOW_MS });
        assert.deepEqual(got, walkedEdges(hours * HOUR_MS, fromMs, toMs, timeZone));
      },
    ),
    { numRuns: 150 },
  );
});

it('covers the range with whole buckets, each once', () => {
  const time = fc.integer({ min: Date.UTC(2018, 0), max: Date.UTC(2021, 0) });
  fc.assert(
    fc.property(fc.constantFrom(...BUCKET_RESOLUTIONS), time, fc.integer({ min: 1, max: 20 * DAY_MS }), (resolution, fromMs, spanMs) => {
      const toMs = fromMs + (resolution === 'raw' || resolution === '10s' ? spanMs % HOUR_MS : spanMs) + 1;
      const all = bucketEdges({ resolution, fromMs, toMs, timeZone: BERLIN, windowMs: WINDOW_MS }) as number[];
      assert.ok((all[0] as number) <= fromMs && (all[1] as number) > fromMs);
      assert.ok((all.at(-1) as number) >= toMs && (all.at(-2) as number) < toMs);
      for (const [i, edge] of all.entries()) assert.ok(edge % WINDOW_MS === 0 && (i === 0 || edge > (all[i - 1] as number)));
    }),
    { numRuns: 200 },
  );
});

it('has limits', () => {
  assert.deepEqual(edges('1h', '2019-01-01T00:00Z', '2019-01-01T00:00Z'), []);
  const year = { fromMs: Date.UTC(2019, 0), toMs: Date.UTC(2020, 0), timeZone: BERLIN, windowMs: WINDOW_MS };
  assert.equal(bucketEdges({ ...year, resolution: '10s' }), undefined);
  assert.ok((bucketEdges({ ...year, resolution: '5m' })?.length ?? 0) <= BUCKETS_MAX + 1);
  assert.deepEqual([isWholeWindows('10s', 20_000), isWholeWindows('1m', 20_000), isWholeWindows('1y', 7_000)], [false, true, false]);
});

it('takes the shortest buckets that are no more than the points asked for', () => {
  const over = (spanMs: number, points: number) => {
    const query = { fromMs: Date.UTC(2019, 5), toMs: Date.UTC(2019, 5) + spanMs, timeZone: BERLIN, windowMs: WINDOW_MS };
    const resolution = resolutionForPoints(points, query);
    const count = (its: BucketResolution) => (bucketEdges({ resolution: its, ...query })?.length ?? Number.POSITIVE_INFINITY) - 1;
    const shorter = BUCKET_RESOLUTIONS[BUCKET_RESOLUTIONS.indexOf(resolution) - 1];
    assert.ok(count(resolution) <= points, `${resolution}: ${count(resolution)}`);
    if (shorter !== undefined) assert.ok(count(shorter) > points, `${shorter} would do: ${count(shorter)}`);
    return resolution;
  };
  assert.equal(over(HOUR_MS, 720), 'raw');
  assert.equal(over(DAY_MS, 500), '5m');
  assert.equal(over(365 * DAY_MS, 1_000), '1d');
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 500 * DAY_MS }),
      fc.integer({ min: 12, max: 2_000 }),
      (spanMs, points) => void over(spanMs, points),
    ),
    {
      numRuns: 60,
    },
  );
  const hundred = { fromMs: 0, toMs: 40_000 * DAY_MS, timeZone: BERLIN, windowMs: WINDOW_MS };
  assert.equal(resolutionForPoints(2, hundred), '1y', 'there is nothing longer');
  assert.equal(resolutionForPoints(500, { ...hundred, toMs: HOUR_MS, windowMs: 60_000 }, '5m'), '5m', 'not shorter than told');
});

it('goes to longer buckets where the shorter ones were forgotten', () => {
  const fromMs = Date.UTC(2019, 5, 1, 0, 7, 30);
  const kept = (raw: number, minutes: number) => [
    { levelMs: WINDOW_MS, fromMs: raw },
    { levelMs: 60_000, fromMs: minutes },
    { levelMs: 900_000, fromMs: NEVER },
  ];
  const query = { fromMs, timeZone: BERLIN, windowMs: WINDOW_MS };
  assert.equal(resolutionKept('raw', query, kept(NEVER, NEVER)), 'raw');
  assert.equal(resolutionKept('raw', query, kept(fromMs, NEVER)), 'raw');
  assert.equal(resolutionKept('raw', query, kept(fromMs + 1, NEVER)), '1m');
  assert.equal(resolutionKept('10s', query, kept(fromMs + DAY_MS, fromMs + DAY_MS)), '15m');
  assert.equal(resolutionKept('1h', query, kept(fromMs + DAY_MS, fromMs + DAY_MS)), '1h');
  assert.equal(resolutionKept('raw', query, [{ levelMs: WINDOW_MS, fromMs: fromMs + 9_999 * DAY_MS }]), '1y');
});
