import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countText } from '../../../common/count-text.ts';
import {
  clockText,
  durationText,
  replayLine,
  restartText,
  scenarioLine,
  statusLine,
  summaryText,
  warningText,
} from '../../../supervisor/run-text.ts';
import { hear, newView, nounOf, type RunView, summaryOf } from '../../../supervisor/run-view.ts';

test('durations, clock times and counts as people write them', () => {
  const durations: [number, string][] = [
    [0.2, 'less than a second'],
    [35, '35 s'],
    [99, '99 s'],
    [1_440, '24 min'],
    [7_200, '2 h'],
    [7_320, '2 h 2 min'],
    [200_000, '2 days'],
  ];
  for (const [seconds, text] of durations) assert.equal(durationText(seconds), text);
  assert.equal(clockText(93_909), '26:05:09');
  assert.equal(countText(691_200), '691,200');
  assert.equal(countText(999), '999');
});

function replaying(dataLabel: string): RunView {
  const view = newView();
  const ready = { run: 'r1', households: 16, dataLabel, t0: '2019-12-24T00:00:00Z', startSeconds: 0, untilSeconds: 86_400 };
  hear(view, { event: 'ready', part: 'simulate', ...ready });
  return view;
}

test('what is replayed and how long it takes; what is asked for while that is not known', () => {
  const asked = { dataDir: '', speed: 60, loop: false };
  assert.match(replayLine(newView(), asked), /^synthetic households .* at 60× speed; how long it takes is told/);
  assert.match(replayLine(newView(), { ...asked, dataDir: 'homes' }), /^homes, /);
  const known = '16 synthetic households from 2019-12-24T00:00:00Z, 00:00:00 to 24:00:00, at 60× speed: about 24 min';
  assert.equal(replayLine(replaying('synthetic'), asked), known);
  assert.match(replayLine(replaying(''), { ...asked, speed: Number.POSITIVE_INFINITY }), /^16 households .* as fast as it goes$/);
  assert.match(replayLine(replaying(''), { ...asked, loop: true }), /again and again$/);
});

test('a scenario file: which, what is in it, until when and how fast, as far as it is known', () => {
  const asked = { file: 'street.jsonc', dataDir: '', loop: false };
  assert.equal(scenarioLine(newView(), asked), 'street.jsonc; what is in it is told when it has been checked');
  const view = newView();
  const plan = { event: 'plan', file: 'street.jsonc', title: 'A street', isReplay: false, entities: 400 } as const;
  const times = { t0: '2023-06-21T00:00:00.000Z', untilSeconds: 86_400 };
  view.plan = { ...plan, ...times, speed: 10 };
  const known = 'street.jsonc (A street): 400 entities from 2023-06-21T00:00:00.000Z, 00:00:00 to 24:00:00';
  assert.equal(scenarioLine(view, asked), `${known}, at 10× speed: about 2 h 24 min`);
  view.plan = { ...plan, ...times, speed: null };
  assert.equal(scenarioLine(view, asked), `${known}, as fast as it goes`);
  assert.equal(statusLine(view), 'starting');
  assert.match(summaryText(summaryOf(view, { readings: 5, seconds: 61, exitCode: 0 }), nounOf(view)), /^simulation finished: /);
});

test('a scenario file that replays households: what is known of them before and after they have been read', () => {
  const asked = { file: 'homes.jsonc', dataDir: 'data/homes', loop: false };
  const view = newView();
  view.plan = { event: 'plan', file: 'homes.jsonc', title: '', isReplay: true, entities: 2, t0: '', untilSeconds: null, speed: 60 };
  const before = /^homes\.jsonc: the households of data\/homes and 2 entities beside them, at 60× speed; how long it takes is told when/;
  assert.match(scenarioLine(view, asked), before);
  assert.match(scenarioLine(view, { ...asked, dataDir: '' }), /^homes\.jsonc: synthetic households and 2 entities/);
  view.replay = replaying('').replay;
  const after =
    'homes.jsonc: 16 households from 2019-12-24T00:00:00Z and 2 entities beside them, 00:00:00 to 24:00:00, at 60× speed: about 24 min';
  assert.equal(scenarioLine(view, asked), after);
});

