import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EdgeLedger, type SourceLedger } from '../../../../common/protocol/edge-ledger.ts';
import { shippableSources } from '../../../../common/protocol/ship-order.ts';

function ledgerWith(sources: Readonly<Record<string, (source: SourceLedger) => void>>): EdgeLedger {
  const ledger = new EdgeLedger(5);
  for (const [key, prepare] of Object.entries(sources)) {
    const [household, device, src] = key.split('/') as [string, string, string];
    prepare(ledger.source({ household, device, src }));
  }
  return ledger;
}

const seen = (source: SourceLedger) => source.seen.add(1, 3);
const stored = (source: SourceLedger) => {
  source.seen.add(1, 3);
  source.covered.add(1, 3);
};

test('a later source of a device waits until all that is known of the earlier is stored or declared', () => {
  const table: [string, (earlier: SourceLedger) => void, boolean][] = [
    ['all stored', stored, true],
    ['nothing known', () => undefined, true],
    ['seen and not stored: a row, the open part or an unfinished refill', seen, false],
    [
      'the last one not stored',
      (source) => {
        stored(source);
        source.seen.add(4, 4);
      },
      false,
    ],
    [
      'stored and declared',
      (source) => {
        seen(source);
        source.covered.add(2, 3);
        source.declared.add(1, 1);
      },
      true,
    ],
    [
      'a gap that is not acknowledged',
      (source) => {
        stored(source);
        source.gapped.add(4, 6);
      },
      false,
    ],
  ];
  for (const [what, prepare, isShippable] of table) {
    const ledger = ledgerWith({ 'h/d/first': prepare, 'h/d/second': seen });
    assert.deepEqual(shippableSources(ledger, new Set(['h/d/second'])), isShippable ? ['h/d/second'] : [], what);
  }
});

test('an unsettled source holds back every later one of its device, and no other device', () => {
  const ledger = ledgerWith({ 'h/d/1': stored, 'h/d/2': seen, 'h/d/3': stored, 'h/e/9': seen, 'i/d/9': seen, 'h/d/4': seen });
  const queued = new Set(['h/d/2', 'h/d/3', 'h/d/4', 'h/e/9', 'i/d/9']);
  assert.deepEqual(shippableSources(ledger, queued), ['h/d/2', 'h/e/9', 'i/d/9']);
});

test('what is not queued is not shipped', () => {
  assert.deepEqual(shippableSources(ledgerWith({ 'h/d/1': seen }), new Set()), []);
});
