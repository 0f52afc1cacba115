/**
 * The sums of stored buckets shorter than an hour, without looking at the seal of each: handing over all the columns that a seal is made of
 * takes most of the time of a long answer. In their place the hour vouches for them: it was added up of the same windows and has a seal of
 * its own, so what an hour's buckets add up to must be what the hour says. Where it is not, they are to be read one by one.
 */
import type Database from 'better-sqlite3';
import { MS_PER_HOUR } from '../../../common/units.ts';
import type { Rollup } from '../analytics/rollup.ts';
import type { Run } from './bucket-plan.ts';

/** Sums of fractions depend on the order in which they were added up; what a meter tells is coarser than this share. */
const ROUNDING = 1e-9;
/** Readings and windows of a bucket come as one number. Where that does not fit, it is another sum than the hour's. */
const WINDOWS = 2 ** 20;

/** Series whose numbers lie near each other: see Neighbours in bucket-reader.ts. */
export interface SumsPlace {
  levelMs: number;
  hourMs: number;
  fromId: number;
  toId: number;
  only: string;
}

/** One hour of some series, those of each side by side: `perHour` buckets of the answer for each number from `fromId` on. */
export interface HourSums {
  count: Float64Array;
  windows: Float64Array;
  /** Of a power the sum of its windows' means, else of its readings. */
  amount: Float64Array;
}

export class BucketSums {
  private readonly windowSeconds: number;
  private readonly statements: ReturnType<typeof prepareAll>;

  constructor(database: Database.Database, windowMs: number) {
    this.windowSeconds = windowMs / 1_000;
    this.statements = prepareAll(database);
  }

  /** @param isPower of all of them */
  read({ levelMs, hourMs, fromId, toId, only }: SumsPlace, isPower: boolean, perHour: number): HourSums {
    const length = (toId - fromId + 1) * perHour;
    const [count, windows, amount] = [new Float64Array(length), new Float64Array(length), new Float64Array(length)];
    const statement = this.statements[isPower ? 'powers' : 'others'][only === '' ? 'all' : 'some'];
    const place = { levelMs, hourMs, endMs: hourMs + MS_PER_HOUR, fromId, toId };
    const rows = statement.all(only === '' ? place : { ...place, only });
    const stepsPerBucket = MS_PER_HOUR / levelMs / perHour;
    const unit = isPower ? this.windowSeconds : 1;
    for (const [id, step, counts, its] of rows as [number, number, number, number][]) {
      const at = (id - fromId) * perHour + Math.floor(step / stepsPerBucket);
      const readings = Math.floor(counts / WINDOWS);
      count[at] = (count[at] as number) + readings;
      windows[at] = (windows[at] as number) + counts - readings * WINDOWS;
      amount[at] = (amount[at] as number) + its / unit;
    }
    return { count, windows, amount };
  }

  /** Whether the buckets from `first` on add up to what their hour says; to nothing where there is none. */
  isVouchedFor({ count, windows, amount }: HourSums, first: number, perHour: number, hour: Rollup | undefined, isPower: boolean): boolean {
    let [readings, there, total, size] = [0, 0, 0, 0];
    for (let at = first; at < first + perHour; at++) {
      readings += count[at] as number;
      there += windows[at] as number;
      total += amount[at] as number;
      size += Math.abs(amount[at] as number);
    }
    if (hour === undefined) return readings === 0 && there === 0 && size === 0;
    const said = isPower ? hour.energyWs / this.windowSeconds : hour.sum;
    return readings === hour.count && there === hour.windowCount && Math.abs(total - said) <= ROUNDING * size;
  }
}

export interface WholeHours {
  fromBucket: number;
  toBucket: number;
  /** Buckets of an hour. */
  perHour: number;
}

/** Pure: the hours of a run that whole buckets tile, all of one length; undefined where there is none. */
export function wholeHours({ levelMs, fromBucket, toBucket }: Run, edges: readonly number[]): WholeHours | undefined {
  const at = (bucket: number) => edges[bucket] as number;
  const widthMs = at(fromBucket + 1) - at(fromBucket);
  if (levelMs >= MS_PER_HOUR || MS_PER_HOUR % widthMs !== 0) return undefined;
  for (let bucket = fromBucket; bucket < toBucket; bucket++) if (at(bucket + 1) - at(bucket) !== widthMs) return undefined;
  const perHour = MS_PER_HOUR / widthMs;
  let from = fromBucket;
  while (from < toBucket && at(from) % MS_PER_HOUR !== 0) from++;
  const to = from + Math.floor((toBucket - from) / perHour) * perHour;
  return to > from ? { fromBucket: from, toBucket: to, perHour } : undefined;
}

function prepareAll(database: Database.Database) {
  const prepare = (amount: 'energy_ws' | 'sum') => ({ all: statement(database, amount, ''), some: statement(database, amount, SOME) });
  return { powers: prepare('energy_ws'), others: prepare('sum') };
}

const SOME = 'AND r.series_id IN (SELECT value FROM json_each(:only))';

function statement(database: Database.Database, amount: string, only: string): Database.Statement {
  return database
    .prepare(
      `WITH RECURSIVE starts (start_ms) AS (
         VALUES (:hourMs) UNION ALL SELECT start_ms + :levelMs FROM starts WHERE start_ms + :levelMs < :endMs
       )
       SELECT r.series_id, (r.start_ms - :hourMs) / :levelMs, r.count * ${WINDOWS} + r.window_count, r.${amount}
       FROM starts CROSS JOIN rollups r
         ON r.level_ms = :levelMs AND r.start_ms = starts.start_ms AND r.series_id BETWEEN :fromId AND :toId ${only}`,
    )
    .raw();
}