test('the status line goes from starting to finished and names what is wrong', () => {
  const view = replaying('');
  assert.equal(statusLine(newView()), 'starting');
  assert.equal(statusLine(view), 'replay begins');
  const counts = { published: 12_345, quarantined: 3 };
  hear(view, {
    event: 'progress',
    part: 'simulate',
    simulatedSeconds: 3_723,
    untilSeconds: 86_400,
    speed: 59.8,
    etaSeconds: 1_378,
    ...counts,
  });
  view.restarts.edge = 2;
  view.statusUrl = 'http://localhost:1';
  assert.equal(
    statusLine(view),
    '01:02:03 of 24:00:00 (60×, 23 min left) · 12,345 readings published · edge does not answer · 3 rows quarantined · restarts: edge 2',
  );
  hear(view, { event: 'finished', part: 'simulate', run: 'r1', ...counts, parked: [] });
  assert.match(statusLine(view), /^everything is read, the rest is on its way/);
  view.edgeAnswers = true;
  view.edge = {
    queued: 1,
    sent: 1,
    acked: 0,
    newestMs: null,
    oldestUnackedMs: null,
    households: 1,
    parked: [{ household: 'h1', reason: 'second source' }],
    waitingFor: ['h2'],
    runs: [{ run: 'r1', ended: true, done: true }],
    trimmedEarly: 0,
    unreadable: 1,
    outboxFull: true,
  };
  const all = statusLine(view);
  for (const words of [
    'replay finished',
    '2 parts under way',
    'assign 1 household',
    'outbox full',
    '1 record unreadable',
    '(h1: second source)',
  ]) {
    assert(all.includes(words), `${words} in ${all}`);
  }
});

test('the summary for people names parked households', () => {
  const view = replaying('');
  const summary = { ...summaryOf(view, { readings: 5, seconds: 61, exitCode: 1 }), parked: [{ household: 'h1', reason: 'second source' }] };
  assert.match(
    summaryText(summary, 'replay'),
    /^ended: 16 households.* 5 stored \(all runs of this state\).* 61 s\n {2}parked: h1: second source\n.*parked list$/,
  );
});

test('the summary for people says where to look for rows and records that were left out, and nothing of them without any', () => {
  const clean = summaryOf(newView(), { readings: 5, seconds: 61, exitCode: 0 });
  assert.match(summaryText(clean, 'replay'), /^replay finished: [^\n]*, 61 s$/);
  const rows = summaryText({ ...clean, quarantined: 3 }, 'replay');
  assert.match(rows, / 3 quarantined,.*\n {2}rows that are no readings: npx fogline quarantine list$/);
  const records = summaryText({ ...clean, unreadable: 1 }, 'replay');
  assert.match(records, / 1 record unreadable,.*\n {2}what is held back: npx fogline parked list$/);
});

test('the end of a part is told with its reason and what to do, a warning likewise and again in the summary', () => {
  const error = { event: 'error', code: 'BROKER_UNREACHABLE', message: 'Kafka does not answer', hint: 'start it', exitCode: 3 } as const;
  assert.equal(restartText('edge', 'exit code 3', 200, undefined), 'edge ended (exit code 3), starts again in 0.2 s');
  assert.match(restartText('edge', 'exit code 3', 200, error), /0\.2 s\n {2}Kafka does not answer\n {2}what to do: start it$/);
  const warning = { event: 'warning', part: 'cloud', message: 'redis refuses', hint: 'the password' } as const;
  assert.equal(warningText(warning), 'cloud: redis refuses\n  what to do: the password');
  const view = newView();
  for (let i = 0; i < 2; i++) hear(view, warning);
  const summary = summaryOf(view, { readings: 5, seconds: 61, exitCode: 0 });
  assert.deepEqual(summary.notices, ['cloud: redis refuses']);
  assert.match(summaryText(summary, 'replay'), /\n {2}notice: cloud: redis refuses$/);
});

test('alerts of the cloud stand in the status line while they are raised', () => {
  const view = newView();
  hear(view, { event: 'alerts', part: 'cloud', count: 2, first: 'edge edge-1 is silent' });
  assert.match(statusLine(view), / · 2 alerts: edge edge-1 is silent/);
  hear(view, { event: 'alerts', part: 'cloud', count: 0, first: '' });
  assert.doesNotMatch(statusLine(view), /alert/);
});
