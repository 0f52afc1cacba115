import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ShippedRow, Verdict } from '../../../../common/messages.ts';
import { applyStored, claimHousehold, judgeRow, type SourceView } from '../../../../common/protocol/receiver-rules.ts';
import { type Interval, SeqIntervals } from '../../../../common/protocol/seq-intervals.ts';
import { closePart, openPart } from '../../../../common/protocol/window.ts';

const SOURCE = { household: 'h', device: 'd', src: 's' };

function part(fromSeq: number, toSeq: number, options: { digest?: string; firstMs?: number } = {}): ShippedRow {
  const closed = closePart(openPart({ ...SOURCE, seq: fromSeq, timeMs: options.firstMs ?? 0, values: { power: 1 } }, 5_000));
  return { kind: 'part', part: { ...closed, toSeq, digest: options.digest ?? `digest ${fromSeq}-${toSeq}` } };
}

function gap(fromSeq: number, toSeq: number): ShippedRow {
  return { kind: 'gap', gap: { ...SOURCE, fromSeq, toSeq, reason: 'test' } };
}

interface Given {
  /** Stored parts; their digests are `digest from-to`. */
  stored?: readonly Interval[];
  declared?: readonly Interval[];
  otherGreatestMs?: number;
}

function view({ stored = [], declared = [], otherGreatestMs }: Given): SourceView {
  return {
    covered: SeqIntervals.of(stored),
    declared: SeqIntervals.of(declared),
    digestOf: (from, to) => (stored.some(([a, b]) => a === from && b === to) ? `digest ${from}-${to}` : undefined),
    otherGreatestMs,
  };
}

test('R4, each verdict', () => {
  const table: [string, Given, ShippedRow, Verdict][] = [
    ['the first part', {}, part(1, 3), 'stored'],
    ['the next part', { stored: [[1, 3]] }, part(4, 5), 'stored'],
    ['the same part again', { stored: [[1, 3]] }, part(1, 3), 'duplicate'],
    ['the same range with another digest', { stored: [[1, 3]] }, part(1, 3, { digest: 'other' }), 'conflict'],
    ['a part of what is stored', { stored: [[1, 3]] }, part(2, 3, { digest: 'other' }), 'duplicate'],
    [
      'stored in two parts',
      {
        stored: [
          [1, 2],
          [3, 4],
        ],
      },
      part(1, 4, { digest: 'other' }),
      'duplicate',
    ],
    ['a seq below is missing', { stored: [[1, 3]] }, part(5, 5), 'gap'],
    ['the very first seqs are missing', {}, part(2, 2), 'gap'],
    ['a seq below is declared', { stored: [[1, 3]], declared: [[4, 4]] }, part(5, 5), 'stored'],
    ['its beginning is stored', { stored: [[1, 3]] }, part(3, 5), 'overlap'],
    [
      'its middle is stored',
      {
        stored: [
          [1, 1],
          [3, 3],
        ],
        declared: [[2, 2]],
      },
      part(2, 4),
      'overlap',
    ],
    [
      'declared seqs turn up',
      {
        stored: [
          [1, 1],
          [4, 4],
        ],
        declared: [[2, 3]],
      },
      part(2, 3),
      'stored',
    ],
    ['some declared seqs turn up, some new', { stored: [[1, 1]], declared: [[2, 3]] }, part(3, 4), 'stored'],
    ['a gap', { stored: [[1, 3]] }, gap(4, 9), 'stored'],
    ['a gap at the beginning', {}, gap(1, 9), 'stored'],
    ['the same gap again', { declared: [[1, 9]] }, gap(1, 9), 'duplicate'],
    ['a gap over stored and declared', { stored: [[1, 3]], declared: [[4, 5]] }, gap(2, 5), 'duplicate'],
    ['a gap that is stored in part', { stored: [[1, 3]] }, gap(2, 5), 'stored'],
    ['a gap with a seq missing below', { stored: [[1, 3]] }, gap(5, 6), 'gap'],
  ];
  for (const [what, given, row, verdict] of table) assert.equal(judgeRow(view(given), row), verdict, what);
});

test('R4 is judged in its order', () => {
  const table: [string, Given, ShippedRow, Verdict][] = [
    ['conflict before duplicate', { stored: [[1, 3]] }, part(1, 3, { digest: 'other' }), 'conflict'],
    ['conflict before gap', { stored: [[5, 6]] }, part(5, 6, { digest: 'other' }), 'conflict'],
    ['duplicate before gap', { stored: [[5, 6]] }, part(5, 6), 'duplicate'],
    [
      'gap before overlap',
      {
        stored: [
          [1, 1],
          [5, 5],
        ],
      },
      part(4, 6),
      'gap',
    ],
    ['a duplicate gap row before gap', { declared: [[5, 6]] }, gap(5, 6), 'duplicate'],
    ['second source before gap', { otherGreatestMs: 100 }, part(3, 4, { firstMs: 50 }), 'rejected'],
  ];
  for (const [what, given, row, verdict] of table) assert.equal(judgeRow(view(given), row), verdict, what);
});

