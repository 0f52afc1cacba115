/**
 * The figures of all households at one moment, shared by every route and every listener, so that a hundred open pages
 * ask the store as often as one. Read again only when somebody asks and something changed.
 */
import type { Clock } from '../../../common/clock.ts';
import type { Latest } from '../storage/latest.ts';
import type { Bucket, HouseholdRow, SeriesStore } from '../storage/series-store.ts';
import type { StateRow } from './api-types.ts';
import { Pace } from './pace.ts';
import {
  type HouseholdPower,
  POWER_FIELD,
  powerByHousehold,
  stateRows,
  type TotalPower,
  totalPower,
  totalsOverIntervals,
} from './figures.ts';

/** An answer is at most so old while windows come in. */
export const OVERVIEW_MAX_AGE_MS = 1_000;
/** Read again after so long also when `latest` told of nothing new: households can be registered without a window. */
export const OVERVIEW_MAX_IDLE_MS = 10_000;
/** A reading that took n ms is not repeated within 10 n: at most a tenth of the store's time goes into it. */
const REST_PER_WORK = 10;

export interface Figures {
  states: readonly StateRow[];
  /** By household, in order of id. */
  households: ReadonlyMap<string, HouseholdRow>;
  powers: ReadonlyMap<string, HouseholdPower>;
  total: TotalPower;
}

export interface OverviewOptions {
  store: SeriesStore;
  latest: Latest;
  clock: Clock;
  stateNames: ReadonlyMap<string, string>;
  priceEurPerKwh: number;
  windowMs: number;
  /** See intervals.ts. */
  intervalMsOf: (household: string) => number;
}

export class Overview {
  private readonly options: OverviewOptions;
  private figures: Figures | undefined;
  private reading: Promise<Figures> | undefined;
  private readAtMs = 0;
  private tookMs = 0;
  private changed = true;
  private newestStartMs = -Infinity;
  private advancedAtMs = 0;
  private readonly pace: Pace;
  private unsubscribe: (() => void) | undefined;

  constructor(options: OverviewOptions) {
    this.options = options;
    this.pace = new Pace(options.clock);
  }

  start(): void {
    this.advancedAtMs = this.options.clock.monotonicMs();
    this.unsubscribe = this.options.latest.subscribe(OVERVIEW_MAX_AGE_MS, (windows) => {
      this.changed = true;
      this.noticeNewer(windows);
    });
  }

  stop(): void {
    this.unsubscribe?.();
    this.unsubscribe = undefined;
  }

  /** Time since the event time of the newest power window last advanced, or since the start. Kept also while nobody asks. */
  quietMs(): number {
    return this.options.clock.monotonicMs() - this.advancedAtMs;
  }

  /** Event time that passes in a second of wall time; null while it is not known. */
  speed(): number | null {
    return this.pace.speed();
  }

  /** Figures no older than the limits above. Rejects when the store does. */
  current(): Promise<Figures> {
    if (this.figures !== undefined && this.isFresh()) return Promise.resolve(this.figures);
    return this.readAgain();
  }

  /** Figures no older than `maxAgeMs`, for somebody who misses what was just stored or wants to know that the store answers. */
  recent(maxAgeMs: number): Promise<Figures> {
    const ageMs = this.options.clock.monotonicMs() - this.readAtMs;
    if (this.figures !== undefined && ageMs < Math.max(maxAgeMs, this.tookMs)) return Promise.resolve(this.figures);
    return this.readAgain();
  }

  private readAgain(): Promise<Figures> {
    this.reading ??= this.read().finally(() => {
      this.reading = undefined;
    });
    return this.reading;
  }

  private noticeNewer(windows: readonly Bucket[]): void {
    for (const { field, startMs } of windows) {
      if (field !== POWER_FIELD || startMs <= this.newestStartMs) continue;
      this.newestStartMs = startMs;
      this.advancedAtMs = this.options.clock.monotonicMs();
    }
    if (this.newestStartMs > -Infinity) this.pace.saw(this.newestStartMs);
  }

  private isFresh(): boolean {
    const ageMs = this.options.clock.monotonicMs() - this.readAtMs;
    const restMs = Math.max(OVERVIEW_MAX_AGE_MS, this.tookMs * REST_PER_WORK);
    return ageMs < restMs || (!this.changed && ageMs < OVERVIEW_MAX_IDLE_MS);
  }

  private async read(): Promise<Figures> {
    const { store, latest, clock, stateNames, priceEurPerKwh, windowMs, intervalMsOf } = this.options;
    const startedMs = clock.monotonicMs();
    this.changed = false;
    try {
      const [stored, rows, newest] = await Promise.all([store.powerTotals(), store.households(), latest.all()]);
      const totals = stored.map((its) => totalsOverIntervals(its, intervalMsOf(its.household), windowMs));
      const sorted = [...rows].sort((a, b) => (a.household < b.household ? -1 : 1));
      const powers = powerByHousehold(newest, windowMs, intervalMsOf);
      this.figures = {
        states: stateRows(totals, rows, stateNames, priceEurPerKwh),
        households: new Map(sorted.map((row) => [row.household, row])),
        powers,
        total: totalPower(powers, windowMs, intervalMsOf),
      };
      this.readAtMs = clock.monotonicMs();
      this.tookMs = this.readAtMs - startedMs;
      return this.figures;
    } catch (error) {
      this.changed = true;
      throw error;
    }
  }
}
