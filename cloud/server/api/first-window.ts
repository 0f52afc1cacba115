/** Pure: when the first window can be there, told from what the edges say. */
import type { KnownEdge } from '../liveness.ts';

/**
 * A window is closed by the next one's first reading or by a mark, so with the newest reading inside a window the rest of that window is
 * the wait at the speed of real time; a faster replay is there earlier. Without a reading at any edge nobody can tell.
 * @param nowMs monotonic, as KnownEdge.heardMs
 * @returns whole seconds, at least 1; null when it can't be told
 */
export function firstWindowInSeconds(edges: readonly KnownEdge[], windowMs: number, nowMs: number): number | null {
  let soonestMs: number | null = null;
  for (const { state, heardMs, report } of edges) {
    if (state === 'silent' || report.newestMs === null) continue;
    const restMs = windowMs - (((report.newestMs % windowMs) + windowMs) % windowMs);
    const waitMs = restMs - (nowMs - heardMs);
    soonestMs = soonestMs === null ? waitMs : Math.min(soonestMs, waitMs);
  }
  return soonestMs === null ? null : Math.max(1, Math.ceil(soonestMs / 1_000));
}
