import assert from 'node:assert/strict';
import { test } from 'node:test';
import { availabilityOf } from '../../../../cloud/server/availability.ts';
import type { Outage, OutageCause } from '../../../../cloud/server/storage/fleet-log.ts';

/** Seconds. */
function outage(cause: OutageCause, from: number, to: number | null): Outage {
  return { edge: cause === 'cloud down' ? '' : 'e', cause, fromMs: from * 1_000, toMs: to === null ? null : to * 1_000, detail: '' };
}

const HUNDRED = { fromMs: 0, toMs: 100_000, slotMs: 50_000, knownFromMs: 0, nowMs: 100_000 };

test('the share of the time in which an edge was heard; what the cloud missed counts for nobody', () => {
  const table: [
    string,
    Outage[],
    Partial<typeof HUNDRED>,
    up: number | null,
    down: number | null,
    slots: (number | null)[],
    mtbf: number | null,
  ][] = [
    ['nothing', [], {}, 1, 0, [1, 1], null],
    ['a quarter', [outage('silent', 0, 25)], {}, 0.75, 0, [0.5, 1], 75],
    ['open', [outage('silent', 90, null)], {}, 0.9, 0, [1, 0.8], 90],
    ['two', [outage('silent', 0, 10), outage('silent', 60, 70)], {}, 0.8, 0, [0.8, 0.8], 40],
    ['the cloud', [outage('cloud down', 0, 50)], {}, 1, 0.5, [null, 1], null],
    ['the cloud, and then the edge', [outage('cloud down', 0, 50), outage('silent', 50, 75)], {}, 0.5, 0.5, [null, 0.5], 25],
    [
      'the edge lay silent while the cloud was away',
      [outage('silent', 25, 75), outage('cloud down', 50, 75)],
      {},
      1 - 25 / 75,
      0.25,
      [0.5, 1],
      50,
    ],
    ['late is heard', [outage('late', 0, 50)], {}, 1, 0, [1, 1], null],
    ['known for half of it', [outage('silent', 50, 75)], { knownFromMs: 50_000 }, 0.5, 0, [null, 0.5], 25],
    ['half of it lies in the future', [outage('silent', 0, null)], { nowMs: 50_000 }, 0, 0, [0, null], 0],
    ['nothing known', [outage('silent', 0, null)], { knownFromMs: 100_000 }, null, null, [null, null], null],
    ['outside', [outage('silent', 200, 300)], {}, 1, 0, [1, 1], null],
    ['one in another', [outage('silent', 0, 50), outage('silent', 10, 20)], {}, 0.5, 0, [0, 1], 25],
  ];
  for (const [name, outages, query, up, down, slots, mtbf] of table) {
    const its = availabilityOf(outages, { ...HUNDRED, ...query });
    const shares = its.slots.map(({ upShare }) => upShare);
    assert.deepEqual([its.upShare, its.cloudDownShare, shares, its.mtbfSeconds], [up, down, slots, mtbf], name);
  }
});

test('late time is what was neither silent nor missed', () => {
  const its = availabilityOf([outage('late', 0, 60), outage('silent', 50, 60), outage('cloud down', 0, 20)], HUNDRED);
  assert.equal(its.lateShare, 30 / 80);
  assert.equal(its.silentSeconds, 10);
  assert.equal(its.cloudDownSeconds, 20);
});
