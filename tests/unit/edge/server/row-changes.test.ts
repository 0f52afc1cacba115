import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type RowChange, RowChanges } from '../../../../edge/server/row-changes.ts';

const KINDS = ['requeue', 'acknowledge', 'drop'] as const;

function pieces(pieceRows: number, added: readonly RowChange[]): (readonly RowChange[])[] {
  const changes = new RowChanges(pieceRows);
  for (const { kind, sourceId, ids } of added) changes.add(kind, sourceId, ids);
  return [...changes.pieces()];
}

const each = (changes: readonly RowChange[]) =>
  changes.flatMap(({ kind, sourceId, ids }) => ids.map((id) => `${id} ${sourceId} ${kind}`)).sort();

test('each row comes in one piece, with what becomes of it; no piece has more rows than it may', () => {
  const ids = fc.uniqueArray(fc.integer({ min: 1, max: 5_000 }), { maxLength: 300 });
  fc.assert(
    fc.property(ids, fc.integer({ min: 1, max: 60 }), fc.infiniteStream(fc.nat(8)), (all, pieceRows, whose) => {
      const added = all.map((id): RowChange => {
        const its = whose.next().value;
        return { kind: KINDS[its % 3] as RowChange['kind'], sourceId: 1 + Math.floor(its / 3), ids: [id] };
      });
      const cut = pieces(pieceRows, added);
      assert.deepEqual(each(cut.flat()), each(added));
      for (const piece of cut) {
        const rows = piece.flatMap((change) => change.ids);
        assert.ok(rows.length >= 1 && rows.length <= pieceRows, `${rows.length} rows`);
      }
    }),
  );
});

test('rows that lie side by side are written together, whosever they are', () => {
  const sources = Array.from(
    { length: 50 },
    (_, i): RowChange => ({
      kind: 'requeue',
      sourceId: i,
      ids: Array.from({ length: 200 }, (_row, n) => n * 50 + i),
    }),
  );
  const cut = pieces(2_000, sources);
  const spans = cut.map((piece) => {
    const ids = piece.flatMap((change) => change.ids);
    return Math.max(...ids) - Math.min(...ids) + 1;
  });
  assert.deepEqual(spans, [2_000, 2_000, 2_000, 2_000, 2_000]);
});

test('rows that lie far apart make small pieces', () => {
  const cut = pieces(2_000, [{ kind: 'drop', sourceId: 1, ids: Array.from({ length: 100 }, (_, i) => i * 10_000) }]);
  assert.deepEqual(
    cut.map((piece) => piece.length),
    [16, 16, 16, 16, 16, 16, 4],
  );
});

test('nothing is no piece', () => {
  assert.deepEqual(pieces(2_000, [{ kind: 'drop', sourceId: 1, ids: [] }]), []);
});
