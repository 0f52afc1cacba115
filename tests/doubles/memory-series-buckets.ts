/** Buckets of any width of a series store in memory. */
import { type AddedSeries, addSeries } from '../../cloud/server/analytics/add-series.ts';
import { ColumnFiller } from '../../cloud/server/analytics/bucket-columns.ts';
import { type Aggregate, ROLLUP_LEVELS_MS } from '../../cloud/server/analytics/rollup.ts';
import { planRuns } from '../../cloud/server/storage/bucket-plan.ts';
import type { BucketsQuery, KeptLevel, SeriesBuckets } from '../../cloud/server/storage/series-store.ts';
import { inOrder, type MemoryDevice, type MemorySeriesFile } from './memory-series-file.ts';

export function keptOf({ keptFromMs }: MemorySeriesFile, windowMs: number): KeptLevel[] {
  const levels = [windowMs, ...ROLLUP_LEVELS_MS.filter((levelMs) => levelMs > windowMs)];
  return levels.map((levelMs) => ({ levelMs, fromMs: keptFromMs.get(levelMs) ?? Number.MIN_SAFE_INTEGER }));
}

export function bucketsOfFile(file: MemorySeriesFile, windowMs: number, { series, edges }: BucketsQuery): SeriesBuckets[] {
  const runs = planRuns(edges, keptOf(file, windowMs));
  const length = Math.max(0, edges.length - 1);
  const levelMsOf = (bucket: number) => runs.find((run) => bucket >= run.fromBucket && bucket < run.toBucket)?.levelMs;
  const bucketAt = (startMs: number) => edges.findIndex((edge, i) => i < length && startMs >= edge && startMs < (edges[i + 1] as number));

  const one = (device: MemoryDevice, field: string): AddedSeries[] => {
    const series = device.series.find((its) => its.field === field);
    if (series === undefined) return [];
    const filler = new ColumnFiller(field, length, windowMs);
    for (const startMs of series.windows.starts()) {
      const bucket = bucketAt(startMs);
      if (bucket >= 0 && levelMsOf(bucket) === windowMs) filler.addWindow(bucket, series.windows.get(startMs) as Aggregate);
    }
    for (const [level, levelMs] of ROLLUP_LEVELS_MS.entries()) {
      if (levelMs <= windowMs) continue;
      for (const [startMs, rollup] of [...(series.levels[level] ?? [])].sort(([a], [b]) => a - b)) {
        const bucket = bucketAt(startMs);
        if (bucket >= 0 && levelMsOf(bucket) === levelMs) filler.addRollup(bucket, rollup);
      }
    }
    return [{ devices: 1, ...filler.finish() }];
  };

  return series.map(({ household, device, field }) => {
    const devices = inOrder(file.households.get(household)?.devices ?? new Map<string, MemoryDevice>());
    const added = devices.filter((its) => device === undefined || its.device === device).flatMap((its) => one(its, field));
    if (added.length === 0) return { devices: 0, ...new ColumnFiller(field, length, windowMs).finish() };
    return addSeries(added, (bucket) => (edges[bucket + 1] as number) - (edges[bucket] as number) === windowMs);
  });
}
