/**
 * What stored buckets tell of when a device had windows: the first and the last one in each, and how many. Only of buckets whose seal
 * holds.
 */
import type Database from 'better-sqlite3';
import { MS_PER_HOUR, windowStartMs } from '../../../common/units.ts';
import { BUCKET_COLUMNS, type BucketRow, isBucketSound, rollupIn } from './bucket-rows.ts';
import { type Owner, sealOfSeriesName } from './record-seals.ts';

/** Windows of a device in one bucket. */
export interface BucketSpan {
  /** Start of the first and of the last. */
  firstMs: number;
  lastMs: number;
  windows: number;
}

interface SeriesOfDevice {
  field: string;
  /** The first half of the seals of its buckets. */
  name: number;
}

export class BucketSpans {
  private readonly windowMs: number;
  private readonly statements: SpanStatements;
  private readonly deviceId: number;
  private readonly series = new Map<number, SeriesOfDevice>();

  constructor(statements: SpanStatements, windowMs: number, owner: Owner & { id: number }) {
    this.windowMs = windowMs;
    this.statements = statements;
    this.deviceId = owner.id;
    for (const [id, field] of this.statements.series.all(owner.id) as [number, string][])
      this.series.set(id, { field, name: sealOfSeriesName(id, owner, field) });
  }

  /** Of the field with most windows; undefined where nothing lies, 'unknown' where nothing that lies there can be relied on. */
  at(levelMs: number, startMs: number): BucketSpan | 'unknown' | undefined {
    const rows = this.statements.buckets.all(levelMs, startMs, this.deviceId) as BucketRow[];
    let span: BucketSpan | undefined;
    for (const row of rows) {
      const its = this.series.get(row[SERIES_ID] as number);
      const bucket = rollupIn(row);
      if (its === undefined || !isBucketSound(its.name, levelMs, row, bucket)) continue;
      const firstMs = windowStartMs(bucket.firstMs, this.windowMs);
      const lastMs = windowStartMs(bucket.lastMs, this.windowMs);
      span = {
        firstMs: Math.min(span?.firstMs ?? firstMs, firstMs),
        lastMs: Math.max(span?.lastMs ?? lastMs, lastMs),
        windows: Math.max(span?.windows ?? 0, bucket.windowCount),
      };
    }
    return span ?? (rows.length > 0 ? 'unknown' : undefined);
  }

  /** True for an hour that has all its windows. */
  isWholeHour(startMs: number): boolean {
    return startMs % MS_PER_HOUR === 0 && this.isWhole(this.at(MS_PER_HOUR, startMs));
  }

  isWhole(hour: BucketSpan | 'unknown' | undefined): boolean {
    return hour !== undefined && hour !== 'unknown' && hour.windows >= MS_PER_HOUR / this.windowMs;
  }

  /** The next hour, from this one on, in which any device has something. */
  nextHour(fromMs: number): number | undefined {
    return (this.statements.nextHour.get(fromMs) ?? undefined) as number | undefined;
  }

  /** The last hour before this one in which any device has something. */
  hourBefore(startMs: number): number | undefined {
    return (this.statements.hourBefore.get(startMs) ?? undefined) as number | undefined;
  }
}

const SERIES_ID = 16;

export type SpanStatements = ReturnType<typeof prepareSpans>;

/** For all devices of a database. */
export function prepareSpans(database: Database.Database) {
  const hours = `FROM rollups WHERE level_ms = ${MS_PER_HOUR} AND start_ms`;
  const columns = BUCKET_COLUMNS.split(', ').map((column) => `r.${column}`);
  return {
    series: database.prepare('SELECT id, field FROM series WHERE device_id = ?').raw(),
    buckets: database
      .prepare(
        `SELECT ${columns.join(', ')}, r.series_id
         FROM series s CROSS JOIN rollups r ON r.level_ms = ? AND r.start_ms = ? AND r.series_id = s.id WHERE s.device_id = ?`,
      )
      .raw(),
    nextHour: database.prepare(`SELECT min(start_ms) ${hours} >= ?`).pluck(),
    hourBefore: database.prepare(`SELECT max(start_ms) ${hours} < ?`).pluck(),
  };
}
