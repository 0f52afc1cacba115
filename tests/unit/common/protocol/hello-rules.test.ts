import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ShippedRow } from '../../../../common/messages.ts';
import { EdgeLedger, type OpenEntry } from '../../../../common/protocol/edge-ledger.ts';
import { type HeldRow, type Reconciliation, reconcileSource } from '../../../../common/protocol/hello-rules.ts';
import { applyStored, judgeRow } from '../../../../common/protocol/receiver-rules.ts';
import { type Interval, missingFromAll, SeqIntervals } from '../../../../common/protocol/seq-intervals.ts';
import { openPart } from '../../../../common/protocol/window.ts';

const SOURCE = { household: 'h', device: 'd', src: 's' };

type RowText = `${'acked' | 'queued'} ${'part' | 'gap'} ${number}-${number}`;

interface Case {
  /** Outbox rows; their ids are 1, 2, 3 … */
  rows?: readonly RowText[];
  open?: Interval;
  /** What the edge had seen, covered, declared before. */
  seen?: readonly Interval[];
  covered?: readonly Interval[];
  declared?: readonly Interval[];
  gapped?: readonly Interval[];
  told?: { covered?: readonly Interval[]; declared?: readonly Interval[] };
}

function reconcile({ rows = [], open, seen = [], covered = [], declared = [], gapped = [], told = {} }: Case) {
  const source = new EdgeLedger(5).source(SOURCE);
  source.seen = SeqIntervals.of(seen);
  source.covered = SeqIntervals.of(covered);
  source.declared = SeqIntervals.of(declared);
  source.gapped = SeqIntervals.of(gapped);
  const held = rows.map((text, i) => {
    const [state, kind, range] = text.split(' ') as ['acked' | 'queued', 'part' | 'gap', string];
    const [fromSeq, toSeq] = range.split('-').map(Number) as [number, number];
    return { state, row: { id: i + 1, kind, fromSeq, toSeq } };
  });
  const sets = { covered: SeqIntervals.of(told.covered ?? []), declared: SeqIntervals.of(told.declared ?? []) };
  const result = reconcileSource(source, open && openOf(open), sets, {
    unacked: () => held.filter(({ state }) => state === 'queued').map(({ row }) => row),
    ackedOutside: (_, byCovered, byDeclared) =>
      held.filter(({ state, row }) => state === 'acked' && isOutside(row, byCovered, byDeclared)).map(({ row }) => row),
  });
  return { source, result };
}

function isOutside(row: HeldRow, covered: SeqIntervals, declared: SeqIntervals): boolean {
  return missingFromAll(row.fromSeq, row.toSeq, row.kind === 'part' ? [covered] : [covered, declared]).length > 0;
}

function openOf([fromSeq, toSeq]: Interval): OpenEntry {
  const part = openPart({ ...SOURCE, seq: fromSeq, timeMs: 0, values: { power: 1 } }, 5);
  return { partition: 0, offset: 0, part: { ...part, toSeq } };
}

const NOTHING: Reconciliation = { requeue: [], acknowledge: [], drop: [], open: 'keep', missing: [] };

