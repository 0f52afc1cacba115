/** Pure: what the page knows and how fresh it is. Times here are the page's own arrival clock. */
import type { EdgeReply, LiveMessage, StateRow } from '../../server/api/api-types.ts';

export interface PageState {
  connected: boolean;
  /** The newest live message; null before the first. */
  live: LiveMessage | null;
  /** By state code, put together from all messages. */
  states: ReadonlyMap<string, StateRow>;
  /** When the last live message arrived. */
  arrivedMs: number;
  /** When a window newer than all before came in. */
  advancedMs: number;
  /** Since when the stream is cut; null while it is not. */
  cutMs: number | null;
}

export const EMPTY: PageState = { connected: false, live: null, states: new Map(), arrivedMs: 0, advancedMs: 0, cutMs: null };

export function withLive(state: PageState, message: LiveMessage, nowMs: number): PageState {
  const states = new Map(state.states);
  for (const row of message.states) states.set(row.state, row);
  const advanced = message.newestAt !== null && message.newestAt !== state.live?.newestAt;
  const saidMs = nowMs - (message.newestAgeSeconds ?? 0) * 1_000;
  // The cloud's word counts at the first message and where it is the later one: what the page saw arrive is not older than seen.
  const advancedMs = state.live === null ? saidMs : advanced ? Math.max(saidMs, state.advancedMs) : state.advancedMs;
  return { connected: true, live: message, states, arrivedMs: nowMs, advancedMs, cutMs: null };
}

export function withEdge(state: PageState, edge: EdgeReply): PageState {
  if (state.live === null) return state;
  const known = state.live.edges.some((other) => other.edge === edge.edge);
  const edges = known ? state.live.edges.map((other) => (other.edge === edge.edge ? edge : other)) : [...state.live.edges, edge];
  return { ...state, live: { ...state.live, edges } };
}

/** The stream broke, or broke again while it was being opened. */
export function withCut(state: PageState, nowMs: number): PageState {
  return { ...state, connected: false, cutMs: state.cutMs ?? nowMs };
}

export type Freshness =
  /** Nothing has ever come. */
  | { kind: 'connecting' }
  /** Connected, but no window is there yet. */
  | { kind: 'waiting'; firstWindowInSeconds: number | null; edges: number }
  | { kind: 'live'; ageSeconds: number }
  /** Connected, but no newer window for longer than it should take. */
  | { kind: 'stale'; ageSeconds: number }
  /** The stream is cut; `stale` when that has lasted. */
  | { kind: 'cut'; ageSeconds: number | null; stale: boolean }
  | { kind: 'finished'; parked: number };

export function freshness(state: PageState, nowMs: number): Freshness {
  const { live } = state;
  if (live === null) return { kind: 'connecting' };
  const sinceMessageSeconds = (nowMs - state.arrivedMs) / 1_000;
  if (live.newestAt === null) {
    if (!state.connected) return { kind: 'cut', ageSeconds: null, stale: true };
    const { firstWindowInSeconds: inSeconds } = live;
    const left = inSeconds === null ? null : Math.max(1, Math.ceil(inSeconds - sinceMessageSeconds));
    return { kind: 'waiting', firstWindowInSeconds: left, edges: live.edgeCount };
  }
  const ageSeconds = Math.max(0, (nowMs - state.advancedMs) / 1_000);
  const finished = isFinished(live);
  const stale = ageSeconds >= live.staleAfterSeconds;
  if (!state.connected) return { kind: 'cut', ageSeconds, stale: finished ? sinceMessageSeconds >= live.staleAfterSeconds : stale };
  if (finished) return { kind: 'finished', parked: live.edges.reduce((sum, edge) => sum + edge.parkedCount, 0) };
  return stale ? { kind: 'stale', ageSeconds } : { kind: 'live', ageSeconds };
}

/** Every edge says that its runs are done. */
export function isFinished(live: LiveMessage): boolean {
  return live.edges.length > 0 && live.edges.every((edge) => edge.replayFinished);
}

/** All reporting households of all states together. */
export interface Typical {
  reporting: number;
  annualKwh: number;
  coveredHours: number;
  rough: boolean;
}

export function typical(states: Iterable<StateRow>): Typical | null {
  let reporting = 0;
  let annualKwh = 0;
  let coveredHours = 0;
  let rough = false;
  for (const row of states) {
    if (row.annualKwh === null) continue;
    reporting += row.reporting;
    annualKwh += row.annualKwh * row.reporting;
    coveredHours += row.coveredHours * row.reporting;
    rough ||= row.rough;
  }
  return reporting === 0 ? null : { reporting, annualKwh: annualKwh / reporting, coveredHours: coveredHours / reporting, rough };
}

export type Order = 'name' | 'kwh';

/** States without figures come last when ordered by them. */
export function ordered(states: Iterable<StateRow>, order: Order): StateRow[] {
  const byName = [...states].sort((a, b) => a.name.localeCompare(b.name, 'en'));
  return order === 'name' ? byName : byName.sort((a, b) => (b.annualKwh ?? -Infinity) - (a.annualKwh ?? -Infinity) || 0);
}

/** Shares of the time after which figures are stale: two of the six windows that the cloud waits. */
const FRESH_SHARE = 1 / 3;

export function ageClass(ageSeconds: number, staleAfterSeconds: number): 'fresh' | 'late' | 'stale' {
  if (ageSeconds >= staleAfterSeconds) return 'stale';
  return ageSeconds <= staleAfterSeconds * FRESH_SHARE ? 'fresh' : 'late';
}
