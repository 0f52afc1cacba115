/**
 * Reads what can be read of a store whose file is damaged. A scan ends at a page that is none; so each is done from both ends, and what is
 * left between them in halves, until everything is read, or as much was tried in vain as there is patience for. Then parts and buckets
 * are looked for in all pages, also those that a damaged one has led to. Rows may come twice and may be wrong: who takes one looks at
 * its seal. Writes nothing.
 */
import { statSync } from 'node:fs';
import Database from 'better-sqlite3';
import { PART_COLUMNS, type PartRow } from './part-rows.ts';
import { BUCKET_COLUMNS, type BucketRow } from './bucket-rows.ts';
import { rowsOnPages } from './page-rows.ts';
import { damagedDefinition, SCHEMA_VERSION } from './migrations/migrate.ts';
import { isUnreadable, PAGE_BYTES } from './open-database.ts';

/** Both ends belong to it. */
export interface Span {
  from: number;
  to: number;
}

/** Seeks that may end at a damaged page: of one device or table, and in sum. Each takes some 20 µs. */
const FAILURES_MAX = 5_000;
const ALL_FAILURES_MAX = 200_000;
const EVERYTHING: Span = { from: -(2 ** 52), to: 2 ** 52 };
/** Columns of the tables. */
const PART_VALUES = 12;
const BUCKET_VALUES = 18;
const NOWHERE: Span = { from: 0, to: -1 };
/** Beyond the greatest id read, where the last page is damaged and no index says how many there are. */
const IDS_BEYOND = 10_000;
const FIRST_WITH_PART_SEALS = 2;
const FIRST_WITH_RECORD_SEALS = 3;

/** A table in the order of a column of numbers, which is the first of `columns`. */
interface Ordered {
  columns: string;
  from: string;
  where?: string;
  /** Key first. */
  order: readonly string[];
  /** The numbers of the key are multiples of it. */
  unit?: number;
}

export type NamedRow = Record<string, string | number | null> & { id: number };

export class DamagedFileReader {
  private readonly path: string;
  /** Undefined where not even the list of the tables can be read. */
  private readonly database: Database.Database | undefined;
  private readonly version: number;
  /** Households, devices, sources or series may be missing: neither their rows nor the index over them could be read. */
  mayLackNames = false;
  private failuresLeft = ALL_FAILURES_MAX;
  /** Starts of windows of which parts may be missing, of any device. */
  private readonly lostParts: Span[] = [];

  constructor(path: string) {
    this.path = path;
    this.version = SCHEMA_VERSION;
    // SQLite would remove the write-ahead log beside it.
    if (statSync(path).size === 0) return;
    const database = new Database(path, { readonly: true });
    let version = 0;
    try {
      // Definitions that are none don't keep the others from being read.
      database.unsafeMode();
      database.pragma('writable_schema = ON');
      database.pragma('trusted_schema = OFF');
      database.pragma('cell_size_check = ON');
      version = database.pragma('user_version', { simple: true }) as number;
    } catch (error) {
      database.close();
      if (!isUnreadable(error)) throw error;
      return;
    }
    this.database = database;
    this.version = version;
  }

  close(): void {
    this.database?.close();
  }

  /** False where the list of the tables can't be read, or is not the one that was made. */
  get hasTables(): boolean {
    try {
      return this.database !== undefined && (this.version < SCHEMA_VERSION || damagedDefinition(this.database) === undefined);
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      return false;
    }
  }

  /** False for files of earlier programs, whose rows beside the parts are taken as they are. */
  get hasRecordSeals(): boolean {
    return this.version >= FIRST_WITH_RECORD_SEALS;
  }

  meta(): Iterable<[key: string, value: string]> {
    return [...this.bothEnds('key, value', 'meta', ['key'])].map((row) => row.map(textOf)) as [string, string][];
  }

