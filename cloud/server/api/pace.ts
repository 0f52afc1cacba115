/** How fast event time passes: 1 in real time, more in a replay, null while it is not known. */
import type { Clock } from '../../../common/clock.ts';

/** The speed is that of so long. */
export const PACE_OVER_MS = 60_000;
/** Over less than this one late window would count too much. */
const PACE_OVER_MS_MIN = 5_000;

export class Pace {
  private readonly clock: Clock;
  private seen: { atMs: number; newestMs: number }[] = [];

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** The newest event time of all, at most a few times a second. */
  saw(newestMs: number): void {
    const atMs = this.clock.monotonicMs();
    this.seen = this.seen.filter((its) => atMs - its.atMs <= PACE_OVER_MS);
    if (this.seen.at(-1)?.newestMs !== newestMs) this.seen.push({ atMs, newestMs });
  }

  speed(): number | null {
    const nowMs = this.clock.monotonicMs();
    const [first] = this.seen.filter(({ atMs }) => nowMs - atMs <= PACE_OVER_MS);
    const last = this.seen.at(-1);
    if (first === undefined || last === undefined || last.atMs - first.atMs < PACE_OVER_MS_MIN) return null;
    return Math.round(((last.newestMs - first.newestMs) / (last.atMs - first.atMs)) * 100) / 100;
  }
}
