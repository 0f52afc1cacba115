import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Mark, Reading } from '../../../../common/messages.ts';
import {
  applyAck,
  applyAcks,
  EdgeLedger,
  type FoundReading,
  type IntakeStep,
  isRunComplete,
  MISSING_IN_LOG,
  type NewRow,
  NOT_IN_RUN,
} from '../../../../common/protocol/edge-ledger.ts';
import { addReadingDigest, type Digest, textDigest } from '../../../../common/protocol/digest.ts';
import { SeqIntervals } from '../../../../common/protocol/seq-intervals.ts';

const WINDOW_MS = 5;
const SOURCE = { household: 'h', device: 'd', src: 's' };

function newLedger(): EdgeLedger {
  const ledger = new EdgeLedger(WINDOW_MS);
  ledger.generations.set('h', 1);
  return ledger;
}

function reading(seq: number, timeMs = seq, device = 'd'): Reading {
  return { ...SOURCE, device, seq, timeMs, values: { power: seq } };
}

function take(ledger: EdgeLedger, ...readings: Reading[]): NewRow[] {
  return readings.flatMap((next) => rowsOf(ledger.takeReading(next, { partition: 0, offset: next.seq * 10 })));
}

function rowsOf(step: IntakeStep): readonly NewRow[] {
  assert(step.kind === 'taken', `${step.kind} and not taken`);
  return step.rows;
}

/** `part 1-2`, `gap 3-4 reason`. */
function textOf(row: NewRow): string {
  const { fromSeq, toSeq } = row.kind === 'part' ? row.part : row.gap;
  return `${row.kind} ${fromSeq}-${toSeq}${row.kind === 'gap' ? ` ${row.gap.reason}` : ''}`;
}

function mark(timeMs: number, last: Mark['last'] = [], end = last.length > 0): Mark {
  return { timeMs, run: 'r', end, last };
}

function found(...readings: Reading[]): Map<number, FoundReading> {
  return new Map(readings.map((next) => [next.seq, { reading: next, partition: 0, offset: next.seq * 10 }]));
}

function clearChanges(ledger: EdgeLedger): void {
  ledger.changedSources.clear();
  ledger.changedOpen.clear();
}

// ---- readings ----------------------------------------------------------------------------------------------

test('a household without a generation waits, and nothing is changed', () => {
  const ledger = new EdgeLedger(WINDOW_MS);
  const waits = { kind: 'waits', household: 'h' };
  assert.deepEqual(ledger.takeReading(reading(1), { partition: 0, offset: 0 }), waits);
  assert.deepEqual(ledger.takeSkip({ ...SOURCE, fromSeq: 1, toSeq: 2 }, { partition: 0, offset: 0 }), waits);
  assert.deepEqual(ledger.takeMark(mark(9, [{ ...SOURCE, seq: 1 }]), 0), waits);
  assert.equal(ledger.sources.size, 0);
  assert.equal(ledger.openOf('h', 'd'), undefined);
});

test('readings gather in the open part of their device until one belongs elsewhere', () => {
  const ledger = newLedger();
  assert.deepEqual(take(ledger, reading(1, 0), reading(2, 1)), []);
  const rows = take(ledger, reading(3, 5));
  assert.deepEqual(rows.map(textOf), ['part 1-2']);
  assert.deepEqual([rows[0]?.partition, rows[0]?.offset], [0, 10], 'the place of its first reading');
  assert.equal(ledger.openOf('h', 'd')?.part.fromSeq, 3);
  assert.deepEqual(ledger.source(SOURCE).seen.ranges(), [[1, 3]]);
});

test('another device never closes a part', () => {
  const ledger = newLedger();
  take(ledger, reading(1, 0));
  assert.deepEqual(take(ledger, reading(1, 50, 'e'), reading(2, 99, 'e')).map(textOf), ['part 1-1']);
  assert.equal(ledger.openOf('h', 'd')?.part.toSeq, 1);
});

test('a late reading is a part of its own', () => {
  const ledger = newLedger();
  const rows = take(ledger, reading(1, 0), reading(2, 6), reading(3, 1), reading(4, 7));
  assert.deepEqual(rows.map(textOf), ['part 1-1', 'part 2-2', 'part 3-3']);
  assert.deepEqual(
    rows.map((row) => row.kind === 'part' && row.part.windowStartMs),
    [0, 5, 0],
  );
});

