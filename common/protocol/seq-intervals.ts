/**
 * A set of seqs as sorted, disjoint, inclusive intervals. Normally one interval per source, so operations are a binary
 * search and a splice.
 */
export type Interval = readonly [from: number, to: number];

export class SeqIntervals {
  private readonly from: number[] = [];
  private readonly to: number[] = [];

  /** @throws Error when an interval is not a pair of integers 1 ≤ from ≤ to */
  static of(intervals: Iterable<Interval>): SeqIntervals {
    const set = new SeqIntervals();
    for (const [from, to] of intervals) set.add(from, to);
    return set;
  }

  /** Intervals in order. */
  ranges(): [number, number][] {
    return this.from.map((from, i) => [from, this.to[i] as number]);
  }

  toJSON(): [number, number][] {
    return this.ranges();
  }

  clone(): SeqIntervals {
    const clone = new SeqIntervals();
    for (let i = 0; i < this.from.length; i++) {
      clone.from.push(this.from[i] as number);
      clone.to.push(this.to[i] as number);
    }
    return clone;
  }

  get isEmpty(): boolean {
    return this.from.length === 0;
  }

  /** Greatest seq, 0 when empty. */
  get max(): number {
    return this.to.at(-1) ?? 0;
  }

  /** How many seqs. */
  get size(): number {
    let size = 0;
    for (let i = 0; i < this.from.length; i++) size += (this.to[i] as number) - (this.from[i] as number) + 1;
    return size;
  }

  add(from: number, to: number): void {
    assertInterval(from, to);
    const last = this.to.length - 1;
    if (last >= 0 && from === (this.to[last] as number) + 1) {
      this.to[last] = to;
      return;
    }
    const first = this.indexOfEndAtLeast(from - 1);
    let next = first;
    let mergedFrom = from;
    let mergedTo = to;
    while (next < this.from.length && (this.from[next] as number) <= to + 1) {
      mergedFrom = Math.min(mergedFrom, this.from[next] as number);
      mergedTo = Math.max(mergedTo, this.to[next] as number);
      next++;
    }
    this.from.splice(first, next - first, mergedFrom);
    this.to.splice(first, next - first, mergedTo);
  }

  addAll(other: SeqIntervals): void {
    for (const [from, to] of other.ranges()) this.add(from, to);
  }

  remove(from: number, to: number): void {
    assertInterval(from, to);
    const first = this.indexOfEndAtLeast(from);
    if (first === this.from.length || (this.from[first] as number) > to) return;
    let next = first;
    const kept: Interval[] = [];
    while (next < this.from.length && (this.from[next] as number) <= to) {
      const [heldFrom, heldTo] = [this.from[next] as number, this.to[next] as number];
      if (heldFrom < from) kept.push([heldFrom, from - 1]);
      if (heldTo > to) kept.push([to + 1, heldTo]);
      next++;
    }
    this.from.splice(first, next - first, ...kept.map(([keptFrom]) => keptFrom));
    this.to.splice(first, next - first, ...kept.map(([, keptTo]) => keptTo));
  }

  has(seq: number): boolean {
    return this.containsAll(seq, seq);
  }

  containsAll(from: number, to: number): boolean {
    const at = this.indexOfEndAtLeast(from);
    return at < this.from.length && (this.from[at] as number) <= from && to <= (this.to[at] as number);
  }

  overlaps(from: number, to: number): boolean {
    const at = this.indexOfEndAtLeast(from);
    return at < this.from.length && (this.from[at] as number) <= to;
  }

  /** The parts of [from, to] that are not in the set, in order; empty when from > to. */
  missing(from: number, to: number): [number, number][] {
    const missing: [number, number][] = [];
    let next = from;
    for (let at = this.indexOfEndAtLeast(from); at < this.from.length && next <= to; at++) {
      const heldFrom = this.from[at] as number;
      if (heldFrom > to) break;
      if (heldFrom > next) missing.push([next, heldFrom - 1]);
      next = (this.to[at] as number) + 1;
    }
    if (next <= to) missing.push([next, to]);
    return missing;
  }

  /** First interval whose end is ≥ seq. */
  private indexOfEndAtLeast(seq: number): number {
    let low = 0;
    let high = this.to.length;
    if (high > 0 && (this.to[high - 1] as number) < seq) return high;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.to[middle] as number) < seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function assertInterval(from: number, to: number): void {
  if (!Number.isSafeInteger(from) || !Number.isSafeInteger(to) || from < 1 || to < from)
    throw new Error(`no interval of seqs: ${from}..${to}`);
}

/** What of [from, to] is in none of the sets. */
export function missingFromAll(from: number, to: number, sets: readonly SeqIntervals[]): [number, number][] {
  let missing: [number, number][] = from <= to ? [[from, to]] : [];
  for (const set of sets) missing = missing.flatMap(([start, end]) => set.missing(start, end));
  return missing;
}
