/** Writes the buckets of a transaction, each whole and with its seal. To be used inside a transaction only. */
import type Database from 'better-sqlite3';
import { addRollup, bucketStartMs, ROLLUP_LEVELS_MS, type Rollup } from '../analytics/rollup.ts';
import {
  BUCKET_COLUMNS,
  type BucketRebuilder,
  type BucketRow,
  isBucketSound,
  prepareSaveBucket,
  rollupIn,
  saveBucket,
} from './bucket-rows.ts';
import type { KnownDevice, KnownSeries } from './known-households.ts';
import type { DamagedRecord } from './household-mender.ts';

export class BucketWriter {
  private readonly rebuilder: BucketRebuilder;
  private readonly onDamaged: (record: DamagedRecord) => void;
  private readonly statements: ReturnType<typeof prepare>;

  constructor(database: Database.Database, rebuilder: BucketRebuilder, onDamaged: (record: DamagedRecord) => void) {
    this.rebuilder = rebuilder;
    this.onDamaged = onDamaged;
    this.statements = prepare(database);
  }

  /** Adds the change of one bucket. The parts behind it are stored already. */
  add(device: KnownDevice, series: KnownSeries, level: number, change: Rollup): void {
    const { newest } = series;
    const held = newest[level];
    if (held !== undefined && held.startMs === change.startMs) {
      addRollup(held, change);
      this.save(series, level, held);
    } else if (held === undefined ? change.startMs > series.newestStartsMs[level]! : change.startMs > held.startMs) {
      // Nothing is stored of it. Kept: what comes next adds to it.
      newest[level] = { ...change };
      this.save(series, level, change);
    } else this.addToStored(device, series, level, change);
  }

  /**
   * Adds a damaged bucket up again, if it is one.
   * @param wholeFromMs no window of the device that starts later was deleted; the rebuilder's own notes when left out
   * @returns false when it is damaged and can't be
   */
  mend(device: KnownDevice, series: KnownSeries, level: number, startMs: number, wholeFromMs?: number): boolean {
    const row = this.statements.bucket.get(ROLLUP_LEVELS_MS[level], startMs, series.id) as BucketRow | undefined;
    const levelMs = ROLLUP_LEVELS_MS[level] as number;
    if (row === undefined || isBucketSound(series.sealOfName, levelMs, row, rollupIn(row))) return true;
    return this.addUpAgain(device, series, level, startMs, wholeFromMs);
  }

  /**
   * Looks at the buckets over these windows, and mends what can be mended.
   * @returns the spans of those that can't be
   */
  lostOver(device: KnownDevice, starts: readonly number[], wholeFromMs: number): { fromMs: number; toMs: number }[] {
    const lost: { fromMs: number; toMs: number }[] = [];
    for (const [level, levelMs] of ROLLUP_LEVELS_MS.entries()) {
      for (const fromMs of new Set(starts.map((startMs) => bucketStartMs(startMs, levelMs)))) {
        const isSound = device.series.map((series) => this.mend(device, series, level, fromMs, wholeFromMs));
        if (isSound.includes(false)) lost.push({ fromMs, toMs: fromMs + levelMs });
      }
    }
    return lost;
  }

  private addToStored(device: KnownDevice, series: KnownSeries, level: number, change: Rollup): void {
    const levelMs = ROLLUP_LEVELS_MS[level] as number;
    const row = this.statements.bucket.get(levelMs, change.startMs, series.id) as BucketRow | undefined;
    if (row === undefined) return this.save(series, level, change);
    const bucket = rollupIn(row);
    if (!isBucketSound(series.sealOfName, levelMs, row, bucket)) {
      this.addUpAgain(device, series, level, change.startMs);
      return;
    }
    addRollup(bucket, change);
    this.save(series, level, bucket);
    // One that is later than what was read is held already: it must not be forgotten for this one.
    if (series.newest[level] === undefined && change.startMs === series.newestStartsMs[level]!) series.newest[level] = bucket;
  }

  /** @returns false when it can't be */
  private addUpAgain(device: KnownDevice, series: KnownSeries, level: number, startMs: number, wholeFromMs?: number): boolean {
    const levelMs = ROLLUP_LEVELS_MS[level] as number;
    const rebuilt = this.rebuilder.rebuild({ deviceId: device.id, field: series.field, levelMs, startMs }, wholeFromMs);
    const what = `bucket of ${levelMs / 60_000} min, ${device.device}, ${series.field}, from ${startMs}`;
    const { household } = device.household;
    if (rebuilt === 'lost') {
      this.onDamaged({ household, table: 'rollups', outcome: 'refused', what });
      return false;
    }
    this.statements.setAside.run(levelMs, startMs, series.id);
    if (rebuilt === undefined) this.statements.remove.run(levelMs, startMs, series.id);
    else this.save(series, level, rebuilt);
    this.onDamaged({ household, table: 'rollups', outcome: 'mended', what: `${what}: added up again` });
    return true;
  }

  private save({ id, sealOfName }: KnownSeries, level: number, bucket: Rollup): void {
    saveBucket(this.statements.save, id, sealOfName, ROLLUP_LEVELS_MS[level] as number, bucket);
  }
}

function prepare(database: Database.Database) {
  const at = 'level_ms = ? AND start_ms = ? AND series_id = ?';
  const quoted = `level_ms, series_id, ${BUCKET_COLUMNS}`
    .split(', ')
    .map((column) => `quote(${column})`)
    .join(", ',', ");
  return {
    bucket: database.prepare(`SELECT ${BUCKET_COLUMNS} FROM rollups WHERE ${at}`).raw(),
    save: prepareSaveBucket(database),
    remove: database.prepare(`DELETE FROM rollups WHERE ${at}`),
    setAside: database.prepare(
      `INSERT INTO damaged (found_ms, place, row)
       SELECT unixepoch() * 1000, 'rollups', CAST(concat(${quoted}) AS BLOB) FROM rollups WHERE ${at}`,
    ),
  };
}
