import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EdgeLedger } from '../../../../common/protocol/edge-ledger.ts';
import { reconcileSource } from '../../../../common/protocol/hello-rules.ts';
import { SeqIntervals } from '../../../../common/protocol/seq-intervals.ts';
import { openPart, addReading } from '../../../../common/protocol/window.ts';

test('what overlaps covered and was declared by somebody else is searched: the edge had it', () => {
  const ledger = new EdgeLedger(5);
  const source = ledger.source({ household: 'h', device: 'd', src: 's' });
  source.seen.add(1, 2);
  const part = openPart({ household: 'h', device: 'd', src: 's', seq: 1, timeMs: 0, values: { power: 1 } }, 5);
  addReading(part, { household: 'h', device: 'd', src: 's', seq: 2, timeMs: 1, values: { power: 1 } });
  const told = { covered: SeqIntervals.of([[1, 1]]), declared: SeqIntervals.of([[2, 3]]) };
  const result = reconcileSource(source, { partition: 0, offset: 0, part }, told, { unacked: () => [], ackedOutside: () => [] });
  assert.equal(result.open, 'drop');
  assert.deepEqual(result.missing, [[2, 2]]);
});

test('an open part below a held row is closed: the row would be refused for ever', () => {
  const ledger = new EdgeLedger(5);
  const source = ledger.source({ household: 'h', device: 'd', src: 's' });
  source.seen.add(1, 2);
  const part = openPart({ household: 'h', device: 'd', src: 's', seq: 1, timeMs: 0, values: { power: 1 } }, 5);
  const told = { covered: new SeqIntervals(), declared: new SeqIntervals() };
  const rows = { unacked: () => [{ id: 1, kind: 'part' as const, fromSeq: 2, toSeq: 2 }], ackedOutside: () => [] };
  assert.equal(reconcileSource(source, { partition: 0, offset: 0, part }, told, rows).open, 'close');
});
