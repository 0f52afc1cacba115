/**
 * What windows the cloud expects, from what it has seen itself: nobody has to report that nothing came. Judged in event time, so
 * that a replay at sixty times the speed is judged by the same rule: a household owes the windows between its newest one and its edge's
 * front, which half of the edge's households have reached; and where all of them stopped, where the front would be at the pace that it
 * had. No edge is judged by another's clock. A household whose readings come more rarely than windows end owes one for each of its own
 * intervals.
 */
import { MS_PER_DAY, MS_PER_HOUR } from '../../common/units.ts';
import type { Clock } from '../../common/clock.ts';
import { EdgeFront, reachedByHalf } from './edge-front.ts';
import type { Bucket } from './storage/series-store.ts';

/** Requests, batches and partitions make one household a little later than another; below it nobody is late. */
export const UNEVEN_MS = 2_000;
/** A household without a window for so long, event time, has moved out: nothing is expected of it. */
export const EXPECTED_FOR_MS = 7 * MS_PER_DAY;
/** Looking through ten thousand households takes a millisecond or two. */
const FRONT_EVERY_MS = 20;
/** A newest window that is no older than this by the clock on the wall is live, so its pace is known before it is seen. */
const LIVE_WITHIN_MS = MS_PER_HOUR;

export interface Owing {
  household: string;
  /** End of its newest window, event time. */
  newestEndMs: number;
  /** Windows between that and the front; where they come more rarely, those of its interval. */
  missing: number;
  /** What usually lies between two of its windows. */
  intervalMs: number;
  /** False while windows may be under way. */
  isLate: boolean;
}

interface Seen {
  newestEndMs: number;
  /** Monotonic. */
  advancedAtMs: number;
  /** Only told by the store at the start. */
  isFromBefore: boolean;
}

export function windowsMissing(newestEndMs: number, frontMs: number, intervalMs: number): number {
  return Math.max(0, Math.floor((frontMs - newestEndMs) / intervalMs));
}

export class Expectation {
  private readonly windowMs: number;
  private readonly clock: Clock;
  private readonly edgeOf: (household: string) => string | undefined;
  private readonly intervalMsOf: (household: string) => number;
  private readonly seen = new Map<string, Seen>();
  /** By edge. */
  private readonly fronts = new Map<string, EdgeFront>();
  /** Edges with a household that passed their front, or with other households than before. */
  private readonly passed = new Set<string>();
  private movedAtMs = Number.NEGATIVE_INFINITY;
  /** Edges whose data were live when this process started. */
  private readonly startedLive = new Set<string>();

  /**
   * @param edgeOf the edge that owns a household; of one that nobody is known to own nothing is expected
   * @param intervalMsOf what usually lies between two of its windows, the length of one or more
   */
  constructor(
    windowMs: number,
    clock: Clock,
    edgeOf: (household: string) => string | undefined,
    intervalMsOf: (household: string) => number = () => windowMs,
  ) {
    this.windowMs = windowMs;
    this.clock = clock;
    this.edgeOf = edgeOf;
    this.intervalMsOf = intervalMsOf;
  }

  /** What the store held at the start; tells nothing of the pace. */
  begin(windows: readonly Bucket[]): void {
    this.keep(windows, true);
    this.moveFronts();
    for (const [edge, { newestMs }] of this.fronts)
      if (newestMs !== undefined && Math.abs(this.clock.nowMs() - newestMs) < LIVE_WITHIN_MS) this.startedLive.add(edge);
  }

  put(windows: readonly Bucket[]): void {
    this.keep(windows, false);
    if (this.clock.monotonicMs() - this.movedAtMs >= FRONT_EVERY_MS) this.moveFronts();
  }

  /** Households have another edge than before, or have one now. */
  ownersChanged(): void {
    for (const household of this.seen.keys()) this.passed.add(this.edgeOf(household) ?? '');
    this.moveFronts();
  }

  /** Of every household that windows are expected of. */
  owing(): Owing[] {
    this.moveFronts();
    const nowMs = this.clock.monotonicMs();
    const expected = this.expectedNow(nowMs);
    const owing: Owing[] = [];
    for (const [household, held] of this.seen) {
      const missing = expected(household, held);
      if (missing === null) continue;
      const intervalMs = this.intervalMsOf(household);
      owing.push({ household, newestEndMs: held.newestEndMs, missing, intervalMs, isLate: nowMs - held.advancedAtMs >= UNEVEN_MS });
    }
    return owing;
  }