  /** Rows of a table with an id, and the entries of the index over its names, which say the same without the rest. */
  named(table: string, names: readonly string[], columns: readonly string[]): { rows: NamedRow[]; entries: NamedRow[] } {
    let isIndexWhole = true;
    const lost: Span[] = [];
    const entries = this.objects(
      ['id', ...names],
      this.bothEnds(`id, ${names.join()}`, `${table} INDEXED BY sqlite_autoindex_${table}_1`, names, () => (isIndexWhole = false)),
    );
    let greatest = entries.reduce((max, { id }) => Math.max(max, id), 0);
    const all = ['id', ...columns];
    const sealed = this.hasRecordSeals ? all : all.map((name) => (name === 'seal' ? 'NULL' : name === 'forgotten' ? "''" : name));
    const ordered = { columns: sealed.join(), from: `${table} NOT INDEXED`, order: ['id'] };
    const clamp = () => ({ from: 1, to: greatest });
    const rows = this.objects(
      all,
      this.around(ordered, [], EVERYTHING, clamp, (key) => (greatest = Math.max(greatest, key + IDS_BEYOND)), lost),
    );
    this.mayLackNames ||= lost.length > 0 && !isIndexWhole;
    return { rows, entries };
  }

  *gaps(sourceId: number): Generator<[fromSeq: number, toSeq: number, reason: string, seal: number | null]> {
    const seal = this.hasRecordSeals ? 'seal' : 'NULL';
    const ordered = { columns: `from_seq, to_seq, reason, ${seal}`, from: 'gaps', where: 'source_id = ?', order: ['from_seq'] };
    // Between two damaged pages of one source: its edge declares them again.
    for (const row of this.around(ordered, [sourceId], EVERYTHING, () => NOWHERE))
      yield row.map(textOf) as [number, number, string, number | null];
  }

  damagedRows(): Iterable<[id: number, foundMs: number, place: string, row: Buffer]> {
    if (!this.hasRecordSeals) return [];
    const ordered = { columns: 'id, found_ms, place, row', from: 'damaged', order: ['id'] };
    return this.around(ordered, [], EVERYTHING, () => NOWHERE) as Iterable<[number, number, string, Buffer]>;
  }

  /** Of a device, mostly by time. */
  *parts(deviceId: number, windowMs: number): Generator<[deviceId: number, row: PartRow]> {
    const columns = this.version >= FIRST_WITH_PART_SEALS ? PART_COLUMNS : PART_COLUMNS.replace('seal', 'NULL');
    const order = ['window_start_ms', 'source_id', 'from_seq'];
    const ordered = { columns, from: 'parts NOT INDEXED', where: 'device_id = ?', order, unit: windowMs };
    const bounds = () => this.hours(windowMs);
    for (const row of this.around(ordered, [deviceId], EVERYTHING, bounds, undefined, this.lostParts)) yield [deviceId, row as PartRow];
  }

  /** Of any device: those that `parts` did not come by are among them. */
  *otherParts(): Generator<[deviceId: number, row: PartRow]> {
    if (this.database !== undefined && this.lostParts.length === 0) return;
    for (const [deviceId, start, source, from, to, first, last, fields, high, low, stats, seal] of rowsOnPages(
      this.path,
      PAGE_BYTES,
      PART_VALUES,
    )) {
      if (typeof seal !== 'number' || !Buffer.isBuffer(stats)) continue;
      const row = [start, source, from, to, first, last, fields, stats, high, low, seal];
      if (typeof deviceId === 'number') yield [deviceId, row as PartRow];
    }
  }

  /** Of one length, before a time, with the number of the series at the end. @param lost starts of buckets that are missing, in lengths */
  buckets(levelMs: number, beforeMs: number, lost: Span[]): Iterable<BucketRow> {
    const columns = `${this.hasRecordSeals ? BUCKET_COLUMNS : BUCKET_COLUMNS.replace('seal', 'NULL')}, series_id`;
    const ordered = { columns, from: 'rollups', where: 'level_ms = ?', order: ['start_ms', 'series_id'], unit: levelMs };
    const span = { from: EVERYTHING.from, to: Math.floor(beforeMs / levelMs) - 1 };
    const bounds = () => this.hours(levelMs);
    return this.around(ordered, [levelMs], span, bounds, undefined, lost) as Iterable<BucketRow>;
  }

  /** As `buckets`, of all times: those that `buckets` did not come by are among them, and older copies. */
  *otherBuckets(ofLevelMs: number): Generator<BucketRow> {
    for (const [levelMs, startMs, seriesId, ...values] of rowsOnPages(this.path, PAGE_BYTES, BUCKET_VALUES))
      if (levelMs === ofLevelMs) yield [startMs, ...values, seriesId] as never as BucketRow;
  }

