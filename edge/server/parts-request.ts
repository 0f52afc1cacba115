/** Rows as a request to the cloud says whose they are: edge, claim, and the generation held of each household in it (R5). */
import { type PartsRequest, rangeOf } from '../../common/messages.ts';
import type { RowToShip } from '../../common/wire.ts';
import type { EdgeStore } from './edge-store.ts';

/** @param startId of the cloud that the last hello was answered by */
export function partsRequest<Row extends RowToShip>(edge: string, store: EdgeStore, startId: string, rows: readonly Row[]) {
  const { generations: held, windowMs } = store.ledgerStore.ledger;
  const generations: Record<string, number> = Object.create(null);
  let before = '';
  for (const row of rows) {
    const { household } = rangeOf(row);
    // Rows of one source lie side by side.
    if (household === before) continue;
    before = household;
    generations[household] = held.get(household) ?? 0;
  }
  const { epoch, claim } = store;
  return { edge, epoch, claim, startId, windowMs, generations, rows } satisfies Omit<PartsRequest, 'rows'> & { rows: readonly Row[] };
}
