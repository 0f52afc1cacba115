import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EdgeReply } from '../../../../cloud/server/api/api-types.ts';
import { EDGES_MAX, judge, type KnownEdge, Liveness } from '../../../../cloud/server/liveness.ts';
import type { Logger } from '../../../../common/logger.ts';
import type { EdgeStatus } from '../../../../common/messages.ts';
import { Metrics } from '../../../../common/metrics.ts';
import { VirtualClock } from '../../../doubles/virtual-clock.ts';
import { QUIET_EDGE } from '../../../doubles/edge-status.ts';

const SILENT_AFTER_MS = 7_000;

function status(more: Partial<EdgeStatus> = {}): EdgeStatus {
  return { ...QUIET_EDGE, households: 1, ...more };
}

function watched() {
  const clock = new VirtualClock();
  const lines: string[] = [];
  const line = (_fields: object, message: string) => void lines.push(message);
  const logger: Logger = { debug: line, info: line, warn: line, error: line };
  const metrics = new Metrics();
  const liveness = new Liveness({ clock, logger, metrics, silentAfterMs: SILENT_AFTER_MS });
  const events: [atMs: number, edge: string, state: string][] = [];
  liveness.onChange((edge: EdgeReply) => events.push([clock.monotonicMs(), edge.edge, edge.state]));
  liveness.start();
  const heard = (edge: string, more?: Partial<EdgeStatus>) => liveness.seen(edge, status(more), clock.nowMs());
  return { clock, lines, metrics, liveness, events, heard };
}

test('an edge is silent exactly when no heartbeat came for the time, and back with the next one', async () => {
  const { clock, lines, liveness, events, heard } = watched();
  heard('edge-1');
  await clock.advance(6_999);
  assert.equal(liveness.edges()[0]?.state, 'live');
  await clock.advance(1);
  assert.equal(liveness.edges()[0]?.state, 'silent');
  await clock.advance(60_000);
  heard('edge-1');
  assert.equal(liveness.edges()[0]?.state, 'live');
  assert.deepEqual(events, [
    [7_000, 'edge-1', 'silent'],
    [67_000, 'edge-1', 'live'],
  ]);
  assert.deepEqual(lines, ['edge heard for the first time', 'edge is silent', 'edge is back']);
});

test('steady heartbeats make no event, whatever the number of checks', async () => {
  const { clock, events, lines, heard } = watched();
  for (let i = 0; i < 100; i++) {
    heard('edge-1');
    await clock.advance(3_600);
  }
  assert.deepEqual(events, []);
  assert.deepEqual(lines, ['edge heard for the first time']);
});

test('each edge is judged by its own heartbeats, and silence is told once per silence', async () => {
  const { clock, events, heard } = watched();
  for (let second = 0; second < 60; second++) {
    if (second % 3 === 0) heard('steady');
    if (second < 10 || second === 30) heard('flapping');
    await clock.advance(1_000);
  }
  assert.deepEqual(events, [
    [16_000, 'flapping', 'silent'],
    [30_000, 'flapping', 'live'],
    [37_000, 'flapping', 'silent'],
  ]);
});

test('a jump of the wall clock silences nobody and wakes nobody', async () => {
  const { clock, events, heard, liveness } = watched();
  heard('edge-1');
  clock.jumpWallTime(3_600_000);
  await clock.advance(1_000);
  assert.deepEqual(events, []);
  clock.jumpWallTime(-7_200_000);
  heard('edge-1');
  await clock.advance(6_999);
  assert.deepEqual(events, []);
  await clock.advance(1);
  assert.deepEqual(events, [[8_000, 'edge-1', 'silent']]);
  assert.equal(liveness.edges().length, 1);
});

test('after stop there is no timer and no event', async () => {
  const { clock, events, heard, liveness } = watched();
  heard('edge-1');
  liveness.stop();
  assert.deepEqual(clock.pending(), []);
  heard('edge-1');
  await clock.advance(100_000);
  assert.deepEqual(events, []);
  assert.deepEqual(clock.pending(), []);
});

test('an ended subscription is not called', async () => {
  const { clock, liveness, heard } = watched();
  let calls = 0;
  const end = liveness.onChange(() => calls++);
  heard('edge-1');
  await clock.advance(7_000);
  assert.equal(calls, 1);
  end();
  heard('edge-1');
  assert.equal(calls, 1);
});

test('metrics tell of state, outbox and changes', async () => {
  const { clock, metrics, heard } = watched();
  heard('edge-1', { queued: 3, sent: 2, households: 4 });
  assert.match(await metrics.text(), /fogline_edge_live\{edge="edge-1"\} 1/);
  await clock.advance(7_000);
  const text = await metrics.text();
  assert.match(text, /fogline_edge_live\{edge="edge-1"\} 0/);
  assert.match(text, /fogline_edge_outbox_parts\{edge="edge-1"\} 5/);
  assert.match(text, /fogline_edge_households\{edge="edge-1"\} 4/);
  assert.match(text, /fogline_edge_changes_total\{to="silent"\} 1/);
});

