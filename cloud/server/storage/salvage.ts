/**
 * Makes a store anew of what can be read of a damaged one and whose seal holds. Rows keep their numbers, so their seals stay true. What is
 * told to edges is made of what is there: covered and totals of the parts that were taken over and of what was noted of deleted ones, so a
 * seq whose part is lost is brought again, or declared missing (R9). Buckets are added up from these parts, so none counts a part
 * twice that comes again; those of the time whose windows were forgotten are taken over as they are.
 */
import type Database from 'better-sqlite3';
import { yieldToEventLoop } from '../../../common/clock.ts';
import { type Part, type ShippedRow, STAT, STATS_PER_FIELD } from '../../../common/messages.ts';
import { digestToHex } from '../../../common/protocol/digest.ts';
import { randomId } from '../../../common/random.ts';
import { MS_PER_HOUR } from '../../../common/units.ts';
import { rowFault } from '../../../common/wire.ts';
import { ROLLUP_LEVELS_MS } from '../analytics/rollup.ts';
import { BUCKET_COLUMNS, BucketRebuilder, type BucketRow, isBucketSound, prepareSaveBucket, rollupIn, saveBucket } from './bucket-rows.ts';
import type { DamagedFileReader, Span } from './damaged-file-reader.ts';
import { addHour, HouseholdMender, type MenderOptions, noSums } from './household-mender.ts';
import { keptFromMs, noteForgotten, noteTakenOver, prepareKept } from './kept-levels.ts';
import { KnownHouseholds, type KnownSource } from './known-households.ts';
import { newPartRows, partAggregate, type PartRow } from './part-rows.ts';
import { PartSeals } from './part-seals.ts';
import { PartWriter } from './part-writer.ts';
import { SalvagedNames, type SourceNames } from './salvaged-names.ts';
import { type Owner, sealOfGap, sealOfSeriesName, sealOfTotals } from './record-seals.ts';
import type { RowBatch } from './row-batch.ts';
import { addToTotals, newestForgottenMs, NOTHING_FORGOTTEN, totalsOf } from './source-rebuild.ts';
import { heldFacts, refuseOtherWindows, writeFacts } from './store-facts.ts';

/** What is looked at between two commits: some 50 ms. */
const ROWS_PER_TRANSACTION = 2_000;
const SERIES_COLUMN = 16;

export interface SalvageOptions extends Omit<MenderOptions, 'onDamaged'> {
  /** Of the damaged store, for what is told. */
  path: string;
  /** Parts taken over so far, now and then. */
  onProgress: (parts: number) => void;
}

export interface SalvageFigures {
  households: number;
  parts: number;
  /** Of the sources whose record could be read: readings that it speaks of, and that are not in the new store. */
  readingsLost: number;
  /** Sources of whose readings it is not known how many are lost. */
  sourcesUnknown: number;
  /** True where it is not even known which households and sources there were. */
  mayLackNames: boolean;
  /** True where buckets of forgotten windows could not be read: nobody brings them again. */
  mayLackBuckets: boolean;
}

/** @throws what the new database throws; ConfigError for a store of other windows */
export async function salvage(reader: DamagedFileReader, database: Database.Database, options: SalvageOptions): Promise<SalvageFigures> {
  const names = new SalvagedNames(reader, database, options.assignPostalCode);
  inTransaction(database, () => {
    takeFacts(reader, database, options);
    names.take();
  });
  return new Salvage(reader, database, names, options).run();
}

/** The length of windows, the id, and since when buckets are kept. */
function takeFacts(reader: DamagedFileReader, database: Database.Database, { path, windowMs }: SalvageOptions): void {
  const insert = database.prepare('INSERT OR IGNORE INTO meta VALUES (?, ?)');
  for (const [key, value] of reader.meta()) if (typeof key === 'string' && typeof value === 'string') insert.run(key, value);
  const { windowMs: held, id = randomId() } = heldFacts(database);
  refuseOtherWindows(path, held, windowMs);
  writeFacts(database, windowMs, id);
  const keepDamaged = database.prepare('INSERT OR IGNORE INTO damaged VALUES (?, ?, ?, ?)');
  for (const [id, foundMs, place, row] of reader.damagedRows())
    if (Number.isSafeInteger(foundMs) && typeof place === 'string' && Buffer.isBuffer(row)) keepDamaged.run(id, foundMs, place, row);
}

