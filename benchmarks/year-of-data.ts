/**
 * A year of 50 synthetic households in a store: quarters of an hour and hours for all of it, minutes for its last week, windows for its
 * last day. The last day goes through the store's own writer; the rest is put into the tables at once, each hour the sum of its quarters
 * and each quarter that of its minutes by the rule of the writer, because a year of windows takes hours to write. Values are drawn, and
 * no day is like another.
 */
import Database from 'better-sqlite3';
import { addRollup, type Rollup } from '../cloud/server/analytics/rollup.ts';
import { sealOfBucket } from '../cloud/server/storage/bucket-rows.ts';
import { sealOfSeriesName } from '../cloud/server/storage/record-seals.ts';
import { SqliteSeriesStore } from '../cloud/server/storage/sqlite-series-store.ts';
import { systemClock, yieldToEventLoop } from '../common/clock.ts';
import { FIELD_UNITS } from '../common/units.ts';
import type { Part, ShippedRow } from '../common/messages.ts';
import { cutIntoParts } from '../common/protocol/window.ts';
import { type Random, seededRandom } from '../common/random.ts';

export const WINDOW_MS = 5_000;
/** 2019 in Europe/Berlin. */
export const YEAR_FROM_MS = Date.UTC(2018, 11, 31, 23);
export const YEAR_TO_MS = Date.UTC(2019, 11, 31, 23);
const QUARTER_MS = 900_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const MINUTES_DAYS = 8;
const READINGS_PER_WINDOW = 2;
const ROWS_PER_REQUEST = 500;
const CLAIM = 'claim-1';
const COLUMNS = 18;
const STARTS_PER_COMMIT = 400;

interface SeriesRow {
  id: number;
  field: string;
  household: string;
  device: string;
}

type Say = (line: string) => void;

export function homes(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `home-${String(i).padStart(2, '0')}`);
}

/** @param readingThread where long answers are read in a thread, as in the cloud server */
export function openYearStore(stateDir: string, readingThread?: { onDied: (cause: Error) => void }): SqliteSeriesStore {
  const postalCodes = { assign: () => ({ postalCode: '14467', state: 'DE-BB', from: 'drawn' as const }) };
  return new SqliteSeriesStore({ stateDir, windowMs: WINDOW_MS, postalCodes, clock: systemClock, ...(readingThread && { readingThread }) });
}

/** An edge that has all households and sends the windows of one instant after the other. */
export class Sender {
  private readonly store: SqliteSeriesStore;
  private readonly households: readonly string[];
  private readonly random = seededRandom(3);
  private readonly generations: Record<string, number> = {};
  /** Of the next reading, from 0; a sender that starts on a store goes on with a source of its own. */
  private seq = 0;
  private src = '';

  constructor(store: SqliteSeriesStore, households: readonly string[]) {
    this.store = store;
    this.households = households;
  }

  async start(): Promise<void> {
    const households = this.households.map((household) => ({ household, generation: 0 }));
    const answer = await this.store.hello({ edge: 'edge-1', epoch: 'epoch-1', claim: CLAIM, windowMs: WINDOW_MS, households });
    for (const { household, generation } of answer) this.generations[household] = generation;
    this.src = `src${answer[0]?.sources.length ?? 0}`;
  }

  /** So many windows of each household, from the instant on, in requests of ROWS_PER_REQUEST rows. */
  async send(fromMs: number, windows: number, onSent: (ms: number) => void = () => {}): Promise<void> {
    let rows: ShippedRow[] = [];
    for (let i = 0; i < windows; i++) {
      for (const household of this.households) rows.push({ kind: 'part', part: this.part(household, fromMs + i * WINDOW_MS) });
      this.seq += READINGS_PER_WINDOW;
      if (rows.length < ROWS_PER_REQUEST && i + 1 < windows) continue;
      const startMs = performance.now();
      const { verdicts } = await this.store.append({
        edge: 'edge-1',
        epoch: 'epoch-1',
        claim: CLAIM,
        startId: 'start-1',
        windowMs: WINDOW_MS,
        generations: this.generations,
        rows,
      });
      onSent(performance.now() - startMs);
      // As between two requests of an edge: answers of others are taken.
      await yieldToEventLoop();
      const wrong = verdicts.find(({ verdict }) => verdict !== 'stored');
      if (wrong !== undefined) throw new Error(`a part was not stored: ${wrong.verdict}`);
      rows = [];
    }
  }

  private part(household: string, startMs: number): Part {
    const readings = Array.from({ length: READINGS_PER_WINDOW }, (_, i) => {
      const phases = [this.random.next() * 300, this.random.next() * 300, this.random.next() * 300] as const;
      const [power1, power2, power3] = phases;
      const values = { energy: 9_000 + this.seq / 1e5, power: power1 + power2 + power3, power1, power2, power3 };
      return { household, device: 'meter', src: this.src, seq: this.seq + i + 1, timeMs: startMs + i * 2_500, values };
    });
    return cutIntoParts(readings, WINDOW_MS)[0] as Part;
  }
}

