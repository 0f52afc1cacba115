import assert from 'node:assert/strict';
import { test } from 'node:test';
import { firstWindowInSeconds } from '../../../../../cloud/server/api/first-window.ts';
import type { KnownEdge } from '../../../../../cloud/server/liveness.ts';

function edge(newestMs: number | null, heardMs = 0, state: KnownEdge['state'] = 'live'): KnownEdge {
  return { edge: 'e', state, heardMs, backMs: 0, lastHeartbeatMs: 0, report: { newestMs } as KnownEdge['report'] };
}

test('the wait is the rest of the window that the newest reading is in, counted down, never below a second', () => {
  const table: [edges: KnownEdge[], nowMs: number, seconds: number | null][] = [
    [[], 0, null],
    [[edge(null)], 0, null],
    [[edge(1_577_145_600_000)], 0, 5],
    [[edge(1_577_145_601_500)], 0, 4],
    [[edge(1_577_145_601_500)], 1_000, 3],
    [[edge(1_577_145_601_500)], 60_000, 1],
    [[edge(-1_500)], 0, 2],
    [[edge(1_577_145_600_000), edge(1_577_145_604_000)], 0, 1],
    [[edge(1_577_145_604_000, 0, 'silent'), edge(1_577_145_600_000)], 0, 5],
  ];
  for (const [edges, nowMs, seconds] of table) assert.equal(firstWindowInSeconds(edges, 5_000, nowMs), seconds);
});
