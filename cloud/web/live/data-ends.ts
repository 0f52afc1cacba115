/** Where the data begins and ends, as far as the page has heard; what `first` and `latest` of a range mean. */
import { Store } from '../shell/store.ts';

export interface DataEnds {
  firstMs: number | null;
  latestMs: number | null;
}

export const dataEnds = new Store<DataEnds>({ firstMs: null, latestMs: null });

export function learnEnds(change: Partial<DataEnds>): void {
  const now = dataEnds.get();
  const next = { ...now, ...change };
  if (next.firstMs !== now.firstMs || next.latestMs !== now.latestMs) dataEnds.set(next);
}

/** The wall clock, for `now`; nothing is judged by it. */
export function wallMs(): number {
  return Date.now();
}
