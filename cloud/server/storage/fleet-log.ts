/** The fleet log contract: what is kept of edges and of the cloud's own being there, over restarts. Every time is wall clock. */

/**
 * silent: no heartbeats, edge or link is away. late: heartbeats come, but nothing is stored of what waits. parked: the edge says that it
 * holds households back. cloud down: the cloud itself was away.
 */
export type OutageCause = 'silent' | 'late' | 'parked' | 'cloud down';

export interface Outage {
  /** Empty: the cloud's, so of all edges. */
  edge: string;
  cause: OutageCause;
  fromMs: number;
  /** Null while it lasts. */
  toMs: number | null;
  /** What more is known of it, in words; may be empty. */
  detail: string;
}

export interface KeptOutage extends Outage {
  id: number;
}

/** One edge, as long as this cloud has known it. */
export interface EdgeFacts {
  edge: string;
  firstSeenMs: number | null;
  /** First heartbeat, and first after each silence and after each start of the cloud. */
  lastConnectMs: number | null;
  /** When it was found silent. */
  lastDisconnectMs: number | null;
  lastHeartbeatMs: number | null;
  /** Parts of it were stored, or were there before. */
  lastAckMs: number | null;
  connects: number;
  storedParts: number;
  duplicateParts: number;
  /** As it says; null when it says none. */
  version: string | null;
}

export interface OutboxSample {
  edge: string;
  atMs: number;
  parts: number;
  /** Event time between newest reading and oldest window not acknowledged; null when none waits. */
  ageSeconds: number | null;
}

/** What was seen since the last one; all or none is kept. */
export interface FleetBatch {
  beatMs: number;
  /** True for the last word of a process that stops as it should. */
  isEnd: boolean;
  /** By edge, cause and begin: one that is there already gets its end and detail. */
  outages: readonly Outage[];
  facts: readonly EdgeFacts[];
  samples: readonly OutboxSample[];
}

export interface OutageQuery {
  /** Those of the cloud come with every edge's. */
  edge?: string;
  /** Those that reach into fromMs ≤ t < toMs. */
  fromMs?: number;
  toMs?: number;
  limit: number;
  /** Only those after this one, in the order of the answer. */
  after?: { fromMs: number; id: number };
}

export interface Beat {
  /** First word of all: nothing is known of before. */
  firstMs: number;
  lastMs: number;
  isEnd: boolean;
}

export interface FleetLog {
  /** @throws OperatingError DISK_FULL; ConfigError */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Durable when it resolves. */
  write(batch: FleetBatch): Promise<void>;
  /** Null before the first. */
  beat(): Promise<Beat | null>;
  facts(): Promise<EdgeFacts[]>;
  /** Newest begin first. */
  outages(query: OutageQuery): Promise<KeptOutage[]>;
  /** Those without an end. */
  open(): Promise<KeptOutage[]>;
  /** In order of time. */
  samples(edge: string, fromMs: number, toMs: number): Promise<Omit<OutboxSample, 'edge'>[]>;
}
