/**
 * The windows of one series in memory, as plain numbers: a day of four homes is 69,120 of them, and as many objects would keep the garbage
 * collector busier than the program under test.
 */
import { type Aggregate, addAggregate, emptyRollup, type Rollup } from '../../cloud/server/analytics/rollup.ts';

/** Windows side by side in one piece of memory. */
const PIECE_WINDOWS = 256;
/** Numbers of a window: those of an aggregate, in the order of `read`. A count of 0 is a window that is not there. */
const NUMBERS = 12;
const NOTHING = new Float64Array(0);

export class MemoryWindows {
  private readonly windowMs: number;
  /** By number of the piece. */
  private readonly pieces = new Map<number, Float64Array>();
  /** The one that was asked for last. */
  private numbers: Float64Array = NOTHING;
  private pieceNumber = Number.NaN;

  constructor(windowMs: number) {
    this.windowMs = windowMs;
  }

  copy(): MemoryWindows {
    const copy = new MemoryWindows(this.windowMs);
    for (const [number, numbers] of this.pieces) copy.pieces.set(number, numbers.slice());
    return copy;
  }

  get(startMs: number): Aggregate | undefined {
    return this.getInto(emptyRollup(), startMs);
  }

  /** As get, into one that is there: a request has hundreds. */
  getInto(into: Aggregate, startMs: number): Aggregate | undefined {
    const at = this.placeIn(startMs, false);
    return at < 0 || this.numbers[at] === 0 ? undefined : readInto(into, this.numbers, at);
  }

  /** In order. @param window the same one each time, with other numbers */
  each(look: (startMs: number, window: Aggregate) => void): void {
    const window: Aggregate = emptyRollup();
    for (const number of this.pieceNumbers()) {
      const numbers = this.pieces.get(number) as Float64Array;
      for (let i = 0; i < PIECE_WINDOWS; i++)
        if (numbers[i * NUMBERS] !== 0) look((number * PIECE_WINDOWS + i) * this.windowMs, readInto(window, numbers, i * NUMBERS));
    }
  }

  /** The window must not be there yet. */
  put(startMs: number, window: Rollup): void {
    const at = this.placeIn(startMs, true);
    write(this.numbers, at, window);
  }

  /** To one that is there. */
  add(startMs: number, before: Aggregate, change: Rollup): void {
    addAggregate(before, change);
    const at = this.placeIn(startMs, true);
    write(this.numbers, at, before);
  }

  /** @returns false when there was none */
  delete(startMs: number): boolean {
    const at = this.placeIn(startMs, false);
    if (at < 0 || this.numbers[at] === 0) return false;
    this.numbers[at] = 0;
    return true;
  }

  /** In order. */
  starts(): number[] {
    const starts: number[] = [];
    this.each((startMs) => starts.push(startMs));
    return starts;
  }

  private pieceNumbers(): number[] {
    return [...this.pieces.keys()].sort((a, b) => a - b);
  }

  /** Place in `numbers`, which are then those of its piece; -1 when there is no such piece. */
  private placeIn(startMs: number, make: boolean): number {
    const window = startMs / this.windowMs;
    const number = Math.floor(window / PIECE_WINDOWS);
    if (number !== this.pieceNumber) {
      let piece = this.pieces.get(number);
      if (piece === undefined) {
        if (!make) return -1;
        this.pieces.set(number, (piece = new Float64Array(PIECE_WINDOWS * NUMBERS)));
      }
      this.numbers = piece;
      this.pieceNumber = number;
    }
    return (window - number * PIECE_WINDOWS) * NUMBERS;
  }
}

function readInto(into: Aggregate, numbers: Float64Array, at: number): Aggregate {
  into.count = numbers[at] as number;
  into.sum = numbers[at + 1] as number;
  into.min = numbers[at + 2] as number;
  into.max = numbers[at + 3] as number;
  into.first = numbers[at + 4] as number;
  into.firstMs = numbers[at + 5] as number;
  into.firstSource = numbers[at + 6] as number;
  into.firstSeq = numbers[at + 7] as number;
  into.last = numbers[at + 8] as number;
  into.lastMs = numbers[at + 9] as number;
  into.lastSource = numbers[at + 10] as number;
  into.lastSeq = numbers[at + 11] as number;
  return into;
}

function write(numbers: Float64Array, at: number, window: Aggregate): void {
  numbers[at] = window.count;
  numbers[at + 1] = window.sum;
  numbers[at + 2] = window.min;
  numbers[at + 3] = window.max;
  numbers[at + 4] = window.first;
  numbers[at + 5] = window.firstMs;
  numbers[at + 6] = window.firstSource;
  numbers[at + 7] = window.firstSeq;
  numbers[at + 8] = window.last;
  numbers[at + 9] = window.lastMs;
  numbers[at + 10] = window.lastSource;
  numbers[at + 11] = window.lastSeq;
}
