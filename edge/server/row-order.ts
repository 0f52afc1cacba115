/** Whether the offsets of a source's rows grow with their seqs: where they do, the row with the lowest seq has the lowest offset. Pure. */

/** The row that was inserted last, while offsets grow with the seqs. */
export interface LastInOrder {
  seq: number;
  offset: number;
}

/** Of some rows in the order of their seqs. */
export type Order = [isInOrder: number, lastSeq: number, highestOffset: number, lowestOffset: number, rows: number];

/** Rows looked at in one step: their bodies are not read. */
const ORDER_ROWS = 4_000;

/**
 * @param look at so many rows, from the seq on
 * @returns undefined where a later row may lie further ahead
 */
export function* orderSteps(fromSeq: number, look: (fromSeq: number, limit: number) => Order): Generator<void, LastInOrder | undefined> {
  let last: LastInOrder = { seq: fromSeq, offset: 0 };
  for (;;) {
    // The row that was the last is read again: another may begin with it.
    const [isInOrder, seq, offset, lowest, rows] = look(last.seq, ORDER_ROWS);
    if (isInOrder === 0 || lowest < last.offset || (rows === ORDER_ROWS && seq === last.seq)) return undefined;
    last = { seq, offset };
    if (rows < ORDER_ROWS) return last;
    yield;
  }
}
