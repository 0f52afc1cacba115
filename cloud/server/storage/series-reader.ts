/**
 * Reads the store through a connection that can't write, in pages: one short statement each, and the event loop turns between
 * two of them, so that no answer is held in memory, heartbeats are served while a long one is read, and no reader keeps the
 * write-ahead log from being copied back. An answer is therefore no snapshot: windows that come in while it is read may
 * be in it or not, each bucket is in it once.
 */
import type Database from 'better-sqlite3';
import { yieldToEventLoop } from '../../../common/clock.ts';
import { MS_PER_DAY, MS_PER_HOUR, windowStartMs } from '../../../common/units.ts';
import { LocalDays, SITE_TIME_ZONE } from '../analytics/local-time.ts';
import { addAggregate, addRollup, type Aggregate, kwhFromWattSeconds, type Rollup } from '../analytics/rollup.ts';
import { sealOfSeriesName } from './record-seals.ts';
import { rollupBucket, type SeriesName, windowBucket } from './buckets.ts';
import {
  BUCKET_COLUMNS,
  bucketError,
  BucketRebuilder,
  type BucketRow,
  type DamagedBucket,
  isBucketSound,
  rollupIn,
} from './bucket-rows.ts';
import { PART_COLUMNS, partAggregate, type PartRow, readWindow } from './part-rows.ts';
import { damageError, type DamagedPart, PartSeals } from './part-seals.ts';
import type { Bucket, HouseholdRow, PowerTotals, RangeQuery } from './series-store.ts';

/** Rows of one page: below 5 ms on the thread that answers heartbeats. */
const PARTS_PER_PAGE = 500;
/** Bucket starts that a page looks at, whether the series has a bucket there or not. */
const STARTS_PER_PAGE = 1_000;
const SERIES_PER_PAGE = 200;
const HOUSEHOLDS_PER_PAGE = 100;

const LEVEL_MS = { '1m': 60_000, '15m': 900_000, '1h': 3_600_000 } as const;
/** Sorts before every id. */
const BEFORE_ALL = '';
/** Sorts after every id. */
const AFTER_ALL = '~';

interface SeriesRow extends SeriesName {
  id: number;
  device_id: number;
  last_ms: number;
}

/** Buckets of one series with fromMs ≤ start < toMs. */
interface Span {
  fromMs: number;
  toMs: number;
}

export class SeriesReader {
  private readonly windowMs: number;
  private readonly statements: ReturnType<typeof prepare>;
  private readonly seals: PartSeals;
  private readonly rebuilder: BucketRebuilder;
  private readonly onBucket: (bucket: DamagedBucket) => void;

  constructor(
    database: Database.Database,
    windowMs: number,
    onDamaged: (part: DamagedPart) => void = () => {},
    onBucket: (bucket: DamagedBucket) => void = () => {},
  ) {
    this.windowMs = windowMs;
    this.onBucket = onBucket;
    this.seals = new PartSeals(database, onDamaged);
    this.rebuilder = new BucketRebuilder(database, this.seals, windowMs);
    this.statements = prepare(database);
  }

  /**
   * In order of household, device, field, start. No page is empty, each is of one series.
   * @param turn waited for between two statements; what it throws ends the reading
   */
  async *pages(query: RangeQuery, turn: () => Promise<void> = yieldToEventLoop): AsyncGenerator<Bucket[]> {
    const { after } = query;
    for await (const series of this.allSeries(query, after)) {
      const span = { fromMs: query.fromMs ?? Number.MIN_SAFE_INTEGER, toMs: query.toMs ?? Number.MAX_SAFE_INTEGER };
      if (after !== undefined && isSameSeries(series, after)) span.fromMs = Math.max(span.fromMs, after.startMs + 1);
      for (const page of this.seriesPages(series, span, query.resolution)) {
        if (page.length > 0) yield page;
        await turn();
      }
    }
  }

  async *range(query: RangeQuery): AsyncGenerator<Bucket> {
    for await (const page of this.pages(query)) yield* page;
  }

  edges(): string[] {
    return this.statements.edges.all() as string[];
  }

  owners(): ReadonlyMap<string, string> {
    return new Map(this.statements.owners.all() as [household: string, edge: string][]);
  }

  fields(): string[] {
    const sets = this.statements.fieldSets.all() as string[];
    return [...new Set(sets.flatMap((fields) => JSON.parse(fields) as string[]))].sort();
  }