  /** Null for a household that nothing is expected of. */
  missingOf(household: string): number | null {
    this.moveFronts();
    const held = this.seen.get(household);
    return held === undefined ? null : this.expectedNow(this.clock.monotonicMs())(household, held);
  }

  /** What each household owes at one moment. */
  private expectedNow(nowMs: number): (household: string, held: Seen) => number | null {
    const frontsMs = new Map<string, number | null>();
    const site = this.siteNow(nowMs);
    return (household, { newestEndMs, isFromBefore }) => {
      const edge = this.edgeOf(household);
      if (edge === undefined) return null;
      let frontMs = frontsMs.get(edge);
      if (frontMs === undefined) {
        frontMs = this.fronts.get(edge)?.at(nowMs, () => site.pace() ?? (this.startedLive.has(edge) ? 1 : 0)) ?? null;
        frontsMs.set(edge, frontMs);
      }
      if (frontMs === null || frontMs - newestEndMs >= EXPECTED_FOR_MS) return null;
      if (isFromBefore && site.frontMs() - newestEndMs >= EXPECTED_FOR_MS) return null;
      return windowsMissing(newestEndMs, frontMs, this.intervalMsOf(household));
    };
  }

  /** For edges that were not seen to move: what half of all have reached, and how fast they go. Reckoned when it is asked for. */
  private siteNow(nowMs: number): { pace: () => number | null; frontMs: () => number } {
    const fronts = () => [...this.fronts.values()];
    let frontMs: number | undefined;
    let paces: number[] | undefined;
    return {
      pace: () => {
        paces ??= fronts().flatMap(({ paceSeen }) => paceSeen ?? []);
        return paces.length === 0 ? null : reachedByHalf(paces);
      },
      frontMs: () => (frontMs ??= reachedByHalf(fronts().flatMap((front) => front.at(nowMs, () => 0) ?? []))),
    };
  }

  private keep(windows: readonly Bucket[], isFromBefore: boolean): void {
    const atMs = this.clock.monotonicMs();
    for (const { household, startMs } of windows) {
      const endMs = startMs + this.windowMs;
      const held = this.seen.get(household);
      if (held !== undefined && held.newestEndMs >= endMs) continue;
      this.seen.set(household, { newestEndMs: endMs, advancedAtMs: atMs, isFromBefore });
      const edge = this.edgeOf(household) ?? '';
      if (endMs > (this.fronts.get(edge)?.newestMs ?? Number.NEGATIVE_INFINITY)) this.passed.add(edge);
    }
  }

  private moveFronts(): void {
    if (this.passed.size === 0) return;
    const atMs = this.clock.monotonicMs();
    this.movedAtMs = atMs;
    const newestEndsMs = this.leadersOf(this.passed);
    this.passed.clear();
    newestEndsMs.delete('');
    for (const [edge, ends] of newestEndsMs) {
      if (ends.length === 0) continue;
      const front = this.fronts.get(edge) ?? new EdgeFront();
      this.fronts.set(edge, front);
      front.move(ends, atMs);
    }
  }

  /** Newest ends of the households that tell most often: one that is due in ten minutes says nothing of how far its edge is. */
  private leadersOf(edges: ReadonlySet<string>): Map<string, number[]> {
    const leaders = new Map<string, { intervalMs: number; ends: number[] }>();
    for (const edge of edges) leaders.set(edge, { intervalMs: Number.POSITIVE_INFINITY, ends: [] });
    for (const [household, { newestEndMs }] of this.seen) {
      const its = leaders.get(this.edgeOf(household) ?? '');
      if (its === undefined) continue;
      const intervalMs = this.intervalMsOf(household);
      if (intervalMs < its.intervalMs) Object.assign(its, { intervalMs, ends: [] });
      if (intervalMs === its.intervalMs) its.ends.push(newestEndMs);
    }
    return new Map([...leaders].map(([edge, { ends }]) => [edge, ends]));
  }
}
