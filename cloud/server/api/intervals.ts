/**
 * Households whose readings come more rarely than windows end: a meter that tells one value every quarter of an hour has one window of
 * 5 s in it. Its value stands for the whole interval, so here, where figures are made, the window counts as all windows of the interval
 * in coverage and energy, and the time between two is no gap. What is stored, exported and audited stays as it came.
 */
import type { BucketsQuery, GapQuery, GapRow, SeriesBuckets } from '../storage/series-store.ts';
import type { ApiParts } from './api-parts.ts';

/** Two readings so many intervals apart, or further, have a gap between them: one that is late, and one that is lost, make none. */
export const GAP_INTERVALS = 3;

type Parts = Pick<ApiParts, 'store' | 'settings' | 'intervalMsOf'>;

/** As the store tells them; `windows` and `energyKwh` are of the time that the readings stand for. */
export async function bucketsOf({ store, settings, intervalMsOf }: Parts, query: BucketsQuery): Promise<SeriesBuckets[]> {
  const found = await store.buckets(query);
  return found.map((its, i) => {
    const factor = intervalMsOf(query.series[i]?.household ?? '') / settings.windowMs;
    return factor <= 1 ? its : stretched(its, query.edges, factor, settings.windowMs);
  });
}

/** A bucket shorter than the interval holds no more windows than it has, but all the energy of its reading. The mean stays. */
function stretched(its: SeriesBuckets, edges: readonly number[], factor: number, windowMs: number): SeriesBuckets {
  const most = (i: number) => (its.devices * ((edges[i + 1] as number) - (edges[i] as number))) / windowMs;
  const windows = its.windows.map((there, i) => Math.min(there * factor, most(i)));
  return {
    ...its,
    windows,
    toldWindows: its.toldWindows.map((there, i) => Math.min(there * factor, most(i) / Math.max(1, its.devices))),
    sum: its.sum.map((sum, i) => (sum * (windows[i] as number)) / (its.windows[i] as number)),
    energyKwh: its.energyKwh.map((energy) => energy * factor),
  };
}

export async function* gapsOf({ store, settings, intervalMsOf }: Parts, query: GapQuery): AsyncGenerator<GapRow> {
  const { windowMs } = settings;
  const intervalMs = intervalMsOf(query.household);
  const leastMs = intervalMs <= windowMs ? 0 : GAP_INTERVALS * intervalMs - windowMs;
  for await (const gap of store.gaps(query)) {
    const { fromMs, toMs, missingMs } = gap;
    // Of what is missing somewhere in a bucket nobody knows whether it is three intervals in a row.
    const isPlaced = missingMs === toMs - fromMs;
    if (leastMs === 0 || (isPlaced && missingMs >= leastMs)) yield gap;
  }
}
