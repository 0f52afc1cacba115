/**
 * Reads several series in buckets of any width, together: the parts of a device once for all its fields, stored buckets of series that
 * were made together side by side. In pages, each one short statement; the caller decides what happens between two.
 */
import type Database from 'better-sqlite3';
import { MS_PER_HOUR } from '../../../common/units.ts';
import { type AddedSeries, addSeries } from '../analytics/add-series.ts';
import { ColumnFiller } from '../analytics/bucket-columns.ts';
import { addAggregate, type Aggregate, isPower, type Rollup } from '../analytics/rollup.ts';
import { planRuns, type Run } from './bucket-plan.ts';
import { BucketSums, type HourSums, type SumsPlace, type WholeHours, wholeHours } from './bucket-sums.ts';
import { keptLevels } from './kept-levels.ts';
import {
  BUCKET_COLUMNS,
  bucketError,
  BucketRebuilder,
  type BucketRow,
  type DamagedBucket,
  isBucketSound,
  rollupIn,
} from './bucket-rows.ts';
import { PART_COLUMNS, partAggregate, type PartRow } from './part-rows.ts';
import { damageError, type DamagedPart, PartSeals } from './part-seals.ts';
import { sealOfSeriesName } from './record-seals.ts';
import type { BucketsQuery, SeriesBuckets, SeriesKey } from './series-store.ts';

/** Rows of one page, looked at or given: below 5 ms. */
const ROWS_PER_PAGE = 1_000;
const PARTS_PER_PAGE = 500;
/** Series so near to each other by number are read in one look-up: passing over a row costs a tenth of a look-up. */
const NEIGHBOURS_MAX = 10;

/** One field of one device. */
interface Wanted {
  id: number;
  deviceId: number;
  household: string;
  device: string;
  field: string;
  /** The first half of the seals of its buckets. */
  name: number;
  filler: ColumnFiller;
}

/** Series whose numbers lie near each other. */
interface Neighbours {
  fromId: number;
  toId: number;
  /** The wanted ones. */
  ids: readonly number[];
  /** The same as a JSON list, when there are others between them; else empty. */
  only: string;
}

export class BucketReader {
  private readonly windowMs: number;
  private readonly database: Database.Database;
  private readonly seals: PartSeals;
  private readonly rebuilder: BucketRebuilder;
  private readonly onBucket: (bucket: DamagedBucket) => void;
  private readonly sums: BucketSums;
  private readonly statements: ReturnType<typeof prepare>;

  constructor(
    database: Database.Database,
    windowMs: number,
    onDamaged: (part: DamagedPart) => void,
    onBucket: (bucket: DamagedBucket) => void,
  ) {
    this.database = database;
    this.windowMs = windowMs;
    this.onBucket = onBucket;
    this.seals = new PartSeals(database, onDamaged);
    this.rebuilder = new BucketRebuilder(database, this.seals, windowMs);
    this.sums = new BucketSums(database, windowMs);
    this.statements = prepare(database);
  }

  /** Each step is one page; the last one returns the answer. @throws OperatingError FORGOTTEN, also for what is forgotten meanwhile */
  *read({ series, edges, only }: Omit<BucketsQuery, 'signal'>): Generator<void, SeriesBuckets[]> {
    const length = Math.max(0, edges.length - 1);
    const runs = planRuns(edges, keptLevels(this.database, this.windowMs));
    const wanted = new Map<number, Wanted>();
    const members = series.map((key) => this.membersOf(key, length, wanted));
    for (const run of runs) {
      if (run.levelMs === this.windowMs) yield* this.readWindows(run, edges, wanted);
      else if (only === 'sums') yield* this.readSums(run, edges, wanted);
      else yield* this.readRollups(run, edges, wanted);
    }
    // What was forgotten between two pages would be a hole: the note of it came with the deletion.
    planRuns(edges, keptLevels(this.database, this.windowMs));
    const finished = new Map<number, AddedSeries>();
    for (const { id, filler } of wanted.values()) finished.set(id, { devices: 1, ...filler.finish() });
    const isOneWindow = (bucket: number) => (edges[bucket + 1] as number) - (edges[bucket] as number) === this.windowMs;
    return members.map((ids) => {
      if (ids.length === 0) return { devices: 0, ...new ColumnFiller('', length, this.windowMs).finish() };
      return addSeries(
        ids.map((id) => finished.get(id) as AddedSeries),
        isOneWindow,
      );
    });
  }

