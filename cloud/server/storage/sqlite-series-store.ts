/** The series store on SQLite: one file, one writing connection, one reading. DESIGN.md beside it. */
import { join } from 'node:path';
import type Database from 'better-sqlite3';
import { type Clock, yieldToEventLoop } from '../../../common/clock.ts';
import { ConfigError, type OperatingError } from '../../../common/errors.ts';
import { reach } from '../../../common/failpoints.ts';
import { randomId } from '../../../common/random.ts';
import { type HelloHousehold, type HelloRequest, type PartsRequest, rangeOf, type ShippedRow } from '../../../common/messages.ts';
import { claimHousehold, judgeRow, SECOND_SOURCE } from '../../../common/protocol/receiver-rules.ts';
import { BucketReader } from './bucket-reader.ts';
import type { DamagedBucket } from './bucket-rows.ts';
import { GapReader } from './gap-reader.ts';
import { forgetting } from './forgetting.ts';
import { keptLevels } from './kept-levels.ts';
import { type KnownHousehold, KnownHouseholds } from './known-households.ts';
import {
  explainDatabaseError,
  explainStartError,
  isBusy,
  isConstraint,
  isFileDamaged,
  openForReading,
  openForWriting,
  SERIES_FILE,
  willBeRefused,
} from './open-database.ts';
import type { DamagedRecord } from './household-mender.ts';
import { newestBuckets } from './newest-buckets.ts';
import { newPartRows } from './part-rows.ts';
import { PartWriter } from './part-writer.ts';
import { replaceDamaged, type SalvageTold } from './replace-damaged.ts';
import { isUnproven, noteProven } from './series-swap.ts';
import { readFacts, refuseOtherWindows, writeFacts } from './store-facts.ts';
import { type DamagedPart, PartSeals } from './part-seals.ts';
import { ReadingThread } from './reading-thread.ts';
import { SeriesReader } from './series-reader.ts';
import type {
  AppendResult,
  Bucket,
  BucketsQuery,
  ForgetOptions,
  GapQuery,
  GapRow,
  HouseholdRow,
  KeptLevel,
  PowerTotals,
  RangeQuery,
  SeriesBuckets,
  SeriesStore,
  StoredHousehold,
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
  /** Long answers are read in a thread of their own, not in pages on this one. Told when it dies; the next question starts it again. */
  readingThread?: { onDied: (cause: Error) => void };
  /** Called once for each row beside the parts that is found damaged, with what became of it. */
  onRecordDamaged?: (record: DamagedRecord) => void;
  /** How a damaged file is replaced at the start. */
  onSalvage?: (told: SalvageTold) => void;
  /** A file in use is damaged, so that nothing can be stored any more: the next start would find it, and replaces it. Called once. */
  onUnusable?: (error: OperatingError) => void;
  /** Runs the work while no other process has the store open, or can open it. @throws where one has it */
  alone?: <T>(work: () => Promise<T>) => Promise<T>;
}

/** More says no more: the file is to be replaced. */
const DAMAGED_TOLD_MAX = 10_000;

/** Another process that writes keeps the lock for milliseconds; after this long it hangs, and the edge sends again. */
const LOCK_WAIT_MAX_MS = 5_000;
const LOCK_RETRY_MS = 5;
/** Damaged buckets that one append mends: some 5 ms each. */
const DAMAGED_BUCKETS_MAX = 10;
/** Households read in one transaction at the start: some 10 ms. */
const HOUSEHOLDS_PER_LOOK = 100;
/** Pages given back to the file system in one step: below 2 ms. */
const PAGES_PER_VACUUM = 256;

/** What is there between start and stop. */
interface OpenStore {
  id: string;
  database: Database.Database;
  known: KnownHouseholds;
  writer: PartWriter;
  reader: SeriesReader;
  bucketReader: BucketReader;
  gapReader: GapReader;
  thread: ReadingThread | undefined;
  readerDatabase: Database.Database;
}

export class SqliteSeriesStore implements SeriesStore {
  private readonly options: SqliteSeriesStoreOptions;
  readonly path: string;
  private open: OpenStore | undefined;
  private readonly damaged = new Set<string>();
  private readonly damagedBuckets: DamagedBucket[] = [];
  private hasLookedAgain = false;

  constructor(options: SqliteSeriesStoreOptions) {
    this.options = options;
    this.path = join(options.stateDir, SERIES_FILE);
  }

  /** A file that is damaged as a file is set aside, and what can be read of it is taken over. */
  async start(): Promise<void> {
    if (this.open !== undefined) return;
    try {
      await this.startOnFile();
    } catch (error) {
      const { options, path } = this;
      // Never round and round: a store that was made anew and can't be opened is for a person.
      if (!isFileDamaged(error) || isUnproven(path)) throw error;
      const { alone = (work) => work(), onSalvage = () => {}, windowMs, clock, postalCodes } = options;
      const assignPostalCode = (household: string) => postalCodes.assign(household);
      const finding = (error as Error).message;
      await alone(() => replaceDamaged({ path, finding, windowMs, assignPostalCode, nowMs: () => clock.nowMs(), onSalvage }));
      await this.startOnFile();
    }
  }

