/**
 * What windows the cloud expects, from what it has seen itself: nobody has to report that nothing came. Judged in event time, so
 * that a replay at sixty times the speed is judged by the same rule: a household owes the windows between its newest one and the
 * front, which as many as not have reached, so that no wrong clock moves it; and where all stopped, where the front would be at the
 * pace that it had.
 */
import type { Clock } from '../../common/clock.ts';
import type { Bucket } from './storage/series-store.ts';

/** Requests, batches and partitions make one household a little later than another; below it nobody is late. */
export const UNEVEN_MS = 2_000;
/** A front that stood for so long is taken on by its pace: longer than a link needs to come back, or an edge to say that it is done. */
export const STALLED_AFTER_MS = 10_000;
/** The pace is that of so long. */
const PACE_OVER_MS = 60_000;
/** A pace of less is chance. */
const PACE_SPAN_MIN_MS = 2_000;
/** A household without a window for so long, event time, has moved out: nothing is expected of it. */
export const EXPECTED_FOR_MS = 7 * 86_400_000;
/** Looking through ten thousand households takes a millisecond. */
const FRONT_EVERY_MS = 20;
/** A newest window that is no older than this by the clock on the wall is live, so its pace is known before it is seen. */
const LIVE_WITHIN_MS = 3_600_000;

export interface Owing {
  household: string;
  /** End of its newest window, event time. */
  newestEndMs: number;
  /** Windows between that and the front. */
  missing: number;
  /** False while windows may be under way. */
  isLate: boolean;
}

interface Seen {
  newestEndMs: number;
  /** Monotonic. */
  advancedAtMs: number;
}

/** Event time per time, over these observations of the front in order; null when they tell nothing. */
export function paceOf(fronts: readonly { frontMs: number; atMs: number }[]): number | null {
  const [first] = fronts;
  const last = fronts.at(-1);
  if (first === undefined || last === undefined || last.atMs - first.atMs < PACE_SPAN_MIN_MS) return null;
  return (last.frontMs - first.frontMs) / (last.atMs - first.atMs);
}

export function windowsMissing(newestEndMs: number, frontMs: number, windowMs: number): number {
  return Math.max(0, Math.floor((frontMs - newestEndMs) / windowMs));
}

/** The newest end that half of them have reached; of two the newer one. */
function frontOf(newestEndsMs: readonly number[]): number {
  const newestFirst = Float64Array.from(newestEndsMs).sort().reverse();
  return newestFirst[(newestFirst.length - 1) >> 1] as number;
}

export class Expectation {
  private readonly windowMs: number;
  private readonly clock: Clock;
  private readonly seen = new Map<string, Seen>();
  /** Observations of the front as it went on, the newest last, of PACE_OVER_MS. */
  private fronts: { frontMs: number; atMs: number }[] = [];
  private isFrontPassed = false;
  private startedLive = false;

  constructor(windowMs: number, clock: Clock) {
    this.windowMs = windowMs;
    this.clock = clock;
  }

  /** What the store held at the start; tells nothing of the pace. */
  begin(windows: readonly Bucket[]): void {
    this.put(windows);
    const front = this.fronts.at(-1);
    this.startedLive = front !== undefined && Math.abs(this.clock.nowMs() - front.frontMs) < LIVE_WITHIN_MS;
  }

  put(windows: readonly Bucket[]): void {
    const atMs = this.clock.monotonicMs();
    let isFrontPassed = false;
    for (const { household, startMs } of windows) {
      const endMs = startMs + this.windowMs;
      const held = this.seen.get(household);
      if (held !== undefined && held.newestEndMs >= endMs) continue;
      this.seen.set(household, { newestEndMs: endMs, advancedAtMs: atMs });
      isFrontPassed ||= endMs > (this.fronts.at(-1)?.frontMs ?? Number.NEGATIVE_INFINITY);
    }
    this.isFrontPassed ||= isFrontPassed;
    if (atMs - (this.fronts.at(-1)?.atMs ?? Number.NEGATIVE_INFINITY) >= FRONT_EVERY_MS) this.moveFront();
  }

  private moveFront(): void {
    if (!this.isFrontPassed) return;
    this.isFrontPassed = false;
    const frontMs = frontOf([...this.seen.values()].map(({ newestEndMs }) => newestEndMs));
    const front = this.fronts.at(-1);
    if (front === undefined || front.frontMs < frontMs) this.advance({ frontMs, atMs: this.clock.monotonicMs() });
  }

  /** Null before the first window. */
  frontMs(): number | null {
    this.moveFront();
    const front = this.fronts.at(-1);
    if (front === undefined) return null;
    const standsForMs = this.clock.monotonicMs() - front.atMs;
    if (standsForMs < STALLED_AFTER_MS) return front.frontMs;
    const pace = paceOf(this.fronts) ?? (this.startedLive ? 1 : 0);
    return front.frontMs + pace * standsForMs;
  }

  /** Of every household that windows are expected of. */
  owing(): Owing[] {
    const frontMs = this.frontMs();
    if (frontMs === null) return [];
    const nowMs = this.clock.monotonicMs();
    const owing: Owing[] = [];
    for (const [household, { newestEndMs, advancedAtMs }] of this.seen) {
      if (frontMs - newestEndMs >= EXPECTED_FOR_MS) continue;
      const missing = windowsMissing(newestEndMs, frontMs, this.windowMs);
      owing.push({ household, newestEndMs, missing, isLate: nowMs - advancedAtMs >= UNEVEN_MS });
    }
    return owing;
  }

  /** Null for a household that nothing is expected of. */
  missingOf(household: string): number | null {
    const held = this.seen.get(household);
    const frontMs = this.frontMs();
    if (held === undefined || frontMs === null || frontMs - held.newestEndMs >= EXPECTED_FOR_MS) return null;
    return windowsMissing(held.newestEndMs, frontMs, this.windowMs);
  }

  /** The last one before PACE_OVER_MS stays: the pace is that of the whole time. */
  private advance(front: { frontMs: number; atMs: number }): void {
    const last = this.fronts.at(-1);
    if (last?.atMs === front.atMs) this.fronts.pop();
    this.fronts.push(front);
    while (this.fronts.length > 2 && front.atMs - (this.fronts[1]?.atMs ?? front.atMs) >= PACE_OVER_MS) this.fronts.shift();
  }
}