  private membersOf({ household, device, field }: SeriesKey, length: number, wanted: Map<number, Wanted>): number[] {
    const rows = this.statements.series.all({ household, device: device ?? null, field }) as [
      id: number,
      deviceId: number,
      device: string,
    ][];
    for (const [id, deviceId, named] of rows) {
      if (wanted.has(id)) continue;
      const name = sealOfSeriesName(id, { household, device: named }, field);
      wanted.set(id, { id, deviceId, household, device: named, field, name, filler: new ColumnFiller(field, length, this.windowMs) });
    }
    return rows.map(([id]) => id);
  }

  private *readRollups({ levelMs, fromBucket, toBucket }: Run, edges: readonly number[], wanted: Map<number, Wanted>): Generator<void> {
    const groups = neighboursOf([...wanted.keys()]);
    const widest = Math.max(1, ...groups.map(({ fromId, toId }) => toId - fromId + 1));
    const startsPerPage = Math.max(1, Math.floor(ROWS_PER_PAGE / widest));
    const endMs = edges[toBucket] as number;
    const bucketOf = new BucketFinder(edges, fromBucket);
    let fromMs = this.nextStart(levelMs, edges[fromBucket] as number);
    while (fromMs !== undefined && fromMs < endMs) {
      const toMs = Math.min(endMs, fromMs + startsPerPage * levelMs);
      let found = 0;
      for (const { fromId, toId, only } of groups) {
        const place = { levelMs, fromMs, toMs, fromId, toId };
        const statement = only === '' ? this.statements.rollups : this.statements.someRollups;
        const rows = statement.all(only === '' ? place : { ...place, only }) as RollupRow[];
        bucketOf.rewind();
        for (const row of rows) {
          const its = wanted.get(row[ID] as number);
          const rollup = its && this.soundBucket(its, levelMs, row);
          if (rollup !== undefined) its?.filler.addRollup(bucketOf.find(rollup.startMs), rollup);
        }
        found += rows.length;
        yield;
      }
      bucketOf.advance(toMs);
      // Where nothing was, the next start that exists may be far away.
      fromMs = found > 0 ? toMs : this.nextStart(levelMs, toMs);
    }
  }

  /** Whole hours by their sums; what is left over before and after them as it lies there. */
  private *readSums(run: Run, edges: readonly number[], wanted: Map<number, Wanted>): Generator<void> {
    const hours = wholeHours(run, edges);
    if (hours === undefined) return yield* this.readRollups(run, edges, wanted);
    yield* this.readRollups({ ...run, toBucket: hours.fromBucket }, edges, wanted);
    for (const power of [true, false]) {
      const its = new Map([...wanted].filter(([, { field }]) => isPower(field) === power));
      if (its.size > 0) yield* this.readHours(run.levelMs, hours, edges, its, power);
    }
    yield* this.readRollups({ ...run, fromBucket: hours.toBucket }, edges, wanted);
  }

  /** @param power whether all of them are one */
  private *readHours(levelMs: number, hours: WholeHours, edges: readonly number[], wanted: Map<number, Wanted>, power: boolean) {
    const { fromBucket, toBucket, perHour } = hours;
    const groups = neighboursOf([...wanted.keys()]);
    const firstMs = edges[fromBucket] as number;
    const endMs = edges[toBucket] as number;
    let fromMs = this.nextStart(levelMs, firstMs);
    while (fromMs !== undefined && fromMs < endMs) {
      const hourMs = fromMs - (fromMs % MS_PER_HOUR);
      const bucket = fromBucket + ((hourMs - firstMs) / MS_PER_HOUR) * perHour;
      let isEmpty = true;
      for (const group of groups) {
        const { sums, said } = this.readHour({ levelMs, hourMs, ...group }, power, perHour);
        const odd = new Map<number, Wanted>();
        for (const id of group.ids) {
          const its = wanted.get(id) as Wanted;
          const first = (id - group.fromId) * perHour;
          if (this.sums.isVouchedFor(sums, first, perHour, soundHour(its, said.get(id)), power)) addHour(its, sums, first, bucket, perHour);
          else odd.set(id, its);
        }
        isEmpty &&= said.size === 0 && odd.size === 0;
        yield;
        if (odd.size > 0) yield* this.readRollups({ levelMs, fromBucket: bucket, toBucket: bucket + perHour }, edges, odd);
      }
      fromMs = isEmpty ? this.nextStart(levelMs, hourMs + MS_PER_HOUR) : hourMs + MS_PER_HOUR;
    }
  }

