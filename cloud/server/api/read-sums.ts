/** Series of the store added up, a bounded piece at a time: neither memory nor a turn of the event loop grows with those in a sum. */
import { yieldToEventLoop } from '../../../common/clock.ts';
import { type AddedSeries, addSeries } from '../analytics/add-series.ts';
import { emptyColumns } from '../analytics/bucket-columns.ts';
import type { SeriesKey } from '../storage/series-store.ts';
import type { ApiParts } from './api-parts.ts';
import { bucketsOf } from './intervals.ts';
import { PROBLEM_DETAILS } from './problem-details.ts';
import { badParameter } from './query.ts';

/** Buckets read from the store for one answer, over all households that are added up: beyond it the store is busy for seconds. */
export const BUCKETS_READ_MAX = 2_000_000;
/** Buckets asked of the store at once: 7 MB, added up in some ten milliseconds. */
const BUCKETS_AT_ONCE = 100_000;

/** A sum over households. */
export interface SummedSeries extends AddedSeries {
  /** Households in it that have the field. */
  households: number;
  /** How many of them have data in each bucket. */
  householdsTold: Float64Array;
}

/**
 * @param keys of each sum the series that it is made of; what is not stored adds nothing
 * @param edges at least two
 * @param only as the store takes it
 * @returns one per sum
 * @throws Problem 400 beyond the limit
 */
export async function readSums(
  parts: Pick<ApiParts, 'store' | 'settings' | 'intervalMsOf' | 'gate' | 'signal'>,
  keys: readonly (readonly SeriesKey[])[],
  edges: readonly number[],
  signal: AbortSignal = parts.signal,
  only?: 'sums',
): Promise<SummedSeries[]> {
  const buckets = edges.length - 1;
  const all = keys.flatMap((its, sum) => its.map((key) => ({ key, sum })));
  checkReadable(all.length * buckets);
  const sums = keys.map((): Summing => ({ added: undefined, households: 0, householdsTold: new Float64Array(buckets) }));
  await parts.gate.run(signal, () => addAll(parts, { all, edges, signal, sums, ...(only && { only }) }));
  return sums.map(({ added, households, householdsTold }) => {
    return { ...(added ?? { devices: 0, ...emptyColumns(buckets) }), households, householdsTold };
  });
}

interface Summing extends Pick<SummedSeries, 'households' | 'householdsTold'> {
  added: AddedSeries | undefined;
}

interface Adding {
  all: readonly { key: SeriesKey; sum: number }[];
  edges: readonly number[];
  signal: AbortSignal;
  sums: Summing[];
  only?: 'sums';
}

async function addAll(
  parts: Pick<ApiParts, 'store' | 'settings' | 'intervalMsOf'>,
  { all, edges, signal, sums, only }: Adding,
): Promise<void> {
  const { settings } = parts;
  const isOneWindow = (i: number) => (edges[i + 1] as number) - (edges[i] as number) === settings.windowMs;
  const atOnce = Math.max(1, Math.floor(BUCKETS_AT_ONCE / (edges.length - 1)));
  for (let from = 0; from < all.length; from += atOnce) {
    const piece = all.slice(from, from + atOnce);
    const found = await bucketsOf(parts, { series: piece.map(({ key }) => key), edges, signal, ...(only && { only }) });
    for (const sum of new Set(piece.map((its) => its.sum))) {
      const its = found.filter(({ devices }, i) => devices > 0 && piece[i]?.sum === sum);
      const into = sums[sum] as Summing;
      if (its.length > 0) into.added = addSeries(into.added === undefined ? its : [into.added, ...its], isOneWindow);
      for (const { windows } of its) countTold(into, windows);
    }
    await yieldToEventLoop();
  }
}

function countTold(into: Summing, windows: Float64Array): void {
  into.households++;
  for (let i = 0; i < windows.length; i++) if (windows[i] !== 0) into.householdsTold[i] = (into.householdsTold[i] as number) + 1;
}

function checkReadable(buckets: number): void {
  if (buckets <= BUCKETS_READ_MAX) return;
  throw badParameter(PROBLEM_DETAILS.worded('too-much-to-read', { parameter: 'resolution', n: buckets, most: BUCKETS_READ_MAX }));
}
