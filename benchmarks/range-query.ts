/**
 * What range queries cost over a year of 50 households, through the reading thread, as the cloud server asks them: each time of other
 * households. Synthetic data (year-of-data.ts). Then again while windows are being stored, and how much longer storing takes meanwhile.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { type BucketResolution, bucketEdges, resolutionForPoints } from '../cloud/server/analytics/bucket-edges.ts';
import { profileOf } from '../cloud/server/analytics/profile.ts';
import { SITE_TIME_ZONE } from '../cloud/server/analytics/local-time.ts';
import type { SeriesBuckets, SeriesKey } from '../cloud/server/storage/series-store.ts';
import type { SqliteSeriesStore } from '../cloud/server/storage/sqlite-series-store.ts';
import { type Figure, median, type Question } from './question.ts';
import { sleep } from './started-run.ts';
import { homes, makeYear, openYearStore, Sender, WINDOW_MS, YEAR_FROM_MS, YEAR_TO_MS } from './year-of-data.ts';

const HOMES = 50;
const ROUNDS = 40;
const ROUNDS_OF_LONG_ONES = 10;
const DAY_MS = 86_400_000;
/** Of each household, stored alone and then beside queries. */
const WINDOWS_STORED = 2_400;
const POINTS_OF_A_YEAR = 1_000;
const POINTS_OF_A_DAY = 500;
const YEAR_P95_MS_MAX = 100;
const DAY_P95_MS_MAX = 500;
/** On the thread that answers heartbeats no call takes longer. */
const HOLD_MS_MAX = 20;
const DAY_BYTES_MAX = 150_000;
/** A page of readings is rounded to this for people: the last digits of a double would be most of the bytes. */
const SHOWN_STEP_W = 0.1;

export const rangeQuery: Question = {
  name: 'range-query',
  asks: `range queries over a synthetic year of ${HOMES} households`,
  answer: async (say) => {
    const stateDir = mkdtempSync(join(tmpdir(), 'fogline-bench-year-'));
    try {
      const startMs = performance.now();
      const [store] = await makeYear(stateDir, homes(HOMES), say);
      await store.stop();
      say(`made in ${((performance.now() - startMs) / 1_000).toFixed(0)} s`);
      return await rangeFigures(stateDir, say);
    } finally {
      rmSync(stateDir, { recursive: true });
    }
  },
};

/** @param stateDir with the store of makeYear */
export async function rangeFigures(stateDir: string, say: (line: string) => void): Promise<Figure[]> {
  const households = homes(HOMES);
  const store = openYearStore(stateDir, { onDied: (cause) => say(`the reading thread has died: ${cause.message}`) });
  await store.start();
  try {
    const asks = new Asks(store, households);
    const figures = await asks.all();
    return [...figures, ...(await whileStoring(store, households, asks))];
  } finally {
    await store.stop();
  }
}

class Asks {
  private readonly store: SqliteSeriesStore;
  private readonly households: readonly string[];
  private turn = 0;

  constructor(store: SqliteSeriesStore, households: readonly string[]) {
    this.store = store;
    this.households = households;
  }

  async all(): Promise<Figure[]> {
    await this.yearByPoints();
    const year = await timed(ROUNDS, () => this.yearByPoints());
    const hours = await timed(ROUNDS, () => this.one('6h', YEAR_FROM_MS, YEAR_TO_MS));
    const month = await timed(ROUNDS, () => this.one('15m', YEAR_FROM_MS + 150 * DAY_MS, YEAR_FROM_MS + 181 * DAY_MS));
    const duration = await timed(ROUNDS_OF_LONG_ONES, () => this.loadDuration());
    const all = await timed(ROUNDS_OF_LONG_ONES, () => this.allHomes('1d', YEAR_FROM_MS, YEAR_TO_MS));
    const heldMs = await longestHold(() => this.allHomes('1d', YEAR_FROM_MS, YEAR_TO_MS));
    let bytes = 0;
    const day = await timed(ROUNDS_OF_LONG_ONES, async () => {
      bytes = gzipSync(asJson(await this.aDayOfAll())).length;
    });
    const means = await timed(ROUNDS_OF_LONG_ONES, () => this.aDayOfAll('sums'));
    return [
      ...figuresOf(`a year at ${POINTS_OF_A_YEAR} points, one household`, year, YEAR_P95_MS_MAX),
      ...figuresOf('a year at 6 hours (1,460 buckets), one household', hours, YEAR_P95_MS_MAX),
      ...figuresOf('a month at 15 minutes, one household', month),
      ...figuresOf(`a day at ${POINTS_OF_A_DAY} points, ${HOMES} households, with its JSON and gzip`, day, DAY_P95_MS_MAX),
      ...figuresOf('the same without extremes, as the explorer asks, read only', means),
      { what: `its bytes, gzipped, to ${SHOWN_STEP_W} W`, value: bytes, unit: 'bytes', promise: { is: '≤', limit: DAY_BYTES_MAX } },
      ...figuresOf('load duration of a year, one household', duration),
      ...figuresOf(`a year at 1 day, ${HOMES} households`, all),
      { what: 'meanwhile the asking thread was held, longest', value: heldMs, unit: 'ms', promise: { is: '≤', limit: HOLD_MS_MAX } },
    ];
  }

