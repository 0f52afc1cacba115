/**
 * Which steps may begin while others are not over, so that simulators behind wires work at the same time and every one still sees what
 * it would see if all steps were made one after the other, in their order (step-order.ts).
 *
 * A step waits for each earlier one in the order that is not over
 *   - of its own simulator;
 *   - of a simulator whose output could reach it by then, directly or through others;
 *   - of a simulator that could make it step: until that one has said when it steps next, `maxAdvance` is not known;
 *   - of a simulator that may ask it for data;
 *   - of a simulator that reads it (lazy stepping), when that one has not begun its step, or when this one has made a step since
 *     that lies later: nobody is more than one step ahead of his readers.
 * The earliest step waits for nobody, so there is always one that may go on.
 */
import type { Reach } from './reach.ts';
import { compareSteps, type StepOrder } from './step-order.ts';
import type { TieredTime } from './tiered-time.ts';

export interface Step {
  readonly simulator: number;
  readonly time: TieredTime;
}

export interface FlightsOptions {
  order: StepOrder;
  reach: Reach;
  /** False lets a simulator get ahead of those that read it. */
  lazy: boolean;
  /** By simulator, those that may ask it while they step. */
  askers: readonly ReadonlySet<number>[];
}

const NONE: readonly Step[] = [];

export class Flights {
  private readonly options: FlightsOptions;
  private readonly open: Step[] = [];
  /** Steps that began before earlier ones were over, until those are. */
  private readonly overtaking: Step[] = [];
  /** The last step that has begun, by simulator. */
  private readonly latest: (Step | undefined)[] = [];

  constructor(options: FlightsOptions) {
    this.options = options;
  }

  /** Steps that have begun and are not over. */
  get inFlight(): readonly Step[] {
    return this.open;
  }

  /**
   * What the step has to wait for; undefined when it may begin.
   * @param held steps that wait themselves, earlier than this one
   */
  blockerOf(step: Step, held: readonly Step[]): Step | undefined {
    if (this.open.length === 0) return undefined;
    return this.open.find((open) => this.holdsUp(open, step, true)) ?? held.find((waiting) => this.holdsUp(waiting, step, false));
  }

  /** @param isOpen false for a step that was over at once: it counts only where it overtook another */
  began(step: Step, held: readonly Step[], isOpen: boolean): void {
    this.latest[step.simulator] = step;
    if (held.length > 0 || this.open.length > 0) this.overtaking.push(step);
    if (isOpen) this.open.push(step);
  }

  ended(step: Step): void {
    this.open.splice(this.open.indexOf(step), 1);
  }

  /** @param earliest of all steps that have not begun */
  settle(earliest: Step | undefined): void {
    if (this.overtaking.length === 0) return;
    const isOvertaken = (ahead: Step, other: Step) => this.compare(other, ahead) < 0;
    let kept = 0;
    for (const ahead of this.overtaking) {
      const overtakes = (earliest !== undefined && isOvertaken(ahead, earliest)) || this.open.some((open) => isOvertaken(ahead, open));
      if (overtakes) this.overtaking[kept++] = ahead;
    }
    this.overtaking.length = kept;
  }

  /** Steps later than `step` that have begun already: to whoever asks at `step` they are still ahead. */
  aheadOf(step: Step): readonly Step[] {
    return this.overtaking.length === 0 ? NONE : this.overtaking.filter((ahead) => this.compare(ahead, step) > 0);
  }

  /** Tick that everybody has reached: no step before it is open. */
  reachedTick(tick: number): number {
    let least = tick;
    for (const { time } of this.open) least = Math.min(least, time.tick);
    return least;
  }

  private holdsUp(earlier: Step, step: Step, hasBegun: boolean): boolean {
    const { reach, lazy, askers } = this.options;
    const source = earlier.simulator;
    const { simulator } = step;
    if (this.compare(earlier, step) > 0) return false;
    if (source === simulator) return true;
    const ticks = reach.reachedFrom(source).get(simulator);
    if (ticks !== undefined && earlier.time.tick + ticks <= step.time.tick) return true;
    if (reach.ancestorsOf(simulator).has(source)) return true;
    if (lazy && reach.isReadBy(simulator, source) && (!hasBegun || this.isAhead(simulator, earlier))) return true;
    return askers[simulator]?.has(source) === true;
  }

  private isAhead(simulator: number, of: Step): boolean {
    const latest = this.latest[simulator];
    return latest !== undefined && this.compare(latest, of) > 0;
  }

  private compare(a: Step, b: Step): number {
    return compareSteps(this.options.order, a.simulator, a.time, b.simulator, b.time);
  }
}