class Salvage {
  private readonly reader: DamagedFileReader;
  private readonly database: Database.Database;
  private readonly names: SalvagedNames;
  private readonly options: SalvageOptions;
  private readonly seals: PartSeals;
  private readonly newParts: RowBatch;
  private readonly known: KnownHouseholds;
  private readonly writer: PartWriter;
  private readonly series: Database.Statement;
  /** Windows that begin before were forgotten, and are in the stored buckets only. */
  private readonly keptFromMs: number;
  private isKeptLost = false;
  private parts = 0;
  private mayLackBuckets = false;

  constructor(reader: DamagedFileReader, database: Database.Database, names: SalvagedNames, options: SalvageOptions) {
    this.reader = reader;
    this.database = database;
    this.names = names;
    this.options = options;
    this.seals = new PartSeals(database, () => {});
    this.newParts = newPartRows(database);
    this.series = database.prepare('SELECT device_id AS deviceId, field FROM series WHERE id = ?');
    const mending: MenderOptions = { ...options, onDamaged: () => {} };
    this.saveForgotten(new HouseholdMender(database, this.seals, mending));
    this.known = new KnownHouseholds(database, this.seals, this.newParts, mending);
    this.writer = new PartWriter(database, this.newParts, this.known, this.seals, options.windowMs, () => {});
    this.keptFromMs = this.findKeptFrom();
  }

  async run(): Promise<SalvageFigures> {
    const { windowMs } = this.options;
    for (const deviceId of this.names.devices.keys()) await this.takeParts(this.reader.parts(deviceId, windowMs));
    await this.takeParts(this.reader.otherParts());
    for (const sourceId of this.names.sources.keys()) this.takeGaps(sourceId);
    if (this.keptFromMs !== Number.NEGATIVE_INFINITY) await this.takeBuckets();
    inTransaction(this.database, () => this.names.clean());
    const figures = this.figures();
    const { readingsLost, sourcesUnknown, mayLackNames } = figures;
    // Then what comes again of that time is in the buckets that were taken over, and nothing tells it from what is new.
    if (this.keptFromMs !== Number.NEGATIVE_INFINITY && (readingsLost > 0 || sourcesUnknown > 0 || mayLackNames || this.isKeptLost))
      inTransaction(this.database, () => noteTakenOver(this.database, this.keptFromMs));
    return figures;
  }

  private saveForgotten(mender: HouseholdMender): void {
    inTransaction(this.database, () => {
      for (const [id, { household, device, src }] of this.names.sources) {
        const forgotten = this.names.forgotten.get(id) ?? NOTHING_FORGOTTEN;
        mender.saveSource({ household, device }, { id, src }, { ...totalsOf(forgotten), forgotten });
      }
    });
  }

  /** The store's own note; where that is lost, the end of what the sources have noted. */
  private findKeptFrom(): number {
    const noted = keptFromMs(prepareKept(this.database), this.options.windowMs);
    if (noted !== undefined && Number.isSafeInteger(noted)) return noted;
    const newest = newestForgottenMs(this.names.forgotten.values());
    if (newest === undefined) return Number.NEGATIVE_INFINITY;
    this.isKeptLost = true;
    const keptMs = (Math.floor(newest / MS_PER_HOUR) + 1) * MS_PER_HOUR;
    noteForgotten(this.database, this.options.windowMs, keptMs);
    return keptMs;
  }

  private takeParts(parts: Iterable<[deviceId: number, row: PartRow]>): Promise<void> {
    return this.inSteps(
      parts,
      (part) => this.takePart(...part),
      (work) => this.write(work),
    );
  }

