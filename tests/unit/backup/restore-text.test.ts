import assert from 'node:assert/strict';
import { test } from 'node:test';
import { textOfRestore } from '../../../backup/main.ts';
import type { Restored } from '../../../backup/restore-state.ts';

const CHECKED: Restored = {
  state: '/state',
  backup: '/backups/monday',
  id: 'b',
  at: '2026-01-05T03:00:00Z',
  parts: ['edge', 'cloud'],
  bytes: 12_300_000,
  aside: null,
  kept: [],
  damagedRows: 0,
  outcome: 'checked',
};

test('a check says first that the backup can be restored, and names no state: it has looked at none', () => {
  assert.equal(
    textOfRestore(CHECKED, '0.4'),
    [
      'backup /backups/monday is whole and sound: it can be restored',
      '  edge and cloud as of 2026-01-05T03:00:00Z: 12.3 MB, all of it sound, looked through in 0.4 s',
      '  nothing was restored, and no state was looked at',
    ].join('\n'),
  );
});

test('a backup with damaged rows is never called sound', () => {
  for (const outcome of ['checked', 'restored', 'finished'] as const) {
    const text = textOfRestore({ ...CHECKED, damagedRows: 2, outcome }, '0.4');
    assert.doesNotMatch(text, /sound/, outcome);
    assert.match(text, /whole; 2 rows damaged before it was made/, outcome);
    assert.match(text, /audit names these rows/, outcome);
  }
});

test('what was restored names the state and the backup; what was finished says that it was cut off', () => {
  const [head, from] = textOfRestore({ ...CHECKED, outcome: 'restored', aside: '/state/replaced-1' }, '0.4').split('\n');
  assert.deepEqual(
    [head, from],
    ['restored into /state', '  edge and cloud as of 2026-01-05T03:00:00Z from /backups/monday: 12.3 MB, all of it sound, in 0.4 s'],
  );
  assert.match(textOfRestore({ ...CHECKED, outcome: 'finished' }, '0.4'), /^an earlier restore was cut off and is finished now: \/state\n/);
});
