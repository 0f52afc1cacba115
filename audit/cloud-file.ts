/**
 * The cloud's series.db, opened read-only by the audit and read as one snapshot, whether a cloud server is writing or not. The layout of
 * the statistics is decoded here once more (cloud/server/storage/stats-codec.ts documents it): per field a byte of flags, then
 * first, last, sum, min, max as float64 little-endian, without those that a flag says are another one. So is the seal of a part
 * (cloud/server/storage/part-seals.ts).
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import Database from 'better-sqlite3';
import { isDamage } from '../common/broker/embedded-database.ts';
import { START } from '../common/installation.ts';
import type { Digest } from '../common/protocol/digest.ts';
import { SeqIntervals } from '../common/protocol/seq-intervals.ts';
import { type DamagedRecord, damagedRecords } from './record-seals.ts';
import { explainReadError, refuseFindings, unreadable } from './damage.ts';

const BUSY_TIMEOUT_MS = 5_000;
/** The newest schema whose tables are known here. */
const SCHEMA_KNOWN = 3;
/** More says no more: the file is to be replaced. */
const FINDINGS_SHOWN_MAX = 3;

export interface CloudSource {
  id: number;
  deviceId: number;
  household: string;
  device: string;
  src: string;
  covered: SeqIntervals;
  /** Smallest and greatest event time stored; null when nothing is. */
  firstMs: number | null;
  greatestMs: number | null;
  readings: number;
  digest: Digest;
}

export interface CloudHousehold {
  household: string;
  postalCode: string;
  /** ISO 3166-2. */
  state: string;
  /** Its code was drawn, and stands in no file. */
  isDrawn: boolean;
}

export interface CloudGap {
  fromSeq: number;
  toSeq: number;
  reason: string;
}

export interface CloudPart {
  windowStartMs: number;
  sourceId: number;
  fromSeq: number;
  toSeq: number;
  firstMs: number;
  lastMs: number;
  digest: Digest;
  /** Its checksum does not hold. A part of the first schema has none. */
  isDamaged: boolean;
  /** By field; none when a damaged part can't be decoded. */
  fields: Map<string, PartNumbers>;
}

export interface PartNumbers {
  first: number;
  last: number;
  sum: number;
  min: number;
  max: number;
}

export interface CloudSeries {
  id: number;
  field: string;
  count: number;
  energy_ws: number;
  window_count: number;
  last_ms: number;
}

export interface CloudRollup {
  count: number;
  sum: number;
  min: number;
  max: number;
  first: number;
  first_ms: number;
  first_source: number;
  first_seq: number;
  last: number;
  last_ms: number;
  last_source: number;
  last_seq: number;
  energy_ws: number;
  window_count: number;
}

type RawPart = [number, number, number, number, number, number, number, number, number, Buffer, number | null];

export class CloudFile {
  readonly windowMs: number;
  private readonly database: Database.Database;
  private readonly fieldSets = new Map<number, string[]>();
  private readonly rollupAt: Database.Statement;
  private rollupCounts: Map<string, number> | undefined;

  constructor(database: Database.Database) {
    this.database = database;
    this.windowMs = Number(database.prepare("SELECT value FROM meta WHERE key = 'window_ms'").pluck().get());
    for (const [id, fields] of database.prepare('SELECT id, fields FROM field_sets').raw().all() as [number, string][])
      this.fieldSets.set(id, JSON.parse(fields) as string[]);
    this.rollupAt = database.prepare('SELECT * FROM rollups WHERE level_ms = ? AND start_ms = ? AND series_id = ?');
  }

  close(): void {
    this.database.close();
  }

  /** @throws OperatingError DATA_UNREADABLE, as everything that reads here */
  sources(): CloudSource[] {
    return this.reading(() => {
      const rows = this.database
        .prepare(
          `SELECT s.id, s.device_id AS deviceId, household, device, src, covered, first_ms AS firstMs, greatest_ms AS greatestMs,
             readings, digest_high AS high, digest_low AS low
           FROM sources s JOIN devices d ON d.id = s.device_id JOIN households h ON h.id = d.household_id ORDER BY s.id`,
        )
        .all() as (Omit<CloudSource, 'covered' | 'digest'> & { covered: string; high: number; low: number })[];
      return rows.map(({ covered, high, low, ...row }) => ({
        ...row,
        covered: SeqIntervals.of(JSON.parse(covered) as [number, number][]),
        digest: { high, low },
      }));
    });
  }

  households(): CloudHousehold[] {
    const households = "SELECT household, postal_code, state, postal_code_from = 'drawn' FROM households ORDER BY household";
    const rows = this.reading(() => this.database.prepare(households).raw().all() as [string, string, string, number][]);
    return rows.map(([household, postalCode, state, isDrawn]) => ({ household, postalCode, state, isDrawn: isDrawn === 1 }));
  }

