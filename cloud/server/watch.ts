/** What watches over edges and households for the operator, put together: what is expected, the figures, the alerts. */
import type { Clock } from '../../common/clock.ts';
import type { Logger } from '../../common/logger.ts';
import type { Metrics } from '../../common/metrics.ts';
import { AlertFigures } from './alert-figures.ts';
import { type Figure, WINDOWS_MISSING_MAX } from './alert-rules.ts';
import { Alerts, type EventListener } from './alerts.ts';
import type { AlertReply } from './api/api-types.ts';
import { Expectation, type Owing } from './expectation.ts';
import type { Liveness } from './liveness.ts';
import type { EventLog } from './storage/event-log.ts';
import type { Latest } from './storage/latest.ts';
import type { SeriesStore } from './storage/series-store.ts';

const WINDOWS_EVERY_MS = 1_000;
/** Households change their edge seldom. */
const OWNERS_MAX_AGE_MS = 10_000;

export interface WatchOptions {
  store: SeriesStore;
  latest: Latest;
  liveness: Liveness;
  log: EventLog;
  metrics: Metrics;
  clock: Clock;
  logger: Logger;
  windowMs: number;
  /** What usually lies between two readings of a household. */
  intervalMsOf: (household: string) => number;
  onOpen?: (open: readonly AlertReply[]) => void;
}

export class Watch {
  private readonly options: WatchOptions;
  private readonly expectation: Expectation;
  private readonly figures: AlertFigures;
  private readonly alerts: Alerts;
  private owners: ReadonlyMap<string, string> = new Map();
  private ownersAtMs = Number.NEGATIVE_INFINITY;
  private unsubscribe: (() => void) | undefined;
  private missingByEdge: ReadonlyMap<string, number> = new Map();
  private summedAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: WatchOptions) {
    this.options = options;
    const { metrics, clock, windowMs, intervalMsOf } = options;
    this.expectation = new Expectation(windowMs, clock, (household) => this.owners.get(household), intervalMsOf);
    this.figures = new AlertFigures(metrics);
    this.alerts = new Alerts({ ...options, figures: (nowMs) => this.gather(nowMs) });
    metrics.gauge('fogline_windows_missing', 'Windows expected and not there, all households.', [], (gauge) =>
      gauge.set(this.expected().reduce((sum, { missing }) => sum + missing, 0)),
    );
    metrics.gauge('fogline_households_silent', 'Households that owe three windows or more, of their own interval.', [], (gauge) =>
      gauge.set(this.expected().filter(({ missing, isLate }) => isLate && missing >= WINDOWS_MISSING_MAX).length),
    );
  }

  /** Store and `latest` must be started, and liveness told of the edges that the store knows. */
  async start(): Promise<void> {
    const { latest, store } = this.options;
    this.owners = await store.owners();
    this.expectation.begin(await latest.all());
    this.unsubscribe = latest.subscribe(WINDOWS_EVERY_MS, (windows) => this.expectation.put(windows));
    this.options.liveness.tellMissing((edge) => this.missingOfEdge(edge));
    await this.alerts.start();
  }

  async stop(): Promise<void> {
    this.unsubscribe?.();
    await this.alerts.stop();
  }

  /** Alerts that are raised now, critical ones first. */
  open(): AlertReply[] {
    return this.alerts.open();
  }

  onChange(listener: EventListener): () => void {
    return this.alerts.onChange(listener);
  }

  /** @returns windows that a household owes as of now; null when nothing is expected of it */
  missing(): (household: string) => number | null {
    const isDone = this.doneHouseholds();
    return (household) => (isDone(household) ? null : this.expectation.missingOf(household));
  }

  /** As `missing`, of all households of an edge. Summed up once a second, for it is asked with each edge that is shown. */
  missingOfEdge(edge: string): number | null {
    const nowMs = this.options.clock.monotonicMs();
    if (nowMs - this.summedAtMs >= WINDOWS_EVERY_MS) {
      const sums = new Map<string, number>();
      for (const { household, missing } of this.expected()) {
        const its = this.owners.get(household) ?? '';
        sums.set(its, (sums.get(its) ?? 0) + missing);
      }
      [this.missingByEdge, this.summedAtMs] = [sums, nowMs];
    }
    return this.missingByEdge.get(edge) ?? null;
  }

  private async gather(nowMs: number): Promise<Figure[]> {
    const { store, liveness, windowMs } = this.options;
    if (nowMs - this.ownersAtMs >= OWNERS_MAX_AGE_MS) {
      this.owners = await store.owners();
      this.ownersAtMs = nowMs;
      this.expectation.ownersChanged();
    }
    return this.figures.gather({ edges: liveness.reports(), owing: this.expectation.owing(), owners: this.owners, windowMs }, nowMs);
  }

  private expected(): Owing[] {
    const isDone = this.doneHouseholds();
    return this.expectation.owing().filter(({ household }) => !isDone(household));
  }

  /** Of an edge whose replay is done. */
  private doneHouseholds(): (household: string) => boolean {
    const done = new Set(this.options.liveness.reports().flatMap(({ edge, report }) => (report.replayFinished ? [edge] : [])));
    return (household) => done.has(this.owners.get(household) ?? '');
  }
}
