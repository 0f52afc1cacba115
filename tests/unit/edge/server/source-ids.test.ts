import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { EdgeStore } from '../../../../edge/server/edge-store.ts';
import type { Hole, IntakeStep } from '../../../../common/protocol/edge-ledger.ts';
import { SeqIntervals } from '../../../../common/protocol/seq-intervals.ts';
import { shippableSources } from '../../../../common/protocol/ship-order.ts';

const POSITION = { partition: 0, offset: 0 };
let store: EdgeStore;

beforeEach(() => {
  store = new EdgeStore({ folder: ':memory:', quotaBytes: 1 << 26, windowMs: 5_000 });
  store.start();
  store.ledgerStore.ledger.generations.set('h', 1);
});

afterEach(() => store.stop());

function reading(src: string, seq: number, timeMs: number) {
  return { household: 'h', device: 'd', src, seq, timeMs, values: { power: 1 } };
}

/** One record, one checkpoint; a hole is declared. */
function checkpoint(...readings: ReturnType<typeof reading>[]): Promise<void> {
  return store.exclusive(async () => {
    const { ledger } = store.ledgerStore;
    const rows = readings.flatMap((next) => {
      const declare = (hole: Hole) => ledger.fillHole(hole, new Map(), new SeqIntervals(), POSITION);
      let step: IntakeStep = ledger.takeReading(next, POSITION);
      const filled = step.kind === 'search' ? step.holes.flatMap(declare) : [];
      if (filled.length > 0) step = ledger.takeReading(next, POSITION);
      assert(step.kind === 'taken');
      return [...filled, ...step.rows];
    });
    store.commit(true, () => rows.forEach((row) => store.outbox.insert(row, 1)));
  });
}

test('a source whose first checkpoint closed no part takes the next ones', async () => {
  await checkpoint(reading('a', 1, 0));
  assert.equal(store.outbox.unackedCount, 0);
  await checkpoint(reading('a', 2, 6_000));
  await checkpoint(reading('a', 3, 12_000));
  assert.equal(store.outbox.unackedCount, 2);
});

test('sources keep the order in which they were first seen, over a restart, also when a later one has the first row', async () => {
  // The later source begins with a hole: its gap row is made before the earlier one's part is closed.
  await checkpoint(reading('z', 1, 0), reading('a', 3, 60_000), reading('a', 4, 90_000));
  const queued = store.outbox.queuedSources();
  assert.deepEqual([...queued.keys()].sort(), ['h/d/a', 'h/d/z']);
  store.reload();
  assert.deepEqual([...store.ledgerStore.ledger.sources.keys()], ['h/d/z', 'h/d/a']);
  assert.deepEqual(shippableSources(store.ledgerStore.ledger, queued), ['h/d/z']);
});
