import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { missingFromAll, SeqIntervals } from '../../../../common/protocol/seq-intervals.ts';

/** Seqs in these tests; small, so that intervals touch, overlap and cut each other often. */
const SEQ_MAX = 30;

const interval = fc
  .tuple(fc.integer({ min: 1, max: SEQ_MAX }), fc.integer({ min: 0, max: 8 }))
  .map(([from, length]): [number, number] => [from, Math.min(SEQ_MAX, from + length)]);
const changes = fc.array(fc.tuple(fc.constantFrom('add' as const, 'remove' as const), interval), { maxLength: 25 });

/** The same set as plain numbers. */
function apply(list: readonly (readonly ['add' | 'remove', [number, number]])[]): { set: SeqIntervals; naive: Set<number> } {
  const set = new SeqIntervals();
  const naive = new Set<number>();
  for (const [change, [from, to]] of list) {
    set[change](from, to);
    for (let seq = from; seq <= to; seq++) naive[change === 'add' ? 'add' : 'delete'](seq);
  }
  return { set, naive };
}

function seqsOf(ranges: readonly (readonly [number, number])[]): number[] {
  return ranges.flatMap(([from, to]) => Array.from({ length: to - from + 1 }, (_, i) => from + i));
}

function range(from: number, to: number): number[] {
  return from > to ? [] : seqsOf([[from, to]]);
}

test('after any additions and removals it holds the seqs that a plain set holds', () => {
  fc.assert(
    fc.property(changes, interval, (list, [from, to]) => {
      const { set, naive } = apply(list);
      const seqs = [...naive].sort((a, b) => a - b);
      assert.deepEqual(seqsOf(set.ranges()), seqs);
      assert.equal(set.size, seqs.length);
      assert.equal(set.max, seqs.at(-1) ?? 0);
      assert.equal(set.isEmpty, seqs.length === 0);
      for (const seq of range(1, SEQ_MAX + 2)) assert.equal(set.has(seq), naive.has(seq));
      const asked = range(from, to);
      assert.equal(
        set.containsAll(from, to),
        asked.every((seq) => naive.has(seq)),
      );
      assert.equal(
        set.overlaps(from, to),
        asked.some((seq) => naive.has(seq)),
      );
      assert.deepEqual(
        seqsOf(set.missing(from, to)),
        asked.filter((seq) => !naive.has(seq)),
      );
    }),
    { numRuns: 500 },
  );
});

test('its intervals are in order and never touch, so that equal sets look equal', () => {
  fc.assert(
    fc.property(changes, (list) => {
      const ranges = apply(list).set.ranges();
      ranges.forEach(([from, to], i) => {
        assert(from <= to);
        assert(i === 0 || from > (ranges[i - 1]?.[1] ?? 0) + 1);
      });
    }),
  );
});

test('a copy is independent, and JSON brings back the same set', () => {
  fc.assert(
    fc.property(changes, changes, (list, more) => {
      const { set } = apply(list);
      const before = set.ranges();
      const copy = set.clone();
      for (const [change, [from, to]] of more) copy[change](from, to);
      assert.deepEqual(set.ranges(), before);
      assert.deepEqual(SeqIntervals.of(JSON.parse(JSON.stringify(set)) as [number, number][]).ranges(), before);
    }),
  );
});

test('addAll is the union, missingFromAll what is in no set', () => {
  fc.assert(
    fc.property(changes, changes, interval, (one, other, [from, to]) => {
      const [a, b] = [apply(one), apply(other)];
      const missing = missingFromAll(from, to, [a.set, b.set]);
      assert.deepEqual(
        seqsOf(missing),
        range(from, to).filter((seq) => !a.naive.has(seq) && !b.naive.has(seq)),
      );
      a.set.addAll(b.set);
      assert.deepEqual(
        seqsOf(a.set.ranges()),
        range(1, SEQ_MAX).filter((seq) => a.naive.has(seq) || b.naive.has(seq)),
      );
    }),
  );
});

test('ranges() is a copy: changing it changes nothing', () => {
  const set = SeqIntervals.of([[1, 3]]);
  (set.ranges()[0] as [number, number])[1] = 9;
  assert.deepEqual(set.ranges(), [[1, 3]]);
});

test('nothing is missing of an empty range', () => {
  const set = SeqIntervals.of([[2, 3]]);
  assert.deepEqual(set.missing(5, 4), []);
  assert.deepEqual(missingFromAll(1, 0, [set]), []);
  assert.deepEqual(missingFromAll(4, 6, []), [[4, 6]]);
});

test('a billion seqs are one interval', () => {
  const set = SeqIntervals.of([[1, 1_000_000_000]]);
  set.remove(500_000_000, 500_000_000);
  set.add(Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
  assert.equal(set.ranges().length, 3);
  assert.deepEqual(set.missing(1, 1_000_000_001), [
    [500_000_000, 500_000_000],
    [1_000_000_001, 1_000_000_001],
  ]);
});

test('what is no interval of seqs is refused', () => {
  const table: [number, number][] = [
    [0, 1],
    [-1, 2],
    [2, 1],
    [1.5, 2],
    [1, Number.NaN],
    [1, Number.POSITIVE_INFINITY],
    [1, 2 ** 53],
  ];
  for (const [from, to] of table) {
    const set = new SeqIntervals();
    assert.throws(() => set.add(from, to), /no interval of seqs/, `add ${from}..${to}`);
    assert.throws(() => set.remove(from, to), /no interval of seqs/, `remove ${from}..${to}`);
    assert.throws(() => SeqIntervals.of([[from, to]]), /no interval of seqs/);
    assert.equal(set.isEmpty, true);
  }
});
