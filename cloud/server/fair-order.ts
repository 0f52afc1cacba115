/**
 * Whose turn it is when many wait: whoever was worked for least. So one that asks without end gets its part of the time and no more, and
 * who asks now and then waits for one piece of another's work, not for all of it. What one owner has waiting keeps its order. Pure.
 */

/** Each turn counts as so much at least, so that owners whose work takes no time still take turns. */
const TURN_MS_MIN = 1;
/** Owners remembered who have nothing waiting; beyond it the oldest debts are forgiven. */
const DEBTS_MAX = 1_000;

interface Lane<T> {
  items: T[];
  /** Work done, on a scale on which who comes new begins where the least of the others is. */
  spentMs: number;
}

export class FairOrder<T> {
  /** Those that wait; of equals the one that waits longest for a turn is first. */
  private readonly lanes = new Map<string, Lane<T>>();
  /** What those have spent who had something waiting lately: going away and coming back gains nothing. */
  private readonly debts = new Map<string, number>();
  private floorMs = 0;

  add(owner: string, item: T): void {
    const lane = this.lanes.get(owner);
    if (lane !== undefined) {
      lane.items.push(item);
      return;
    }
    this.lanes.set(owner, { items: [item], spentMs: Math.max(this.floorMs, this.debts.get(owner) ?? 0) });
    this.debts.delete(owner);
  }

  /** Takes the item whose turn it is; undefined when nothing waits. */
  next(): { owner: string; item: T } | undefined {
    let least: [string, Lane<T>] | undefined;
    for (const its of this.lanes) if (least === undefined || its[1].spentMs < least[1].spentMs) least = its;
    if (least === undefined) {
      this.debts.clear();
      return undefined;
    }
    const [owner, lane] = least;
    this.floorMs = lane.spentMs;
    const item = lane.items.shift() as T;
    this.lanes.delete(owner);
    if (lane.items.length > 0) this.lanes.set(owner, lane);
    else this.owe(owner, lane.spentMs);
    return { owner, item };
  }

  /** The owner's item was worked on for so long. */
  spent(owner: string, ms: number): void {
    const cost = Math.max(TURN_MS_MIN, ms);
    const lane = this.lanes.get(owner);
    if (lane !== undefined) lane.spentMs += cost;
    else this.owe(owner, (this.debts.get(owner) ?? this.floorMs) + cost);
  }

  private owe(owner: string, spentMs: number): void {
    this.debts.delete(owner);
    this.debts.set(owner, spentMs);
    for (const [oldest] of this.debts) {
      if (this.debts.size <= DEBTS_MAX) return;
      this.debts.delete(oldest);
    }
  }
}
