/** What time it is at the cloud. */
import { useStore } from '../shell/store.ts';
import { liveStore, tickStore } from './live.ts';

/** The cloud's wall clock now, as far as the page can tell: its last word, and as much more as it has been here. */
export function useCloudNow(): number {
  const { live, arrivedMs } = useStore(liveStore);
  const nowMs = useStore(tickStore);
  return live === null ? 0 : Date.parse(live.sentAt) + Math.max(0, nowMs - arrivedMs);
}