  gaps(sourceId: number): CloudGap[] {
    const gaps = 'SELECT from_seq AS fromSeq, to_seq AS toSeq, reason FROM gaps WHERE source_id = ? ORDER BY from_seq';
    return this.reading(() => this.database.prepare(gaps).all(sourceId) as CloudGap[]);
  }

  /** In order of window, source, seq. */
  *parts(deviceId: number, fromMs = Number.MIN_SAFE_INTEGER, toMs = Number.MAX_SAFE_INTEGER): Generator<CloudPart> {
    try {
      const rows = this.database
        .prepare(
          `SELECT window_start_ms, source_id, from_seq, to_seq, first_ms, last_ms, field_set_id, digest_high, digest_low, stats, seal
           FROM parts WHERE device_id = ? AND window_start_ms >= ? AND window_start_ms < ? ORDER BY window_start_ms, source_id, from_seq`,
        )
        .raw();
      const seals = new PartSeals(this.database, deviceId);
      for (const row of rows.iterate(deviceId, fromMs, toMs) as IterableIterator<RawPart>) {
        const [windowStartMs, sourceId, fromSeq, toSeq, firstMs, lastMs, fieldSetId, high, low, stats] = row;
        const names = this.fieldSets.get(fieldSetId) ?? [];
        const isDamaged = !seals.holds(row, names);
        const fields = isDamaged ? decodeWhatIsLeft(stats, names) : decodeNumbers(stats, names);
        yield { windowStartMs, sourceId, fromSeq, toSeq, firstMs, lastMs, digest: { high, low }, isDamaged, fields };
      }
    } catch (error) {
      throw explainReadError(error, this.database.name);
    }
  }

  series(deviceId: number): CloudSeries[] {
    const series = 'SELECT id, field, count, energy_ws, window_count, last_ms FROM series WHERE device_id = ?';
    return this.reading(() => this.database.prepare(series).all(deviceId) as CloudSeries[]);
  }

  rollup(levelMs: number, startMs: number, seriesId: number): CloudRollup | undefined {
    return this.reading(() => this.rollupAt.get(levelMs, startMs, seriesId) as CloudRollup | undefined);
  }

  /** What starts before was forgotten because of its age, at this length of bucket; the store says so itself. */
  keptFromMs(levelMs: number): number {
    const kept = this.database.prepare('SELECT value FROM meta WHERE key = ?').pluck();
    const fromMs = this.reading(() => kept.get(`kept_from_ms_${levelMs}`) as string | undefined);
    return fromMs === undefined ? Number.MIN_SAFE_INTEGER : Number(fromMs);
  }

  /** How many buckets of the level the series has, of those that were not forgotten. */
  rollupCount(levelMs: number, seriesId: number): number {
    if (this.rollupCounts === undefined) {
      const levels = this.reading(() => this.database.prepare('SELECT DISTINCT level_ms FROM rollups').pluck().all() as number[]);
      const counts = this.database
        .prepare('SELECT series_id, count(*) FROM rollups WHERE level_ms = ? AND start_ms >= ? GROUP BY series_id')
        .raw();
      this.rollupCounts = new Map();
      for (const level of levels) {
        const rows = this.reading(() => counts.all(level, this.keptFromMs(level)) as [number, number][]);
        for (const [id, count] of rows) this.rollupCounts.set(`${level}/${id}`, count);
      }
    }
    return this.rollupCounts.get(`${levelMs}/${seriesId}`) ?? 0;
  }

  /** Rows beside the parts whose checksum does not hold. */
  damagedRecords(): DamagedRecord[] {
    return this.reading(() => [...damagedRecords(this.database)]);
  }

  /** Parts and buckets that belong to no device or series: they would be looked at by nobody. */
  strayRows(): { parts: number; rollups: number } {
    const count = (sql: string) => this.reading(() => this.database.prepare(sql).pluck().get() as number);
    return {
      parts: count('SELECT count(*) FROM parts WHERE device_id NOT IN (SELECT id FROM devices)'),
      rollups: count(
        'SELECT count(*) FROM rollups WHERE series_id NOT IN (SELECT id FROM series) OR level_ms NOT IN (60000, 900000, 3600000)',
      ),
    };
  }

  private reading<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      throw explainReadError(error, this.database.name);
    }
  }
}

/**
 * One snapshot, until close().
 * @throws OperatingError DATA_UNREADABLE when there is no store, a damaged one, or one that this program can't read
 */
export function openCloudFile(stateDir: string): CloudFile {
  return openSnapshot(join(stateDir, 'cloud', 'series.db'), [SCHEMA_KNOWN], 'store', (database) => new CloudFile(database));
}