test('a new source begins later than the others of its device ended', () => {
  const table: [string, Given, ShippedRow, Verdict][] = [
    ['later', { otherGreatestMs: 100 }, part(1, 2, { firstMs: 101 }), 'stored'],
    ['at the same time', { otherGreatestMs: 100 }, part(1, 2, { firstMs: 100 }), 'rejected'],
    ['earlier', { otherGreatestMs: 100 }, part(1, 2, { firstMs: 99 }), 'rejected'],
    ['the only source', {}, part(1, 2, { firstMs: -5 }), 'stored'],
    ['a late reading of a known source', { stored: [[1, 2]], otherGreatestMs: 100 }, part(3, 3, { firstMs: 50 }), 'stored'],
    ['the beginning is declared', { declared: [[1, 2]], otherGreatestMs: 100 }, part(3, 3, { firstMs: 50 }), 'rejected'],
    ['a gap says nothing of time', { otherGreatestMs: 100 }, gap(1, 2), 'stored'],
  ];
  for (const [what, given, row, verdict] of table) assert.equal(judgeRow(view(given), row), verdict, what);
});

test('judging changes nothing', () => {
  const held = view({ stored: [[1, 3]], declared: [[4, 4]] });
  for (const row of [part(5, 6), part(2, 5), gap(5, 9), part(9, 9)]) judgeRow(held, row);
  assert.deepEqual([held.covered.ranges(), held.declared.ranges()], [[[1, 3]], [[4, 4]]]);
});

test('rows in any order: stored and declared are what a plain judge finds, never both', () => {
  const row = fc.tuple(fc.constantFrom('part' as const, 'gap' as const), fc.integer({ min: 1, max: 12 }), fc.integer({ min: 0, max: 3 }));
  fc.assert(
    fc.property(fc.array(row, { maxLength: 30 }), (rows) => {
      const held = view({});
      const naive = { stored: new Set<number>(), declared: new Set<number>() };
      for (const [kind, from, length] of rows) {
        const to = from + length;
        const shipped = kind === 'part' ? part(from, to) : gap(from, to);
        const verdict = judgeRow(held, shipped);
        assert.equal(verdict, plainVerdict(naive, kind, from, to));
        if (verdict !== 'stored') continue;
        applyStored(held, shipped);
        for (let seq = from; seq <= to; seq++) {
          if (kind === 'part') {
            naive.stored.add(seq);
            naive.declared.delete(seq);
          } else if (!naive.stored.has(seq)) naive.declared.add(seq);
        }
        assert.deepEqual(held.covered.ranges(), SeqIntervals.of([...naive.stored].map((seq) => [seq, seq])).ranges());
        assert.deepEqual(held.declared.ranges(), SeqIntervals.of([...naive.declared].map((seq) => [seq, seq])).ranges());
      }
    }),
    { numRuns: 1_000 },
  );
});

function plainVerdict(held: { stored: Set<number>; declared: Set<number> }, kind: 'part' | 'gap', from: number, to: number): Verdict {
  const own = Array.from({ length: to - from + 1 }, (_, i) => from + i);
  const below = Array.from({ length: from - 1 }, (_, i) => i + 1);
  const isKnown = (seq: number) => held.stored.has(seq) || held.declared.has(seq);
  if (kind === 'part' ? own.every((seq) => held.stored.has(seq)) : own.every(isKnown)) return 'duplicate';
  if (!below.every(isKnown)) return 'gap';
  if (kind === 'part' && own.some((seq) => held.stored.has(seq))) return 'overlap';
  return 'stored';
}

// ---- R5 ----------------------------------------------------------------------------------------------------

test('the same claim keeps its generation, another gets a higher one than anybody has held', () => {
  const table: [string, Parameters<typeof claimHousehold>, number][] = [
    ['nobody holds it', [undefined, 'a', 0], 1],
    ['nobody holds it, the edge remembers a generation', [undefined, 'a', 5], 6],
    ['the same claim again', [{ generation: 3, claim: 'a' }, 'a', 3], 3],
    ['the same claim, which has not heard its answer', [{ generation: 3, claim: 'a' }, 'a', 0], 3],
    ['another claim', [{ generation: 3, claim: 'a' }, 'b', 0], 4],
    ['another claim that remembers less', [{ generation: 3, claim: 'a' }, 'b', 2], 4],
    ['another claim that remembers more: the cloud was restored', [{ generation: 3, claim: 'a' }, 'b', 7], 8],
  ];
  for (const [what, args, generation] of table) assert.equal(claimHousehold(...args), generation, what);
});
