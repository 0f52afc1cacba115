/** An answer that is asked for anew as the fleet changes; the one before stays until then. */
import type { EdgeReply } from '../../server/api/api-types.ts';
import { liveStore } from '../live/live.ts';
import { useStore } from '../shell/store.ts';
import { getJson } from './request.ts';
import { type Data, useData } from './use-data.ts';

/** What is asked of the API is asked again so often. */
const ASK_EVERY_MS = 20_000;

export function useAsked<T>(path: string): Data<T> {
  const turn = useTurn();
  return useData(turn === '' ? null : `${path} ${turn}`, (signal) => getJson<T>(path, signal), true);
}

/** As useAsked, of an answer in pages: all of them, one after the other, as one. */
export function useAllPages<T extends { nextCursor: string | null }>(path: string, rows: keyof T & string): Data<T> {
  const turn = useTurn();
  return useData(turn === '' ? null : `${path} ${turn}`, (signal) => allPages<T>(path, rows, signal), true);
}

async function allPages<T extends { nextCursor: string | null }>(path: string, rows: string, signal: AbortSignal): Promise<T> {
  const first = await getJson<T>(path, signal);
  const all = [...((first as Record<string, unknown>)[rows] as unknown[])];
  for (let { nextCursor } = first; nextCursor !== null; ) {
    const next = await getJson<T>(`${path}&cursor=${encodeURIComponent(nextCursor)}`, signal);
    all.push(...((next as Record<string, unknown>)[rows] as unknown[]));
    ({ nextCursor } = next);
  }
  return { ...first, [rows]: all, nextCursor: null };
}

/**
 * Another text as soon as an edge comes or goes, and every few seconds of the cloud's own word: stands still while the stream is cut, so
 * that nobody is asked who is not there. Empty before the first word.
 */
function useTurn(): string {
  const { live } = useStore(liveStore);
  if (live === null) return '';
  const changes = live.edges.map(({ edge, health, connects }: EdgeReply) => `${edge} ${health} ${connects}`).join();
  return `${Math.floor(Date.parse(live.sentAt) / ASK_EVERY_MS)} ${changes}`;
}
