import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EdgeStatus } from '../../../common/messages.ts';
import { exitCodeWhenDone, hear, isDone, newView, parkedOf, type RunView, summaryOf } from '../../../supervisor/run-view.ts';
import { QUIET_EDGE } from '../../doubles/edge-status.ts';

function finishedView(edge: Partial<EdgeStatus> = {}): RunView {
  const view = newView();
  hear(view, { event: 'finished', part: 'simulate', run: 'r1', published: 10, quarantined: 2, parked: [] });
  view.edge = { ...QUIET_EDGE, runs: [{ run: 'r1', ended: true, done: true }], ...edge };
  view.edgeAnswers = true;
  return view;
}

test('events of the parts are remembered where they belong', () => {
  const view = newView();
  hear(view, { event: 'ready', part: 'cloud', url: 'http://localhost:1', httpPort: 1, heartbeatPort: 2, dataPort: 3 });
  hear(view, { event: 'ready', part: 'edge', statusUrl: 'http://localhost:4', transport: 'sp' });
  const ready = { households: 2, dataLabel: '', t0: '2019-12-24T00:00:00Z', startSeconds: 0, untilSeconds: 60 };
  hear(view, { event: 'ready', part: 'simulate', run: 'r1', ...ready });
  assert.equal(view.url, 'http://localhost:1');
  assert.equal(view.statusUrl, 'http://localhost:4');
  assert.equal(view.replay?.run, 'r1');
});

test('a run is done when the simulator has finished it and the edge says so of this very run', () => {
  assert.equal(isDone(finishedView()), true);
  assert.equal(isDone(finishedView({ runs: [{ run: 'r1', ended: true, done: false }] })), false);
  assert.equal(isDone(finishedView({ runs: [{ run: 'r0', ended: true, done: true }] })), false);
  assert.equal(isDone({ ...finishedView(), edgeAnswers: false }), false);
  assert.equal(isDone({ ...finishedView(), finished: undefined }), false);
  assert.equal(isDone(newView()), false);
});

test('a household parked by simulator and edge counts once and makes the exit code 1', () => {
  const view = finishedView({ parked: [{ household: 'a', reason: 'second source' }] });
  view.finished = {
    ...view.finished!,
    parked: [
      { household: 'a', reason: 'second source' },
      { household: 'b', reason: 'no rows' },
    ],
  };
  assert.deepEqual(
    parkedOf(view)
      .map(({ household }) => household)
      .sort(),
    ['a', 'b'],
  );
  assert.equal(exitCodeWhenDone(view), 1);
  assert.equal(exitCodeWhenDone(finishedView()), 0);
});

test('the summary counts what is known, also of a run that never began', () => {
  const view = finishedView({ queued: 3, sent: 2, unreadable: 7 });
  view.restarts.edge = 2;
  const summary = summaryOf(view, { readings: 10, seconds: 1.25, exitCode: 0 });
  assert.deepEqual([summary.published, summary.quarantined, summary.unreadable, summary.queued, summary.restarts], [10, 2, 7, 5, 2]);
  assert.equal('error' in summary, false);
  const nothing = summaryOf(newView(), { readings: null, seconds: 0, exitCode: 2, error: 'no' });
  assert.deepEqual([nothing.run, nothing.published, nothing.queued, nothing.error], [null, 0, 0, 'no']);
});
