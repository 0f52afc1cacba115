import assert from 'node:assert/strict';
import { test } from 'node:test';
import { profileTable } from '../../../../../edge/simulator/scenario/profile-table.ts';

test('one line for each simulator, in the order of starting; who was waited for longest', () => {
  const waitedFor = [
    { sid: 'grid', ms: 1_500 },
    { sid: 'pv', ms: 500 },
  ];
  const table = profileTable([
    { sid: 'collector', steps: 12, busyMs: 4, waitingMs: 2_000, waitedFor },
    { sid: 'pv', steps: 86_400, busyMs: 12_345, waitingMs: 0, waitedFor: [] },
  ]);
  assert.equal(
    table,
    [
      'simulator  steps  in steps  waiting  waited for',
      'collector     12    0.00 s   2.00 s  grid 1.50 s',
      'pv         86400   12.35 s   0.00 s',
      '',
    ].join('\n'),
  );
});