  /** The sums and what the hour itself says, both of the same moment. */
  private readHour(place: SumsPlace, power: boolean, perHour: number): { sums: HourSums; said: Map<number, RollupRow> } {
    const { hourMs, fromId, toId, only } = place;
    const hour = { levelMs: MS_PER_HOUR, fromMs: hourMs, toMs: hourMs + MS_PER_HOUR, fromId, toId };
    const { rollups, someRollups } = this.statements;
    return this.database.transaction(() => {
      const sums = this.sums.read(place, power, perHour);
      const rows = (only === '' ? rollups.all(hour) : someRollups.all({ ...hour, only })) as RollupRow[];
      return { sums, said: new Map(rows.map((row) => [row[ID] as number, row])) };
    })();
  }

  /** As it lies there, or added up again from its parts where its row is damaged; none where nothing lies in it. */
  private soundBucket({ household, device, deviceId, field, name }: Wanted, levelMs: number, row: RollupRow): Rollup | undefined {
    const rollup = rollupIn(row);
    if (isBucketSound(name, levelMs, row, rollup)) return rollup;
    const { startMs } = rollup;
    this.onBucket({ household, device, field, levelMs, startMs });
    const rebuilt = this.rebuilder.rebuild({ deviceId, field, levelMs, startMs });
    if (rebuilt === 'lost') throw bucketError({ household, device, field }, startMs);
    return rebuilt;
  }

  private nextStart(levelMs: number, fromMs: number): number | undefined {
    return (this.statements.nextStart.get(levelMs, fromMs) as number | null) ?? undefined;
  }

  private *readWindows({ fromBucket, toBucket }: Run, edges: readonly number[], wanted: Map<number, Wanted>): Generator<void> {
    const devices = new Map<number, Wanted[]>();
    for (const its of wanted.values()) devices.set(its.deviceId, [...(devices.get(its.deviceId) ?? []), its]);
    for (const [deviceId, fields] of devices) {
      const readers = fields.map((its) => new WindowReader(its, new BucketFinder(edges, fromBucket)));
      let [startMs, source, seq] = [edges[fromBucket] as number, -1, -1];
      for (;;) {
        const parts = this.statements.parts.all(deviceId, startMs, source, seq, edges[toBucket] as number, PARTS_PER_PAGE) as PartRow[];
        for (const part of parts) this.addPart(part, deviceId, readers);
        yield;
        const last = parts.at(-1);
        if (last === undefined || parts.length < PARTS_PER_PAGE) break;
        [startMs, source, seq] = last;
      }
      for (const reader of readers) reader.close();
    }
  }

  private addPart(part: PartRow, deviceId: number, readers: readonly WindowReader[]): void {
    const damage = this.seals.damageOf(part, deviceId);
    if (damage !== undefined) throw damageError(damage, this.windowMs);
    const names = this.seals.fieldsOf(part[6]) ?? [];
    for (const reader of readers) {
      const at = names.indexOf(reader.field);
      if (at >= 0) reader.add(part[0], partAggregate(part, names.length, at));
    }
  }
}

/** One field of a device: its parts, in order, to windows. */
class WindowReader {
  readonly field: string;
  private readonly filler: ColumnFiller;
  private readonly bucketOf: BucketFinder;
  private startMs = Number.NaN;
  private open: Aggregate | undefined;

  constructor({ field, filler }: Wanted, bucketOf: BucketFinder) {
    this.field = field;
    this.filler = filler;
    this.bucketOf = bucketOf;
  }

