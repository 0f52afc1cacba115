/** Series over the page's range: loaded once, then fed with new buckets at the end for as long as the range follows the data. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { dataEnds } from '../live/data-ends.ts';
import { liveStore, pausedStore } from '../live/live.ts';
import { every } from '../page-clock.ts';
import { usePageRange } from '../shell/page-range.ts';
import { useStore } from '../shell/store.ts';
import { lastYear, neighbour, type Span } from '../zone-time.ts';
import type { SeriesReply } from '../../server/api/api-types.ts';
import { getJson } from './request.ts';
import { drawnAddress, POINTS, type SeriesTable, tableOf, withTail } from './series.ts';
import { type Data, useData } from './use-data.ts';

/** New buckets are looked for so often. */
const FEED_EVERY_MS = 5_000;
/** A range that only grows is asked for anew, coarser, when it has become so much longer than was wanted. */
const GROWTH_MAX = 2;

export interface SeriesData extends Data<SeriesTable> {
  /** The span compared with, undefined while none is wanted or known. */
  comparison: SeriesTable | undefined;
}

/** @param points buckets wanted where the page's resolution is `auto` */
export function useSeries(refs: readonly string[], points = POINTS): SeriesData {
  const { range, zone, isLive } = usePageRange();
  const grain = range.res === 'auto' ? { points } : { resolution: range.res };
  const address = refs.length === 0 ? null : drawnAddress({ refs, from: range.from, to: range.to, tz: zone, grain });
  const data = useData(address, (signal) => askTable(address ?? '', signal), true);
  const value = useFed(data, refs, isLive ? range.from : undefined, points);
  const comparison = useComparison(value, refs);
  return { ...data, value, comparison };
}

/** Any other question for series, e.g. a tile's; not fed. */
export function askTable(address: string, signal: AbortSignal): Promise<SeriesTable> {
  return getJson<SeriesReply>(address, signal).then(tableOf);
}

/** The table with what has come in since, looked for every few seconds; at rest while the page is paused or cut off. */
function useFed(data: Data<SeriesTable>, refs: readonly string[], from: string | undefined, points: number): SeriesTable | undefined {
  const [fed, setFed] = useState<SeriesTable | undefined>(undefined);
  const base = useRef(data.value);
  const isPaused = useStore(pausedStore);
  if (base.current !== data.value) {
    base.current = data.value;
    if (fed !== undefined) setFed(undefined);
  }
  useEffect(() => {
    if (from === undefined || data.value === undefined || data.isLoading || isPaused) return undefined;
    const given = new AbortController();
    let held = data.value;
    // The last bucket is mostly not over yet, so its end does not say up to where it is filled.
    let knownMs = dataEnds.get().latestMs ?? -Infinity;
    let isAsking = false;
    const ask = async (): Promise<void> => {
      const { latestMs } = dataEnds.get();
      if (isAsking || !liveStore.get().connected || latestMs === null || latestMs <= knownMs) return;
      if (from === 'first' && held.startsMs.length > GROWTH_MAX * points) return data.retry();
      isAsking = true;
      try {
        held = withTail(held, await askTable(tailAddress(held, refs), given.signal), from);
        knownMs = latestMs;
        if (!given.signal.aborted) setFed(held);
      } catch {
        // Asked again in a few seconds; the badge says when the cloud is away.
      } finally {
        isAsking = false;
      }
    };
    const end = every(FEED_EVERY_MS, () => void ask());
    return () => {
      end();
      given.abort();
    };
  }, [data.value, data.isLoading, from, isPaused]);
  return fed ?? data.value;
}

/** From the last bucket on, which may have been open. */
function tailAddress(table: SeriesTable, refs: readonly string[]): string {
  const lastMs = table.startsMs.at(-1) ?? table.fromMs;
  return drawnAddress({ refs, from: String(lastMs), to: 'latest', tz: table.tz, grain: { resolution: table.resolution } });
}

function useComparison(table: SeriesTable | undefined, refs: readonly string[]): SeriesTable | undefined {
  const { range, zone } = usePageRange();
  const span = table === undefined ? undefined : comparedSpan(table, range.compare, zone);
  const address =
    table === undefined || span === undefined
      ? null
      : drawnAddress({ refs, from: String(span.fromMs), to: String(span.toMs), tz: zone, grain: { resolution: table.resolution } });
  const { value } = useData(address, (signal) => askTable(address ?? '', signal), true);
  return address === null ? undefined : value;
}

function comparedSpan({ fromMs, toMs }: SeriesTable, compare: 'none' | 'previous' | 'year', zone: string): Span | undefined {
  if (compare === 'none') return undefined;
  return compare === 'year' ? lastYear({ fromMs, toMs }, zone) : neighbour({ fromMs, toMs }, -1, zone);
}
