import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Part, type Reading, STAT, STATS_PER_FIELD } from '../../../../common/messages.ts';
import { addReading, belongsTo, closePart, cutIntoParts, openPart, reopenPart } from '../../../../common/protocol/window.ts';
import { anyReadings, hexSum } from './any-readings.ts';

const WINDOW_MS = 5_000;

function reading(seq: number, timeMs: number, power = 100, more: Record<string, number> = {}): Reading {
  return { household: 'h', device: 'd', src: 's', seq, timeMs, values: { power, ...more } };
}

function stat(part: Part, field: string, name: keyof typeof STAT): number | undefined {
  return part.stats[part.fields.indexOf(field) * STATS_PER_FIELD + STAT[name]];
}

function cutOne(...readings: Reading[]): Part {
  const parts = cutIntoParts(readings, WINDOW_MS);
  assert.equal(parts.length, 1);
  return parts[0] as Part;
}

test('a part takes the next seq of its source, in its window, with its fields', () => {
  const open = openPart(reading(4, 6_000), WINDOW_MS);
  const table: [string, Reading, boolean][] = [
    ['the next', reading(5, 6_001), true],
    ['the next, at the same time', reading(5, 6_000), true],
    ['the next, earlier', reading(5, 5_000), true],
    ['the next, in the last ms', reading(5, 9_999), true],
    ['the first ms of the next window', reading(5, 10_000), false],
    ['the last ms of the window before', reading(5, 4_999), false],
    ['the same seq again', reading(4, 6_001), false],
    ['a seq later', reading(6, 6_001), false],
    ['a lower seq', reading(3, 6_001), false],
    ['another source', { ...reading(5, 6_001), src: 't' }, false],
    ['one field more', reading(5, 6_001, 1, { energy: 1 }), false],
    ['another field', { ...reading(5, 6_001), values: { energy: 1 } }, false],
    ['no field', { ...reading(5, 6_001), values: {} }, false],
  ];
  for (const [what, next, expected] of table) assert.equal(belongsTo(open, next, WINDOW_MS), expected, what);
});

test('windows are [k·length, (k+1)·length), also before 1970', () => {
  const table: [timeMs: number, windowStartMs: number][] = [
    [0, 0],
    [4_999, 0],
    [5_000, 5_000],
    [-1, -5_000],
    [-5_000, -5_000],
    [-5_001, -10_000],
    [1_577_145_601_982, 1_577_145_600_000],
  ];
  for (const [timeMs, windowStartMs] of table) assert.equal(openPart(reading(1, timeMs), WINDOW_MS).windowStartMs, windowStartMs);
});

test('first and last go by time, not by seq: a late reading', () => {
  const part = cutOne(reading(1, 2_000, 10), reading(2, 4_000, 30), reading(3, 1_000, 20));
  assert.deepEqual([stat(part, 'power', 'first'), part.firstMs], [20, 1_000]);
  assert.deepEqual([stat(part, 'power', 'last'), part.lastMs], [30, 4_000]);
  assert.deepEqual([stat(part, 'power', 'sum'), stat(part, 'power', 'min'), stat(part, 'power', 'max'), part.count], [60, 10, 30, 3]);
});

test('at equal times the lower seq is first and the higher last', () => {
  const part = cutOne(reading(1, 2_000, 10), reading(2, 2_000, 30), reading(3, 2_000, 20));
  assert.deepEqual([stat(part, 'power', 'first'), stat(part, 'power', 'last')], [10, 20]);
});

test('fields are sorted, whatever their order in the reading', () => {
  const part = cutOne(
    { ...reading(1, 0), values: { power2: 2, energy: 5, power: 1 } },
    { ...reading(2, 1), values: { power: 3, power2: 4, energy: 6 } },
  );
  assert.deepEqual(part.fields, ['energy', 'power', 'power2']);
  assert.deepEqual([stat(part, 'power', 'sum'), stat(part, 'energy', 'sum'), stat(part, 'power2', 'max')], [4, 11, 4]);
});