test('what is seen or stored is taken and changes nothing; what is declared is taken as new', () => {
  const table: [string, (ledger: EdgeLedger) => void, boolean][] = [
    ['seen', (ledger) => ledger.source(SOURCE).seen.add(1, 3), false],
    ['covered', (ledger) => ledger.source(SOURCE).covered.add(1, 3), false],
    ['declared', (ledger) => ledger.source(SOURCE).declared.add(1, 3), true],
    ['in a gap row', (ledger) => ledger.source(SOURCE).gapped.add(1, 3), true],
  ];
  for (const [what, prepare, fresh] of table) {
    const ledger = newLedger();
    prepare(ledger);
    assert.deepEqual(ledger.takeReading(reading(2), { partition: 0, offset: 0 }), { kind: 'taken', rows: [], fresh }, what);
    assert.equal(ledger.openOf('h', 'd') !== undefined, fresh, what);
  }
});

test('a hole is to be searched first, and nothing is changed by asking', () => {
  const ledger = newLedger();
  take(ledger, reading(1, 0));
  const step = ledger.takeReading(reading(5, 1), { partition: 0, offset: 50 });
  assert(step.kind === 'search');
  assert.deepEqual(
    step.holes.map(({ missing }) => missing),
    [[[2, 4]]],
  );
  assert.deepEqual(ledger.source(SOURCE).seen.ranges(), [[1, 1]]);
  assert.equal(ledger.openOf('h', 'd')?.part.toSeq, 1);
});

test('what is covered, declared or in a gap row leaves no hole', () => {
  const ledger = newLedger();
  const source = ledger.source(SOURCE);
  source.covered.add(1, 2);
  source.declared.add(3, 4);
  source.gapped.add(5, 6);
  source.seen.add(8, 8);
  const step = ledger.takeReading(reading(10), { partition: 0, offset: 0 });
  assert(step.kind === 'search');
  assert.deepEqual(step.holes[0]?.missing, [
    [7, 7],
    [9, 9],
  ]);
});

// ---- filling holes -----------------------------------------------------------------------------------------

test('a hole is filled with parts of what the log holds and gaps with their reasons', () => {
  const ledger = newLedger();
  take(ledger, reading(1, 0));
  const step = ledger.takeReading(reading(9, 40), { partition: 0, offset: 90 });
  assert(step.kind === 'search');
  const [hole] = step.holes;
  assert(hole !== undefined);
  const inLog = found(reading(3, 10), reading(2, 11), reading(4, 16), reading(7, 30));
  const rows = ledger.fillHole(hole, inLog, SeqIntervals.of([[5, 6]]), { partition: 0, offset: 90 });
  assert.deepEqual(rows.map(textOf), ['part 2-3', 'part 4-4', 'part 7-7', `gap 5-6 ${NOT_IN_RUN}`, `gap 8-8 ${MISSING_IN_LOG}`]);
  assert.deepEqual(
    rows.map(({ offset }) => offset),
    [20, 40, 70, 90, 90],
  );
  assert.deepEqual(ledger.source(SOURCE).gapped.ranges(), [
    [5, 6],
    [8, 8],
  ]);
  // Taken again, it is no hole any more.
  assert.deepEqual(take(ledger, reading(9, 40)).map(textOf), ['part 1-1']);
});

test('a reading that the log holds is never declared, also if the log says that it is not in the run', () => {
  const ledger = newLedger();
  const hole = { source: ledger.source(SOURCE), missing: [[1, 2]] as [number, number][] };
  const rows = ledger.fillHole(hole, found(reading(2)), SeqIntervals.of([[1, 2]]), { partition: 0, offset: 0 });
  assert.deepEqual(rows.map(textOf), ['part 2-2', `gap 1-1 ${NOT_IN_RUN}`]);
});

test('only what is missing is filled, whatever else was found', () => {
  const ledger = newLedger();
  const hole = { source: ledger.source(SOURCE), missing: [[2, 2]] as [number, number][] };
  assert.deepEqual(
    ledger.fillHole(hole, found(reading(1), reading(2), reading(3)), new SeqIntervals(), { partition: 0, offset: 0 }).map(textOf),
    ['part 2-2'],
  );
});

