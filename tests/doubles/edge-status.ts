/** What an edge says of itself that has taken nothing in yet. */
import type { EdgeStatus } from '../../common/messages.ts';

export const QUIET_EDGE: EdgeStatus = {
  queued: 0,
  sent: 0,
  acked: 0,
  newestMs: null,
  oldestUnackedMs: null,
  households: 0,
  parked: [],
  waitingFor: [],
  runs: [],
  trimmedEarly: 0,
  unreadable: 0,
  outboxFull: false,
};