test('what an edge says of itself is given on, in words for people', () => {
  const { liveness, heard, clock } = watched();
  const runs = [
    { run: 'a', ended: true, done: true },
    { run: 'b', ended: true, done: false },
  ];
  heard('edge-1', {
    queued: 3,
    sent: 2,
    oldestUnackedMs: 1_577_145_600_000,
    parked: [{ household: 'h', reason: 'conflict' }],
    waitingFor: ['w'],
    runs,
    version: '1.0.0',
  });
  heard('edge-0', { runs: runs.slice(0, 1) });
  const [zero, one] = liveness.edges();
  const now = new Date(clock.nowMs()).toISOString();
  assert.deepEqual(one, {
    edge: 'edge-1',
    state: 'live',
    health: 'online',
    lastHeartbeatAt: new Date(clock.nowMs()).toISOString(),
    queued: 5,
    oldestUnackedAt: '2019-12-24T00:00:00.000Z',
    outboxAgeSeconds: null,
    households: 1,
    parked: [{ household: 'h', reason: 'conflict', figure: null }],
    parkedCount: 1,
    waitingFor: ['w'],
    waitingCount: 1,
    outboxFull: false,
    unreadable: 0,
    replayFinished: false,
    firstSeenAt: now,
    lastConnectAt: now,
    lastDisconnectAt: null,
    lastActivityAt: now,
    lastAckAt: null,
    connects: 1,
    storedParts: 0,
    duplicateParts: 0,
    refusedRows: 0,
    windowsMissing: null,
    outboxDamage: 0,
    namesLeftOut: 0,
    topicDamage: 0,
    declaredReadings: 0,
    droppedEarly: 0,
    storedPerMinute: 0,
    clockSkewSeconds: null,
    version: '1.0.0',
  });
  assert.equal(zero?.edge, 'edge-0');
  assert.equal(zero?.replayFinished, true);
});

test('invented edge names cannot fill memory: the one heard longest ago is forgotten', () => {
  const { liveness, heard } = watched();
  heard('real');
  for (let i = 0; i < EDGES_MAX - 1; i++) heard(`fake-${i}`);
  heard('real');
  for (let i = 0; i < 10; i++) heard(`more-${i}`);
  const ids = new Set(liveness.edges().map((edge) => edge.edge));
  assert.equal(ids.size, EDGES_MAX);
  assert(ids.has('real') && ids.has('more-9') && !ids.has('fake-0'));
});

test('an edge that an earlier process knew and that never comes back is told as silent', async () => {
  const { clock, lines, liveness, events, heard } = watched();
  liveness.expect(['edge-1', 'edge-2']);
  assert.deepEqual(
    liveness.edges().map(({ edge, state, lastHeartbeatAt }) => [edge, state, lastHeartbeatAt]),
    [
      ['edge-1', 'live', null],
      ['edge-2', 'live', null],
    ],
  );
  await clock.advance(3_000);
  heard('edge-2');
  await clock.advance(4_000);
  assert.deepEqual(events, [[7_000, 'edge-1', 'silent']]);
  assert.deepEqual(lines, ['edge heard after the start', 'edge is silent']);
});

test('judge: a table', () => {
  const edge = (id: string, heardMs: number, state: KnownEdge['state'] = 'live'): KnownEdge => ({
    edge: id,
    state,
    heardMs,
    backMs: 0,
    lastHeartbeatMs: 0,
    report: {} as KnownEdge['report'],
  });
  const table: [edges: KnownEdge[], nowMs: number, silent: string[], nextCheckMs: number | null][] = [
    [[], 0, [], null],
    [[edge('a', 0)], 0, [], 10],
    [[edge('a', 0)], 9, [], 10],
    [[edge('a', 0)], 10, ['a'], null],
    [[edge('a', 0), edge('b', 5)], 10, ['a'], 15],
    [[edge('b', 5), edge('a', 0)], 3, [], 10],
    [[edge('a', 0, 'silent'), edge('b', 5)], 100, ['b'], null],
    [[edge('a', 0, 'silent')], 100, [], null],
  ];
  for (const [edges, nowMs, silent, nextCheckMs] of table) {
    const found = judge(edges, nowMs, 10);
    assert.deepEqual([found.silent.map((known) => known.edge), found.nextCheckMs], [silent, nextCheckMs]);
  }
});

test('for the spread: since when an edge is back, and its rows; silent and unheard ones have said nothing', async () => {
  const { clock, liveness, heard } = watched();
  liveness.expect(['edge-1', 'edge-2']);
  const unheard = (edge: string) => ({ edge, waitingRows: null, backMs: null });
  assert.deepEqual(liveness.returning(), [unheard('edge-1'), unheard('edge-2')]);
  await clock.advance(1_000);
  heard('edge-1', { queued: 5, sent: 2 });
  await clock.advance(3_000);
  heard('edge-1', { queued: 1 });
  assert.deepEqual(liveness.returningOf('edge-1'), { edge: 'edge-1', waitingRows: 1, backMs: 1_000 });
  assert.deepEqual(liveness.returning(), [unheard('edge-2'), liveness.returningOf('edge-1')]);
  await clock.advance(SILENT_AFTER_MS);
  assert.deepEqual(liveness.returningOf('edge-1'), unheard('edge-1'));
  heard('edge-1', { queued: 9 });
  assert.deepEqual(liveness.returningOf('edge-1'), { edge: 'edge-1', waitingRows: 9, backMs: 11_000 });
  assert.equal(liveness.returningOf('edge-3'), undefined);
});
