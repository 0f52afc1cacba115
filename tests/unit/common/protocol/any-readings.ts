/** Readings for properties, and sums of digests by other means than the digest's own. */
import fc from 'fast-check';
import type { Reading } from '../../../../common/messages.ts';

const FIELD_SETS = [['power'], ['power', 'energy'], ['power', 'power1', 'power2', 'power3', 'energy']] as const;

const step = fc.record({
  /** Later, equal and earlier event times. */
  aheadMs: fc.oneof({ weight: 4, arbitrary: fc.integer({ min: 0, max: 6 }) }, fc.integer({ min: -12, max: 0 })),
  /** Seqs in between that are not there. */
  missing: fc.oneof({ weight: 8, arbitrary: fc.constant(0) }, fc.integer({ min: 1, max: 4 })),
  fields: fc.oneof({ weight: 8, arbitrary: fc.constant(1) }, fc.integer({ min: 0, max: 2 })),
  value: fc.integer({ min: -4_000_000, max: 9_000_000 }),
});

/** Some readings of one source in seq order, with holes, late ones and changing fields. */
export const anyReadings: fc.Arbitrary<Reading[]> = fc.array(step, { maxLength: 40 }).map((steps) => {
  let seq = 0;
  let timeMs = 1_000;
  return steps.map(({ aheadMs, missing, fields, value }) => {
    seq += 1 + missing;
    timeMs += aheadMs;
    const values: Record<string, number> = {};
    for (const [i, field] of (FIELD_SETS[fields] as readonly string[]).entries()) values[field] = (value + i * 7) / 1_000;
    return { household: 'h', device: 'd', src: 's', seq, timeMs, values };
  });
});

/** Σ mod 2^64. */
export function hexSum(digests: readonly string[]): string {
  const sum = digests.reduce((total, digest) => BigInt.asUintN(64, total + BigInt(`0x${digest}`)), 0n);
  return sum.toString(16).padStart(16, '0');
}
