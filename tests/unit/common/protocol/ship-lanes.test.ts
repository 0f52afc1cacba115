import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ShipLanes } from '../../../../common/protocol/ship-lanes.ts';

const row = (sourceId: number, toSeq: number) => ({ sourceId, toSeq });

test('the next rows of a source go on behind those on their way; where the link keeps no order they wait', () => {
  const lanes = new ShipLanes();
  lanes.begin(1, [row(7, 50), row(8, 20)]);
  lanes.begin(2, [row(7, 100)]);
  const next = lanes.nextSeqs();
  assert.deepEqual(
    [...next],
    [
      [7, 101],
      [8, 21],
    ],
  );
  assert.equal(lanes.mayFollow(7, true, next), true);
  assert.equal(lanes.mayFollow(7, false, next), false);
  assert.equal(lanes.mayFollow(9, false, next), true);
  assert.equal(lanes.size, 2);
});

test('a source of which a request failed sends nothing until all it has on its way is settled', () => {
  const lanes = new ShipLanes();
  lanes.begin(1, [row(7, 50)]);
  lanes.begin(2, [row(7, 100), row(8, 10)]);
  lanes.failAll(1);
  lanes.end(1);
  assert.equal(lanes.mayFollow(7, true, lanes.nextSeqs()), false, 'request 2 is still on its way');
  assert.equal(lanes.mayFollow(8, true, lanes.nextSeqs()), true, 'another source is not held up');
  lanes.end(2);
  assert.equal(lanes.mayFollow(7, true, lanes.nextSeqs()), true);
  lanes.begin(3, [row(7, 50)]);
  assert.equal(lanes.mayFollow(7, true, lanes.nextSeqs()), true, 'nothing of the failure is left');
});

test('a gap behind refused rows follows from them, in the same request or in an earlier one; the lowest row never does', () => {
  const lanes = new ShipLanes();
  lanes.begin(1, [row(7, 50), row(8, 50)]);
  lanes.begin(2, [row(7, 60), row(7, 100), row(9, 5)]);
  const gaps = [7, 7, 9].map((sourceId) => ({ sourceId, verdict: 'gap' as const }));
  assert.deepEqual(lanes.followers(2, gaps), [true, true, false], 'source 9 has nothing earlier on its way');
  const lowest = [
    { sourceId: 7, verdict: 'gap' as const },
    { sourceId: 7, verdict: 'gap' as const },
    { sourceId: 8, verdict: 'stored' as const },
  ];
  assert.deepEqual(lanes.followers(1, lowest), [false, true, false]);
});

test('only a gap follows from something: an overlap, a foreign generation and a lost verdict speak for themselves', () => {
  const lanes = new ShipLanes();
  lanes.begin(1, [row(7, 50)]);
  lanes.begin(2, [row(7, 100)]);
  const verdicts = (['overlap', 'not_owner', 'lost', 'conflict', 'rejected'] as const).map((verdict) => ({ sourceId: 7, verdict }));
  assert.deepEqual(
    lanes.followers(2, verdicts),
    verdicts.map(() => false),
  );
});

test('a gap behind rows that were stored is a gap of the cloud', () => {
  const lanes = new ShipLanes();
  lanes.begin(1, [row(7, 100)]);
  const verdicts = [
    { sourceId: 7, verdict: 'stored' as const },
    { sourceId: 7, verdict: 'gap' as const },
  ];
  assert.deepEqual(lanes.followers(1, verdicts), [false, false]);
});
