import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LiveMessage } from '../../../../../cloud/server/api/api-types.ts';
import { withSample } from '../../../../../cloud/web/live/course.ts';
import { EMPTY, type PageState } from '../../../../../cloud/web/live/page-state.ts';

function state(replayFinished: boolean): PageState {
  const edges = [{ edge: 'edge-1', health: 'online', replayFinished }];
  const live = { totalPowerW: 400, current: 2, newestAt: '2019-12-24T06:00:00.000Z', edges, edgeCount: 1 } as unknown as LiveMessage;
  return { ...EMPTY, connected: true, live, arrivedMs: 10_000, advancedMs: 7_000 };
}

test('a figure every other second; the age of the newest window grows while more is to come', () => {
  const course = withSample(withSample([], state(false), 10_000), state(false), 11_000);
  assert.deepEqual(course, [{ atMs: 10_000, powerW: 400, annualKwh: null, current: 2, edgesOnline: 1, ageSeconds: 3 }]);
  assert.equal(withSample(course, state(false), 12_000).at(-1)?.ageSeconds, 5);
});

test('after the replay the newest window does not age', () => {
  assert.equal(withSample([], state(true), 10_000)[0]?.ageSeconds, null);
});
