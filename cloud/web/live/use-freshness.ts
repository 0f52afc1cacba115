/** How fresh the figures are, told anew each second. */
import { pausedStore, liveStore, tickStore } from './live.ts';
import { type Freshness, freshness } from './page-state.ts';
import { useStore } from '../shell/store.ts';

export function useFreshness(): Freshness {
  return freshness(useStore(liveStore), useStore(tickStore));
}

export type Badge = 'connecting' | 'waiting' | 'live' | 'stale' | 'reconnecting' | 'offline' | 'paused' | 'finished';

/** Cut for longer than a cloud takes to start again: nobody is to wait for it. */
const OFFLINE_AFTER_SECONDS = 30;

export function useBadge(): Badge {
  const fresh = useFreshness();
  const { cutMs } = useStore(liveStore);
  const nowMs = useStore(tickStore);
  const isPaused = useStore(pausedStore);
  if (fresh.kind === 'cut') return cutMs !== null && nowMs - cutMs >= OFFLINE_AFTER_SECONDS * 1_000 ? 'offline' : 'reconnecting';
  return isPaused && fresh.kind !== 'connecting' ? 'paused' : fresh.kind;
}
