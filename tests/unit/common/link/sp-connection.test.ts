import assert from 'node:assert/strict';
import { test } from 'node:test';
import { overdue, SERVER_LIMITS, type Waiting } from '../../../../common/link/sp-connection.ts';

const NOTHING: Waiting = { helloSinceMs: undefined, frameSinceMs: undefined, unreadSinceMs: undefined, idleSinceMs: undefined };

test('what is overdue, and whether it is an offence', () => {
  const cases: readonly [keyof Waiting, number, boolean][] = [
    ['helloSinceMs', SERVER_LIMITS.helloMs, true],
    ['frameSinceMs', SERVER_LIMITS.frameMs, true],
    ['unreadSinceMs', SERVER_LIMITS.unreadMs, true],
    ['idleSinceMs', SERVER_LIMITS.idleMs, false],
  ];
  for (const [what, limitMs, isOffence] of cases) {
    const waiting = { ...NOTHING, [what]: 1_000 };
    assert.equal(overdue(waiting, 1_000 + limitMs - 1, SERVER_LIMITS), undefined, what);
    assert.equal(overdue(waiting, 1_000 + limitMs, SERVER_LIMITS)?.isOffence, isOffence, what);
  }
  assert.equal(overdue(NOTHING, Number.MAX_SAFE_INTEGER, SERVER_LIMITS), undefined);
});

test('an offence is named before idleness', () => {
  const everything: Waiting = { helloSinceMs: undefined, frameSinceMs: 0, unreadSinceMs: 0, idleSinceMs: 0 };
  assert.deepEqual(overdue(everything, 1e9, SERVER_LIMITS), { reason: 'frame not finished in time', isOffence: true });
});