  postalCodeOf(household: string): string | undefined {
    return this.statements.postalCode.get(household) as string | undefined;
  }

  /** Event times of the first and the last reading, of one household or of all; undefined without any. */
  span(household: string | undefined): { firstMs: number; lastMs: number } | undefined {
    const span = this.statements.span.get({ household: household ?? null }) as { firstMs: number | null; lastMs: number | null };
    return span.firstMs === null || span.lastMs === null ? undefined : { firstMs: span.firstMs, lastMs: span.lastMs };
  }

  async households(): Promise<HouseholdRow[]> {
    const all: HouseholdRow[] = [];
    for (;;) {
      const page = this.statements.households.all(all.at(-1)?.household ?? BEFORE_ALL, HOUSEHOLDS_PER_PAGE) as HouseholdRow[];
      all.push(...page);
      if (page.length < HOUSEHOLDS_PER_PAGE) return all;
      await yieldToEventLoop();
    }
  }

  async powerTotals(): Promise<PowerTotals[]> {
    const all: PowerTotals[] = [];
    let last = BEFORE_ALL;
    for (;;) {
      const page = this.statements.powerTotals.all(last, HOUSEHOLDS_PER_PAGE) as PowerTotalsRow[];
      for (const { household, state, count, energyWs, windows } of page) {
        if (count === null || count === 0) continue;
        all.push({
          household,
          state,
          count,
          energyKwh: kwhFromWattSeconds(energyWs),
          coveredHours: (windows * this.windowMs) / MS_PER_HOUR,
        });
      }
      if (page.length < HOUSEHOLDS_PER_PAGE) return all;
      last = (page.at(-1) as PowerTotalsRow).household;
      await yieldToEventLoop();
    }
  }

  /** Without the series whose newest window was forgotten or is damaged. */
  async newest(): Promise<Bucket[]> {
    const buckets: Bucket[] = [];
    for await (const series of this.allSeries({}, undefined)) {
      const startMs = windowStartMs(series.last_ms, this.windowMs);
      const parts = this.statements.windowParts.all(series.device_id, startMs) as PartRow[];
      if (parts.some((part) => this.seals.damageOf(part, series.device_id) !== undefined)) continue;
      const aggregate = readWindow(parts, (id) => this.seals.fieldsOf(id) ?? []).get(series.field);
      if (aggregate !== undefined) buckets.push(windowBucket(series, startMs, aggregate, this.windowMs));
    }
    return buckets;
  }

  private async *allSeries(only: { household?: string; field?: string }, from: SeriesName | undefined): AsyncGenerator<SeriesRow> {
    const { household, field = null } = only;
    const begin = { household: household ?? BEFORE_ALL, device: BEFORE_ALL, field: BEFORE_ALL };
    let last: SeriesName | undefined;
    for (;;) {
      const at = last ?? (from !== undefined && isLater(from, begin) ? from : begin);
      const place = { fromHousehold: at.household, fromDevice: at.device, fromField: at.field, skip: last === undefined ? 0 : 1 };
      const page = this.statements.series.all({
        ...place,
        toHousehold: household ?? AFTER_ALL,
        field,
        limit: SERIES_PER_PAGE,
      }) as SeriesRow[];
      yield* page;
      if (page.length < SERIES_PER_PAGE) return;
      last = page.at(-1);
      await yieldToEventLoop();
    }
  }

  private seriesPages(series: SeriesRow, span: Span, resolution: RangeQuery['resolution']): Iterable<Bucket[]> {
    if (resolution === 'raw') return this.windowPages(series, span);
    if (resolution === '1d') return this.dayPages(series, span);
    return this.rollupPages(series, span, LEVEL_MS[resolution]);
  }

  private *windowPages(series: SeriesRow, span: Span): Generator<Bucket[]> {
    // A window may lie on both sides of a page's end: it is given out when the next one begins.
    let open: { startMs: number; aggregate: Aggregate } | undefined;
    let [startMs, source, seq] = [span.fromMs, -1, -1];
    for (;;) {
      const parts = this.statements.parts.all(series.device_id, startMs, source, seq, span.toMs, PARTS_PER_PAGE) as PartRow[];
      const page: Bucket[] = [];
      for (const part of parts) {
        const damage = this.seals.damageOf(part, series.device_id);
        if (damage !== undefined) {
          // It may belong to the window before it, which is not given out either: without one of its parts it would be a wrong number.
          yield page;
          throw damageError(damage, this.windowMs);
        }
        const aggregate = this.fieldOf(part, series.field);
        if (aggregate === undefined) continue;
        if (open?.startMs === part[0]) addAggregate(open.aggregate, aggregate);
        else {
          if (open !== undefined) page.push(windowBucket(series, open.startMs, open.aggregate, this.windowMs));
          open = { startMs: part[0], aggregate };
        }
      }
      const last = parts.at(-1);
      const isEnd = last === undefined || parts.length < PARTS_PER_PAGE;
      if (isEnd && open !== undefined) page.push(windowBucket(series, open.startMs, open.aggregate, this.windowMs));
      yield page;
      if (isEnd) return;
      [startMs, source, seq] = last;
    }
  }