  private async startOnFile(): Promise<void> {
    const { windowMs } = this.options;
    const onSwapped = (folder: string) => this.options.onSalvage?.({ step: 'finished', folder });
    const database = openForWriting(this.path, { onDamaged: this.noteRecord, onSwapped });
    try {
      const id = this.settleFacts(database);
      const readerDatabase = openForReading(this.path);
      const seals = new PartSeals(database, this.noteDamaged);
      const newParts = newPartRows(database);
      const known = new KnownHouseholds(database, seals, newParts, {
        windowMs,
        assignPostalCode: (household) => this.options.postalCodes.assign(household),
        nowMs: () => this.options.clock.nowMs(),
        onDamaged: this.noteRecord,
      });
      const writer = new PartWriter(database, newParts, known, seals, windowMs, this.noteRecord);
      const reader = new SeriesReader(readerDatabase, windowMs, this.noteDamaged, this.noteBucket);
      const bucketReader = new BucketReader(readerDatabase, windowMs, this.noteDamaged, this.noteBucket);
      const gapReader = new GapReader(readerDatabase, windowMs);
      const thread = this.readingThread();
      this.open = { id, database, known, writer, reader, bucketReader, gapReader, thread, readerDatabase };
      await this.lookThrough();
      noteProven(this.path);
    } catch (error) {
      if (this.open === undefined) database.close();
      else await this.stop();
      throw explainStartError(error, this.path);
    }
  }

  /** Whatever is damaged beside the parts is mended, or told of, before anything is served. */
  private async lookThrough(): Promise<void> {
    const { database } = this.started();
    const households = database.prepare('SELECT household FROM households ORDER BY id').pluck().all() as string[];
    for (let at = 0; at < households.length; at += HOUSEHOLDS_PER_LOOK) {
      await this.transaction(({ known }) => {
        for (const household of households.slice(at, at + HOUSEHOLDS_PER_LOOK)) known.find(household);
      });
      await yieldToEventLoop();
    }
  }

  async stop(): Promise<void> {
    const { open } = this;
    this.open = undefined;
    await open?.thread?.stop();
    open?.readerDatabase.close();
    // Last: the writer's close copies the write-ahead log into the file and removes it.
    open?.database.close();
  }

  /** Made with the file and copied with it: names what else belongs to this store and to no other. */
  get id(): string {
    return this.started().id;
  }

