/**
 * Newest windows on their way to other cloud processes. A window that waits is replaced by a later one of its series, so the
 * queue is never longer than there are series, however slow the other end is.
 */
import type { Bucket } from './series-store.ts';

export class LatestQueue {
  private readonly householdsMax: number;
  /** By household, the one that waits longest first, then by device/field. */
  private readonly waiting = new Map<string, Map<string, Bucket>>();
  private windows = 0;
  /** Windows replaced by later ones before they were taken. */
  coalesced = 0;
  /** Windows of households that found no place. */
  dropped = 0;

  constructor(householdsMax: number) {
    this.householdsMax = householdsMax;
  }

  /** Windows waiting. */
  get size(): number {
    return this.windows;
  }

  /** Beyond the limit the household that waits longest goes: its next window is the nearest. */
  add(windows: readonly Bucket[]): void {
    for (const window of windows) {
      const series = `${window.device}/${window.field}`;
      const household = this.waiting.get(window.household) ?? this.newHousehold(window.household);
      const before = household.get(series);
      if (before === undefined) this.windows++;
      else this.coalesced++;
      if (before === undefined || before.startMs <= window.startMs) household.set(series, window);
    }
  }

  /** Takes at most so many, whole households first come. */
  take(windowsMax: number): Bucket[] {
    const taken: Bucket[] = [];
    for (const [name, household] of this.waiting) {
      for (const [series, window] of household) {
        if (taken.length === windowsMax) return taken;
        taken.push(window);
        household.delete(series);
        this.windows--;
      }
      this.waiting.delete(name);
    }
    return taken;
  }

  clear(): void {
    this.waiting.clear();
    this.windows = 0;
  }

  private newHousehold(name: string): Map<string, Bucket> {
    const oldest = this.waiting.size >= this.householdsMax ? this.waiting.entries().next().value : undefined;
    if (oldest !== undefined) {
      this.waiting.delete(oldest[0]);
      this.windows -= oldest[1].size;
      this.dropped += oldest[1].size;
    }
    const household = new Map<string, Bucket>();
    this.waiting.set(name, household);
    return household;
  }
}
