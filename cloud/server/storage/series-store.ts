/**
 * The series store contract: what the cloud keeps of each source, and what may be asked of it. Asynchronous, because
 * a PostgreSQL implementation will stand behind it. Nothing here depends on state of one process only.
 */
import type { HelloHousehold, HelloRequest, PartsRequest, Verdict } from '../../../common/messages.ts';

export type Resolution = 'raw' | '1m' | '15m' | '1h' | '1d';

/** One bucket of one series (household, device, field). Raw buckets are windows. */
export interface Bucket {
  household: string;
  device: string;
  field: string;
  startMs: number;
  count: number;
  mean: number;
  min: number;
  max: number;
  first: number;
  last: number;
  /** For fields in W: Σ over the windows of mean × window length, in kWh; null for other units. */
  energyKwh: number | null;
}

export interface RangeQuery {
  household?: string;
  field?: string;
  /** Buckets with fromMs ≤ start < toMs. */
  fromMs?: number;
  toMs?: number;
  resolution: Resolution;
  /** Only buckets after this one in the order of the answer: where a reader that takes pages goes on. */
  after?: { household: string; device: string; field: string; startMs: number };
}

export interface GapQuery {
  household: string;
  /** Gaps that reach into fromMs ≤ t < toMs. */
  fromMs?: number;
  toMs?: number;
  /** Only gaps after this one in the order of the answer. */
  after?: { device: string; fromMs: number };
}

/**
 * A gap: one or more whole windows missing between two stored windows of a device. What is before its first or after its last
 * window is none, and neither is a window with fewer readings than usual.
 */
export interface GapRow {
  device: string;
  /** End of the window before, start of the window after. */
  fromMs: number;
  toMs: number;
  /** `no readings`, or `declared: …` when seqs that lie in it were declared missing. */
  reason: string;
  /** Seqs declared missing in it. */
  declared: number;
}

export interface HouseholdRow {
  household: string;
  postalCode: string;
  /** ISO 3166-2, e.g. DE-BB. */
  state: string;
  /** `file` (households.json) or `drawn` (seeded hash). */
  postalCodeFrom: 'file' | 'drawn';
  firstMs: number | null;
  lastMs: number | null;
  readings: number;
  /** Seqs declared missing. */
  declared: number;
}

/** Totals of one household since its first window, for the states page. */
export interface PowerTotals {
  household: string;
  state: string;
  /** Readings of field `power`, over all devices. */
  count: number;
  /** Σ over windows of mean power × window length. */
  energyKwh: number;
  /** Hours with at least one reading: windows × window length. */
  coveredHours: number;
}

export interface StoredVerdict {
  verdict: Verdict;
  reason?: string;
}

export interface AppendResult {
  verdicts: StoredVerdict[];
  /** Of every household in the request that is known. */
  postalCodes: Record<string, string>;
  /** Generation now held, for households of the rows - of a request without rows: of its generations - that the claim does not own. */
  generations: Record<string, number>;
  /** Newest window of each series that the request added to, whole: for `latest`. */
  newest: Bucket[];
}

export interface SeriesStore {
  /** @throws OperatingError STORE_DAMAGED, DISK_FULL; ConfigError for another window length than the stored one */
  start(): Promise<void>;
  stop(): Promise<void>;

  /** Gives each household its generation (R5) and says what is held of it; one transaction. */
  hello(request: HelloRequest): Promise<HelloHousehold[]>;

  /**
   * Judges each row (R4, R5) and stores it with covered intervals, rollups and first-sight households in one durable
   * transaction. The rows must have passed rowFault (wire.ts). Resolves only after the fsync; when it rejects, nothing of the
   * request was stored. One without rows stores nothing and tells who is not owned.
   */
  append(request: PartsRequest): Promise<AppendResult>;

  households(): Promise<HouseholdRow[]>;
  /** Ids of the edges that own a household now. */
  edges(): Promise<string[]>;
  /** The edge that owns each household now, by household. */
  owners(): Promise<ReadonlyMap<string, string>>;
  /** Names of all fields stored, sorted. */
  fields(): Promise<string[]>;
  /** The code that the household was given when it was first seen; undefined before. */
  postalCodeOf(household: string): Promise<string | undefined>;
  powerTotals(): Promise<PowerTotals[]>;
  /** Newest window of each series, to fill `latest` after a start; without those that are damaged. */
  newest(): Promise<Bucket[]>;

  /**
   * In order of household, device, field, start. Never holds the whole answer in memory. Of raw windows it throws OperatingError
   * PART_DAMAGED where it comes to a damaged one: neither a wrong number nor a hole is given out.
   */
  range(query: RangeQuery): AsyncIterable<Bucket>;

  /** In order of device, start; none for a household that is not known. */
  gaps(query: GapQuery): AsyncIterable<GapRow>;

  /** Forgets windows (and the ranges and digests in them) that start before; covered stays. Returns windows deleted. */
  deleteBefore(timeMs: number): Promise<number>;
}
