import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Anchors, instantOf, moved, PRESETS, presetOf, presetRange, spanOf, whileShort } from '../../../../cloud/web/range.ts';
import { DEFAULT_RANGE, rangeOf, withRange, zoneOf } from '../../../../cloud/web/range-address.ts';

const BERLIN = 'Europe/Berlin';
/** A recording of two days that ends at local midnight. */
const ANCHORS: Anchors = {
  firstMs: Date.parse('2019-12-23T05:00:00Z'),
  latestMs: Date.parse('2019-12-24T23:00:00Z'),
  nowMs: Date.parse('2026-01-01T00:00:00Z'),
};

test('a range goes into the address and comes out the same; the default leaves no trace', () => {
  assert.equal(withRange(new URLSearchParams(), DEFAULT_RANGE).toString(), '');
  assert.deepEqual(rangeOf(new URLSearchParams()), DEFAULT_RANGE);
  const range = { from: '2019-12-24T00:00:00.000Z', to: 'latest', tz: 'UTC', res: '15m', compare: 'year' } as const;
  const query = withRange(new URLSearchParams('series=all.power&res=1h'), range);
  assert.equal(query.get('series'), 'all.power');
  assert.deepEqual(rangeOf(query), range);
});

test('what makes no sense in an address is as if it were not there', () => {
  const range = rangeOf(new URLSearchParams('tz=Nowhere/Land&res=7h&compare=all'));
  assert.deepEqual(range, DEFAULT_RANGE);
});

test('instants: ends of the data with an offset, ISO with zone, epoch ms; a local time is none', () => {
  assert.equal(instantOf('latest', ANCHORS), ANCHORS.latestMs);
  assert.equal(instantOf('latest-24h', ANCHORS), Date.parse('2019-12-23T23:00:00Z'));
  assert.equal(instantOf('first+2d', ANCHORS), Date.parse('2019-12-25T05:00:00Z'));
  assert.equal(instantOf('now-1w', ANCHORS), Date.parse('2025-12-25T00:00:00Z'));
  assert.equal(instantOf('2019-12-24T01:00+01:00', ANCHORS), Date.parse('2019-12-24T00:00:00Z'));
  assert.equal(instantOf('1577142000000', ANCHORS), 1_577_142_000_000);
  assert.equal(instantOf('2019-12-24T01:00', ANCHORS), null);
  assert.equal(instantOf('yesterday', ANCHORS), null);
  assert.equal(instantOf('latest', { ...ANCHORS, latestMs: null }), null);
});

test('the default is the last day of the data, not of the wall clock', () => {
  assert.deepEqual(spanOf(DEFAULT_RANGE, ANCHORS), { fromMs: Date.parse('2019-12-23T23:00:00Z'), toMs: ANCHORS.latestMs });
  assert.equal(spanOf({ from: 'latest', to: 'first' }, ANCHORS), null);
});

test('while there is less than a day, the default is all there is; what was asked for stays', () => {
  const short = { ...ANCHORS, firstMs: Date.parse('2019-12-24T05:00:00Z') };
  assert.equal(whileShort(DEFAULT_RANGE, short).from, 'first');
  assert.equal(whileShort(DEFAULT_RANGE, ANCHORS).from, 'latest-24h');
  assert.equal(whileShort(DEFAULT_RANGE, { ...short, firstMs: null }).from, 'latest-24h');
  const asked = { ...DEFAULT_RANGE, from: 'latest-6h' };
  assert.equal(whileShort(asked, short), asked);
});

test('presets are days, weeks, months and years of the data by local time', () => {
  const spans = Object.fromEntries(
    PRESETS.map((preset) => {
      const range = presetRange(preset, DEFAULT_RANGE, ANCHORS, BERLIN);
      return [preset, [range?.from, range?.to]];
    }),
  );
  assert.deepEqual(spans, {
    '1h': ['latest-1h', 'latest'],
    '6h': ['latest-6h', 'latest'],
    '24h': ['latest-24h', 'latest'],
    today: ['2019-12-23T23:00:00.000Z', '2019-12-24T23:00:00.000Z'],
    yesterday: ['2019-12-22T23:00:00.000Z', '2019-12-23T23:00:00.000Z'],
    week: ['2019-12-22T23:00:00.000Z', '2019-12-29T23:00:00.000Z'],
    month: ['2019-11-30T23:00:00.000Z', '2019-12-31T23:00:00.000Z'],
    year: ['2018-12-31T23:00:00.000Z', '2019-12-31T23:00:00.000Z'],
    all: ['first', 'latest'],
  });
  const month = presetRange('month', DEFAULT_RANGE, ANCHORS, BERLIN);
  assert(month !== null);
  assert.equal(presetOf(month, ANCHORS, BERLIN), 'month');
  assert.equal(presetRange('today', DEFAULT_RANGE, { ...ANCHORS, latestMs: null }, BERLIN), null);
});

test('the period before a month is the month before; a day of 25 hours is between two of 24', () => {
  const month = presetRange('month', DEFAULT_RANGE, ANCHORS, BERLIN);
  assert(month !== null);
  const before = moved(month, spanOf(month, ANCHORS) ?? assert.fail(), -1, BERLIN);
  assert.deepEqual([before.from, before.to], ['2019-10-31T23:00:00.000Z', '2019-11-30T23:00:00.000Z']);
  const long = { fromMs: Date.parse('2019-10-26T22:00:00Z'), toMs: Date.parse('2019-10-27T23:00:00Z') };
  const next = moved(DEFAULT_RANGE, long, 1, BERLIN);
  assert.deepEqual([next.from, next.to], ['2019-10-27T23:00:00.000Z', '2019-10-28T23:00:00.000Z']);
  const previous = moved(DEFAULT_RANGE, long, -1, BERLIN);
  assert.deepEqual([previous.from, previous.to], ['2019-10-25T22:00:00.000Z', '2019-10-26T22:00:00.000Z']);
});

test('six hours before are six hours by the clocks on the wall', () => {
  const span = { fromMs: Date.parse('2019-10-27T05:00:00Z'), toMs: Date.parse('2019-10-27T11:00:00Z') };
  const { from, to } = moved(DEFAULT_RANGE, span, -1, BERLIN);
  assert.deepEqual([from, to], ['2019-10-26T22:00:00.000Z', '2019-10-27T05:00:00.000Z']);
});

test('the zone of the address goes before the one chosen', () => {
  assert.equal(zoneOf({ tz: undefined }, 'site'), BERLIN);
  assert.equal(zoneOf({ tz: undefined }, 'utc'), 'UTC');
  assert.equal(zoneOf({ tz: 'Asia/Tokyo' }, 'utc'), 'Asia/Tokyo');
});
