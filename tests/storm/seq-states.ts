/** One small number for each seq of a source, 0 where nothing is known: a set of a day's seqs costs more than what it watches. */

/** Seqs above are not of a storm's fleet. */
export const SEQ_MAX = 1_000_000;

export class SeqStates {
  private states: Uint8Array;
  /** Greatest seq that was set. */
  last = 0;

  constructor(states = new Uint8Array(1_024)) {
    this.states = states;
  }

  copy(): SeqStates {
    const copy = new SeqStates(this.states.slice());
    copy.last = this.last;
    return copy;
  }

  get(seq: number): number {
    return this.states[seq] ?? 0;
  }

  set(seq: number, state: number): void {
    if (seq > SEQ_MAX) throw new Error(`seq ${seq} is above all that a storm has`);
    if (seq >= this.states.length) {
      const longer = new Uint8Array(Math.max(2 * this.states.length, seq + 1));
      longer.set(this.states);
      this.states = longer;
    }
    this.states[seq] = state;
    if (seq > this.last) this.last = seq;
  }

  /** How many seqs have a state, of this kind or of any. */
  count(state?: number): number {
    let count = 0;
    for (let seq = 1; seq <= this.last; seq++) if (state === undefined ? this.states[seq] !== 0 : this.states[seq] === state) count++;
    return count;
  }
}
