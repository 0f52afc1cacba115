/** The series store on SQLite: one file, one writing connection, one reading. DESIGN.md beside it. */
import { join } from 'node:path';
import type Database from 'better-sqlite3';
import { type Clock, yieldToEventLoop } from '../../../common/clock.ts';
import { ConfigError } from '../../../common/errors.ts';
import { reach } from '../../../common/failpoints.ts';
import { randomId } from '../../../common/random.ts';
import { type HelloHousehold, type HelloRequest, type PartsRequest, rangeOf, type ShippedRow } from '../../../common/messages.ts';
import { claimHousehold, judgeRow, SECOND_SOURCE } from '../../../common/protocol/receiver-rules.ts';
import { GapReader } from './gap-reader.ts';
import { type KnownHousehold, KnownHouseholds } from './known-households.ts';
import { explainDatabaseError, isBusy, openForReading, openForWriting, SERIES_FILE } from './open-database.ts';
import { newestBuckets } from './newest-buckets.ts';
import { PartWriter } from './part-writer.ts';
import { type DamagedPart, PartSeals } from './part-seals.ts';
import { SeriesReader } from './series-reader.ts';
import type {
  AppendResult,
  Bucket,
  GapQuery,
  GapRow,
  HouseholdRow,
  PowerTotals,
  RangeQuery,
  SeriesStore,
  StoredVerdict,
} from './series-store.ts';

/** Where a household gets its postal code when it is first seen (registry.ts). */
export interface PostalCodes {
  assign(household: string): { postalCode: string; state: string; from: 'file' | 'drawn' };
}

export interface SqliteSeriesStoreOptions {
  /** The state directory; the store is cloud/series.db in it. */
  stateDir: string;
  windowMs: number;
  postalCodes: PostalCodes;
  clock: Clock;
  /** Called once for each part whose checksum is found not to hold (up to DAMAGED_TOLD_MAX of them). */
  onDamaged?: (part: DamagedPart) => void;
}

/** More says no more: the file is to be replaced. */
const DAMAGED_TOLD_MAX = 10_000;

/** Another process that writes keeps the lock for milliseconds; after this long it hangs, and the edge sends again. */
const LOCK_WAIT_MAX_MS = 5_000;
const LOCK_RETRY_MS = 5;
/** Windows of one device forgotten in one transaction: a few ms. */
const WINDOWS_PER_DELETE = 500;
/** Pages given back to the file system in one step: below 2 ms. */
const PAGES_PER_VACUUM = 256;

/** What is there between start and stop. */
interface OpenStore {
  id: string;
  database: Database.Database;
  known: KnownHouseholds;
  writer: PartWriter;
  reader: SeriesReader;
  readerDatabase: Database.Database;
}

export class SqliteSeriesStore implements SeriesStore {
  private readonly options: SqliteSeriesStoreOptions;
  readonly path: string;
  private open: OpenStore | undefined;
  private readonly damaged = new Set<string>();

  constructor(options: SqliteSeriesStoreOptions) {
    this.options = options;
    this.path = join(options.stateDir, SERIES_FILE);
  }

  async start(): Promise<void> {
    if (this.open !== undefined) return;
    const { windowMs } = this.options;
    const database = openForWriting(this.path);
    try {
      this.requireWindowLength(database);
      const readerDatabase = openForReading(this.path);
      const seals = new PartSeals(database, this.noteDamaged);
      const known = new KnownHouseholds(database, seals);
      const writer = new PartWriter(database, known, seals, windowMs);
      const reader = new SeriesReader(readerDatabase, windowMs, this.noteDamaged);
      this.open = { id: storeId(database), database, known, writer, reader, readerDatabase };
    } catch (error) {
      database.close();
      throw explainDatabaseError(error, this.path);
    }
  }

  async stop(): Promise<void> {
    const { open } = this;
    this.open = undefined;
    open?.readerDatabase.close();
    // Last: the writer's close copies the write-ahead log into the file and removes it.
    open?.database.close();
  }

  /** Made with the file and copied with it: names what else belongs to this store and to no other. */
  get id(): string {
    return this.started().id;
  }

  hello(request: HelloRequest): Promise<HelloHousehold[]> {
    this.refuseOtherWindows(request.windowMs);
    return this.transaction(({ known }) =>
      request.households.map(({ household, generation }) => {
        const held = known.find(household) ?? this.addHousehold(known, household);
        const current = held.generation === 0 ? undefined : held;
        const given = claimHousehold(current, request.claim, generation);
        if (given !== held.generation || request.claim !== held.claim) known.setOwner(held, given, request.claim, request.edge);
        return helloOf(held);
      }),
    );
  }

