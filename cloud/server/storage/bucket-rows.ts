/**
 * Rows of the table `rollups`, with their seals. A bucket is derived from parts: a damaged one is added up again from them, by who reads it
 * for the answer, and by the writer for good.
 */
import { crc32 } from 'node:zlib';
import type Database from 'better-sqlite3';
import { OperatingError } from '../../../common/errors.ts';
import { isoTime } from '../../../common/iso-time.ts';
import { addAggregate, addRollup, type Aggregate, countWindow, isPower, ROLLUP_LEVELS_MS, type Rollup } from '../analytics/rollup.ts';
import { keptFromMs, prepareKept, takenOverBeforeMs } from './kept-levels.ts';
import { PART_COLUMNS, partAggregate, type PartRow } from './part-rows.ts';
import type { PartSeals } from './part-seals.ts';
import { sealOfSeriesName } from './record-seals.ts';

export const BUCKET_COLUMNS =
  'start_ms, count, sum, min, max, first, first_ms, first_source, first_seq, last, last_ms, last_source, last_seq, ' +
  'energy_ws, window_count, seal';

/** Columns of a bucket in the order of BUCKET_COLUMNS. */
export type BucketRow = [...Five, ...Five, ...Five, seal: number | null, ...more: number[]];
type Five = [number, number, number, number, number];

/** A bucket whose seal does not hold. */
export interface DamagedBucket {
  household: string;
  device: string;
  field: string;
  levelMs: number;
  startMs: number;
}

export interface BucketPlace {
  deviceId: number;
  field: string;
  levelMs: number;
  startMs: number;
}

export function rollupIn(row: BucketRow): Rollup {
  const [startMs, count, sum, min, max, first, firstMs, firstSource, firstSeq, last, lastMs, lastSource, lastSeq, energyWs, windowCount] =
    row;
  return { startMs, count, sum, min, max, first, firstMs, firstSource, firstSeq, last, lastMs, lastSource, lastSeq, energyWs, windowCount };
}

const NUMBERS = 16;
const numbers = new Float64Array(NUMBERS);

/** @param name sealOfSeriesName of its series */
export function sealOfBucket(name: number, levelMs: number, rollup: Rollup): number {
  numbers[0] = levelMs;
  numbers[1] = rollup.startMs;
  numbers[2] = rollup.count;
  numbers[3] = rollup.sum;
  numbers[4] = rollup.min;
  numbers[5] = rollup.max;
  numbers[6] = rollup.first;
  numbers[7] = rollup.firstMs;
  numbers[8] = rollup.firstSource;
  numbers[9] = rollup.firstSeq;
  numbers[10] = rollup.last;
  numbers[11] = rollup.lastMs;
  numbers[12] = rollup.lastSource;
  numbers[13] = rollup.lastSeq;
  numbers[14] = rollup.energyWs;
  numbers[15] = rollup.windowCount;
  return crc32(numbers, name);
}

/** Rows of the schemas before the third have no seal (NULL), and are taken as they are. */
export function isBucketSound(name: number, levelMs: number, row: BucketRow, rollup: Rollup): boolean {
  const seal = row[15];
  return seal === null || sealOfBucket(name, levelMs, rollup) === seal;
}

/** For saveBucket. */
export function prepareSaveBucket(database: Database.Database): Database.Statement {
  return database.prepare('INSERT OR REPLACE INTO rollups VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)');
}

/**
 * Writes the bucket whole, with its seal, over the one that is there. In a transaction.
 * @param name sealOfSeriesName of its series
 */
export function saveBucket(save: Database.Statement, seriesId: number, name: number, levelMs: number, bucket: Rollup): void {
  const { startMs, count, sum, min, max, first, firstMs, firstSource, firstSeq } = bucket;
  const { last, lastMs, lastSource, lastSeq, energyWs, windowCount } = bucket;
  const seal = sealOfBucket(name, levelMs, bucket);
  save.run(
    levelMs,
    startMs,
    seriesId,
    count,
    sum,
    min,
    max,
    first,
    firstMs,
    firstSource,
    firstSeq,
    last,
    lastMs,
    lastSource,
    lastSeq,
    energyWs,
    windowCount,
    seal,
  );
}

/** What to throw where an answer would need the bucket. */
export function bucketError(
  { household, device, field }: Pick<DamagedBucket, 'household' | 'device' | 'field'>,
  startMs: number,
): OperatingError {
  const what = `the checksum of the bucket from ${isoTime(startMs)} of ${household}, ${device}, ${field} does not hold`;
  return new OperatingError('PART_DAMAGED', `${what}, and its parts are damaged or deleted`, {
    retryable: false,
    hint: 'ask for the time before and after it, or for another resolution; a backup of series.db mends it',
  });
}

