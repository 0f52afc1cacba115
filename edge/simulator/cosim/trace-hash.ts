/**
 * A number for everything that simulators were told and when they stepped: two runs with the same hash had the same steps, inputs,
 * `maxAdvance` and next steps, simulator by simulator. It does not depend on which of two independent simulators was faster.
 *
 * Two lanes of 32 bits per simulator (FNV-1a over words, with two offsets). Not for adversaries: it tells runs apart, it proves nothing.
 */

const FNV_PRIME = 0x01000193;
const OFFSETS = [0x811c9dc5, 0x050c5d1f] as const;
const floats = new Float64Array(1);
const words = new Uint32Array(floats.buffer);

/** What kind of value follows, so that "1", 1 and [1] differ. */
const MARK = { null: 1, true: 2, false: 3, number: 4, text: 5, list: 6, object: 7, end: 8, bigint: 9 } as const;

export class TraceHash {
  private readonly first: Int32Array;
  private readonly second: Int32Array;

  constructor(simulators: number) {
    this.first = new Int32Array(simulators).fill(OFFSETS[0]);
    this.second = new Int32Array(simulators).fill(OFFSETS[1]);
  }

  /** A value over a connection. */
  addInput(simulator: number, connection: number, value: unknown): void {
    this.word(simulator, connection);
    if (typeof value === 'number') this.addNumber(simulator, value);
    else this.add(simulator, value);
  }

  addNumber(simulator: number, value: number): void {
    this.word(simulator, MARK.number);
    // All NaNs are one, and so are the two zeros: JSON tells no more.
    floats[0] = value === 0 ? 0 : value;
    this.word(simulator, words[0] as number);
    this.word(simulator, words[1] as number);
  }

  /** Adds values that JSON could carry (and NaN, Infinity, bigint) to the trace of one simulator. */
  add(simulator: number, value: unknown): void {
    if (typeof value === 'number') this.addNumber(simulator, value);
    else if (typeof value === 'string') this.text(simulator, value);
    else if (typeof value === 'object' && value !== null) this.composite(simulator, value);
    else if (typeof value === 'boolean') this.word(simulator, value ? MARK.true : MARK.false);
    else if (typeof value === 'bigint') {
      this.word(simulator, MARK.bigint);
      this.text(simulator, String(value));
    } else this.word(simulator, MARK.null);
  }

  /** 16 hex digits over all simulators. @param sids names, in the order of starting */
  digest(sids: readonly string[]): string {
    const all = new TraceHash(1);
    sids.forEach((sid, index) => {
      all.text(0, sid);
      all.word(0, this.first[index] as number);
      all.word(0, this.second[index] as number);
    });
    const hex = (lane: Int32Array) => ((lane[0] as number) >>> 0).toString(16).padStart(8, '0');
    return hex(all.first) + hex(all.second);
  }

  private composite(simulator: number, value: object): void {
    if (Array.isArray(value)) {
      this.word(simulator, MARK.list);
      for (const item of value) this.add(simulator, item);
    } else {
      this.word(simulator, MARK.object);
      for (const key in value) {
        this.text(simulator, key);
        this.add(simulator, (value as Record<string, unknown>)[key]);
      }
    }
    this.word(simulator, MARK.end);
  }

  private text(simulator: number, text: string): void {
    this.word(simulator, MARK.text);
    let first = this.first[simulator] as number;
    let second = this.second[simulator] as number;
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      first = Math.imul(first ^ unit, FNV_PRIME);
      second = Math.imul(second ^ unit ^ (second >>> 15), FNV_PRIME);
    }
    this.first[simulator] = first;
    this.second[simulator] = second;
    this.word(simulator, text.length);
  }

  private word(simulator: number, word: number): void {
    const first = this.first[simulator] as number;
    const second = this.second[simulator] as number;
    const mixed = Math.imul(first ^ word, FNV_PRIME);
    this.first[simulator] = mixed ^ (mixed >>> 13);
    this.second[simulator] = Math.imul(second ^ word ^ (second >>> 15), FNV_PRIME);
  }
}
