/**
 * Who steps next: the earliest in the order of steps. A heap holds one entry per simulator that has a step ahead, so idle
 * simulators cost nothing.
 */
import { compareSteps, type StepOrder } from './step-order.ts';
import { compareTimes, type TieredTime } from './tiered-time.ts';

export class Scheduler {
  private readonly order: StepOrder;
  /** Earliest step of each simulator, by index; the rest of its steps, later ones, in order. */
  private readonly next: (TieredTime | undefined)[];
  private readonly later: TieredTime[][];
  /** Ticks of `next`, and first ranks, side by side in memory: they decide nearly all comparisons. */
  private readonly ticks: Float64Array;
  private readonly ranks: Int32Array;
  /** Indices of simulators with a step ahead, as a binary heap. */
  private readonly heap: number[] = [];
  private readonly position: number[];

  constructor(order: StepOrder) {
    this.order = order;
    this.next = order.map(() => undefined);
    this.later = order.map(() => []);
    this.ticks = new Float64Array(order.length);
    this.ranks = Int32Array.from(order, (ranks) => ranks[0] ?? 0);
    this.position = order.map(() => -1);
  }

  /** A step that is already there is not added again. */
  add(simulator: number, time: TieredTime): void {
    const first = this.next[simulator];
    if (first === undefined) {
      this.setNext(simulator, time);
      this.position[simulator] = this.heap.push(simulator) - 1;
      this.rise(this.heap.length - 1);
      return;
    }
    const order = compareTimes(time, first);
    if (order === 0) return;
    const later = this.later[simulator] as TieredTime[];
    if (order > 0) {
      insertSorted(later, time);
      return;
    }
    later.unshift(first);
    this.setNext(simulator, time);
    this.rise(this.position[simulator] as number);
  }

  /** Index of the simulator whose turn it is, or -1 when nothing is ahead. */
  peek(): number {
    return this.heap[0] ?? -1;
  }

  timeOf(simulator: number): TieredTime | undefined {
    return this.next[simulator];
  }

  /** Takes the earliest step of the simulator away. */
  dropFirst(simulator: number): void {
    const at = this.position[simulator] as number;
    const following = (this.later[simulator] as TieredTime[]).shift();
    if (following !== undefined) {
      this.setNext(simulator, following);
      this.sink(at);
      return;
    }
    this.next[simulator] = undefined;
    this.position[simulator] = -1;
    const moved = this.heap.pop() as number;
    if (moved === simulator) return;
    this.heap[at] = moved;
    this.position[moved] = at;
    this.rise(at);
    this.sink(this.position[moved] as number);
  }

  /** Simulators with a step ahead, in no order. */
  get waiting(): readonly number[] {
    return this.heap;
  }

  private setNext(simulator: number, time: TieredTime): void {
    this.next[simulator] = time;
    this.ticks[simulator] = time.tick;
  }

  private before(a: number, b: number): boolean {
    const byTick = (this.ticks[a] as number) - (this.ticks[b] as number);
    if (byTick !== 0) return byTick < 0;
    const byRank = (this.ranks[a] as number) - (this.ranks[b] as number);
    if (byRank !== 0) return byRank < 0;
    return compareSteps(this.order, a, this.next[a] as TieredTime, b, this.next[b] as TieredTime) < 0;
  }

  private rise(from: number): void {
    let at = from;
    const simulator = this.heap[at] as number;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = this.heap[parent] as number;
      if (!this.before(simulator, above)) break;
      this.place(above, at);
      at = parent;
    }
    this.place(simulator, at);
  }

  private sink(from: number): void {
    let at = from;
    const simulator = this.heap[at] as number;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= this.heap.length) break;
      if (child + 1 < this.heap.length && this.before(this.heap[child + 1] as number, this.heap[child] as number)) child++;
      const below = this.heap[child] as number;
      if (!this.before(below, simulator)) break;
      this.place(below, at);
      at = child;
    }
    this.place(simulator, at);
  }

  private place(simulator: number, at: number): void {
    this.heap[at] = simulator;
    this.position[simulator] = at;
  }
}

function insertSorted(times: TieredTime[], time: TieredTime): void {
  let at = times.length;
  while (at > 0) {
    const order = compareTimes(times[at - 1] as TieredTime, time);
    if (order === 0) return;
    if (order < 0) break;
    at--;
  }
  times.splice(at, 0, time);
}