  /** A commit after each step, so that the write-ahead log stays small, and whoever waits is told that it goes on. */
  private async inSteps<T>(
    items: Iterable<T>,
    take: (item: T) => void,
    commit: (work: () => void) => void = (work) => inTransaction(this.database, work),
  ): Promise<void> {
    const each = items[Symbol.iterator]();
    for (let isDone = false; !isDone; ) {
      commit(() => {
        for (let n = 0; n < ROWS_PER_TRANSACTION && !isDone; n++) {
          const next = each.next();
          isDone = next.done === true;
          if (next.done !== true) take(next.value);
        }
      });
      this.options.onProgress(this.parts);
      await yieldToEventLoop();
    }
  }

  private takePart(deviceId: number, row: PartRow): void {
    const [startMs, sourceId, fromSeq, toSeq, firstMs, lastMs, fieldSetId, stats, high, low, seal] = row;
    const names = this.names.sources.get(sourceId);
    const part = names?.deviceId === deviceId ? this.partIn(row, deviceId, names) : undefined;
    if (names === undefined || part === undefined) return;
    const source = this.sourceOf(names);
    // What was read from both ends, or has the seqs of another.
    if (source.covered.overlaps(fromSeq, toSeq)) return;
    this.parts++;
    if (startMs >= this.keptFromMs) return this.writer.store(source, { kind: 'part', part });
    // It came, or was kept, after the windows of its time were forgotten: the buckets that are taken over have it.
    this.newParts.add(deviceId, startMs, sourceId, fromSeq, toSeq, firstMs, lastMs, fieldSetId, high, low, stats, seal);
    addToTotals(source, { fromSeq, toSeq, firstMs, lastMs, digest: { high, low } });
    this.known.saveSource(source);
  }

  /** Undefined for a row whose seal does not hold, or that no edge could have sent. */
  private partIn(row: PartRow, deviceId: number, { household, device, src }: SourceNames): Part | undefined {
    const [windowStartMs, , fromSeq, toSeq, firstMs, lastMs, fieldSetId, , high, low] = row;
    try {
      if (this.seals.damageOf(row, deviceId) !== undefined) return undefined;
      const fields = this.seals.fieldsOf(fieldSetId) ?? [];
      const stats = fields.flatMap((_, field) => statsOf(row, fields.length, field));
      const times = { windowStartMs, firstMs, lastMs };
      const range = { household, device, src, fromSeq, toSeq, count: toSeq - fromSeq + 1 };
      const part: Part = { ...range, ...times, fields, stats, digest: digestToHex({ high, low }) };
      return rowFault({ kind: 'part', part }, this.options.windowMs) === undefined ? part : undefined;
    } catch (error) {
      // Values of other kinds than the program writes, and statistics that end too soon.
      if (error instanceof RangeError || error instanceof TypeError) return undefined;
      throw error;
    }
  }

  private takeGaps(sourceId: number): void {
    const names = this.names.sources.get(sourceId) as SourceNames;
    this.write(() => {
      for (const [fromSeq, toSeq, reason, seal] of this.reader.gaps(sourceId)) {
        const { household, device, src } = names;
        const row: ShippedRow = { kind: 'gap', gap: { household, device, src, fromSeq, toSeq, reason } };
        const its = sealOfGap(names, src, { source_id: sourceId, from_seq: fromSeq, to_seq: toSeq, reason });
        const isSound = seal === its || !this.reader.hasRecordSeals;
        if (isSound && rowFault(row, this.options.windowMs) === undefined) this.writer.store(this.sourceOf(names), row);
      }
    });
  }

  private sourceOf({ household, device, src }: SourceNames): KnownSource {
    const source = this.known.find(household)?.devices.get(device)?.sources.get(src);
    if (source === undefined) throw new Error(`${household}, ${device}, ${src} was made, and is not there`);
    return source;
  }

