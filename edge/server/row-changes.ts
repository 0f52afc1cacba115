/**
 * What a hello changes of the outbox's rows, cut into pieces by where the rows lie in the file: a piece is a short transaction, and
 * writes few pages. Rows of all sources lie mixed, in the order in which they came. Pure.
 */

export interface RowChange {
  kind: 'requeue' | 'acknowledge' | 'drop';
  sourceId: number;
  ids: readonly number[];
}

/** Rows that few others lie beside make a piece of many pages: it has rows from so many places of the file at most. */
const PLACES_PER_PIECE = 16;

export class RowChanges {
  private readonly pieceRows: number;
  /** By number of a stretch of `pieceRows` ids. */
  private readonly byPlace = new Map<number, { kind: RowChange['kind']; sourceId: number; ids: number[] }[]>();

  /** @param pieceRows rows in a piece, at most */
  constructor(pieceRows: number) {
    this.pieceRows = pieceRows;
  }

  /** Each row once. */
  add(kind: RowChange['kind'], sourceId: number, ids: readonly number[]): void {
    let place = Number.NaN;
    let its: number[] = [];
    for (const id of ids) {
      const where = Math.floor(id / this.pieceRows);
      if (where !== place) {
        place = where;
        its = [];
        const changes = this.byPlace.get(place);
        if (changes === undefined) this.byPlace.set(place, [{ kind, sourceId, ids: its }]);
        else changes.push({ kind, sourceId, ids: its });
      }
      its.push(id);
    }
  }

  /** All that was added, each row in one piece. */
  *pieces(): Generator<readonly RowChange[]> {
    let piece: RowChange[] = [];
    let [rows, places] = [0, 0];
    for (const place of [...this.byPlace.keys()].sort((a, b) => a - b)) {
      const changes = this.byPlace.get(place) as RowChange[];
      const more = changes.reduce((sum, { ids }) => sum + ids.length, 0);
      if (places === PLACES_PER_PIECE || (places > 0 && rows + more > this.pieceRows)) {
        yield piece;
        [piece, rows, places] = [[], 0, 0];
      }
      piece.push(...changes);
      rows += more;
      places++;
    }
    if (piece.length > 0) yield piece;
  }
}