/**
 * A read-only connection that goes on seeing the file as it is now, looked through for damage first: all of it is read once.
 * @throws OperatingError DATA_UNREADABLE
 */
export function openSnapshot<T>(path: string, schemas: readonly number[], what: string, open: (database: Database.Database) => T): T {
  if (!existsSync(path)) throw unreadable(`there is no ${what} at ${path}`, `give --state the folder of a run: ${START} makes one`);
  let database: Database.Database | undefined;
  try {
    database = openReadOnly(path);
    database.exec('BEGIN');
    const version = database.pragma('user_version', { simple: true }) as number;
    if (!schemas.includes(version))
      throw unreadable(`${path} has schema ${version}, audit reads ${schemas.join(' and ')}`, 'use the Fogline that wrote it');
    // The first read takes the snapshot.
    database.prepare('SELECT count(*) FROM sqlite_schema').get();
    quickCheck(database);
    return open(database);
  } catch (error) {
    database?.close();
    throw explainReadError(error, path);
  }
}

/**
 * Looks a file through that somebody else reads. SQLite's quick check finds a page that is none, and not a value that was changed.
 * @param onDamaged told what is wrong in it, where it is damaged
 * @throws OperatingError DATA_UNREADABLE
 */
export function refuseDamage(path: string, onDamaged: (finding: string) => void): void {
  let database: Database.Database | undefined;
  try {
    database = openReadOnly(path);
    quickCheck(database);
  } catch (error) {
    const explained = explainReadError(error, path);
    // What the check finds is explained already.
    if (error === explained || isDamage(error)) onDamaged(explained.message);
    throw explained;
  } finally {
    database?.close();
  }
}

function openReadOnly(path: string): Database.Database {
  const database = new Database(path, { readonly: true, timeout: BUSY_TIMEOUT_MS });
  database.pragma('trusted_schema = OFF');
  database.pragma('cell_size_check = ON');
  return database;
}

function quickCheck(database: Database.Database): void {
  refuseFindings(database.name, database.prepare(`PRAGMA quick_check(${FINDINGS_SHOWN_MAX})`).pluck().all() as string[]);
}

/** CRC-32 of the names that a row belongs to, its numbers as float64 little-endian, and its statistics. */
class PartSeals {
  private readonly device: string;
  private readonly sources: ReadonlyMap<number, string>;

  constructor(database: Database.Database, deviceId: number) {
    const named = 'SELECT household, device FROM devices d JOIN households h ON h.id = d.household_id WHERE d.id = ?';
    this.device = (database.prepare(named).raw().get(deviceId) as [string, string]).join('/');
    const sources = database.prepare('SELECT id, src FROM sources WHERE device_id = ?').raw().all(deviceId) as [number, string][];
    this.sources = new Map(sources);
  }

  holds(row: RawPart, fields: readonly string[]): boolean {
    const [windowStartMs, sourceId, fromSeq, toSeq, firstMs, lastMs, , high, low, stats, seal] = row;
    if (seal === null) return true;
    const numbers = Buffer.alloc(7 * 8);
    [windowStartMs, fromSeq, toSeq, firstMs, lastMs, high, low].forEach((number, i) => numbers.writeDoubleLE(number, i * 8));
    const names = Buffer.from(`${this.device}/${this.sources.get(sourceId)} ${fields.join()}`);
    return crc32(Buffer.concat([names, numbers, stats])) === seal;
  }
}

/** A damaged part may have lost its layout too. */
function decodeWhatIsLeft(stats: Buffer, fields: readonly string[]): Map<string, PartNumbers> {
  try {
    return decodeNumbers(stats, fields);
  } catch {
    return new Map();
  }
}

/** Bits of a flag byte. */
const SAME = { lastFirst: 1, sumBoth: 2, sumFirst: 4, minFirst: 8, minLast: 16, maxFirst: 32, maxLast: 64 } as const;

function decodeNumbers(stats: Buffer, fields: readonly string[]): Map<string, PartNumbers> {
  let at = fields.length;
  const next = () => {
    const value = stats.readDoubleLE(at);
    at += 8;
    return value;
  };
  const numbers = new Map<string, PartNumbers>();
  fields.forEach((field, i) => {
    const flags = stats[i] as number;
    const has = (bit: number) => (flags & bit) !== 0;
    const first = next();
    const last = has(SAME.lastFirst) ? first : next();
    const sum = has(SAME.sumFirst) ? first : has(SAME.sumBoth) ? first + last : next();
    const min = has(SAME.minFirst) ? first : has(SAME.minLast) ? last : next();
    const max = has(SAME.maxFirst) ? first : has(SAME.maxLast) ? last : next();
    numbers.set(field, { first, last, sum, min, max });
  });
  return numbers;
}