/** @returns the store, started, and the sender that has sent its last day */
export async function makeYear(stateDir: string, households: readonly string[], say: Say): Promise<[SqliteSeriesStore, Sender]> {
  const store = openYearStore(stateDir);
  await store.start();
  const sender = new Sender(store, households);
  await sender.start();
  // Makes the series, so that their numbers are the writer's.
  await sender.send(YEAR_TO_MS - DAY_MS, 1);
  const lastDayMs = YEAR_TO_MS - DAY_MS;
  fillTables(store.path, lastDayMs, say);
  say('the last day goes through the writer');
  await sender.send(lastDayMs + WINDOW_MS, DAY_MS / WINDOW_MS - 1);
  return [store, sender];
}

function fillTables(path: string, toMs: number, say: Say): void {
  const database = new Database(path, { timeout: 10_000 });
  // Made anew by every run of the benchmark: nothing to keep through a power cut.
  database.pragma('synchronous = OFF');
  database.pragma('cache_size = -65536');
  const named = 'series s JOIN devices d ON d.id = s.device_id JOIN households h ON h.id = d.household_id';
  const series = database.prepare(`SELECT s.id, field, household, device FROM ${named} ORDER BY s.id`).all() as SeriesRow[];
  const names = series.map((its) => sealOfSeriesName(its.id, its, its.field));
  const isPower = series.map(({ field }) => FIELD_UNITS[field] === 'W');
  const marks = series.map(() => `(${Array(COLUMNS).fill('?').join()})`).join();
  const insert = database.prepare(`INSERT INTO rollups VALUES ${marks}`);
  const random = seededRandom(1);
  const level = (levelMs: number, fromMs: number, next: (startMs: number) => Rollup[]) => {
    say(`buckets of ${levelMs / MINUTE_MS} min of ${series.length} series`);
    for (let startMs = fromMs; startMs < toMs; ) {
      database.exec('BEGIN');
      for (let n = 0; n < STARTS_PER_COMMIT && startMs < toMs; n++, startMs += levelMs)
        insert.run(
          next(startMs).flatMap((rollup, i) => {
            const seal = sealOfBucket(names[i] as number, levelMs, rollup);
            return [levelMs, startMs, (series[i] as SeriesRow).id, ...numbersOf(rollup), seal];
          }),
        );
      database.exec('COMMIT');
    }
  };
  const quarters = new Map<number, Rollup[]>();
  level(MINUTE_MS, toMs - (MINUTES_DAYS - 1) * DAY_MS, (startMs) => {
    const minutes = isPower.map((power) => drawn(random, startMs, MINUTE_MS, power));
    addTo(quarters, QUARTER_MS, minutes);
    return minutes;
  });
  const hours = new Map<number, Rollup[]>();
  level(QUARTER_MS, YEAR_FROM_MS, (startMs) => {
    const its = quarters.get(startMs) ?? isPower.map((power) => drawn(random, startMs, QUARTER_MS, power));
    addTo(hours, HOUR_MS, its);
    return its;
  });
  level(HOUR_MS, YEAR_FROM_MS, (startMs) => hours.get(startMs) as Rollup[]);
  database.close();
}

/** Adds the buckets of one start, a series each, to the longer ones that they lie in. */
function addTo(longer: Map<number, Rollup[]>, levelMs: number, buckets: readonly Rollup[]): void {
  const startMs = (buckets[0] as Rollup).startMs;
  const longerMs = startMs - (startMs % levelMs);
  const held = longer.get(longerMs);
  if (held !== undefined) for (const [i, its] of buckets.entries()) addRollup(held[i] as Rollup, its);
  else
    longer.set(
      longerMs,
      buckets.map((its) => ({ ...its, startMs: longerMs })),
    );
}

/** A bucket with all its windows: more in the evening and in winter. */
function drawn(random: Random, startMs: number, levelMs: number, power: boolean): Rollup {
  const windowCount = levelMs / WINDOW_MS;
  const count = windowCount * READINGS_PER_WINDOW;
  const evening = 1 + Math.sin((2 * Math.PI * (startMs % DAY_MS)) / DAY_MS - 2);
  const winter = 1 + 0.5 * Math.cos((2 * Math.PI * (startMs - YEAR_FROM_MS)) / (365 * DAY_MS));
  const mean = 100 + 400 * evening * winter * random.next();
  const edge = { firstSource: 1, lastSource: 1, firstMs: startMs, lastMs: startMs + levelMs - 1_000, firstSeq: 1, lastSeq: count };
  return {
    startMs,
    count,
    sum: mean * count,
    min: mean * random.next(),
    max: mean * (1 + 3 * random.next()),
    first: mean * random.next(),
    last: mean * random.next(),
    energyWs: power ? (mean * levelMs) / 1_000 : 0,
    windowCount,
    ...edge,
  };
}

function numbersOf(its: Rollup): number[] {
  const first = [its.first, its.firstMs, its.firstSource, its.firstSeq];
  const last = [its.last, its.lastMs, its.lastSource, its.lastSeq];
  return [its.count, its.sum, its.min, its.max, ...first, ...last, its.energyWs, its.windowCount];
}
