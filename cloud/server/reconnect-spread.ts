/**
 * Over how long edges that were away come back (R11). All of them have seen the same outage end, within a heartbeat; what they do
 * first is a handshake, a hello and as many rows as they may have waiting. The spread is the time that this takes the cloud, so it is met
 * by what it can do, and one edge alone waits for nobody. Edges ask again with each heartbeat while they wait: as others are heard and
 * have shipped the spread follows what is known, and what was guessed at first holds nobody up for longer than that.
 */
import type { Clock } from '../../common/clock.ts';
import { ROWS_PER_REQUEST_MAX } from '../../common/messages.ts';

/** Handshake and hello of one edge. */
const ARRIVAL_MS = 10;
/** Rows stored in a millisecond, all edges together. */
const ROWS_PER_MS = 10;
/** Rows counted of one edge: what it sends before the first answers, and the credit that comes with them, take over. */
const ROWS_COUNTED_MAX = 4 * ROWS_PER_REQUEST_MAX;
/** Nobody is kept waiting longer: readings lie safe, but pages are out of date. */
export const SPREAD_MS_MAX = 600_000;
/** Who was in the same outage is heard within so long of each other: a heartbeat, and the waits between two dials. Then it has arrived. */
export const ARRIVING_MS = 10_000;

/** What is known of an edge. */
export interface ReturningEdge {
  edge: string;
  /** Rows not yet acknowledged, as it last said; null when it was not heard since it went away. */
  waitingRows: number | null;
  /** Monotonic time at which it was heard first, or again; null when it was not. */
  backMs: number | null;
}

export interface ReturningEdges {
  returning(): Iterable<ReturningEdge>;
  /** Of one, as of now. */
  returningOf(edge: string): ReturningEdge | undefined;
}

/** Time that an edge which was heard takes the cloud. */
export function arrivalMs({ waitingRows, backMs }: ReturningEdge, nowMs: number): number {
  const isArriving = backMs !== null && nowMs - backMs < ARRIVING_MS;
  return (isArriving ? ARRIVAL_MS : 0) + Math.min(waitingRows ?? 0, ROWS_COUNTED_MAX) / ROWS_PER_MS;
}

/** Sums up at most so often: every heartbeat asks. */
const SUM_EVERY_MS = 1_000;

export class ReconnectSpread {
  private readonly clock: Clock;
  private readonly edges: ReturningEdges;
  private arrivalsMs = new Map<string, number>();
  private unheard = new Set<string>();
  private totalMs = 0;
  private summedAtMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, edges: ReturningEdges) {
    this.clock = clock;
    this.edges = edges;
  }

  /**
   * For one edge: the time that all others take. Those not heard yet are taken to hold what this one holds, as they were in the same
   * outage, until they have had the time to come: who is gone for good holds up nobody longer.
   */
  msFor(edge: string): number {
    const nowMs = this.clock.monotonicMs();
    if (nowMs - this.summedAtMs >= SUM_EVERY_MS) this.sum(nowMs);
    const own = this.edges.returningOf(edge) ?? { edge, waitingRows: null, backMs: nowMs };
    const isFirstHeard = own.backMs === null || nowMs - own.backMs < ARRIVING_MS;
    const unheard = isFirstHeard ? this.unheard.size - (this.unheard.has(edge) ? 1 : 0) : 0;
    const othersMs = this.totalMs - (this.arrivalsMs.get(edge) ?? 0) + unheard * arrivalMs({ ...own, backMs: nowMs }, nowMs);
    return Math.min(SPREAD_MS_MAX, Math.round(othersMs));
  }

  private sum(nowMs: number): void {
    this.summedAtMs = nowMs;
    this.arrivalsMs = new Map();
    this.unheard = new Set();
    this.totalMs = 0;
    for (const edge of this.edges.returning()) {
      if (edge.waitingRows === null) this.unheard.add(edge.edge);
      else {
        const ms = arrivalMs(edge, nowMs);
        this.arrivalsMs.set(edge.edge, ms);
        this.totalMs += ms;
      }
    }
  }
}