const TABLE: [string, Case, Partial<Reconciliation>][] = [
  ['nothing is known on either side', {}, {}],
  ['all is acked and stored', { rows: ['acked part 1-3'], seen: [[1, 3]], told: { covered: [[1, 3]] } }, {}],
  ['the ack was lost', { rows: ['queued part 1-3'], seen: [[1, 3]], told: { covered: [[1, 3]] } }, { acknowledge: [1] }],
  ['nothing arrived', { rows: ['queued part 1-3'], seen: [[1, 3]] }, {}],
  ['the cloud was restored', { rows: ['acked part 1-3'], seen: [[1, 3]], covered: [[1, 3]] }, { requeue: [1] }],
  [
    'the cloud was restored to the middle',
    { rows: ['acked part 1-2', 'acked part 3-4'], seen: [[1, 4]], covered: [[1, 4]], told: { covered: [[1, 2]] } },
    { requeue: [2] },
  ],
  [
    'the cloud was restored and the rows are trimmed',
    { seen: [[1, 4]], covered: [[1, 4]], told: { covered: [[1, 2]] } },
    { missing: [[3, 4]] },
  ],
  [
    'a queued row that is stored in part is dropped, the rest searched',
    { rows: ['queued part 1-4'], seen: [[1, 4]], told: { covered: [[1, 2]] } },
    { drop: [1], missing: [[3, 4]] },
  ],
  [
    'an acked row that is stored in part is dropped too',
    { rows: ['acked part 1-4'], seen: [[1, 4]], covered: [[1, 4]], told: { covered: [[2, 2]] } },
    {
      drop: [1],
      missing: [
        [1, 1],
        [3, 4],
      ],
    },
  ],
  ['a queued gap is searched anew', { rows: ['queued gap 1-3'], gapped: [[1, 3]] }, { drop: [1], missing: [[1, 3]] }],
  ['a queued gap that was declared', { rows: ['queued gap 1-3'], gapped: [[1, 3]], told: { declared: [[1, 3]] } }, { acknowledge: [1] }],
  [
    'a queued gap that is stored and declared in parts',
    {
      rows: ['queued gap 1-3'],
      gapped: [[1, 3]],
      told: {
        covered: [[2, 2]],
        declared: [
          [1, 1],
          [3, 3],
        ],
      },
    },
    { acknowledge: [1] },
  ],
  ['an acked gap that the cloud forgot', { rows: ['acked gap 1-3'], declared: [[1, 3]] }, { drop: [1], missing: [[1, 3]] }],
  ['an acked gap that the cloud remembers', { rows: ['acked gap 1-3'], declared: [[1, 3]], told: { declared: [[1, 3]] } }, {}],
  ['a part is not stored because it is declared', { rows: ['queued part 1-3'], seen: [[1, 3]], told: { declared: [[1, 3]] } }, {}],
  ['an open part stays', { open: [3, 4], seen: [[1, 4]], told: { covered: [[1, 2]] } }, {}],
  ['an open part that is stored is dropped', { open: [3, 4], seen: [[1, 4]], told: { covered: [[1, 4]] } }, { open: 'drop' }],
  [
    'an open part that is stored in part is dropped, the rest searched',
    { open: [3, 5], seen: [[1, 5]], told: { covered: [[1, 3]] } },
    { open: 'drop', missing: [[4, 5]] },
  ],
  [
    'an open part with something missing below it stays',
    { open: [3, 4], seen: [[1, 4]], told: { covered: [[1, 1]] } },
    { missing: [[2, 2]] },
  ],
  [
    'an open part with something missing above it is closed',
    { open: [1, 1], seen: [[1, 3]], covered: [[2, 3]] },
    { open: 'close', missing: [[2, 3]] },
  ],
  [
    'an open part below a row is closed: the row would be refused for ever',
    { open: [1, 1], rows: ['queued part 2-2'], seen: [[1, 2]] },
    { open: 'close' },
  ],
  [
    'an open part below an acked row that is queued again',
    { open: [1, 1], rows: ['acked part 2-2'], seen: [[1, 2]] },
    { open: 'close', requeue: [1] },
  ],
  ['what another edge stored is known now', { told: { covered: [[1, 9]] } }, {}],
  ['a hole in what another edge stored is searched', { told: { covered: [[3, 9]], declared: [[1, 1]] } }, { missing: [[2, 2]] }],
  ['what is declared and was never here is not searched', { told: { covered: [[3, 9]], declared: [[1, 2]] } }, {}],
  [
    'what was taken in here and is declared is searched: it was there',
    { open: [1, 2], seen: [[1, 2]], told: { covered: [[1, 1]], declared: [[2, 3]] } },
    { open: 'drop', missing: [[2, 2]] },
  ],
  [
    'what was stored once, is trimmed here and declared there is searched',
    { seen: [[1, 2]], covered: [[1, 2]], told: { declared: [[1, 3]] } },
    { missing: [[1, 2]] },
  ],
  ['what was only declared and gapped is searched up to the highest', { declared: [[2, 2]], gapped: [[4, 4]] }, { missing: [[1, 4]] }],
];

test('what becomes of each row, of the open part, and what is to be searched', () => {
  for (const [what, given, expected] of TABLE) assert.deepEqual(reconcile(given).result, { ...NOTHING, ...expected }, what);
});

test('the cloud is believed: covered and declared are what it told, gapped is empty, seen is what is stored or held', () => {
  const { source } = reconcile({
    rows: ['queued part 5-6', 'acked part 3-4', 'queued gap 9-9'],
    open: [7, 7],
    seen: [[1, 8]],
    covered: [[1, 4]],
    declared: [[8, 8]],
    gapped: [[9, 9]],
    told: { covered: [[1, 2]], declared: [[10, 11]] },
  });
  assert.deepEqual(source.covered.ranges(), [[1, 2]]);
  assert.deepEqual(source.declared.ranges(), [[10, 11]]);
  assert.deepEqual(source.gapped.ranges(), []);
  assert.deepEqual(source.seen.ranges(), [[1, 7]]);
});

