/**
 * Forgets what is older than the settings say, from time to time. Age is event time against the newest readings stored, not against the
 * clock: a replay of 2019 keeps its last days. Hours, totals and what is covered are never forgotten.
 */
import { MS_PER_DAY } from '../../common/units.ts';
import type { Clock, Timer } from '../../common/clock.ts';
import type { Config } from '../../common/config.ts';
import { isoTime } from '../../common/iso-time.ts';
import type { Logger } from '../../common/logger.ts';
import type { Counter, Metrics } from '../../common/metrics.ts';
import { SITE_TIME_ZONE, startOfUnit } from './analytics/local-time.ts';
import type { HouseholdRow, SeriesStore } from './storage/series-store.ts';

/** Days go by in event time, which may run a thousand times faster than the clock. */
const LOOK_EVERY_MS = 60_000;
const MINUTES_MS = 60_000;
const QUARTERS_MS = 900_000;

/** 0 = for ever. What is finer is kept no longer (config.ts sees to it). */
export interface KeepDays {
  raw: number;
  minutes: number;
  quarters: number;
}

export interface RetentionOptions {
  store: Pick<SeriesStore, 'households' | 'deleteBefore'>;
  keepDays: KeepDays;
  windowMs: number;
  clock: Clock;
  logger: Logger;
  metrics: Metrics;
}

interface Tier {
  name: string;
  levelMs: number;
  days: number;
}

export class Retention {
  private readonly options: RetentionOptions;
  private readonly tiers: readonly Tier[];
  private readonly forgotten: Counter;
  private readonly stopping = new AbortController();
  private timer: Timer | undefined;
  private round: Promise<void> = Promise.resolve();

  constructor(options: RetentionOptions) {
    this.options = options;
    this.tiers = tiersOf(options.keepDays, options.windowMs);
    this.forgotten = options.metrics.counter(
      'fogline_store_forgotten_buckets_total',
      'Windows and stored buckets forgotten because of their age, as the settings say.',
      ['level'],
    );
  }

  /** The store must be started. Does nothing where everything is kept for ever. */
  start(): void {
    if (this.tiers.length > 0) this.lookSoon();
  }

  /** Resolves when nothing is being forgotten any more. */
  async stop(): Promise<void> {
    this.stopping.abort();
    this.timer?.cancel();
    await this.round;
  }

  private lookSoon(): void {
    this.timer = this.options.clock.timer('retention', LOOK_EVERY_MS, () => {
      this.round = this.look().then(() => {
        if (!this.stopping.signal.aborted) this.lookSoon();
      });
    });
  }

  /** What fails now is forgotten at the next look. */
  private async look(): Promise<void> {
    const { store, clock, logger } = this.options;
    try {
      const newestMs = newestOf(await store.households(), clock.nowMs());
      if (newestMs !== undefined) for (const tier of this.tiers) await this.forget(tier, newestMs);
    } catch (error) {
      if (!this.stopping.signal.aborted) logger.warn({ error: String(error) }, 'nothing old was forgotten; tried again in a minute');
    }
  }

  private async forget({ name, levelMs, days }: Tier, newestMs: number): Promise<void> {
    const { store, logger } = this.options;
    const { signal } = this.stopping;
    if (signal.aborted) return;
    const beforeMs = startOfUnit(SITE_TIME_ZONE, 'day', newestMs - days * MS_PER_DAY);
    const deleted = await store.deleteBefore(beforeMs, { levelMs, signal });
    if (deleted === 0) return;
    this.forgotten.add(deleted, { level: name });
    logger.info({ level: name, before: isoTime(beforeMs), deleted }, 'forgotten because of its age');
  }
}

export function openRetention({ cloud }: Pick<Config, 'cloud'>, parts: Omit<RetentionOptions, 'keepDays'>): Retention {
  const { keep_raw_days: raw, keep_1m_days: minutes, keep_15m_days: quarters } = cloud;
  return new Retention({ ...parts, keepDays: { raw, minutes, quarters } });
}

function tiersOf({ raw, minutes, quarters }: KeepDays, windowMs: number): Tier[] {
  const longer = [
    { name: '1m', levelMs: MINUTES_MS, days: minutes },
    { name: '15m', levelMs: QUARTERS_MS, days: quarters },
  ];
  const kept = [{ name: 'raw', levelMs: windowMs, days: raw }, ...longer.filter(({ levelMs }) => levelMs > windowMs)];
  return kept.filter(({ days }) => days > 0);
}

/**
 * The newest event time that two households have reached, and never later than the clock: one meter whose clock is wrong must not make
 * everything of the others old.
 */
function newestOf(households: readonly HouseholdRow[], nowMs: number): number | undefined {
  const newest = households.flatMap(({ lastMs }) => (lastMs === null ? [] : [lastMs])).sort((a, b) => b - a);
  const reached = newest[1] ?? newest[0];
  return reached === undefined ? undefined : Math.min(reached, nowMs);
}
