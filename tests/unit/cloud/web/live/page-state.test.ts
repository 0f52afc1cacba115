import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EdgeReply, LiveMessage, StateRow } from '../../../../../cloud/server/api/api-types.ts';
import {
  EMPTY,
  freshness,
  ordered,
  type PageState,
  typical,
  withCut,
  withEdge,
  withLive,
} from '../../../../../cloud/web/live/page-state.ts';

function row(state: string, annualKwh: number | null, more: Partial<StateRow> = {}): StateRow {
  const reporting = annualKwh === null ? 0 : 1;
  return {
    state,
    name: state,
    households: reporting,
    reporting,
    meanW: null,
    annualKwh,
    annualEur: null,
    coveredHours: 2,
    drawn: 0,
    rough: false,
    ...more,
  };
}

function edge(id: string, more: Partial<EdgeReply> = {}): EdgeReply {
  return {
    edge: id,
    state: 'live',
    health: 'online',
    lastHeartbeatAt: '2019-12-24T00:00:00.000Z',
    queued: 0,
    oldestUnackedAt: null,
    outboxAgeSeconds: null,
    households: 1,
    parked: [],
    parkedCount: 0,
    waitingFor: [],
    waitingCount: 0,
    outboxFull: false,
    unreadable: 0,
    replayFinished: false,
    firstSeenAt: null,
    lastConnectAt: null,
    lastDisconnectAt: null,
    lastActivityAt: null,
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
    version: null,
    ...more,
  };
}

function live(more: Partial<LiveMessage> = {}): LiveMessage {
  return {
    totalPowerW: 100,
    households: 1,
    current: 1,
    newestAt: '2019-12-24T00:00:05.000Z',
    newestAgeSeconds: 0,
    edges: [edge('edge-1')],
    alerts: [],
    alertCount: 0,
    edgeCount: 1,
    dataLabel: '',
    priceEurPerKwh: 0.3,
    sentAt: '2026-01-01T00:00:00.000Z',
    staleAfterSeconds: 15,
    firstWindowInSeconds: null,
    states: [],
    ...more,
  };
}

/** Messages by arrival time, in order. */
function after(...messages: [atMs: number, message: LiveMessage][]): PageState {
  return messages.reduce((state, [atMs, message]) => withLive(state, message, atMs), EMPTY);
}

test('changed rows are put into those known', () => {
  const state = after([0, live({ states: [row('DE-BB', 1), row('DE-BE', null)] })], [1, live({ states: [row('DE-BB', 2)] })]);
  assert.deepEqual(
    [...state.states.values()].map(({ state: code, annualKwh }) => [code, annualKwh]),
    [
      ['DE-BB', 2],
      ['DE-BE', null],
    ],
  );
});

test('freshness: connecting, waiting, live, stale, cut, finished', () => {
  const first = live();
  const noWindow = live({ newestAt: null, totalPowerW: null });
  const finished = live({ edges: [edge('a', { replayFinished: true, parkedCount: 2 })] });
  const half = live({ edges: [edge('a', { replayFinished: true }), edge('b')] });
  const table: [name: string, state: PageState, nowMs: number, kind: unknown][] = [
    ['nothing came', EMPTY, 99_000, { kind: 'connecting' }],
    ['no window', after([0, noWindow]), 5_000, { kind: 'waiting', firstWindowInSeconds: null, edges: 1 }],
    [
      'countdown',
      after([0, live({ newestAt: null, firstWindowInSeconds: 4 })]),
      1_500,
      { kind: 'waiting', firstWindowInSeconds: 3, edges: 1 },
    ],
    [
      'countdown ends at 1',
      after([0, live({ newestAt: null, firstWindowInSeconds: 4 })]),
      60_000,
      { kind: 'waiting', firstWindowInSeconds: 1, edges: 1 },
    ],
    ['no window and cut', withCut(after([0, noWindow]), 0), 0, { kind: 'cut', ageSeconds: null, stale: true }],
    ['just come', after([0, first]), 14_999, { kind: 'live', ageSeconds: 14.999 }],
    ['nothing newer', after([0, first]), 15_000, { kind: 'stale', ageSeconds: 15 }],
    ['messages, but none newer', after([0, first], [14_000, first]), 20_000, { kind: 'stale', ageSeconds: 20 }],
    ['newer came', after([0, first], [14_000, live({ newestAt: '2019-12-24T00:00:10.000Z' })]), 20_000, { kind: 'live', ageSeconds: 6 }],
    ['opened late', after([0, live({ newestAgeSeconds: 3_600 })]), 0, { kind: 'stale', ageSeconds: 3_600 }],
    ['cut just now', withCut(after([0, first]), 0), 2_000, { kind: 'cut', ageSeconds: 2, stale: false }],
    ['cut for long', withCut(after([0, first]), 0), 20_000, { kind: 'cut', ageSeconds: 20, stale: true }],
    ['finished', after([0, finished]), 99_000, { kind: 'finished', parked: 2 }],
    ['finished and cut just now', withCut(after([0, finished]), 0), 2_000, { kind: 'cut', ageSeconds: 2, stale: false }],
    ['one of two finished', after([0, half]), 15_000, { kind: 'stale', ageSeconds: 15 }],
    ['no edge', after([0, live({ edges: [], edgeCount: 0 })]), 15_000, { kind: 'stale', ageSeconds: 15 }],
  ];
  for (const [name, state, nowMs, expected] of table) assert.deepEqual(freshness(state, nowMs), expected, name);
});

test('a message connects again', () => {
  const cut = withCut(after([0, live()]), 0);
  assert.equal(freshness(withLive(cut, live({ newestAt: '2019-12-24T00:00:10.000Z' }), 30_000), 30_000).kind, 'live');
});

test('an edge event replaces or adds its edge', () => {
  const state = withEdge(withEdge(after([0, live()]), edge('edge-1', { state: 'silent' })), edge('edge-2'));
  assert.deepEqual(
    state.live?.edges.map((known) => [known.edge, known.state]),
    [
      ['edge-1', 'silent'],
      ['edge-2', 'live'],
    ],
  );
  assert.equal(withEdge(EMPTY, edge('edge-1')).live, null);
});

test('the typical household weighs each state by its reporting households', () => {
  const rows = [row('a', 1_000, { reporting: 3, coveredHours: 2 }), row('b', 5_000, { reporting: 1, coveredHours: 6 }), row('c', null)];
  assert.deepEqual(typical(rows), { reporting: 4, annualKwh: 2_000, coveredHours: 3, rough: false });
  assert.equal(typical([row('a', 1_000, { rough: true }), row('b', 5)])?.rough, true);
  assert.equal(typical([row('c', null)]), null);
});

test('states by name, or the highest first with those without figures last', () => {
  const rows = [row('c', 5), row('a', null), row('b', -5), row('d', 50)];
  const names = (states: StateRow[]) => states.map(({ state }) => state).join('');
  assert.equal(names(ordered(rows, 'name')), 'abcd');
  assert.equal(names(ordered(rows, 'kwh')), 'dcba');
});
