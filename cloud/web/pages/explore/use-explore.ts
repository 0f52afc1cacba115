/** The series explored over the page's range: loaded once, then fed with newer buckets while the range follows the data. */
import { useEffect, useState } from 'preact/hooks';
import type { SeriesReply } from '../../../server/api/api-types.ts';
import { getJson } from '../../data/request.ts';
import type { SeriesQuestion } from '../../data/series.ts';
import { type Data, useData } from '../../data/use-data.ts';
import { dataEnds } from '../../live/data-ends.ts';
import { liveStore, pausedStore } from '../../live/live.ts';
import { toldLabel } from '../../live/told-label.ts';
import { every } from '../../page-clock.ts';
import { usePageRange } from '../../shell/page-range.ts';
import { useStore } from '../../shell/store.ts';
import { lastYear, neighbour } from '../../zone-time.ts';
import { type Choice, byAxes } from './choice.ts';
import { exploreQuestion } from './question.ts';
import { type ExploreTable, savedAddress, exploreTableOf, statsFor, withNewer } from './explore-table.ts';

/** Newer buckets are looked for so often. */
const FEED_EVERY_MS = 5_000;

export interface Explored extends Data<ExploreTable> {
  comparison: ExploreTable | undefined;
}

export function useExplore({ refs, stat }: Choice): Explored {
  const { range, zone, isLive } = usePageRange();
  const { drawn } = byAxes(refs);
  const stats = statsFor(stat, drawn.length);
  const address = exploreQuestion({ refs, stat }, range, zone);
  const data = useData(address, (signal) => ask(address ?? '', signal), true);
  const value = useFed(data, { refs: drawn, stats, moves: isLive, slides: range.from.startsWith('latest') });
  const comparison = useComparison(value, drawn, stats);
  return { ...data, value: address === null ? undefined : value, comparison };
}

export async function ask(address: string, signal: AbortSignal): Promise<ExploreTable> {
  const reply = await getJson<SeriesReply>(address, signal);
  // With the first picture, which the live stream waits for.
  toldLabel.set(reply.dataLabel);
  return exploreTableOf(reply);
}

interface Feeding {
  refs: readonly string[];
  stats: readonly string[];
  /** The range ends where the data ends. */
  moves: boolean;
  /** It begins a fixed time before. */
  slides: boolean;
}

/** The table with what has come in since, looked for every few seconds; at rest while the page is paused or cut off. */
function useFed(data: Data<ExploreTable>, { refs, stats, moves, slides }: Feeding): ExploreTable | undefined {
  const [fed, setFed] = useState<{ onto: ExploreTable; table: ExploreTable } | undefined>(undefined);
  const isPaused = useStore(pausedStore);
  const onto = data.value;
  useEffect(() => {
    if (!moves || onto === undefined || data.isLoading || isPaused) return undefined;
    const given = new AbortController();
    let held = onto;
    // The last bucket is mostly not over yet, so its end does not say up to where it is filled.
    let knownMs = dataEnds.get().latestMs ?? -Infinity;
    let isAsking = false;
    const feed = async (): Promise<void> => {
      const { latestMs } = dataEnds.get();
      if (isAsking || !liveStore.get().connected || latestMs === null || latestMs <= knownMs) return;
      isAsking = true;
      try {
        const tail = await ask(savedAddress(tailOf(held, refs), stats), given.signal);
        held = withNewer(held, tail, slides ? held.fromMs + tail.toMs - held.toMs : held.fromMs);
        knownMs = latestMs;
        if (!given.signal.aborted) setFed({ onto, table: held });
      } catch {
        // Asked again in a few seconds; the badge says when the cloud is away.
      } finally {
        isAsking = false;
      }
    };
    const end = every(FEED_EVERY_MS, () => void feed());
    return () => {
      end();
      given.abort();
    };
  }, [onto, data.isLoading, moves, isPaused]);
  return fed !== undefined && fed.onto === onto ? fed.table : onto;
}

/** From the last bucket on, which may have been open. */
function tailOf(table: ExploreTable, refs: readonly string[]): SeriesQuestion {
  const lastMs = table.startsMs.at(-1) ?? table.fromMs;
  return { refs, from: String(lastMs), to: 'latest', tz: table.tz, grain: { resolution: table.resolution } };
}

function useComparison(table: ExploreTable | undefined, refs: readonly string[], stats: readonly string[]): ExploreTable | undefined {
  const { range, zone } = usePageRange();
  const then =
    table === undefined || range.compare === 'none'
      ? undefined
      : range.compare === 'year'
        ? lastYear(table, zone)
        : neighbour(table, -1, zone);
  const address =
    table === undefined || then === undefined || refs.length === 0
      ? null
      : savedAddress({ refs, from: String(then.fromMs), to: String(then.toMs), tz: zone, grain: { resolution: table.resolution } }, stats);
  const { value } = useData(address, (signal) => ask(address ?? '', signal));
  return address === null ? undefined : value;
}