/** Adds buckets up again from the parts in them, or from the next shorter buckets where parts are damaged or forgotten. */
export class BucketRebuilder {
  private readonly seals: PartSeals;
  private readonly windowMs: number;
  private readonly statements: ReturnType<typeof prepare>;
  private readonly takenOverBeforeMs: number;

  constructor(database: Database.Database, seals: PartSeals, windowMs: number) {
    this.seals = seals;
    this.windowMs = windowMs;
    this.statements = prepare(database);
    this.takenOverBeforeMs = takenOverBeforeMs(database);
  }

  /**
   * 'lost' where parts of it are damaged or may have been deleted, and shorter buckets too; undefined where nothing of the series lies
   * in it.
   * @param wholeFromMs no window of the device that starts later was deleted; what is noted of that when left out
   */
  rebuild({ deviceId, field, levelMs, startMs }: BucketPlace, wholeFromMs?: number): Rollup | 'lost' | undefined {
    const isWhole = startMs >= (wholeFromMs ?? this.forgottenBeforeMs(deviceId));
    const byParts = isWhole ? this.fromParts({ deviceId, field, levelMs, startMs }) : 'lost';
    return byParts === 'lost' ? this.fromShorter({ deviceId, field, levelMs, startMs }) : byParts;
  }

  private fromParts({ deviceId, field, levelMs, startMs }: BucketPlace): Rollup | 'lost' | undefined {
    const windows = new Map<number, Aggregate>();
    for (const row of this.statements.parts.all(deviceId, startMs, startMs + levelMs) as PartRow[]) {
      if (this.seals.damageOf(row, deviceId) !== undefined) return 'lost';
      const fields = this.seals.fieldsOf(row[6]) ?? [];
      const index = fields.indexOf(field);
      if (index === -1) continue;
      const added = partAggregate(row, fields.length, index);
      const held = windows.get(row[0]);
      if (held === undefined) windows.set(row[0], added);
      else addAggregate(held, added);
    }
    let bucket: Rollup | undefined;
    for (const aggregate of windows.values()) {
      const window: Rollup = { ...aggregate, startMs, energyWs: 0, windowCount: 0 };
      countWindow(window, undefined, this.windowMs, isPower(field));
      if (bucket === undefined) bucket = window;
      else addRollup(bucket, window);
    }
    return bucket;
  }

  /** A shorter one that is damaged is added up itself first. */
  private fromShorter({ deviceId, field, levelMs, startMs }: BucketPlace): Rollup | 'lost' {
    const shorterMs = ROLLUP_LEVELS_MS[ROLLUP_LEVELS_MS.findIndex((its) => its === levelMs) - 1];
    if (shorterMs === undefined || startMs < (keptFromMs(this.statements.kept, shorterMs) ?? Number.NEGATIVE_INFINITY)) return 'lost';
    const series = this.statements.series.get(deviceId, field) as [id: number, household: string, device: string] | undefined;
    if (series === undefined) return 'lost';
    const [id, household, device] = series;
    const name = sealOfSeriesName(id, { household, device }, field);
    let bucket: Rollup | undefined;
    for (const row of this.statements.shorter.all(shorterMs, startMs, startMs + levelMs, id) as BucketRow[]) {
      const stored = rollupIn(row);
      const place = { deviceId, field, levelMs: shorterMs, startMs: stored.startMs };
      const its = isBucketSound(name, shorterMs, row, stored) ? stored : this.fromShorter(place);
      if (its === 'lost') return 'lost';
      if (bucket === undefined) bucket = { ...its, startMs };
      else addRollup(bucket, its);
    }
    // A bucket that is there had readings: what they were is nowhere.
    return bucket ?? 'lost';
  }

  /** Windows of the device that begin later were never deleted. */
  private forgottenBeforeMs(deviceId: number): number {
    if (this.statements.forgetful.get(deviceId) === undefined) return this.takenOverBeforeMs;
    return keptFromMs(this.statements.kept, this.windowMs) ?? Number.POSITIVE_INFINITY;
  }
}

function prepare(database: Database.Database) {
  return {
    kept: prepareKept(database),
    series: database
      .prepare(
        `SELECT s.id, household, device FROM series s JOIN devices d ON d.id = s.device_id JOIN households h ON h.id = d.household_id
         WHERE s.device_id = ? AND s.field = ?`,
      )
      .raw(),
    shorter: database
      .prepare(
        `SELECT ${BUCKET_COLUMNS} FROM rollups WHERE level_ms = ? AND start_ms >= ? AND start_ms < ? AND series_id = ? ORDER BY start_ms`,
      )
      .raw(),
    forgetful: database.prepare("SELECT 1 FROM sources WHERE device_id = ? AND forgotten <> '' LIMIT 1"),
    parts: database
      .prepare(
        `SELECT ${PART_COLUMNS} FROM parts WHERE device_id = ? AND window_start_ms >= ? AND window_start_ms < ?
         ORDER BY window_start_ms, source_id, from_seq`,
      )
      .raw(),
  };
}
