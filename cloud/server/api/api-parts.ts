/** What the API is built from, and what its routes are given. */
import type { Request, Response } from 'express';
import type { Clock } from '../../../common/clock.ts';
import type { Logger } from '../../../common/logger.ts';
import type { Metrics } from '../../../common/metrics.ts';
import type { Numbers } from '../analytics/shown-number.ts';
import type { ExportFormat } from '../export-rows.ts';
import type { Liveness } from '../liveness.ts';
import type { AlertEvent, EventLog } from '../storage/event-log.ts';
import type { FleetLog } from '../storage/fleet-log.ts';
import type { Latest } from '../storage/latest.ts';
import type { Bucket, SeriesStore } from '../storage/series-store.ts';
import type { AlertReply, EventReply } from './api-types.ts';
import type { Doors } from './doors.ts';
import type { ReadGate } from './read-gate.ts';
import type { Overview } from './overview.ts';

/** Text of an export in pieces (export-rows.ts). Ended early, it ends the reading of the buckets. */
export type FormatRows = (buckets: AsyncIterable<Bucket>, format: ExportFormat, numbers?: Numbers) => AsyncIterable<string>;

/** What the API shows of the alerts. */
export interface WatchView {
  /** Raised now, critical ones first. */
  open(): AlertReply[];
  /** Returns the function that ends it. */
  onChange(listener: (event: EventReply) => void): () => void;
  /** Returns what tells the windows that a household owes as of now; null when nothing is expected of it. */
  missing(): (household: string) => number | null;
}

/** Serves one client of the stream until it goes or the server stops. */
export interface StreamServer {
  serve(request: Request, response: Response, topics: readonly string[]): Promise<void>;
}

export interface ApiSettings {
  priceEurPerKwh: number;
  /** Shown beside every figure, e.g. "synthetic"; empty = nothing. */
  dataLabel: string;
  windowMs: number;
  /** Whose power is meter usage; empty = the household that an import has named so, else all. */
  meterUsageHousehold: string;
  /** Folder of the built page (dist/web). Where it is absent, `/` says how to make it. */
  pageDir: string;
}

export interface ApiOptions {
  store: SeriesStore;
  latest: Latest;
  liveness: Liveness;
  watch: WatchView;
  events: EventLog;
  fleet: FleetLog;
  /** The event with the words of its rule. */
  eventReply: (event: AlertEvent) => EventReply;
  metrics: Metrics;
  settings: ApiSettings;
  /** ISO 3166-2 to name, all 16 states. */
  stateNames: ReadonlyMap<string, string>;
  formatRows: FormatRows;
  doors: Doors;
  /** What usually lies between two readings of a household; the window where they come as often or oftener. */
  intervalMsOf: (household: string) => number;
  /** Whether the gRPC door serves; `off` where the settings open none. */
  grpcState: () => 'serving' | 'stopped' | 'off';
  clock: Clock;
  logger: Logger;
}

export interface ApiParts extends ApiOptions {
  overview: Overview;
  live: StreamServer;
  /** What reads buckets of a range goes through it. */
  gate: ReadGate;
  /** Wall time of the start: what happened before was told by another process. */
  startedAtMs: number;
  /** Aborts when the server stops. */
  signal: AbortSignal;
}
