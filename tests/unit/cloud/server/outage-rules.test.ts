import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  downBefore,
  type EdgeTimes,
  healthOf,
  type JudgedEdge,
  outageChanges,
  STALL_MS,
  stalled,
} from '../../../../cloud/server/outage-rules.ts';
import type { Outage, OutageCause } from '../../../../cloud/server/storage/fleet-log.ts';

const LIMITS = { silentAfterMs: 10_000, unstoredAfterMs: 30_000 };
const WELL: EdgeTimes = { state: 'live', isHeard: true, isKnown: true, quietMs: 0, unstoredMs: null };
const NOW_MS = 1_000_000;

test('online, late, offline, never', () => {
  const table: [Partial<EdgeTimes>, string][] = [
    [{}, 'online'],
    [{ quietMs: 6_999 }, 'online'],
    [{ quietMs: 7_000 }, 'late'],
    [{ state: 'silent', quietMs: 10_000 }, 'offline'],
    [{ unstoredMs: 29_999 }, 'online'],
    [{ unstoredMs: 30_000 }, 'late'],
    [{ unstoredMs: 0 }, 'online'],
    [{ isHeard: false }, 'late'],
    [{ isHeard: false, isKnown: false }, 'never'],
    [{ isHeard: false, isKnown: false, state: 'silent' }, 'never'],
    [{ state: 'silent', unstoredMs: 40_000 }, 'offline'],
  ];
  for (const [times, expected] of table) assert.equal(healthOf({ ...WELL, ...times }, LIMITS), expected, JSON.stringify(times));
});

const EDGE: JudgedEdge = { ...WELL, edge: 'e', lastHeardMs: NOW_MS - 1_000, connectedMs: NOW_MS - 50_000, parkedCount: 0, parkedWords: '' };

function outage(cause: OutageCause, fromMs: number): Outage {
  return { edge: 'e', cause, fromMs, toMs: null, detail: '' };
}

test('outages begin when the edge was last heard, late ones when the waiting began, and end when it is heard or stored', () => {
  const table: [string, Partial<JudgedEdge>, Outage[], [cause: OutageCause, fromMs: number, toMs: number | null][]][] = [
    ['well', {}, [], []],
    ['silent', { state: 'silent', lastHeardMs: 900_000 }, [], [['silent', 900_000, null]]],
    ['still silent', { state: 'silent', lastHeardMs: 900_000 }, [outage('silent', 900_000)], []],
    ['never heard', { state: 'silent', isHeard: false, isKnown: false }, [], []],
    ['back', { connectedMs: 999_000 }, [outage('silent', 900_000)], [['silent', 900_000, 999_000]]],
    ['open before a restart, not heard since', { isHeard: false }, [outage('silent', 900_000), outage('late', 800_000)], []],
    ['not heard since a restart', { isHeard: false, state: 'silent', lastHeardMs: 990_000 }, [], [['silent', 990_000, null]]],
    ['nothing stored', { unstoredMs: 30_000 }, [], [['late', 970_000, null]]],
    ['stored again', { unstoredMs: 0 }, [outage('late', 970_000)], [['late', 970_000, NOW_MS]]],
    [
      'late, then silent',
      { state: 'silent', lastHeardMs: 990_000 },
      [outage('late', 970_000)],
      [
        ['silent', 990_000, null],
        ['late', 970_000, 990_000],
      ],
    ],
    ['parked', { parkedCount: 1, unstoredMs: 40_000 }, [], [['parked', NOW_MS, null]]],
    ['parked and silent', { state: 'silent', parkedCount: 1, lastHeardMs: 990_000 }, [outage('parked', 5)], [['silent', 990_000, null]]],
    ['resumed', {}, [outage('parked', 5)], [['parked', 5, NOW_MS]]],
    [
      'an end before its begin, by a clock that was set back',
      { connectedMs: 10 },
      [outage('silent', 900_000)],
      [['silent', 900_000, 900_000]],
    ],
    ['a begin in the future', { state: 'silent', lastHeardMs: NOW_MS + 9 }, [], [['silent', NOW_MS, null]]],
  ];
  for (const [name, edge, open, expected] of table) {
    const changes = outageChanges({ ...EDGE, ...edge }, new Map(open.map((its) => [its.cause, its])), LIMITS, NOW_MS);
    assert.deepEqual(
      changes.map(({ cause, fromMs, toMs }) => [cause, fromMs, toMs]),
      expected,
      name,
    );
  }
});

test('what is parked says which and why', () => {
  const [change] = outageChanges({ ...EDGE, parkedCount: 2, parkedWords: 'h-1: second source' }, new Map(), LIMITS, NOW_MS);
  assert.equal(change?.detail, 'h-1: second source');
});

test('a cloud was away from its last word to its start', () => {
  assert.equal(downBefore(null, NOW_MS), null);
  assert.equal(downBefore({ lastMs: NOW_MS - 999, isEnd: true }, NOW_MS), null);
  assert.equal(downBefore({ lastMs: NOW_MS + 60_000, isEnd: false }, NOW_MS), null, 'a clock that was set back');
  const down = downBefore({ lastMs: NOW_MS - 60_000, isEnd: false }, NOW_MS);
  assert.deepEqual(down, { edge: '', cause: 'cloud down', fromMs: NOW_MS - 60_000, toMs: NOW_MS, detail: 'ended without a word' });
  assert.equal(downBefore({ lastMs: 0, isEnd: true }, NOW_MS)?.detail, 'stopped in order');
  assert.equal(stalled(STALL_MS - 1, NOW_MS), null);
  assert.equal(stalled(STALL_MS, NOW_MS)?.fromMs, NOW_MS - STALL_MS);
});
