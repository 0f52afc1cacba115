import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ReconnectSpread, type ReturningEdge, SPREAD_MS_MAX } from '../../../../cloud/server/reconnect-spread.ts';
import { VirtualClock } from '../../../doubles/virtual-clock.ts';

const fleet = (count: number, waitingRows: number | null): ReturningEdge[] =>
  Array.from({ length: count }, (_, i) => ({ edge: `edge-${i}`, waitingRows }));

function spreadOf(edges: ReturningEdge[], edge = 'edge-0'): number {
  return new ReconnectSpread(new VirtualClock(), () => edges).msFor(edge);
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
  assert.equal(spreadOf(fleet(100, null)), spreadOf(fleet(100, 857_000)), 'who has said nothing is taken to have a backlog');
});

test('a thousand homes with an hour of windows each come back over a minute or more, and never over more than the limit', () => {
  const spreadMs = spreadOf(fleet(1_000, 720));
  assert.ok(spreadMs >= 60_000 && spreadMs < SPREAD_MS_MAX, `${spreadMs} ms`);
  assert.equal(spreadOf(fleet(10_000, null)), SPREAD_MS_MAX);
});

test('follows the edges, summed up at most once a second', async () => {
  const clock = new VirtualClock();
  let edges = fleet(2, 0);
  let sums = 0;
  const spread = new ReconnectSpread(clock, () => {
    sums++;
    return edges;
  });
  const before = spread.msFor('edge-0');
  edges = fleet(20, 0);
  assert.equal(spread.msFor('edge-1'), before);
  assert.equal(sums, 1);
  await clock.advance(1_000);
  assert.ok(spread.msFor('edge-0') > 10 * before);
  assert.ok(spread.msFor('edge-99') > spread.msFor('edge-0'), 'one that is not known comes on top');
});
