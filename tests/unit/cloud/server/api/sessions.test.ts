/** How long a session lasts, in virtual time. Over HTTP: doors.test.ts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SESSION_IDLE_MAX_MS, Sessions } from '../../../../../cloud/server/api/sessions.ts';
import { VirtualClock } from '../../../../doubles/virtual-clock.ts';

const anyToken = { idOf: () => 't1', holds: () => true };

test('a session ends when it was idle for its limit, long before its age ends it, and not a moment sooner', async () => {
  const clock = new VirtualClock();
  const sessions = new Sessions(anyToken, clock);
  const [left, kept] = [sessions.begin('t1'), sessions.begin('t1')];
  await clock.advance(SESSION_IDLE_MAX_MS - 1);
  assert.equal(sessions.use(kept), 't1');
  await clock.advance(1);
  assert.equal(sessions.use(left), undefined);
  // What was used a moment ago goes on, and its limit counts from then.
  assert.equal(sessions.use(kept), 't1');
  await clock.advance(SESSION_IDLE_MAX_MS);
  assert.equal(sessions.use(kept), undefined);
  assert.equal(sessions.use(left), undefined);
});
