/**
 * What travels between simulator, edge and cloud, as values in memory. How it is laid out in bytes: wire.ts (link)
 * and topic-codec.ts (topics). All times are integer milliseconds UTC.
 */

/** What a device said at one instant. `values` maps field to a finite number in the field's unit (units.ts). */
export interface Reading {
  household: string;
  device: string;
  /** Who produced the device's readings: a short fingerprint of file or model and seed. */
  src: string;
  /** Number of the reading in its source: 1, 2, 3 … without holes. */
  seq: number;
  timeMs: number;
  values: Readonly<Record<string, number>>;
}

/** A run of seqs of one source. */
export interface SeqRange {
  household: string;
  device: string;
  src: string;
  fromSeq: number;
  toSeq: number;
}

/**
 * Everything of this partition before `timeMs` (simulated) has been appended. The end mark of a run names, for
 * each source of the partition, the last seq of the run.
 */
export interface Mark {
  timeMs: number;
  run: string;
  end: boolean;
  last: readonly { household: string; device: string; src: string; seq: number }[];
}

export type TopicMessage =
  | { kind: 'reading'; reading: Reading }
  | { kind: 'mark'; mark: Mark }
  /** These seqs are not in the run: the edge ships them as a declared gap "not in run". */
  | { kind: 'skip'; range: SeqRange }
  /** A record nobody can use; it is parked with its offset. */
  | { kind: 'unreadable'; reason: string };

/** Numbers per field in `Part.stats`, in this order. */
export const STATS_PER_FIELD = 5;
export const STAT = { sum: 0, min: 1, max: 2, first: 3, last: 4 } as const;

/**
 * A run of consecutive seqs inside one window: what travels over the link. Parts add; they never overlap and are
 * never revised.
 */
export interface Part extends SeqRange {
  windowStartMs: number;
  /** Readings in it: toSeq - fromSeq + 1. */
  count: number;
  /** Field names, sorted. */
  fields: readonly string[];
  /** STATS_PER_FIELD numbers per field, in the order of `fields`. */
  stats: readonly number[];
  /** Event time of `first`, which is the smallest by (time, seq). */
  firstMs: number;
  /** Event time of `last`, which is the greatest by (time, seq). */
  lastMs: number;
  /** Sum mod 2^64 of the readings' hashes, 16 hex digits (protocol/digest.ts). */
  digest: string;
}

/** Seqs declared missing, with the reason. */
export interface Gap extends SeqRange {
  reason: string;
}

export type ShippedRow = { kind: 'part'; part: Part } | { kind: 'gap'; gap: Gap };

/** A row, of which only the range matters. */
export type RowOfRange = { kind: 'part'; part: SeqRange } | { kind: 'gap'; gap: SeqRange };

export function rangeOf(row: RowOfRange): SeqRange {
  return row.kind === 'part' ? row.part : row.gap;
}

/** What the receiver says of one shipped row (R4, R5). */
export type Verdict =
  | 'stored'
  | 'duplicate'
  /** Some seq below is neither stored nor declared: the edge says hello. */
  | 'gap'
  /** Some of its seqs are stored: the edge says hello. */
  | 'overlap'
  /** The same range is stored with another digest: the household is parked. */
  | 'conflict'
  /** Another claim owns the household now. */
  | 'not_owner'
  /** Not acceptable for the reason given: the household is parked. */
  | 'rejected';

/** R5: an edge says who it is and which households it sees. */
export interface HelloRequest {
  edge: string;
  epoch: string;
  /** A counter kept in the edge's database plus a random number new per process start. */
  claim: string;
  windowMs: number;
  /** Highest generation the edge ever held per household (0 = none). */
  households: readonly { household: string; generation: number }[];
  /** Entries of the list that can't be used, as the cloud's decoder found them; no edge sends it. */
  unusable?: readonly UnusableHousehold[];
}

/** An entry of a hello whose name or generation can't be used. The others are answered. */
export interface UnusableHousehold {
  /** Its place in the hello's list, from 0. */
  at: number;
  /** As far as it can be shown. */
  name: string;
  /** The name is sound, the generation is not. */
  isId: boolean;
  reason: string;
}

export interface HelloHousehold {
  household: string;
  generation: number;
  postalCode: string;
  /** What the cloud holds of each source: intervals [from, to], inclusive. */
  sources: readonly {
    device: string;
    src: string;
    covered: readonly (readonly [number, number])[];
    declared: readonly (readonly [number, number])[];
    /** Greatest event time stored. */
    greatestMs: number;
  }[];
}

export interface HelloReply {
  kind: 'hello';
  /** New per cloud process; another one than before means hello again. */
  startId: string;
  claim: string;
  households: readonly HelloHousehold[];
  /** Households that this edge may not own, by its certificate, or that can't be served: they are parked, the others go on. */
  refused?: readonly { household: string; reason: string }[];
  /** Those whose names are no ids, by their place in the request (docs/decisions/0017). */
  unusable?: readonly { at: number; reason: string }[];
}