  private *rollupPages(series: SeriesRow, span: Span, levelMs: number): Generator<Bucket[]> {
    for (const rows of this.rollups(series, span, levelMs)) yield rows.map((rollup) => rollupBucket(series, rollup, this.windowMs));
  }

  private *dayPages(series: SeriesRow, span: Span): Generator<Bucket[]> {
    const days = new LocalDays(SITE_TIME_ZONE);
    let open: Rollup | undefined;
    for (const rows of this.rollups(series, daysWithin(days, span), LEVEL_MS['1h'])) {
      const page: Bucket[] = [];
      for (const rollup of rows) {
        const startMs = days.startOf(rollup.startMs);
        if (open?.startMs === startMs) addRollup(open, rollup);
        else {
          if (open !== undefined) page.push(rollupBucket(series, open, this.windowMs));
          open = { ...rollup, startMs };
        }
      }
      yield page;
    }
    if (open !== undefined) yield [rollupBucket(series, open, this.windowMs)];
  }

  private *rollups(series: SeriesRow, span: Span, levelMs: number): Generator<Rollup[]> {
    const { toMs } = span;
    let { fromMs } = span;
    const name = sealOfSeriesName(series.id, series, series.field);
    for (;;) {
      const rows = this.statements.rollups.all({ levelMs, fromMs, toMs, seriesId: series.id, limit: STARTS_PER_PAGE }) as RollupRow[];
      yield rows.flatMap((row) => (row[1] === null ? [] : this.soundBucket(series, name, levelMs, row as BucketRow)));
      const last = rows.at(-1);
      if (last === undefined || rows.length < STARTS_PER_PAGE) return;
      fromMs = last[0] + 1;
    }
  }

  /** The bucket, added up again from its parts where its row is damaged; none where nothing lies in it. */
  private soundBucket(series: SeriesRow, name: number, levelMs: number, row: BucketRow): Rollup[] {
    const bucket = rollupIn(row);
    if (isBucketSound(name, levelMs, row, bucket)) return [bucket];
    const { household, device, field, device_id: deviceId } = series;
    const { startMs } = bucket;
    this.onBucket({ household, device, field, levelMs, startMs });
    const rebuilt = this.rebuilder.rebuild({ deviceId, field, levelMs, startMs });
    if (rebuilt === 'lost') throw bucketError(series, startMs);
    return rebuilt === undefined ? [] : [rebuilt];
  }

  private fieldOf(part: PartRow, field: string): Aggregate | undefined {
    const fields = this.seals.fieldsOf(part[6]) ?? [];
    const index = fields.indexOf(field);
    return index === -1 ? undefined : partAggregate(part, fields.length, index);
  }
}

/** The days that begin within the span. */
function daysWithin(days: LocalDays, span: Span): Span {
  const isTime = (timeMs: number) => Math.abs(timeMs) <= DATE_MS_MAX - 2 * MS_PER_DAY;
  return {
    fromMs: isTime(span.fromMs) ? days.startAtOrAfter(span.fromMs) : span.fromMs,
    toMs: isTime(span.toMs) ? days.startAtOrAfter(span.toMs) : span.toMs,
  };
}

/** What a Date holds. */
const DATE_MS_MAX = 8.64e15;

function isSameSeries(a: SeriesName, b: SeriesName): boolean {
  return a.household === b.household && a.device === b.device && a.field === b.field;
}

function isLater(a: SeriesName, b: SeriesName): boolean {
  return a.household > b.household || (a.household === b.household && a.device > b.device);
}

/** Nulls after the start where the series has no bucket. */
type RollupRow = [startMs: number, ...numbers: (number | null)[]];

interface PowerTotalsRow {
  household: string;
  state: string;
  count: number | null;
  energyWs: number;
  windows: number;
}

