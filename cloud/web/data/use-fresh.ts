/** A question whose answer grows old with the data: asked again every so often while the range moves on with it. */
import { useRef } from 'preact/hooks';
import { liveStore, pausedStore, tickStore } from '../live/live.ts';
import { useStore } from '../shell/store.ts';
import { getJson } from './request.ts';
import { type Data, useData } from './use-data.ts';

export const FRESH_EVERY_MS = 15_000;

/** Not asked again while the page is paused or the cloud is away. The answer before stays until the new one is there. */
export function useFresh<T>(address: string | null, isMoving: boolean, everyMs = FRESH_EVERY_MS): Data<T> {
  const beat = useBeat(isMoving, everyMs);
  const question = address === null ? null : `${address} ${beat}`;
  return useData(question, (signal) => getJson<T>(address ?? '', signal), true);
}

/** Counts up every so often; stands still while the page is paused or the cloud is away. */
export function useBeat(isMoving: boolean, everyMs: number): number {
  const nowMs = useStore(tickStore);
  const isPaused = useStore(pausedStore);
  const { connected } = useStore(liveStore);
  const kept = useRef(0);
  if (isMoving && !isPaused && connected) kept.current = Math.floor(nowMs / everyMs);
  return kept.current;
}