  /** As an append does. */
  private write(work: () => void): void {
    inTransaction(this.database, () => {
      this.known.refresh();
      work();
      this.writer.flush();
    });
    this.writer.finish();
  }

  private async takeBuckets(): Promise<void> {
    const values = Array(SERIES_COLUMN + 2).fill('?');
    const insert = this.database.prepare(
      `INSERT OR IGNORE INTO rollups (${BUCKET_COLUMNS}, series_id, level_ms) VALUES (${values.join()})`,
    );
    let lostShorter: Span[] = [];
    for (const [level, levelMs] of ROLLUP_LEVELS_MS.entries()) {
      const lost: Span[] = [];
      const damaged: BucketRow[] = [];
      await this.inSteps(this.reader.buckets(levelMs, this.keptFromMs, lost), (row) => {
        if (this.isBucket(row, levelMs)) insert.run(...row, levelMs);
        else if (this.isPlace(row, levelMs)) damaged.push(row);
      });
      if (lost.length > 0) await this.takeOtherBuckets(levelMs, insert);
      if (level > 0) await this.mendBuckets(levelMs, ROLLUP_LEVELS_MS[level - 1] as number, lostShorter);
      // As they are, with a seal that does not hold: who asks for one is told.
      for (const row of damaged) if (insert.run(...row, levelMs).changes === 1) this.mayLackBuckets = true;
      this.mayLackBuckets ||= lost.length > 0;
      lostShorter = lost.map(({ from, to }) => ({ from: from * levelMs, to: to * levelMs }));
    }
    if (this.isKeptLost) inTransaction(this.database, () => this.noteKeptLevels());
    await this.addUpTotals();
  }

  /** Buckets that begin with a later hour than the hours do were forgotten before. */
  private noteKeptLevels(): void {
    const first = this.database.prepare('SELECT min(start_ms) FROM rollups WHERE level_ms = ?').pluck();
    const hoursMs = first.get(MS_PER_HOUR) as number | null;
    for (const levelMs of ROLLUP_LEVELS_MS) {
      const itsMs = first.get(levelMs) as number | null;
      if (hoursMs !== null && itsMs !== null && itsMs >= hoursMs + MS_PER_HOUR) noteForgotten(this.database, levelMs, itsMs);
    }
  }

  /** Of what the damaged pages led to; of several copies of one the last, which has most readings. */
  private async takeOtherBuckets(levelMs: number, insert: Database.Statement): Promise<void> {
    const newest = new Map<string, BucketRow>();
    const held = this.database.prepare('SELECT 1 FROM rollups WHERE level_ms = ? AND start_ms = ? AND series_id = ?');
    await this.inSteps(this.reader.otherBuckets(levelMs), (row) => {
      const [startMs, readings, seriesId] = [row[0], row[1], row[SERIES_COLUMN] as number];
      if (startMs + levelMs > this.keptFromMs || !this.isBucket(row, levelMs)) return;
      const key = `${startMs} ${seriesId}`;
      // Most of them were read by their key.
      if (readings > (newest.get(key)?.[1] ?? 0) && held.get(levelMs, startMs, seriesId) === undefined) newest.set(key, row);
    });
    await this.inSteps(newest.values(), (row) => insert.run(...row, levelMs));
  }

  private isBucket(row: BucketRow, levelMs: number): boolean {
    const name = this.names.series.get(row[SERIES_COLUMN] as number);
    return name !== undefined && this.isPlace(row, levelMs) && isBucketSound(name, levelMs, row, rollupIn(row));
  }

  /** False for a row that no store has, whatever its seal says. */
  private isPlace(row: BucketRow, levelMs: number): boolean {
    const areNumbers = row.every((value, column) => typeof value === 'number' || (value === null && column === SERIES_COLUMN - 1));
    return areNumbers && row[0] % levelMs === 0 && this.names.series.has(row[SERIES_COLUMN] as number);
  }

