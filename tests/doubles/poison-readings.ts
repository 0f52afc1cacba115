/** Readings that are well-formed and yet of no use further on. */
import { FIELDS_MAX, type Reading } from '../../common/messages.ts';

export interface Poison {
  what: string;
  readings: readonly Partial<Reading>[];
  /** What the edge says when it parks the household for it; undefined = nothing, for it does no harm. */
  parkedBy: RegExp | undefined;
}

const LONG = 'x'.repeat(128);

/** @param baseMs a time of the run that they come into */
export function poisons(baseMs: number): Poison[] {
  return [
    {
      what: 'a sum beyond all numbers',
      readings: [
        { seq: 1, timeMs: baseMs, values: { power: 1.7e308 } },
        { seq: 2, timeMs: baseMs + 1, values: { power: 1.7e308 } },
      ],
      parkedBy: /rejected at seq 1\.\.2: a statistic is not a finite number/,
    },
    { what: 'the last time there is', readings: [{ seq: 1, timeMs: Number.MAX_SAFE_INTEGER }], parkedBy: undefined },
    { what: 'the first time there is', readings: [{ seq: 1, timeMs: Number.MIN_SAFE_INTEGER }], parkedBy: /rejected at seq 1\.\.1/ },
    { what: 'a time that no calendar has', readings: [{ seq: 1, timeMs: 9e15 }], parkedBy: undefined },
    { what: 'a time before all others', readings: [{ seq: 1, timeMs: -9e15 }], parkedBy: undefined },
    {
      what: 'the greatest number',
      readings: [{ seq: 1, values: { power: Number.MAX_VALUE, energy: Number.MIN_VALUE } }],
      parkedBy: undefined,
    },
    {
      what: 'as many fields as there may be, with the longest names',
      readings: [
        {
          seq: 1,
          src: LONG,
          device: LONG,
          values: Object.fromEntries(Array.from({ length: FIELDS_MAX }, (_, i) => [`${LONG}${i}`.slice(-128), 1e-300])),
        },
      ],
      parkedBy: undefined,
    },
    {
      what: 'other fields in each reading',
      readings: Array.from({ length: 40 }, (_, i) => ({ seq: i + 1, timeMs: baseMs + i, values: { [`field${i}`]: i } })),
      parkedBy: undefined,
    },
    {
      what: 'a source that begins before another one ended',
      readings: [
        { seq: 1, src: 'first', timeMs: baseMs + 60_000 },
        { seq: 1, src: 'second', timeMs: baseMs },
      ],
      parkedBy: /rejected at seq 1\.\.1: second source/,
    },
  ];
}