  hello(request: HelloRequest): Promise<StoredHousehold[]> {
    this.refuseOtherWindows(request.windowMs);
    return this.transaction(({ known }) =>
      request.households.map(({ household, generation }) => {
        const held = known.find(household) ?? this.addHousehold(known, household);
        if (held.refusal !== undefined) return refused(held, held.refusal);
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
    try {
      return await this.appendOnce(request);
    } catch (error) {
      // What is judged is never there already: the index over the parts says so wrongly, or can't be read.
      if (!isConstraint(error) && (error as { code?: string }).code !== 'STORE_DAMAGED') throw error;
      try {
        await this.mendPartIndex();
        return await this.appendOnce(request);
      } catch (still) {
        this.noteUnusable(still);
        throw still;
      }
    }
  }

  /** Looked through once: a second for some 100 MB, in which nothing else is served, and nothing could be. */
  private noteUnusable(error: unknown): void {
    const { onUnusable } = this.options;
    if (this.hasLookedAgain || onUnusable === undefined || !isFileDamaged(error)) return;
    this.hasLookedAgain = true;
    if (willBeRefused(this.started().database)) onUnusable(error as OperatingError);
  }

  /** Makes the index over the parts anew: a second for a million parts, in which nothing else is served. */
  private async mendPartIndex(): Promise<void> {
    await this.transaction(({ database }) => database.exec('REINDEX parts_by_seq'));
    this.noteRecord({ household: '', table: 'parts', outcome: 'mended', what: 'the index over the parts: made anew' });
  }

  private async appendOnce(request: PartsRequest): Promise<AppendResult> {
    const result = await this.transaction((open) => {
      const verdicts: StoredVerdict[] = [];
      const answer: AppendResult = { verdicts, postalCodes: {}, generations: {}, newest: [] };
      const owned = ownedHouseholds(open.known, request, answer);
      // Before any row: a bucket is added up from all parts that lie in it, and flush adds those of this request.
      open.writer.mendBuckets(this.damagedBuckets.splice(0));
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
    const { thread, reader } = this.started();
    return (thread ?? reader).range(query);
  }

  async buckets({ signal, ...query }: BucketsQuery): Promise<SeriesBuckets[]> {
    const { thread, bucketReader } = this.started();
    if (thread !== undefined) return thread.buckets({ ...query, ...(signal === undefined ? {} : { signal }) });
    const pages = bucketReader.read(query);
    for (;;) {
      signal?.throwIfAborted();
      const page = pages.next();
      if (page.done === true) return page.value;
      await yieldToEventLoop();
    }
  }

  kept(): Promise<KeptLevel[]> {
    return Promise.resolve(keptLevels(this.started().readerDatabase, this.options.windowMs));
  }

  gaps(query: GapQuery): AsyncIterable<GapRow> {
    const { thread, gapReader } = this.started();
    return (thread ?? gapReader).gaps(query);
  }

  async deleteBefore(timeMs: number, { levelMs = this.options.windowMs, signal }: ForgetOptions = {}): Promise<number> {
    const { windowMs } = this.options;
    const { database } = this.started();
    let deleted = 0;
    for (const step of forgetting(database, windowMs, levelMs, timeMs)) {
      for (let isDone = false; !isDone && signal?.aborted !== true; ) {
        const done = await this.transaction((open) => step(open));
        deleted += done.deleted;
        isDone = done.isDone;
        await yieldToEventLoop();
      }
    }
    if (deleted > 0) await this.giveBackPages();
    return deleted;
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

  /** Taken by the next append, which may write. */
  private readonly noteBucket = (bucket: DamagedBucket) => {
    if (this.damagedBuckets.length < DAMAGED_BUCKETS_MAX) this.damagedBuckets.push(bucket);
  };

  private readonly noteRecord = (record: DamagedRecord) => {
    const key = `${record.household} ${record.what}`;
    if (this.damaged.has(key) || this.damaged.size >= DAMAGED_TOLD_MAX) return;
    this.damaged.add(key);
    this.options.onRecordDamaged?.(record);
  };

  private addHousehold(known: KnownHouseholds, household: string): KnownHousehold {
    const { postalCode, state, from } = this.options.postalCodes.assign(household);
    return known.add({ household, postalCode, state, postalCodeFrom: from });
  }

  /** Requires the length of windows that the store was made with. @returns the id of the store */
  private settleFacts(database: Database.Database): string {
    const { windowMs } = this.options;
    const settle = database.transaction(() => {
      const { windowMs: held = windowMs, id = randomId(), damaged, isUnsealed } = readFacts(database);
      refuseOtherWindows(this.path, held, windowMs);
      if (damaged !== undefined || isUnsealed) writeFacts(database, held, id);
      if (damaged !== undefined) this.noteRecord({ household: '', table: 'meta', outcome: 'mended', what: damaged });
      return id;
    });
    return settle.immediate();
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

  private readingThread(): ReadingThread | undefined {
    const { windowMs, clock, readingThread } = this.options;
    if (readingThread === undefined) return undefined;
    return new ReadingThread({
      path: this.path,
      windowMs,
      clock,
      onDamaged: this.noteDamaged,
      onBucket: this.noteBucket,
      onDied: readingThread.onDied,
    });
  }

  private reader(): SeriesReader {
    return this.started().reader;
  }

  private started(): OpenStore {
    if (this.open === undefined) throw new Error('the series store is not started');
    return this.open;
  }
}

/** R5: the households whose rows are judged; the answer is told of the others. */
function ownedHouseholds(known: KnownHouseholds, request: PartsRequest, answer: AppendResult): ReadonlyMap<string, KnownHousehold> {
  const owned = new Map<string, KnownHousehold>();
  const asked = new Set<string>(request.rows.length === 0 ? Object.keys(request.generations) : []);
  for (const row of request.rows) asked.add(rangeOf(row).household);
  for (const household of asked) {
    const held = known.find(household);
    if (held !== undefined) answer.postalCodes[household] = held.postalCode;
    const isRefused = held?.refusal !== undefined;
    if (held !== undefined && (isRefused || (held.claim === request.claim && held.generation === request.generations[household])))
      owned.set(household, held);
    else answer.generations[household] = held?.generation ?? 0;
  }
  return owned;
}

function takeRow({ known, writer }: OpenStore, owned: ReadonlyMap<string, KnownHousehold>, row: ShippedRow): StoredVerdict {
  const { household, device, src } = rangeOf(row);
  const holder = owned.get(household);
  if (holder === undefined) return { verdict: 'not_owner' };
  if (holder.refusal !== undefined) return { verdict: 'rejected', reason: holder.refusal };
  if (row.kind === 'part' && !isSortedSet(row.part.fields))
    return { verdict: 'rejected', reason: 'field names are not sorted, or one is there twice' };
  const source = known.source(holder, device, src);
  const verdict = judgeRow(source, row);
  if (verdict === 'rejected') return { verdict, reason: SECOND_SOURCE };
  if (verdict !== 'stored') return { verdict };
  writer.store(source, row);
  return STORED;
}

const STORED: StoredVerdict = { verdict: 'stored' };

function isSortedSet(names: readonly string[]): boolean {
  for (let i = 1; i < names.length; i++) if ((names[i - 1] as string) >= (names[i] as string)) return false;
  return true;
}

function refused({ household, generation, postalCode }: KnownHousehold, refusal: string): StoredHousehold {
  return { household, generation, postalCode, sources: [], refusal };
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