// ---- a property --------------------------------------------------------------------------------------------

/** Seqs 1..n cut into rows in order, each in some state here, and stored, declared or unknown there. */
const world = fc.record({
  pieces: fc.array(
    fc.record({
      length: fc.integer({ min: 1, max: 3 }),
      here: fc.constantFrom('acked part', 'queued part', 'acked gap', 'queued gap', 'trimmed', 'unknown'),
    }),
    { minLength: 1, maxLength: 8 },
  ),
  isOpen: fc.boolean(),
  there: fc.array(fc.constantFrom('stored', 'stored', 'declared', 'unknown'), { minLength: 24, maxLength: 24 }),
});

test('afterwards every seq is stored, declared, held or to be searched, and what is shipped in order is never refused', () => {
  fc.assert(
    fc.property(world, ({ pieces, isOpen, there }) => {
      const given = caseOf(pieces, isOpen, there);
      const { source, result } = reconcile(given);
      const covered = SeqIntervals.of(given.told?.covered ?? []);
      const declared = SeqIntervals.of(given.told?.declared ?? []);
      const queue: Interval[] = [...result.missing];
      given.rows?.forEach((text, i) => {
        const [state, kind, range] = text.split(' ') as [string, string, string];
        const [from, to] = range.split('-').map(Number) as [number, number];
        const isQueued =
          result.requeue.includes(i + 1) || (state === 'queued' && !result.acknowledge.includes(i + 1) && !result.drop.includes(i + 1));
        if (isQueued && kind === 'part') queue.push([from, to]);
        assert(!(isQueued && kind === 'gap'), 'no gap row is left that was not searched anew');
      });
      if (given.open !== undefined && result.open === 'close') queue.push(given.open);
      queue.sort((a, b) => a[0] - b[0]);
      const keepsOpen = given.open !== undefined && result.open === 'keep' ? [given.open] : [];
      const known = [covered, declared, SeqIntervals.of(queue), SeqIntervals.of(keepsOpen)];
      assert.deepEqual(missingFromAll(1, source.seen.max, known), [], 'a seq is forgotten');
      assert.deepEqual(
        verdicts(queue, covered, declared),
        queue.map(() => 'stored'),
      );
    }),
    { numRuns: 2_000 },
  );
});

interface Piece {
  length: number;
  here: string;
}

function caseOf(pieces: readonly Piece[], isOpen: boolean, there: readonly string[]): Case {
  const rows: RowText[] = [];
  const [seen, covered, declared, gapped] = [new SeqIntervals(), new SeqIntervals(), new SeqIntervals(), new SeqIntervals()];
  let next = 1;
  let open: Interval | undefined;
  pieces.forEach(({ length, here }, i) => {
    const [from, to] = [next, next + length - 1];
    next = to + 1;
    if (isOpen && i === pieces.length - 1) {
      open = [from, to];
      seen.add(from, to);
      return;
    }
    if (here !== 'trimmed' && here !== 'unknown') rows.push(`${here} ${from}-${to}` as RowText);
    if (here.endsWith('part') || here === 'trimmed') seen.add(from, to);
    if (here === 'acked part' || here === 'trimmed') covered.add(from, to);
    if (here === 'acked gap') declared.add(from, to);
    if (here === 'queued gap') gapped.add(from, to);
  });
  const told = { covered: [] as Interval[], declared: [] as Interval[] };
  // The cloud refuses gaps: what it knows has no hole.
  const end = there.indexOf('unknown');
  there
    .slice(0, end === -1 ? undefined : end)
    .forEach((state, i) => told[state === 'stored' ? 'covered' : 'declared'].push([i + 1, i + 1]));
  const known = { seen: seen.ranges(), covered: covered.ranges(), declared: declared.ranges(), gapped: gapped.ranges() };
  return { rows, ...known, told, ...(open === undefined ? {} : { open }) };
}

/** What the cloud says of the queue, sent lowest seq first. */
function verdicts(queue: readonly Interval[], covered: SeqIntervals, declared: SeqIntervals): string[] {
  const view = { covered: covered.clone(), declared: declared.clone(), digestOf: () => undefined, otherGreatestMs: undefined };
  return queue.map(([from, to]) => {
    const part = { ...openPart({ ...SOURCE, seq: from, timeMs: 0, values: { power: 1 } }, 5), toSeq: to, count: 1, digest: '' };
    const row: ShippedRow = { kind: 'part', part };
    const verdict = judgeRow(view, row);
    if (verdict === 'stored') applyStored(view, row);
    return verdict;
  });
}
