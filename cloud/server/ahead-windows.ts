/**
 * Windows that edges show ahead of their backlog (the live lane): which of them pages may see. They are stored nowhere, so nothing else
 * looks at them: what is damaged, of a household that the edge does not own, of one series too many, or later than the edge itself says
 * it has come, is left out and counted. Nothing is lost by that: the same parts are stored in their turn.
 */
import { MS_PER_HOUR } from '../../common/units.ts';
import type { Clock } from '../../common/clock.ts';
import type { NewestRequest } from '../../common/messages.ts';
import type { Counter, Metrics } from '../../common/metrics.ts';
import { rowFault } from '../../common/wire.ts';
import { EDGES_MAX } from './liveness.ts';
import type { Latest } from './storage/latest.ts';
import { bucketsOfParts } from './storage/newest-buckets.ts';

/**
 * Event time that a window may lie beyond what the edge said last: a replay at a thousand times the speed comes so far between two
 * heartbeats. One that is faster is shown once its pace is known, or its next heartbeat came.
 */
export const AHEAD_OF_EDGE_MS_MAX = MS_PER_HOUR;
/** The pace since the last heartbeat may be so much of the one before it. */
const PACE_GROWTH_MAX = 2;
/** Between two heartbeats that tell a pace. */
const PACE_SPAN_MS_MIN = 1_000;

/** Why a window is not shown. */
type NotShown = 'damaged' | 'foreign' | 'not_owned' | 'beyond_clock' | 'series';

/** How far an edge has come, as it said. */
interface EdgeClock {
  /** Event time of the newest reading taken in. */
  newestMs: number;
  /** Monotonic. */
  atMs: number;
  /** Event time per time, at least 1. */
  pace: number;
}

export class AheadWindows {
  private readonly latest: Latest;
  private readonly clock: Clock;
  /** By edge, in order of the last heartbeat; beyond EDGES_MAX the first is forgotten. */
  private readonly clocks = new Map<string, EdgeClock>();
  private notShown: Counter | undefined;

  constructor(latest: Latest, clock: Clock) {
    this.latest = latest;
    this.clock = clock;
  }

  register(metrics: Metrics): void {
    this.notShown = metrics.counter('fogline_windows_not_shown_total', 'Rows of the live lane or series of them not shown, by reason.', [
      'reason',
    ]);
  }

  /** A heartbeat. @param newestMs event time of the newest reading that the edge has taken in; null before the first since its start */
  heard(edge: string, newestMs: number | null): void {
    const atMs = this.clock.monotonicMs();
    const before = this.clocks.get(edge);
    if (newestMs === null) return void this.clocks.delete(edge);
    if (before !== undefined && atMs - before.atMs < PACE_SPAN_MS_MIN) return;
    const pace = before === undefined ? 1 : Math.max(1, (newestMs - before.newestMs) / (atMs - before.atMs));
    this.clocks.delete(edge);
    this.clocks.set(edge, { newestMs, atMs, pace });
    const first = this.clocks.size > EDGES_MAX ? this.clocks.keys().next() : undefined;
    if (first?.done === false) this.clocks.delete(first.value);
  }

  /**
   * @param notOwned households that the claim does not own
   * @param foreign households that the edge's certificate is not for
   * @returns rows shown
   */
  show(request: NewestRequest, notOwned: (household: string) => boolean, foreign: (household: string) => boolean): number {
    const untilMs = this.untilMs(request.edge);
    const parts = request.rows.flatMap((row) => {
      const { household, windowStartMs } = row.part;
      let reason: NotShown | undefined;
      if (rowFault(row, request.windowMs) !== undefined) reason = 'damaged';
      else if (foreign(household)) reason = 'foreign';
      else if (notOwned(household)) reason = 'not_owned';
      else if (windowStartMs > untilMs) reason = 'beyond_clock';
      if (reason === undefined) return [row.part];
      this.notShown?.add(1, { reason });
      return [];
    });
    const { series } = this.latest.show(bucketsOfParts(parts, request.windowMs));
    if (series > 0) this.notShown?.add(series, { reason: 'series' satisfies NotShown });
    return parts.length;
  }

  /** No window of the edge begins later. One that did not say how far it has come is measured by this machine's clock. */
  private untilMs(edge: string): number {
    const its = this.clocks.get(edge);
    if (its === undefined) return this.clock.nowMs() + AHEAD_OF_EDGE_MS_MAX;
    const sinceMs = this.clock.monotonicMs() - its.atMs;
    return its.newestMs + sinceMs * its.pace * PACE_GROWTH_MAX + AHEAD_OF_EDGE_MS_MAX;
  }
}
