import assert from 'node:assert/strict';
import { test } from 'node:test';
import { availabilityReplyOf, outageReply, outboxSlots } from '../../../../../cloud/server/api/outage-list.ts';
import type { Outage } from '../../../../../cloud/server/storage/fleet-log.ts';

test('a slot has the most of its samples, and null where there are none', () => {
  const samples = [
    { atMs: 0, parts: 3, ageSeconds: null },
    { atMs: 9, parts: 7, ageSeconds: 2 },
    { atMs: 10, parts: 0, ageSeconds: null },
    { atMs: 35, parts: 1, ageSeconds: 4 },
    { atMs: 40, parts: 99, ageSeconds: 99 },
  ];
  const { starts, maxParts, maxAgeSeconds } = outboxSlots(samples, { fromMs: 0, toMs: 40, slotMs: 10 });
  assert.deepEqual(maxParts, [7, 0, null, 1]);
  assert.deepEqual(maxAgeSeconds, [2, null, null, 4]);
  assert.equal(starts[3], '1970-01-01T00:00:00.030Z');
  assert.deepEqual(outboxSlots([], { fromMs: 5, toMs: 5, slotMs: 10 }).starts, []);
});

test('an open outage is as long as it has lasted; of the cloud it names no edge', () => {
  const outage = { id: 7, edge: '', cause: 'cloud down', fromMs: 1_000, toMs: null, detail: '' } as const;
  const { edge, seconds, openNow, to } = outageReply(outage, 4_500);
  assert.deepEqual([edge, seconds, openNow, to], [null, 3.5, true, null]);
  assert.equal(outageReply({ ...outage, edge: 'e', toMs: 2_000 }, 9_000).seconds, 1);
});

test("an edge's availability is of its own outages and of the cloud's", () => {
  const outage = (edge: string, cause: Outage['cause'], fromMs: number, toMs: number): Outage => {
    return { edge, cause, fromMs, toMs, detail: '' };
  };
  const outages = [outage('a', 'silent', 0, 500), outage('b', 'silent', 0, 1_000), outage('', 'cloud down', 500, 750)];
  const query = { fromMs: 0, toMs: 1_000, slotMs: 500, knownFromMs: 0, nowMs: 1_000 };
  const its = availabilityReplyOf('a', outages, query);
  const slots = its.slots.map(({ upShare }) => upShare);
  assert.deepEqual([its.upShare, its.cloudDownShare, its.outages, slots], [1 - 500 / 750, 0.25, 1, [0, 1]]);
});
