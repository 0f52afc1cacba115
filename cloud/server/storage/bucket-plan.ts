/** Which stored buckets an answer is read from, pure. */
import { OperatingError } from '../../../common/errors.ts';
import { isoTime } from '../../../common/iso-time.ts';
import type { KeptLevel } from './series-store.ts';

/** Buckets [fromBucket, toBucket) of the answer, all tiled by stored ones of this length. */
export interface Run {
  levelMs: number;
  fromBucket: number;
  toBucket: number;
}

/**
 * Neighbours that are tiled by the same length are one run. Of the lengths that tile a bucket the longest is taken.
 * @param edges ascending, whole windows
 * @param kept shortest first; the first one is the window
 * @throws OperatingError FORGOTTEN
 */
export function planRuns(edges: readonly number[], kept: readonly KeptLevel[]): Run[] {
  const runs: Run[] = [];
  let run: Run | undefined;
  for (let bucket = 0; bucket + 1 < edges.length; bucket++) {
    const levelMs = levelOf(edges[bucket] as number, edges[bucket + 1] as number, kept);
    if (run?.levelMs === levelMs) run.toBucket = bucket + 1;
    else runs.push((run = { levelMs, fromBucket: bucket, toBucket: bucket + 1 }));
  }
  return runs;
}

function levelOf(startMs: number, endMs: number, kept: readonly KeptLevel[]): number {
  const level = kept.findLast(({ levelMs }) => startMs % levelMs === 0 && endMs % levelMs === 0);
  if (level === undefined || endMs <= startMs) throw new Error(`no whole windows: ${startMs} to ${endMs}`);
  if (startMs >= level.fromMs) return level.levelMs;
  throw forgotten(level, startMs);
}

function forgotten({ levelMs, fromMs }: KeptLevel, startMs: number): OperatingError {
  return new OperatingError(
    'FORGOTTEN',
    `what is kept every ${levelMs / 1_000} s begins at ${isoTime(fromMs)}, after ${isoTime(startMs)}`,
    {
      retryable: false,
      hint: 'ask for longer buckets, or for a later time; cloud.keep_raw_days, keep_1m_days and keep_15m_days say what is kept',
    },
  );
}
