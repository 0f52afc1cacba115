/** What the API is built from, and what its routes are given. */
import type { Clock } from '../../../common/clock.ts';
import type { Logger } from '../../../common/logger.ts';
import type { Metrics } from '../../../common/metrics.ts';
import type { ExportFormat } from '../export-rows.ts';
import type { Liveness } from '../liveness.ts';
import type { AlertEvent, EventLog } from '../storage/event-log.ts';
import type { Latest } from '../storage/latest.ts';
import type { Bucket, SeriesStore } from '../storage/series-store.ts';
import type { AlertReply, EventReply } from './api-types.ts';
import type { Doors } from './doors.ts';
import type { Overview } from './overview.ts';

/** Text of an export in pieces (export-rows.ts). Ended early, it ends the reading of the buckets. */
export type FormatRows = (buckets: AsyncIterable<Bucket>, format: ExportFormat) => AsyncIterable<string>;

/** What the API shows of the alerts. */
export interface WatchView {
  /** Raised now, critical ones first. */
  open(): AlertReply[];
  /** Returns the function that ends it. */
  onChange(listener: (event: EventReply) => void): () => void;
  /** Windows that the household owes; null when nothing is expected of it. */
  missingOf(household: string): number | null;
}

export interface ApiSettings {
  priceEurPerKwh: number;
  /** Shown beside every figure, e.g. "synthetic"; empty = nothing. */
  dataLabel: string;
  windowMs: number;
  /** Folder of the built page (dist/web). Where it is absent, `/` says how to make it. */
  pageDir: string;
}

export interface ApiOptions {
  store: SeriesStore;
  latest: Latest;
  liveness: Liveness;
  watch: WatchView;
  events: EventLog;
  /** The event with the words of its rule. */
  eventReply: (event: AlertEvent) => EventReply;
  metrics: Metrics;
  settings: ApiSettings;
  /** ISO 3166-2 to name, all 16 states. */
  stateNames: ReadonlyMap<string, string>;
  formatRows: FormatRows;
  doors: Doors;
  clock: Clock;
  logger: Logger;
}

export interface ApiParts extends ApiOptions {
  overview: Overview;
  /** Aborts when the server stops. */
  signal: AbortSignal;
}