  /** Longer buckets that are not there, or reach over the end of what was forgotten: added up from shorter ones, where all are there. */
  private mendBuckets(levelMs: number, shorterMs: number, lostShorter: readonly Span[]): Promise<void> {
    const missing = this.database
      .prepare(
        `SELECT DISTINCT start_ms - ((start_ms % @level) + @level) % @level AS start, series_id FROM rollups AS s
         WHERE level_ms = @shorter AND start_ms < @before AND (
           start >= @straddling OR
           NOT EXISTS (SELECT 1 FROM rollups WHERE level_ms = @level AND start_ms = start AND series_id = s.series_id))`,
      )
      .raw()
      .all({
        level: levelMs,
        shorter: shorterMs,
        before: this.keptFromMs,
        straddling: Math.floor(this.keptFromMs / levelMs) * levelMs,
      }) as [number, number][];
    const rebuilder = new BucketRebuilder(this.database, this.seals, this.options.windowMs);
    const save = prepareSaveBucket(this.database);
    return this.inSteps(missing, ([startMs, seriesId]) => {
      if (lostShorter.some(({ from, to }) => from < startMs + levelMs && to >= startMs)) return;
      const bucket = rebuilder.rebuild({ ...this.seriesOf(seriesId), levelMs, startMs }, Number.POSITIVE_INFINITY);
      if (bucket === undefined || bucket === 'lost') return;
      saveBucket(save, seriesId, this.names.series.get(seriesId) as number, levelMs, bucket);
    });
  }

  private addUpTotals(): Promise<void> {
    const save = this.database.prepare('UPDATE series SET count = ?, energy_ws = ?, window_count = ?, last_ms = ?, seal = ? WHERE id = ?');
    const hours = this.database.prepare(`SELECT ${BUCKET_COLUMNS} FROM rollups WHERE level_ms = ${MS_PER_HOUR} AND series_id = ?`).raw();
    return this.inSteps(this.database.prepare('SELECT id FROM series').pluck().all() as number[], (id) => {
      const name = this.names.series.get(id) ?? this.nameOf(id);
      const sums = noSums();
      for (const row of hours.all(id) as BucketRow[]) {
        const hour = rollupIn(row);
        if (isBucketSound(name, MS_PER_HOUR, row, hour)) addHour(sums, hour);
      }
      const totals = [sums.count, sums.energy_ws, sums.window_count, sums.last_ms] as const;
      save.run(...totals, sealOfTotals(name, ...totals), id);
    });
  }

  /** Of a series that a part has made. */
  private nameOf(seriesId: number): number {
    const { deviceId, field } = this.seriesOf(seriesId);
    return sealOfSeriesName(seriesId, this.names.devices.get(deviceId) as Owner, field);
  }

  private seriesOf(id: number): { deviceId: number; field: string } {
    return this.series.get(id) as { deviceId: number; field: string };
  }

  private figures(): SalvageFigures {
    const count = (sql: string) => this.database.prepare(sql).pluck().get() as number;
    const held = new Map(this.database.prepare('SELECT id, readings FROM sources').raw().all() as [number, number][]);
    let readingsLost = 0;
    for (const [id, readings] of this.names.readingsOf) readingsLost += Math.max(0, readings - (held.get(id) ?? 0));
    return {
      households: count('SELECT count(*) FROM households'),
      parts: this.parts,
      readingsLost,
      sourcesUnknown: [...held.keys()].filter((id) => !this.names.readingsOf.has(id)).length,
      mayLackNames: this.reader.mayLackNames || this.names.hasLostNames,
      mayLackBuckets: this.mayLackBuckets,
    };
  }
}

function statsOf(row: PartRow, fieldCount: number, field: number): number[] {
  const { sum, min, max, first, last } = partAggregate(row, fieldCount, field);
  const stats = Array<number>(STATS_PER_FIELD);
  [stats[STAT.sum], stats[STAT.min], stats[STAT.max], stats[STAT.first], stats[STAT.last]] = [sum, min, max, first, last];
  return stats;
}

function inTransaction(database: Database.Database, work: () => void): void {
  database.transaction(work).immediate();
}