function prepare(database: Database.Database) {
  return {
    edges: database.prepare("SELECT DISTINCT edge FROM households WHERE edge <> '' ORDER BY edge").pluck(),
    owners: database.prepare("SELECT household, edge FROM households WHERE edge <> ''").raw(),
    fieldSets: database.prepare('SELECT fields FROM field_sets').pluck(),
    postalCode: database.prepare('SELECT postal_code FROM households WHERE household = ?').pluck(),
    span: database.prepare(
      `SELECT min(s.first_ms) AS firstMs, max(s.greatest_ms) AS lastMs
       FROM sources s JOIN devices d ON d.id = s.device_id JOIN households h ON h.id = d.household_id
       WHERE @household IS NULL OR h.household = @household`,
    ),
    households: database.prepare(
      `SELECT household, postal_code AS postalCode, state, postal_code_from AS postalCodeFrom,
         (SELECT min(s.first_ms) FROM devices d JOIN sources s ON s.device_id = d.id WHERE d.household_id = h.id) AS firstMs,
         (SELECT max(s.greatest_ms) FROM devices d JOIN sources s ON s.device_id = d.id WHERE d.household_id = h.id) AS lastMs,
         (SELECT ifnull(sum(s.readings), 0) FROM devices d JOIN sources s ON s.device_id = d.id WHERE d.household_id = h.id) AS readings,
         (SELECT ifnull(sum(g.to_seq - g.from_seq + 1), 0) FROM devices d JOIN sources s ON s.device_id = d.id
            JOIN gaps g ON g.source_id = s.id WHERE d.household_id = h.id) AS declared
       FROM households h WHERE household > ? ORDER BY household LIMIT ?`,
    ),
    // Of several devices the one with most windows tells how long the household was heard.
    powerTotals: database.prepare(
      `SELECT household, state, sum(s.count) AS count, sum(s.energy_ws) AS energyWs, max(s.window_count) AS windows
       FROM (SELECT id, household, state FROM households WHERE household > ? ORDER BY household LIMIT ?) h
         LEFT JOIN devices d ON d.household_id = h.id LEFT JOIN series s ON s.device_id = d.id AND s.field = 'power'
       GROUP BY household ORDER BY household`,
    ),
    // CROSS JOIN keeps the order of the tables, which is the order of the answer.
    series: database.prepare(
      `SELECT h.household, d.device, s.field, s.id, s.device_id, s.last_ms
       FROM households h CROSS JOIN devices d ON d.household_id = h.id CROSS JOIN series s ON s.device_id = d.id
       WHERE h.household BETWEEN :fromHousehold AND :toHousehold AND (:field IS NULL OR s.field = :field)
         AND ((h.household, d.device, s.field) > (:fromHousehold, :fromDevice, :fromField)
              OR (:skip = 0 AND (h.household, d.device, s.field) = (:fromHousehold, :fromDevice, :fromField)))
       ORDER BY h.household, d.device, s.field LIMIT :limit`,
    ),
    parts: database
      .prepare(
        `SELECT ${PART_COLUMNS} FROM parts
       WHERE device_id = ? AND (window_start_ms, source_id, from_seq) > (?, ?, ?) AND window_start_ms < ?
       ORDER BY window_start_ms, source_id, from_seq LIMIT ?`,
      )
      .raw(),
    windowParts: database
      .prepare(`SELECT ${PART_COLUMNS} FROM parts WHERE device_id = ? AND window_start_ms = ? ORDER BY source_id, from_seq`)
      .raw(),
    // The rollups lie by time, all series side by side: from one start to the next by a look-up, instead of over all series.
    // A start at which this series has nothing gives nulls, so that a page is bounded by the starts looked at.
    rollups: database
      .prepare(
        `WITH RECURSIVE starts (start_ms) AS (
           SELECT min(start_ms) FROM rollups WHERE level_ms = :levelMs AND start_ms >= :fromMs
           UNION ALL
           SELECT (SELECT min(r.start_ms) FROM rollups r WHERE r.level_ms = :levelMs AND r.start_ms > starts.start_ms)
           FROM starts WHERE starts.start_ms < :toMs
           LIMIT :limit
         )
         SELECT starts.${BUCKET_COLUMNS}
         FROM starts LEFT JOIN rollups r ON r.level_ms = :levelMs AND r.start_ms = starts.start_ms AND r.series_id = :seriesId
         WHERE starts.start_ms < :toMs`,
      )
      .raw(),
  };
}