/** What the parts must be, found without any of window.ts. */
function naiveParts(readings: readonly Reading[], windowMs: number): object[] {
  const groups: Reading[][] = [];
  for (const next of readings) {
    const before = groups.at(-1)?.at(-1);
    const isSame =
      before !== undefined &&
      next.seq === before.seq + 1 &&
      Math.floor(next.timeMs / windowMs) === Math.floor(before.timeMs / windowMs) &&
      Object.keys(next.values).sort().join() === Object.keys(before.values).sort().join();
    if (isSame) groups.at(-1)?.push(next);
    else groups.push([next]);
  }
  return groups.map((group) => {
    const byTime = [...group].sort((a, b) => a.timeMs - b.timeMs || a.seq - b.seq) as [Reading, ...Reading[]];
    const [first, last] = [byTime[0], byTime.at(-1) as Reading];
    const fields = Object.keys(first.values).sort();
    const stats = fields.flatMap((field) => {
      const values = group.map(({ values: all }) => all[field] as number);
      const sum = values.reduce((total, value) => total + value, 0);
      return [sum, Math.min(...values), Math.max(...values), first.values[field] as number, last.values[field] as number];
    });
    return {
      ...{ household: 'h', device: 'd', src: 's', fromSeq: group[0]?.seq, toSeq: group.at(-1)?.seq, count: group.length },
      ...{ windowStartMs: Math.floor(first.timeMs / windowMs) * windowMs, fields, stats, firstMs: first.timeMs, lastMs: last.timeMs },
    };
  });
}

test('any readings are cut into the parts that a plain loop finds', () => {
  fc.assert(
    fc.property(anyReadings, fc.integer({ min: 1, max: 60 }), (readings, windowMs) => {
      const parts = cutIntoParts(readings, windowMs);
      assert.deepEqual(
        parts.map(({ digest: _digest, ...part }) => part),
        naiveParts(readings, windowMs),
      );
    }),
    { numRuns: 500 },
  );
});

test('where a part is cut makes no difference to the sums of its window', () => {
  fc.assert(
    fc.property(anyReadings, fc.integer({ min: 1, max: 60 }), fc.infiniteStream(fc.boolean()), (readings, windowMs, closes) => {
      const whole = cutIntoParts(readings, windowMs);
      // Closed early at any moment: idle, a mark, a restart.
      const pieces: Part[] = [];
      let open: ReturnType<typeof openPart> | undefined;
      for (const next of readings) {
        if (open !== undefined && belongsTo(open, next, windowMs) && closes.next().value === false) addReading(open, next);
        else {
          if (open !== undefined) pieces.push(closePart(open));
          open = openPart(next, windowMs);
        }
      }
      if (open !== undefined) pieces.push(closePart(open));
      for (const part of whole) {
        const own = pieces.filter(({ fromSeq }) => part.fromSeq <= fromSeq && fromSeq <= part.toSeq);
        assert.equal(hexSum(own.map(({ digest }) => digest)), part.digest);
        assert.equal(
          own.reduce((count, piece) => count + piece.count, 0),
          part.count,
        );
        assert.equal(Math.min(...own.map((piece) => stat(piece, 'power', 'min') as number)), stat(part, 'power', 'min'));
        const last = [...own].sort((a, b) => a.lastMs - b.lastMs || a.toSeq - b.toSeq).at(-1) as Part;
        assert.deepEqual([stat(last, 'power', 'last'), last.lastMs], [stat(part, 'power', 'last'), part.lastMs]);
      }
    }),
  );
});

test('a part that is saved and opened again goes on as if it had stayed open', () => {
  const readings = [reading(1, 0, 5), reading(2, 1_000, 9), reading(3, 500, 1)];
  const open = openPart(readings[0] as Reading, WINDOW_MS);
  const closed = closePart(open);
  const reopened = reopenPart(JSON.parse(JSON.stringify(closed)) as Part);
  for (const next of readings.slice(1)) addReading(reopened, next);
  assert.deepEqual(closePart(reopened), cutOne(...readings));
  assert.equal(closed.count, 1, 'the closed one is not changed by what the reopened one takes');
  assert.equal(closed.toSeq, 1);
});

test('nothing is cut from nothing', () => assert.deepEqual(cutIntoParts([], WINDOW_MS), []));

test('parts share field names only when they are the same ones', () => {
  const fieldsOf = (values: Record<string, number>) =>
    openPart({ household: 'h', device: 'd', src: 's', seq: 1, timeMs: 0, values }, 5_000).fields;
  const first = fieldsOf({ energy: 1, power: 2 });
  assert.equal(fieldsOf({ energy: 3, power: 4 }), first, 'one list');
  assert.deepEqual(fieldsOf({ power: 1, energy: 2 }), ['energy', 'power']);
  assert.deepEqual(fieldsOf({ energy: 1 }), ['energy']);
  assert.deepEqual(fieldsOf({ energy: 1, power: 2, power1: 3 }), ['energy', 'power', 'power1']);
  assert.deepEqual(fieldsOf({ energy: 1, power: 2 }), first);
});