  /** Rows must have passed rowFault (wire.ts). */
  async append(request: PartsRequest): Promise<AppendResult> {
    this.refuseOtherWindows(request.windowMs);
    const result = await this.transaction((open) => {
      const verdicts: StoredVerdict[] = [];
      const answer: AppendResult = { verdicts, postalCodes: {}, generations: {}, newest: [] };
      const owned = ownedHouseholds(open.known, request, answer);
      for (const row of request.rows) verdicts.push(takeRow(open, owned, row));
      answer.newest = newestBuckets(open.writer.devices(), this.options.windowMs);
      open.writer.flush();
      reach('cloud_inside_commit');
      return answer;
    });
    return result;
  }

  households(): Promise<HouseholdRow[]> {
    return this.reader().households();
  }

  edges(): Promise<string[]> {
    return Promise.resolve(this.reader().edges());
  }

  owners(): Promise<ReadonlyMap<string, string>> {
    return Promise.resolve(this.reader().owners());
  }

  fields(): Promise<string[]> {
    return Promise.resolve(this.reader().fields());
  }

  postalCodeOf(household: string): Promise<string | undefined> {
    return Promise.resolve(this.reader().postalCodeOf(household));
  }

  powerTotals(): Promise<PowerTotals[]> {
    return this.reader().powerTotals();
  }

  newest(): Promise<Bucket[]> {
    return this.reader().newest();
  }

  range(query: RangeQuery): AsyncIterable<Bucket> {
    return this.reader().range(query);
  }

  gaps(query: GapQuery): AsyncIterable<GapRow> {
    return new GapReader(this.started().readerDatabase, this.options.windowMs).gaps(query);
  }

  async deleteBefore(timeMs: number): Promise<number> {
    const { database } = this.started();
    const devices = database.prepare('SELECT id FROM devices').pluck().all() as number[];
    let windows = 0;
    for (const device of devices) {
      for (;;) {
        const deleted = await this.transaction((open) => forgetWindows(open.database, device, timeMs));
        windows += deleted;
        await yieldToEventLoop();
        if (deleted < WINDOWS_PER_DELETE) break;
      }
    }
    await this.giveBackPages();
    return windows;
  }

  /** Stops where another writer is in the way: what is left is given back after the next deletion. */
  private async giveBackPages(): Promise<void> {
    let free = Number.POSITIVE_INFINITY;
    for (;;) {
      const { database } = this.started();
      const left = database.pragma('freelist_count', { simple: true }) as number;
      if (left === 0 || left >= free) return;
      free = left;
      try {
        database.pragma(`incremental_vacuum(${PAGES_PER_VACUUM})`);
      } catch (error) {
        if (!isBusy(error)) throw explainDatabaseError(error, this.path);
      }
      await yieldToEventLoop();
    }
  }

  private readonly noteDamaged = (part: DamagedPart) => {
    const key = `${part.household}/${part.device}/${part.startMs}/${part.fromSeq}`;
    if (this.damaged.has(key) || this.damaged.size >= DAMAGED_TOLD_MAX) return;
    this.damaged.add(key);
    this.options.onDamaged?.(part);
  };

  private addHousehold(known: KnownHouseholds, household: string): KnownHousehold {
    const { postalCode, state, from } = this.options.postalCodes.assign(household);
    return known.add({ household, postalCode, state, postalCodeFrom: from });
  }

  private requireWindowLength(database: Database.Database): void {
    const { windowMs } = this.options;
    database.prepare("INSERT INTO meta VALUES ('window_ms', ?) ON CONFLICT DO NOTHING").run(String(windowMs));
    const held = Number(database.prepare("SELECT value FROM meta WHERE key = 'window_ms'").pluck().get());
    if (held === windowMs) return;
    throw new ConfigError(
      `${this.path} holds windows of ${held / 1_000} s, edge.window_seconds is ${windowMs / 1_000}`,
      `set edge.window_seconds = ${held / 1_000}, or give another --state`,
    );
  }

  private refuseOtherWindows(windowMs: number): void {
    if (windowMs === this.options.windowMs) return;
    throw new ConfigError(
      `the edge cuts windows of ${windowMs / 1_000} s, the cloud keeps windows of ${this.options.windowMs / 1_000} s; nothing was stored`,
      'give edge.window_seconds the same value on both',
    );
  }

