/** Looks stored buckets of one length through for those whose seal does not hold, a page at a time. */
import type Database from 'better-sqlite3';
import { BUCKET_COLUMNS, type BucketRow, type DamagedBucket, isBucketSound, rollupIn } from './bucket-rows.ts';
import { sealOfSeriesName } from './record-seals.ts';

/** Buckets of one page: a few ms. */
const BUCKETS_PER_PAGE = 2_000;
const SERIES_ID = 16;

interface NamedSeries extends Pick<DamagedBucket, 'household' | 'device' | 'field'> {
  /** The first half of the seals of its buckets. */
  name: number;
}

export class DamagedBuckets {
  private readonly levelMs: number;
  private readonly beforeMs: number;
  private readonly series = new Map<number, NamedSeries>();
  private afterStartMs: number;
  private afterSeries = Number.POSITIVE_INFINITY;
  /** Nothing is left to be looked at. */
  isDone = false;

  constructor(levelMs: number, fromMs: number, beforeMs: number) {
    this.levelMs = levelMs;
    this.afterStartMs = fromMs - 1;
    this.beforeMs = beforeMs;
  }

  /** The damaged ones of the next page. */
  next(database: Database.Database): DamagedBucket[] {
    const { levelMs } = this;
    const rows = database
      .prepare(
        `SELECT ${BUCKET_COLUMNS}, series_id FROM rollups
         WHERE level_ms = ? AND (start_ms, series_id) > (?, ?) AND start_ms < ? ORDER BY start_ms, series_id LIMIT ?`,
      )
      .raw()
      .all(levelMs, this.afterStartMs, this.afterSeries, this.beforeMs, BUCKETS_PER_PAGE) as BucketRow[];
    this.isDone = rows.length < BUCKETS_PER_PAGE;
    const last = rows.at(-1);
    if (last !== undefined) [this.afterStartMs, this.afterSeries] = [last[0], last[SERIES_ID] as number];
    return rows.flatMap((row): DamagedBucket[] => {
      const named = this.seriesOf(database, row[SERIES_ID] as number);
      const bucket = rollupIn(row);
      if (named === undefined || isBucketSound(named.name, levelMs, row, bucket)) return [];
      const { household, device, field } = named;
      return [{ household, device, field, levelMs, startMs: bucket.startMs }];
    });
  }

  private seriesOf(database: Database.Database, id: number): NamedSeries | undefined {
    const held = this.series.get(id);
    if (held !== undefined) return held;
    const found = database
      .prepare(
        `SELECT household, device, field FROM series s JOIN devices d ON d.id = s.device_id JOIN households h ON h.id = d.household_id
         WHERE s.id = ?`,
      )
      .get(id) as Pick<DamagedBucket, 'household' | 'device' | 'field'> | undefined;
    if (found === undefined) return undefined;
    const named = { ...found, name: sealOfSeriesName(id, found, found.field) };
    this.series.set(id, named);
    return named;
  }
}
