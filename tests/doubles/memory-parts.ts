/** The parts of one source in memory, by their first seqs; columns for the same reason as in memory-windows.ts. */
import type { Part } from '../../common/messages.ts';

const PIECE_SEQS = 1_024;

interface Piece {
  /** 0 where no part begins. */
  toSeq: Float64Array;
  windowStartMs: Float64Array;
  digest: string[];
}

export class MemoryParts {
  private readonly pieces = new Map<number, Piece>();

  copy(): MemoryParts {
    const copy = new MemoryParts();
    for (const [number, { toSeq, windowStartMs, digest }] of this.pieces)
      copy.pieces.set(number, { toSeq: toSeq.slice(), windowStartMs: windowStartMs.slice(), digest: [...digest] });
    return copy;
  }

  put({ fromSeq, toSeq, windowStartMs, digest }: Part): void {
    const number = Math.floor(fromSeq / PIECE_SEQS);
    let piece = this.pieces.get(number);
    if (piece === undefined) {
      const numbers = () => new Float64Array(PIECE_SEQS);
      this.pieces.set(number, (piece = { toSeq: numbers(), windowStartMs: numbers(), digest: new Array(PIECE_SEQS).fill('') as string[] }));
    }
    const at = fromSeq % PIECE_SEQS;
    piece.toSeq[at] = toSeq;
    piece.windowStartMs[at] = windowStartMs;
    piece.digest[at] = digest;
  }

  /** Of the part with exactly this range. */
  digestOf(fromSeq: number, toSeq: number): string | undefined {
    const piece = this.pieces.get(Math.floor(fromSeq / PIECE_SEQS));
    const at = fromSeq % PIECE_SEQS;
    return piece?.toSeq[at] === toSeq ? piece.digest[at] : undefined;
  }

  /** Without those whose window begins before. */
  deleteBefore(timeMs: number): void {
    for (const { toSeq, windowStartMs } of this.pieces.values())
      for (let at = 0; at < PIECE_SEQS; at++) if ((windowStartMs[at] as number) < timeMs) toSeq[at] = 0;
  }

  /** In order. */
  all(): { fromSeq: number; windowStartMs: number }[] {
    const all: { fromSeq: number; windowStartMs: number }[] = [];
    for (const number of [...this.pieces.keys()].sort((a, b) => a - b)) {
      const { toSeq, windowStartMs } = this.pieces.get(number) as Piece;
      for (let at = 0; at < PIECE_SEQS; at++)
        if (toSeq[at] !== 0) all.push({ fromSeq: number * PIECE_SEQS + at, windowStartMs: windowStartMs[at] as number });
    }
    return all;
  }
}
