/**
 * How far the households of one edge have come, in event time, and how fast that goes on. Pure: times come in. An edge whose clock is wrong
 * is measured by itself alone.
 */

/** A front that stood for so long is taken on by its pace: longer than a link needs to come back, or an edge to say that it is done. */
export const STALLED_AFTER_MS = 10_000;
/** The pace is that of so long. */
const PACE_OVER_MS = 60_000;
/** A pace of less is chance. */
const PACE_SPAN_MIN_MS = 2_000;

/** What the front was, and when: monotonic. */
interface Observation {
  frontMs: number;
  atMs: number;
}

/** Event time per time, over these observations of the front in order; null when they tell nothing. */
export function paceOf(fronts: readonly Observation[]): number | null {
  const [first] = fronts;
  const last = fronts.at(-1);
  if (first === undefined || last === undefined || last.atMs - first.atMs < PACE_SPAN_MIN_MS) return null;
  return (last.frontMs - first.frontMs) / (last.atMs - first.atMs);
}

/** The value that half of them have reached; of two the greater one. */
export function reachedByHalf(values: readonly number[]): number {
  const greatestFirst = Float64Array.from(values).sort().reverse();
  return greatestFirst[(greatestFirst.length - 1) >> 1] as number;
}

export class EdgeFront {
  /** As it went on, the newest last, of PACE_OVER_MS. */
  private observations: Observation[] = [];

  /** Undefined before the first. */
  get newestMs(): number | undefined {
    return this.observations.at(-1)?.frontMs;
  }

  get paceSeen(): number | null {
    return paceOf(this.observations);
  }

  /** @param newestEndsMs of the edge's households: the newest end that half of them have reached is the front; it never goes back */
  move(newestEndsMs: readonly number[], atMs: number): void {
    const frontMs = reachedByHalf(newestEndsMs);
    const last = this.observations.at(-1);
    if (last !== undefined && last.frontMs >= frontMs) return;
    if (last?.atMs === atMs) this.observations.pop();
    this.observations.push({ frontMs, atMs });
    // The last one before PACE_OVER_MS stays: the pace is that of the whole time.
    while (this.observations.length > 2 && atMs - (this.observations[1]?.atMs ?? atMs) >= PACE_OVER_MS) this.observations.shift();
  }

  /** @param paceUnseen where this front was never seen to move */
  at(nowMs: number, paceUnseen: () => number): number | null {
    const front = this.observations.at(-1);
    if (front === undefined) return null;
    const standsForMs = nowMs - front.atMs;
    if (standsForMs < STALLED_AFTER_MS) return front.frontMs;
    return front.frontMs + (this.paceSeen ?? paceUnseen()) * standsForMs;
  }
}
