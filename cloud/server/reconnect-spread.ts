/**
 * Over how long edges that were away come back (R11). All of them have seen the same outage end, within a heartbeat; what they do
 * first is a handshake, a hello and as many rows as they may have waiting. The spread is the time that this takes the cloud, so it is met
 * by what it can do, and one edge alone waits for nobody.
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

/** What is known of an edge. */
export interface ReturningEdge {
  edge: string;
  /** Rows not yet acknowledged, as it last said; null when it was not heard since: then it is taken as one with a backlog. */
  waitingRows: number | null;
}

/** Time that an edge's first requests take the cloud. */
export function arrivalMs({ waitingRows }: ReturningEdge): number {
  return ARRIVAL_MS + Math.min(waitingRows ?? ROWS_COUNTED_MAX, ROWS_COUNTED_MAX) / ROWS_PER_MS;
}

/** Sums up at most so often: every heartbeat asks. */
const SUM_EVERY_MS = 1_000;

export class ReconnectSpread {
  private readonly clock: Clock;
  private readonly edges: () => Iterable<ReturningEdge>;
  private arrivalsMs = new Map<string, number>();
  private totalMs = 0;
  private summedAtMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, edges: () => Iterable<ReturningEdge>) {
    this.clock = clock;
    this.edges = edges;
  }

  /** For one edge: the time that all others take. */
  msFor(edge: string): number {
    if (this.clock.monotonicMs() - this.summedAtMs >= SUM_EVERY_MS) this.sum();
    return Math.min(SPREAD_MS_MAX, Math.round(this.totalMs - (this.arrivalsMs.get(edge) ?? 0)));
  }

  private sum(): void {
    this.summedAtMs = this.clock.monotonicMs();
    this.arrivalsMs = new Map([...this.edges()].map((edge) => [edge.edge, arrivalMs(edge)]));
    this.totalMs = 0;
    for (const ms of this.arrivalsMs.values()) this.totalMs += ms;
  }
}