export interface PartsRequest {
  edge: string;
  epoch: string;
  claim: string;
  /** The start id of the cloud that answered the last hello. */
  startId: string;
  windowMs: number;
  generations: Readonly<Record<string, number>>;
  rows: readonly ShippedRow[];
}

/**
 * The live lane: the newest closed window of devices whose backlog is not drained yet, for display only. It is never stored, counted or
 * acknowledged; the same parts travel again in their turn. Same shape as parts, so that ownership is judged alike (R5).
 */
export interface NewestRequest extends PartsRequest {
  rows: readonly { kind: 'part'; part: Part }[];
}

export interface NewestReply {
  kind: 'newest';
  startId: string;
  /** Households of the request that the claim does not own: nothing of them is shown. */
  notOwned: number;
}

/** The cloud has as much work waiting as it takes in. Nothing of the request was looked at; it is no refusal of what is in it. */
export interface BusyReply {
  kind: 'busy';
  startId: string;
  /** The edge waits so long, and a random time up to as long again. */
  retryAfterMs: number;
}

/** Answer to parts, one verdict per row in order; `hello_first` when the request belongs to another cloud start. */
export type PartsReply =
  | {
      kind: 'parts';
      startId: string;
      verdicts: readonly { verdict: Verdict; reason?: string }[];
      postalCodes: Readonly<Record<string, string>>;
      /** Generation now held, for households answered `not_owner`. */
      generations: Readonly<Record<string, number>>;
      /** Credit: requests that this edge may have waiting from now on. Absent = as many as its link carries. */
      inFlightMax?: number;
    }
  | { kind: 'hello_first'; startId: string };

/** How an edge is doing; travels with each heartbeat and is served by its status page. */
export interface EdgeStatus {
  queued: number;
  sent: number;
  acked: number;
  /** Event time of the newest reading taken in, null before the first. */
  newestMs: number | null;
  /** Window start of the oldest part not yet acknowledged, null when none. */
  oldestUnackedMs: number | null;
  households: number;
  /** Households held back, with the reason. */
  parked: readonly { household: string; reason: string }[];
  waitingFor: readonly string[];
  /** Runs whose end mark has been seen in every partition; `done` also when all is acknowledged (R10). */
  runs: readonly { run: string; ended: boolean; done: boolean }[];
  /** Acked rows deleted before 24 h because of the quota. */
  trimmedEarly: number;
  /** Topic records set aside as unreadable. */
  unreadable: number;
  outboxFull: boolean;
  /** Places of its outbox found damaged since it started, each set aside or mended; older ones do not say it. */
  damaged?: number | undefined;
  /** Households left out of its hellos, because their names are none; older ones do not say it. */
  leftOut?: number | undefined;
  /** Damaged files of its topic that lie set aside on its host, whichever part did it; older ones do not say it. */
  topicDamage?: number | undefined;
  /** Of the edge's program; older ones do not say it. */
  version?: string | undefined;
}

export interface HeartbeatRequest {
  edge: string;
  epoch: string;
  sentMs: number;
  status: EdgeStatus;
}

export interface HeartbeatReply {
  kind: 'heartbeat';
  startId: string;
  /** The edge waits a random time below this after an outage before it ships again; 0 for one edge. */
  spreadMs: number;
}

export type LinkRequest =
  | { kind: 'hello'; hello: HelloRequest }
  | { kind: 'parts'; parts: PartsRequest }
  | { kind: 'newest'; newest: NewestRequest }
  | { kind: 'heartbeat'; heartbeat: HeartbeatRequest };

/** The request can't be served; `reason` is for the edge's log. */
export interface Refusal {
  kind: 'refused';
  reason: string;
}

export type LinkReply = HelloReply | PartsReply | NewestReply | HeartbeatReply | BusyReply | Refusal;

/** Rows in one request. 500 commit in 6–13 ms (p99) with an fsync each, which keeps heartbeats answered. */
export const ROWS_PER_REQUEST_MAX = 500;
/** Bytes of one link payload after inflating, requests and replies alike. */
export const LINK_PAYLOAD_BYTES_MAX = 1 << 20;
/** Bytes of rows the shipper puts into one request. */
export const REQUEST_BYTES_TARGET = 256 * 1024;
/** Households that an edge puts into one hello, more go into further ones: 100 are looked up and assigned in some 3 ms, 500 in 10 to 30. */
export const HOUSEHOLDS_PER_HELLO = 100;
/** Households that a hello may have: older edges put in so many. */
export const HOUSEHOLDS_PER_HELLO_MAX = 500;
/** Fields of one reading. */
export const FIELDS_MAX = 32;
/** Bytes of one topic record; below the 1 MB that Kafka takes by default. An end mark with 5,000 sources fits. */
export const RECORD_BYTES_MAX = 900_000;
