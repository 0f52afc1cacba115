/**
 * Seeded randomness. `Math.random` is used nowhere; what must be unpredictable (claims, start ids) takes
 * `randomId`, everything else a seed.
 */
import { createHash, randomBytes } from 'node:crypto';

export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** Uniform integer in [0, below). */
  below(below: number): number;
}

/** mulberry32: 32 bits of state, the same sequence for the same seed on every machine. */
export function seededRandom(seed: number): Random {
  let state = seed | 0;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
  return { next, below: (below) => Math.floor(next() * below) };
}

/** A seed from a text: the first 32 bits of its SHA-256. */
export function seedOf(text: string): number {
  return createHash('sha256').update(text).digest().readInt32BE(0);
}

/** An unpredictable id of 16 hex digits. */
export function randomId(): string {
  return randomBytes(8).toString('hex');
}

/** 256 unpredictable bits as 43 characters of A-Z a-z 0-9 - _. */
export function randomSecret(): string {
  return randomBytes(32).toString('base64url');
}