  /**
   * One durable transaction: `work` runs to its end without the event loop turning. When it or the commit fails, nothing is
   * stored and everything remembered is forgotten.
   */
  private async transaction<T>(work: (open: OpenStore) => T): Promise<T> {
    const { clock } = this.options;
    const deadlineMs = clock.monotonicMs() + LOCK_WAIT_MAX_MS;
    while (!this.begin(clock.monotonicMs() >= deadlineMs)) await clock.sleep(LOCK_RETRY_MS);
    return this.runBegun(work);
  }

  /** False while another connection writes. */
  private begin(isLastTry: boolean): boolean {
    try {
      this.started().database.exec('BEGIN IMMEDIATE');
      return true;
    } catch (error) {
      if (isBusy(error) && !isLastTry) return false;
      throw explainDatabaseError(error, this.path);
    }
  }

  private runBegun<T>(work: (open: OpenStore) => T): T {
    const open = this.started();
    try {
      open.known.refresh();
      const result = work(open);
      open.database.exec('COMMIT');
      open.writer.finish();
      return result;
    } catch (error) {
      open.known.forget();
      open.writer.forget();
      // SQLite has rolled back by itself after some errors.
      if (open.database.inTransaction) open.database.exec('ROLLBACK');
      throw explainDatabaseError(error, this.path);
    }
  }

  private reader(): SeriesReader {
    return this.started().reader;
  }

  private started(): OpenStore {
    if (this.open === undefined) throw new Error('the series store is not started');
    return this.open;
  }
}

function storeId(database: Database.Database): string {
  database.prepare("INSERT INTO meta VALUES ('store_id', ?) ON CONFLICT DO NOTHING").run(randomId());
  return database.prepare("SELECT value FROM meta WHERE key = 'store_id'").pluck().get() as string;
}

/** R5: the households whose rows are judged; the answer is told of the others. */
function ownedHouseholds(known: KnownHouseholds, request: PartsRequest, answer: AppendResult): ReadonlyMap<string, KnownHousehold> {
  const owned = new Map<string, KnownHousehold>();
  const asked = new Set<string>(request.rows.length === 0 ? Object.keys(request.generations) : []);
  for (const row of request.rows) asked.add(rangeOf(row).household);
  for (const household of asked) {
    const held = known.find(household);
    if (held !== undefined) answer.postalCodes[household] = held.postalCode;
    if (held !== undefined && held.claim === request.claim && held.generation === request.generations[household])
      owned.set(household, held);
    else answer.generations[household] = held?.generation ?? 0;
  }
  return owned;
}

function takeRow({ known, writer }: OpenStore, owned: ReadonlyMap<string, KnownHousehold>, row: ShippedRow): StoredVerdict {
  const { household, device, src } = rangeOf(row);
  const holder = owned.get(household);
  if (holder === undefined) return { verdict: 'not_owner' };
  if (row.kind === 'part' && !isSortedSet(row.part.fields))
    return { verdict: 'rejected', reason: 'field names are not sorted, or one is there twice' };
  const source = known.source(holder, device, src);
  const verdict = judgeRow(source, row);
  if (verdict === 'rejected') return { verdict, reason: SECOND_SOURCE };
  if (verdict === 'stored') writer.store(source, row);
  return { verdict };
}

function isSortedSet(names: readonly string[]): boolean {
  for (let i = 1; i < names.length; i++) if ((names[i - 1] as string) >= (names[i] as string)) return false;
  return true;
}

function helloOf(held: KnownHousehold): HelloHousehold {
  const sources = [...held.devices.values()].flatMap(({ device, sources: its }) =>
    [...its.values()].map((source) => ({
      device,
      src: source.src,
      covered: source.covered.ranges(),
      declared: source.declared.ranges(),
      greatestMs: source.greatestMs ?? 0,
    })),
  );
  return { household: held.household, generation: held.generation, postalCode: held.postalCode, sources };
}

/** @returns windows forgotten, WINDOWS_PER_DELETE when there may be more */
function forgetWindows(database: Database.Database, device: number, beforeMs: number): number {
  const starts = database
    .prepare('SELECT DISTINCT window_start_ms FROM parts WHERE device_id = ? AND window_start_ms < ? ORDER BY window_start_ms LIMIT ?')
    .pluck()
    .all(device, beforeMs, WINDOWS_PER_DELETE) as number[];
  const last = starts.at(-1);
  if (last !== undefined) database.prepare('DELETE FROM parts WHERE device_id = ? AND window_start_ms <= ?').run(device, last);
  return starts.length;
}