  add(startMs: number, aggregate: Aggregate): void {
    if (this.open !== undefined && this.startMs === startMs) {
      addAggregate(this.open, aggregate);
      return;
    }
    this.close();
    this.startMs = startMs;
    this.open = aggregate;
  }

  close(): void {
    if (this.open !== undefined) this.filler.addWindow(this.bucketOf.find(this.startMs), this.open);
    this.open = undefined;
  }
}

/** Undefined where there is none, or none to be believed. */
function soundHour({ name }: Wanted, row: RollupRow | undefined): Rollup | undefined {
  const rollup = row && rollupIn(row);
  return row !== undefined && rollup !== undefined && isBucketSound(name, MS_PER_HOUR, row, rollup) ? rollup : undefined;
}

function addHour({ filler }: Wanted, { count, windows, amount }: HourSums, first: number, bucket: number, perHour: number): void {
  for (let i = 0; i < perHour; i++) {
    const at = first + i;
    filler.addSums(bucket + i, windows[at] as number, count[at] as number, amount[at] as number);
  }
}

/** The bucket that a start lies in, for starts that come in order. */
class BucketFinder {
  private readonly edges: readonly number[];
  private base: number;
  private at: number;

  constructor(edges: readonly number[], fromBucket: number) {
    this.edges = edges;
    this.base = fromBucket;
    this.at = fromBucket;
  }

  find(startMs: number): number {
    while ((this.edges[this.at + 1] as number) <= startMs) this.at++;
    return this.at;
  }

  /** Back to where the last `advance` went. */
  rewind(): void {
    this.at = this.base;
  }

  /** Nothing will be asked that starts before. */
  advance(startMs: number): void {
    if (startMs >= (this.edges.at(-1) as number)) return;
    this.rewind();
    this.base = this.find(startMs);
  }
}

function neighboursOf(ids: number[]): Neighbours[] {
  const groups: number[][] = [];
  for (const id of ids.sort((a, b) => a - b)) {
    const group = groups.at(-1);
    if (group !== undefined && id - (group.at(-1) as number) <= NEIGHBOURS_MAX) group.push(id);
    else groups.push([id]);
  }
  return groups.map((group) => {
    const [fromId, toId] = [group[0] as number, group.at(-1) as number];
    return { fromId, toId, ids: group, only: toId - fromId + 1 === group.length ? '' : JSON.stringify(group) };
  });
}

/** The columns of a bucket, then the number of its series. */
type RollupRow = BucketRow;
const ID = 16;

function prepare(database: Database.Database) {
  // The rollups lie by time, all series side by side: one look-up per start, which is a multiple of the length.
  const rollups = (only: string) =>
    database
      .prepare(
        `WITH RECURSIVE starts (start_ms) AS (
           VALUES (:fromMs) UNION ALL SELECT start_ms + :levelMs FROM starts WHERE start_ms + :levelMs < :toMs
         )
         SELECT r.${BUCKET_COLUMNS}, r.series_id
         FROM starts CROSS JOIN rollups r
           ON r.level_ms = :levelMs AND r.start_ms = starts.start_ms AND r.series_id BETWEEN :fromId AND :toId ${only}`,
      )
      .raw();
  return {
    series: database
      .prepare(
        `SELECT s.id, s.device_id, d.device
         FROM households h CROSS JOIN devices d ON d.household_id = h.id CROSS JOIN series s ON s.device_id = d.id
         WHERE h.household = :household AND (:device IS NULL OR d.device = :device) AND s.field = :field ORDER BY d.device`,
      )
      .raw(),
    rollups: rollups(''),
    someRollups: rollups('AND r.series_id IN (SELECT value FROM json_each(:only))'),
    nextStart: database.prepare('SELECT min(start_ms) FROM rollups WHERE level_ms = ? AND start_ms >= ?').pluck(),
    parts: database
      .prepare(
        `SELECT ${PART_COLUMNS} FROM parts
         WHERE device_id = ? AND (window_start_ms, source_id, from_seq) > (?, ?, ?) AND window_start_ms < ?
         ORDER BY window_start_ms, source_id, from_seq LIMIT ?`,
      )
      .raw(),
  };
}
