import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ARRIVING_MS, ReconnectSpread, type ReturningEdge, SPREAD_MS_MAX } from '../../../../cloud/server/reconnect-spread.ts';
import { VirtualClock } from '../../../doubles/virtual-clock.ts';

/** Heard just now, or not heard (`null`). */
const fleet = (count: number, waitingRows: number | null): ReturningEdge[] =>
  Array.from({ length: count }, (_, i) => ({ edge: `edge-${i}`, waitingRows, backMs: waitingRows === null ? null : 0 }));

const known = (edges: () => ReturningEdge[]) => ({
  returning: edges,
  returningOf: (edge: string) => edges().find((its) => its.edge === edge),
});

function spreadOf(edges: ReturningEdge[], edge = 'edge-0'): number {
  return new ReconnectSpread(
    new VirtualClock(),
    known(() => edges),
  ).msFor(edge);
}

test('one edge waits for nobody, whatever it holds', () => {
  assert.equal(spreadOf([]), 0);
  assert.equal(spreadOf(fleet(1, 857_000)), 0);
});

test('grows with the edges and with what waits in them', () => {
  const empty = spreadOf(fleet(100, 0));
  assert.ok(empty > 0);
  assert.ok(spreadOf(fleet(1_000, 0)) > 9 * empty);
  assert.ok(spreadOf(fleet(100, 500)) > 3 * empty);
  assert.equal(spreadOf(fleet(100, 2_000)), spreadOf(fleet(100, 857_000)), 'credit takes over from there');
});

test('those not heard yet are taken to hold what the edge holds that asks: they come out of the same outage', () => {
  for (const rows of [0, 3, 720, 857_000]) {
    const first = (fleet(1_000, null) as ReturningEdge[]).with(7, { edge: 'edge-7', waitingRows: rows, backMs: 0 });
    assert.equal(spreadOf(first, 'edge-7'), spreadOf(fleet(1_000, rows), 'edge-7'), `${rows} rows`);
  }
});

test('a thousand homes with an hour of windows each come back over a minute or more, and never over more than the limit', () => {
  const spreadMs = spreadOf(fleet(1_000, 720));
  assert.ok(spreadMs >= 60_000 && spreadMs < SPREAD_MS_MAX, `${spreadMs} ms`);
  assert.equal(spreadOf(fleet(10_000, 2_000)), SPREAD_MS_MAX);
});

test('who has had the time to come and did not, and who has arrived, hold up nobody', async () => {
  const clock = new VirtualClock();
  const edges = [{ edge: 'edge-7', waitingRows: 720, backMs: 0 }, { edge: 'live', waitingRows: 0, backMs: 0 }, ...fleet(500, null)];
  const spread = new ReconnectSpread(
    clock,
    known(() => edges),
  );
  assert.ok(spread.msFor('edge-7') > 500 * 72);
  await clock.advance(ARRIVING_MS);
  assert.equal(spread.msFor('edge-7'), 0);
  edges.push({ edge: 'late', waitingRows: 2_000, backMs: ARRIVING_MS });
  await clock.advance(1_000);
  assert.equal(spread.msFor('edge-7'), 10 + 200, 'one that comes now counts by what it says');
  assert.ok(spread.msFor('late') > 500 * 200, 'and may be the first of many');
});

test('follows the edges, summed up at most once a second', async () => {
  const clock = new VirtualClock();
  let edges = fleet(2, 0);
  let sums = 0;
  const spread = new ReconnectSpread(clock, {
    ...known(() => edges),
    returning: () => {
      sums++;
      return edges;
    },
  });
  const before = spread.msFor('edge-0');
  edges = fleet(20, 0);
  assert.equal(spread.msFor('edge-1'), before);
  assert.equal(sums, 1);
  await clock.advance(1_000);
  assert.ok(spread.msFor('edge-0') > 10 * before);
  assert.ok(spread.msFor('edge-99') > spread.msFor('edge-0'), 'one that is not known comes on top');
});