  /** The time of all hours, in units. */
  private hours(unit: number): Span {
    const start = (way: string) => this.first(`SELECT start_ms FROM rollups WHERE level_ms = 3600000 ORDER BY start_ms ${way} LIMIT 1`);
    const [first, last] = [start('ASC') ?? 0, start('DESC') ?? 2 ** 42];
    return { from: Math.floor(first / unit), to: Math.ceil((last + 3_600_000) / unit) };
  }

  private first(sql: string): number | undefined {
    try {
      return this.database?.prepare(sql).pluck().get() as number | undefined;
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      return undefined;
    }
  }

  private objects(names: readonly string[], rows: Iterable<unknown[]>): NamedRow[] {
    return [...rows]
      .map((row) => Object.fromEntries(names.map((name, i) => [name, textOf(row[i])])) as NamedRow)
      .filter(({ id }) => Number.isSafeInteger(id));
  }

  private *bothEnds(columns: string, from: string, order: readonly string[], onDamage = () => {}): Generator<unknown[]> {
    for (const way of ['ASC', 'DESC']) {
      const sql = `SELECT ${columns} FROM ${from} ORDER BY ${order.map((column) => `${column} ${way}`).join()}`;
      if (yield* this.untilDamage(sql, [])) return;
      onDamage();
    }
  }

  /**
   * @param clamp where rows may be at most, asked when an end was not found
   * @param lost gets the keys of which rows may be missing
   */
  private *around(
    { columns, from, where = 'TRUE', order, unit = 1 }: Ordered,
    params: readonly number[],
    whole: Span,
    clamp: () => Span,
    onKey: (key: number) => void = () => {},
    lost: Span[] = [],
  ): Generator<unknown[]> {
    const orderBy = (way: string) => order.map((column) => `${column} ${way}`).join();
    const select = (way: string) =>
      `SELECT ${columns} FROM ${from} WHERE ${where} AND ${order[0]} BETWEEN ? AND ? ORDER BY ${orderBy(way)}`;
    const spans = [whole];
    let most: Span | undefined;
    for (const [tried, span] of entriesOf(spans)) {
      const read = { from: span.from - 1, to: span.to + 1 };
      const bounds = [...params, span.from * unit, span.to * unit];
      const up = (key: number) => key >= read.from * unit && ((read.from = Math.floor(key / unit)), onKey(read.from), true);
      if (yield* this.untilDamage(select('ASC'), bounds, up)) continue;
      const down = (key: number) => key <= read.to * unit && ((read.to = Math.ceil(key / unit)), onKey(read.to), true);
      if (yield* this.untilDamage(select('DESC'), bounds, down)) continue;
      lost.push({ from: read.from, to: read.from }, { from: read.to, to: read.to });
      most ??= clamp();
      const left = { from: Math.max(read.from + 1, most.from), to: Math.min(read.to - 1, most.to) };
      const isGivenUp = span.from === span.to || tried >= FAILURES_MAX || this.failuresLeft-- <= 0;
      if (isGivenUp) lost.push(left);
      else if (left.from <= left.to) spans.push(...halves(left));
    }
  }

  /** @returns whether it came to its end */
  private *untilDamage(
    sql: string,
    params: readonly number[],
    isInOrder: (key: number) => boolean = () => true,
  ): Generator<unknown[], boolean> {
    try {
      if (this.database === undefined) return false;
      for (const row of this.database
        .prepare(sql)
        .raw()
        .iterate(...params) as IterableIterator<unknown[]>) {
        if (!isInOrder(row[0] as number)) return false;
        yield row;
      }
      return true;
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      return false;
    }
  }
}

/** One flipped bit makes other bytes of a text: they are the same, and these tables have no others. The row's seal vouches for it. */
function textOf(value: unknown): unknown {
  return Buffer.isBuffer(value) ? value.toString('utf8') : value;
}

/** Also of what is added meanwhile. */
function* entriesOf<T>(list: readonly T[]): Generator<[number, T]> {
  for (let at = 0; at < list.length; at++) yield [at, list[at] as T];
}

function halves({ from, to }: Span): Span[] {
  const middle = Math.floor((from + to) / 2);
  return from === to
    ? [{ from, to }]
    : [
        { from, to: middle },
        { from: middle + 1, to },
      ];
}