test('a hole of 2^53 seqs is one gap', () => {
  const ledger = newLedger();
  const step = ledger.takeReading(reading(Number.MAX_SAFE_INTEGER, 0), { partition: 0, offset: 0 });
  assert(step.kind === 'search' && step.holes[0] !== undefined);
  const rows = ledger.fillHole(step.holes[0], new Map(), new SeqIntervals(), { partition: 0, offset: 0 });
  assert.deepEqual(rows.map(textOf), [`gap 1-${Number.MAX_SAFE_INTEGER - 1} ${MISSING_IN_LOG}`]);
});

// ---- marks and skips ---------------------------------------------------------------------------------------

test('a mark closes the parts whose windows have ended, of its partition only', () => {
  const ledger = newLedger();
  take(ledger, reading(1, 0), reading(1, 5, 'e'));
  ledger.takeReading(reading(1, 0, 'f'), { partition: 1, offset: 0 });
  assert.deepEqual(rowsOf(ledger.takeMark(mark(4), 0)), []);
  const rows = rowsOf(ledger.takeMark(mark(5), 0));
  assert.deepEqual(
    rows.map((row) => row.kind === 'part' && row.part.device),
    ['d'],
  );
  assert.equal(ledger.openOf('h', 'd'), undefined);
  assert(ledger.openOf('h', 'e') !== undefined && ledger.openOf('h', 'f') !== undefined);
  assert.deepEqual(rowsOf(ledger.takeMark(mark(5), 0)), [], 'it is closed once');
});

test('the end mark closes every open part of its partition, its window stays open for a later run', () => {
  const ledger = newLedger();
  take(ledger, reading(1, 0), reading(1, 99, 'e'));
  const last = [
    { ...SOURCE, seq: 1 },
    { ...SOURCE, device: 'e', seq: 1 },
  ];
  assert.deepEqual(rowsOf(ledger.takeMark(mark(1, last), 0)).map(textOf), ['part 1-1', 'part 1-1']);
  assert.deepEqual(take(ledger, reading(2, 1)), []);
  assert.deepEqual(rowsOf(ledger.takeMark(mark(5), 0)).map(textOf), ['part 2-2']);
});

test('what is missing against the end mark is a hole, of every source', () => {
  const ledger = newLedger();
  take(ledger, reading(1, 0));
  const last = [
    { ...SOURCE, seq: 3 },
    { ...SOURCE, device: 'e', seq: 2 },
  ];
  const step = ledger.takeMark(mark(9, last), 0);
  assert(step.kind === 'search');
  assert.deepEqual(
    step.holes.map(({ source, missing }) => [source.device, missing]),
    [
      ['d', [[2, 3]]],
      ['e', [[1, 2]]],
    ],
  );
  assert(ledger.openOf('h', 'd') !== undefined, 'nothing is closed before the search');
});

test('a skip declares what is not known, once', () => {
  const ledger = newLedger();
  ledger.source(SOURCE).covered.add(2, 2);
  const skip = { ...SOURCE, fromSeq: 1, toSeq: 4 };
  const rows = rowsOf(ledger.takeSkip(skip, { partition: 3, offset: 7 }));
  assert.deepEqual(rows.map(textOf), [`gap 1-1 ${NOT_IN_RUN}`, `gap 3-4 ${NOT_IN_RUN}`]);
  assert.deepEqual([rows[0]?.partition, rows[0]?.offset], [3, 7]);
  assert.deepEqual(ledger.takeSkip(skip, { partition: 3, offset: 8 }), { kind: 'taken', rows: [], fresh: false });
  assert.deepEqual(take(ledger, reading(5)), [], 'and leaves no hole');
});

// ---- acks and the end --------------------------------------------------------------------------------------

test('an ack of a part covers it; what was declared of it is not any more', () => {
  const ledger = newLedger();
  const source = ledger.source(SOURCE);
  source.declared.add(1, 5);
  applyAck(ledger, { kind: 'part', range: { ...SOURCE, fromSeq: 2, toSeq: 3 } });
  assert.deepEqual(source.covered.ranges(), [[2, 3]]);
  assert.deepEqual(source.declared.ranges(), [
    [1, 1],
    [4, 5],
  ]);
});

