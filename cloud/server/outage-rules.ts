/**
 * Pure: how an edge is doing, when an outage of it begins and ends and why, and when the cloud itself was away. Durations are judged by
 * the monotonic clock; the times that are kept are wall clock, for people.
 */
import { OUTAGE_DETAILS } from './outage-details.ts';
import type { Outage, OutageCause } from './storage/fleet-log.ts';

/** online: heard, and what waits is stored. late: overdue, or nothing of what waits is stored. never: known, but never heard. */
export type Health = 'online' | 'late' | 'offline' | 'never';

/** Of the time after which an edge is silent: then its heartbeat is overdue. Two of them, 20 % late, are not. */
export const OVERDUE_SHARE = 0.7;
/** Windows of time in which something of what waits must be stored. */
export const UNSTORED_WINDOWS = 6;
/** A cloud whose main loop did not turn for so long was away, though its process lived. */
export const STALL_MS = 10_000;
/** Shorter than two words of the cloud about itself; a gap of them says nothing. */
const DOWN_MS_MIN = 1_000;

export interface EdgeTimes {
  /** By heartbeats: liveness.ts. */
  state: 'live' | 'silent';
  /** A heartbeat came since this cloud started. */
  isHeard: boolean;
  /** A heartbeat came ever. */
  isKnown: boolean;
  /** Since the last heartbeat; since the start of the cloud when none came. */
  quietMs: number;
  /** Since when something waits and nothing is stored; null while nothing waits. */
  unstoredMs: number | null;
}

export interface HealthLimits {
  silentAfterMs: number;
  unstoredAfterMs: number;
}

export function healthOf(edge: EdgeTimes, { silentAfterMs, unstoredAfterMs }: HealthLimits): Health {
  if (!edge.isKnown) return 'never';
  if (edge.state === 'silent') return 'offline';
  if (!edge.isHeard || edge.quietMs >= silentAfterMs * OVERDUE_SHARE) return 'late';
  return isUnstored(edge, unstoredAfterMs) ? 'late' : 'online';
}

function isUnstored({ unstoredMs }: Pick<EdgeTimes, 'unstoredMs'>, unstoredAfterMs: number): boolean {
  return unstoredMs !== null && unstoredMs >= unstoredAfterMs;
}

export interface JudgedEdge extends EdgeTimes {
  edge: string;
  /** Wall time of the last heartbeat; of the cloud's start when none came since. */
  lastHeardMs: number;
  /** Wall time of the first heartbeat since it was last silent. */
  connectedMs: number | null;
  parkedCount: number;
  /** What it says of the first household that it holds back. */
  parkedWords: string;
}

/** @param open outages of this edge that last, by cause. @returns those that began, and those that ended, with their end */
export function outageChanges(edge: JudgedEdge, open: ReadonlyMap<OutageCause, Outage>, limits: HealthLimits, nowMs: number): Outage[] {
  const changes: Outage[] = [];
  const begin = (cause: OutageCause, fromMs: number, detail: string) => {
    if (!open.has(cause)) changes.push({ edge: edge.edge, cause, fromMs: Math.min(fromMs, nowMs), toMs: null, detail });
  };
  const end = (cause: OutageCause, toMs: number) => {
    const its = open.get(cause);
    if (its !== undefined) changes.push({ ...its, toMs: Math.max(its.fromMs, toMs) });
  };
  if (edge.state === 'silent') {
    if (edge.isKnown) begin('silent', edge.lastHeardMs, '');
    // Of a silent edge nobody knows what it stores: that is the worse of the two.
    end('late', edge.lastHeardMs);
    return changes;
  }
  // What was open before a restart stays so until the edge says something.
  if (!edge.isHeard) return changes;
  end('silent', edge.connectedMs ?? nowMs);
  if (edge.parkedCount > 0) begin('parked', nowMs, edge.parkedWords);
  else end('parked', nowMs);
  // A household that is held back waits in the outbox: that is told once, as parked.
  if (edge.parkedCount === 0 && isUnstored(edge, limits.unstoredAfterMs)) begin('late', nowMs - (edge.unstoredMs ?? 0), '');
  else end('late', nowMs);
  return changes;
}

/** @param last what the process before kept of itself; null when there was none. @returns the cloud's own outage, or null */
export function downBefore(last: { lastMs: number; isEnd: boolean } | null, startedMs: number): Outage | null {
  if (last === null || startedMs - last.lastMs < DOWN_MS_MIN) return null;
  const detail = OUTAGE_DETAILS.say(last.isEnd ? 'in-order' : 'no-word');
  return { edge: '', cause: 'cloud down', fromMs: last.lastMs, toMs: startedMs, detail };
}

/** @param quietMs monotonic, between two turns of the main loop */
export function stalled(quietMs: number, nowMs: number): Outage | null {
  if (quietMs < STALL_MS) return null;
  return { edge: '', cause: 'cloud down', fromMs: nowMs - Math.round(quietMs), toMs: nowMs, detail: OUTAGE_DETAILS.say('stood-still') };
}