  async yearByPoints(): Promise<void> {
    await this.one(resolutionForPoints(POINTS_OF_A_YEAR, rangeOf(YEAR_FROM_MS, YEAR_TO_MS)), YEAR_FROM_MS, YEAR_TO_MS);
  }

  private async loadDuration(): Promise<void> {
    const edges = edgesOf('15m', YEAR_FROM_MS, YEAR_TO_MS);
    const [series] = await this.ask([this.nextKey()], edges);
    profileOf(series as SeriesBuckets, edges, SITE_TIME_ZONE, WINDOW_MS);
  }

  private one(resolution: BucketResolution, fromMs: number, toMs: number): Promise<SeriesBuckets[]> {
    return this.ask([this.nextKey()], edgesOf(resolution, fromMs, toMs));
  }

  private aDayOfAll(only?: 'sums'): Promise<SeriesBuckets[]> {
    const fromMs = YEAR_TO_MS - (2 + (this.turn++ % 6)) * DAY_MS;
    return this.allHomes(resolutionForPoints(POINTS_OF_A_DAY, rangeOf(fromMs, fromMs + DAY_MS)), fromMs, fromMs + DAY_MS, only);
  }

  private allHomes(resolution: BucketResolution, fromMs: number, toMs: number, only?: 'sums'): Promise<SeriesBuckets[]> {
    return this.ask(
      this.households.map((household) => ({ household, field: 'power' })),
      edgesOf(resolution, fromMs, toMs),
      only,
    );
  }

  private nextKey(): SeriesKey {
    return { household: this.households[(this.turn++ * 7) % HOMES] as string, field: 'power' };
  }

  /** An answer without data would be quick and worthless. */
  private async ask(series: readonly SeriesKey[], edges: readonly number[], only?: 'sums'): Promise<SeriesBuckets[]> {
    const answer = await this.store.buckets({ series, edges, ...(only && { only }) });
    for (const { windows } of answer) if (windows.some((its) => its === 0)) throw new Error('a bucket is empty');
    return answer;
  }
}

function rangeOf(fromMs: number, toMs: number) {
  return { fromMs, toMs, timeZone: SITE_TIME_ZONE, windowMs: WINDOW_MS };
}

function edgesOf(resolution: BucketResolution, fromMs: number, toMs: number): number[] {
  return bucketEdges({ resolution, ...rangeOf(fromMs, toMs) }) as number[];
}

/** As the pages ask for it: mean, min, max and coverage in columns. */
function asJson(all: readonly SeriesBuckets[]): string {
  const shown = (column: Float64Array) => [...column].map((its) => (Number.isNaN(its) ? null : Math.round(its / SHOWN_STEP_W) / 10));
  return JSON.stringify(
    all.map(({ mean, min, max, windows }) => ({
      mean: shown(mean),
      min: shown(min),
      max: shown(max),
      coverage: [...windows].map((its) => its / 60),
    })),
  );
}

/** How long storing takes alone and beside queries, and queries beside storing. */
async function whileStoring(store: SqliteSeriesStore, households: readonly string[], asks: Asks): Promise<Figure[]> {
  const sender = new Sender(store, households);
  await sender.start();
  const alone: number[] = [];
  await sender.send(YEAR_TO_MS, WINDOWS_STORED, (ms) => alone.push(ms));
  const beside: number[] = [];
  const queries: number[] = [];
  let isDone = false;
  const asking = (async () => {
    while (!isDone) queries.push(...(await timed(1, () => asks.yearByPoints())));
  })();
  await sender.send(YEAR_TO_MS + WINDOWS_STORED * WINDOW_MS, WINDOWS_STORED, (ms) => beside.push(ms));
  isDone = true;
  await asking;
  const times = (of: (values: readonly number[]) => number) => of(beside) / of(alone);
  return [
    ...figuresOf('the same while windows are stored as fast as they go', queries),
    { what: 'storing beside queries to storing alone, p50', value: times(median), unit: '×' },
    { what: 'storing beside queries to storing alone, p95', value: times((values) => quantile(values, 0.95)), unit: '×' },
  ];
}

/** How long the thread that asks did nothing else, at the longest. */
async function longestHold(run: () => Promise<unknown>): Promise<number> {
  let isDone = false;
  let longest = 0;
  const looking = (async () => {
    for (let lastMs = performance.now(); !isDone; ) {
      await sleep(1);
      const nowMs = performance.now();
      longest = Math.max(longest, nowMs - lastMs - 1);
      lastMs = nowMs;
    }
  })();
  await run();
  isDone = true;
  await looking;
  return longest;
}

async function timed(rounds: number, run: () => Promise<unknown>): Promise<number[]> {
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const startMs = performance.now();
    await run();
    times.push(performance.now() - startMs);
  }
  return times;
}

function figuresOf(what: string, times: readonly number[], p95Max?: number): Figure[] {
  const p95 = { what: `${what}, p95`, value: quantile(times, 0.95), unit: 'ms' };
  return [
    { what: `${what}, p50`, value: median(times), unit: 'ms' },
    p95Max === undefined ? p95 : { ...p95, promise: { is: '≤', limit: p95Max } },
  ];
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}
