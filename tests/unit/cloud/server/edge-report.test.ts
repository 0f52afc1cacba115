import assert from 'node:assert/strict';
import { test } from 'node:test';
import { edgeReport, HOUSEHOLDS_NAMED_MAX } from '../../../../cloud/server/edge-report.ts';
import type { EdgeStatus } from '../../../../common/messages.ts';

test('an empty or nonsensical status becomes a report that can be shown', () => {
  const nothing = {
    newestMs: null,
    outboxParts: 0,
    oldestUnackedMs: null,
    households: 0,
    parked: [],
    parkedCount: 0,
    waitingFor: [],
    waitingCount: 0,
    outboxFull: false,
    unreadable: 0,
    trimmedEarly: 0,
    damaged: 0,
    leftOut: 0,
    topicDamage: 0,
    replayFinished: false,
    version: null,
  };
  assert.deepEqual(edgeReport({} as EdgeStatus), nothing);
  const nonsense = {
    queued: -1,
    sent: 'x',
    newestMs: 1.5,
    oldestUnackedMs: {},
    households: null,
    parked: 'all',
    waitingFor: 7,
    runs: {},
    outboxFull: 1,
  };
  assert.deepEqual(edgeReport(nonsense as never), nothing);
  const lists = edgeReport({ parked: [null, { household: 7 }], waitingFor: [null], runs: [null] } as never);
  assert.deepEqual(lists.parked, [
    { household: '?', reason: '?', figure: null },
    { household: '?', reason: '?', figure: null },
  ]);
  assert.deepEqual(lists.waitingFor, ['?']);
  assert.equal(lists.replayFinished, false);
});

test('long lists are cut, their length is kept', () => {
  const parked = Array.from({ length: 5_000 }, (_, i) => ({ household: `h${i}`, reason: 'r'.repeat(1_000) }));
  const report = edgeReport({ parked, waitingFor: parked.map(({ household }) => household) } as never);
  assert.equal(report.parked.length, HOUSEHOLDS_NAMED_MAX);
  assert.equal(report.parkedCount, 5_000);
  assert.equal(report.waitingFor.length, HOUSEHOLDS_NAMED_MAX);
  assert.equal(report.waitingCount, 5_000);
  assert.equal(report.parked[0]?.reason.length, 300);
});