test('acks of many rows do what one after the other does', () => {
  const row = fc.record({
    kind: fc.constantFrom('part' as const, 'gap' as const),
    device: fc.constantFrom('d', 'e'),
    skipped: fc.nat({ max: 2 }),
    seqs: fc.integer({ min: 1, max: 3 }),
  });
  let merged = 0;
  const check = fc.property(fc.array(row, { maxLength: 20 }), (drawn) => {
    let seq = 1;
    const rows = drawn.map(({ kind, device, skipped, seqs }) => {
      const fromSeq = seq + (skipped === 2 ? 1 : 0);
      seq = fromSeq + seqs;
      return { kind, range: { ...SOURCE, device, fromSeq, toSeq: seq - 1 } };
    });
    if (rows.some(({ kind, range }, i) => rows[i - 1]?.kind === kind && rows[i - 1]?.range.toSeq === range.fromSeq - 1)) merged++;
    const [one, other] = [newLedger(), newLedger()];
    for (const ledger of [one, other]) {
      for (const device of ['d', 'e']) {
        const source = ledger.source({ ...SOURCE, device });
        source.declared.add(3, 20);
        source.gapped.add(1, 30);
        source.covered.add(7, 9);
      }
    }
    for (const its of rows) applyAck(one, its);
    applyAcks(
      other,
      rows.map(({ kind, range }) => (kind === 'part' ? { kind, part: range } : { kind, gap: range })),
    );
    assert.deepEqual([...other.sources], [...one.sources]);
  });
  fc.assert(check);
  assert.ok(merged > 10, 'rows lay side by side');
});

test('an ack of a gap declares what is not covered', () => {
  const ledger = newLedger();
  const source = ledger.source(SOURCE);
  source.covered.add(3, 3);
  source.gapped.add(1, 7);
  applyAck(ledger, { kind: 'gap', range: { ...SOURCE, fromSeq: 1, toSeq: 5 } });
  assert.deepEqual(source.declared.ranges(), [
    [1, 2],
    [4, 5],
  ]);
  assert.deepEqual(source.gapped.ranges(), [[6, 7]]);
  assert.deepEqual(source.covered.ranges(), [[3, 3]]);
});

test('a run is complete when all up to its last seq is stored or declared; seen is not enough', () => {
  const source = newLedger().source(SOURCE);
  source.seen.add(1, 9);
  source.covered.add(1, 3);
  source.declared.add(4, 5);
  const table: [number, boolean][] = [
    [0, true],
    [3, true],
    [5, true],
    [6, false],
  ];
  for (const [last, complete] of table) assert.equal(isRunComplete(source, last), complete, `up to ${last}`);
  assert.equal(isRunComplete(undefined, 0), true);
  assert.equal(isRunComplete(undefined, 1), false);
});

// ---- what the shell has to write ---------------------------------------------------------------------------

test('every change names the source and the open part that it changed', () => {
  const table: [string, (ledger: EdgeLedger) => void, string[], [string, number][]][] = [
    ['a reading that opens', (ledger) => take(ledger, reading(3, 12, 'e')), ['h/e/s'], [['h/e', 0]]],
    ['a reading that adds', (ledger) => take(ledger, reading(2, 1)), ['h/d/s'], [['h/d', 0]]],
    ['a reading that closes', (ledger) => take(ledger, reading(2, 9)), ['h/d/s'], [['h/d', 0]]],
    ['a mark that closes', (ledger) => ledger.takeMark(mark(5), 0), ['h/d/s'], [['h/d', 0]]],
    ['a skip', (ledger) => ledger.takeSkip({ ...SOURCE, fromSeq: 2, toSeq: 2 }, { partition: 0, offset: 0 }), ['h/d/s'], []],
    ['an ack', (ledger) => applyAck(ledger, { kind: 'part', range: { ...SOURCE, fromSeq: 1, toSeq: 1 } }), ['h/d/s'], []],
  ];
  for (const [what, change, sources, open] of table) {
    const ledger = newLedger();
    ledger.source({ ...SOURCE, device: 'e' }).covered.add(1, 2);
    take(ledger, reading(1, 0));
    clearChanges(ledger);
    change(ledger);
    assert.deepEqual([...ledger.changedSources], sources, what);
    assert.deepEqual([...ledger.changedOpen], open, what);
  }
});

test('filling a hole names its source, though the caller holds it already', () => {
  const ledger = newLedger();
  const hole = { source: ledger.source(SOURCE), missing: [[1, 1]] as [number, number][] };
  clearChanges(ledger);
  ledger.fillHole(hole, new Map(), new SeqIntervals(), { partition: 0, offset: 0 });
  assert.deepEqual([...ledger.changedSources], ['h/d/s']);
});

// ---- a property --------------------------------------------------------------------------------------------

/** A log: readings 1..n in order, some missing, some repeated. */
const log = fc.array(fc.record({ isLost: fc.nat(6), repeats: fc.nat(3), aheadMs: fc.integer({ min: -6, max: 4 }) }), { maxLength: 25 });

test('whatever is missing or repeated in the log, each seq comes out once: in a part if the log has it, else in a gap', () => {
  fc.assert(
    fc.property(log, fc.boolean(), (entries, isShuffled) => {
      let timeMs = 20;
      const readings = entries.map(({ aheadMs }, i) => reading(i + 1, (timeMs = Math.max(0, timeMs + aheadMs))));
      const kept = entries.flatMap(({ isLost, repeats }, i) =>
        isLost === 0 ? [] : Array<Reading>(1 + (repeats % 2)).fill(readings[i] as Reading),
      );
      // Out of order the search finds what comes later.
      if (isShuffled) kept.reverse();
      const ledger = newLedger();
      const rows: NewRow[] = [];
      const takeIn = (next: () => IntakeStep) => {
        let step = next();
        if (step.kind === 'search') {
          for (const hole of step.holes)
            rows.push(...ledger.fillHole(hole, found(...kept), new SeqIntervals(), { partition: 0, offset: 0 }));
          step = next();
        }
        rows.push(...rowsOf(step));
      };
      for (const next of kept) takeIn(() => ledger.takeReading(next, { partition: 0, offset: 0 }));
      if (readings.length > 0) takeIn(() => ledger.takeMark(mark(99, [{ ...SOURCE, seq: readings.length }]), 0));
      const parts = rows.flatMap((row) => (row.kind === 'part' ? [row.part] : []));
      const gaps = rows.flatMap((row) => (row.kind === 'gap' ? [row.gap] : []));
      for (const { seq, timeMs: at } of readings) {
        const isThere = kept.some((other) => other.seq === seq);
        const inParts = parts.filter(({ fromSeq, toSeq }) => fromSeq <= seq && seq <= toSeq);
        assert.equal(inParts.length, isThere ? 1 : 0, `seq ${seq}`);
        assert.equal(gaps.filter(({ fromSeq, toSeq }) => fromSeq <= seq && seq <= toSeq).length, isThere ? 0 : 1, `seq ${seq}`);
        for (const { windowStartMs } of inParts) assert.equal(windowStartMs, at - (at % WINDOW_MS));
      }
    }),
    { numRuns: 300 },
  );
});

// ---- running totals ----------------------------------------------------------------------------------------

function digestOf(...readings: Reading[]): Digest {
  const sum = { high: 0, low: 0 };
  const source = textDigest('h/d/s');
  for (const { seq, timeMs, values } of readings) addReadingDigest(sum, source, seq, timeMs, values);
  return sum;
}

const twelve = Array.from({ length: 12 }, (_, i) => reading(i + 1));

test('what became a row is in the running totals, the open part is not', () => {
  const ledger = newLedger();
  take(ledger, ...twelve.slice(0, 7));
  const source = ledger.source(SOURCE);
  assert.deepEqual(source.kept.ranges(), [[1, 4]]);
  assert.deepEqual(source.keptDigest, digestOf(...twelve.slice(0, 4)));
});

test('readings that are cut anew, in other pieces, are counted once', () => {
  const ledger = newLedger();
  take(ledger, ...twelve);
  const source = ledger.source(SOURCE);
  assert.deepEqual(source.kept.ranges(), [[1, 9]]);
  // The cloud came back with seqs 1 to 6 only, and the open part was dropped.
  for (const entry of [...ledger.openIn(0).values()]) ledger.forgetOpen(entry);
  source.seen = SeqIntervals.of([[1, 6]]);
  const rows = ledger.fillHole({ source, missing: [[7, 10]] }, found(...twelve), new SeqIntervals(), { partition: 0, offset: 0 });
  assert.deepEqual(rows.map(textOf), ['part 7-9', 'part 10-10']);
  assert.deepEqual(source.keptDigest, digestOf(...twelve.slice(0, 10)));
  // Later readings are taken as always; a kept one that turns up again opens a part of its own.
  source.seen = SeqIntervals.of([[1, 9]]);
  rows.push(...take(ledger, ...twelve.slice(9), reading(13, 20)));
  assert.deepEqual(rows.map(textOf).slice(2), ['part 10-10', 'part 11-12']);
  assert.deepEqual(source.keptDigest, digestOf(...twelve));
  assert.equal(source.kept.size, 12);
});
