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
  /** As SeriesBuckets.mean: of a power each window counts the same, of other fields each reading. */
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

/** A field of one device; without a device the sum over all devices of the household that have the field. */
export interface SeriesKey {
  household: string;
  device?: string;
  field: string;
}

export interface BucketsQuery {
  series: readonly SeriesKey[];
  /** Start of each bucket and at last the end of the last one: ascending, whole windows (analytics/bucket-edges.ts makes them). */
  edges: readonly number[];
  /** Windows, count, mean, sum and energy are all that is wanted, which is quicker: the rest may be told or NaN. */
  only?: 'sums';
  /** Ends the reading; the promise rejects with the signal's reason. */
  signal?: AbortSignal;
}

/**
 * One series in buckets of any width: a number per bucket. A bucket without a window has 0 windows and readings, NaN
 * everywhere else.
 */
export interface SeriesBuckets {
  /** Devices that were added up: 0 when there is no such series. Coverage is windows / (devices × windows of the bucket). */
  devices: number;
  /** Windows with at least one reading; of several devices all of theirs. */
  windows: Float64Array;
  /** Of several devices those of the one that has most: the time that is told of. Of one device as `windows`. */
  toldWindows: Float64Array;
  /** Readings. */
  count: Float64Array;
  /**
   * Mean over the windows, each counting the same, whatever number of readings it has. Fields that are not a power are weighted by reading.
   * Of several devices: sum / toldWindows, so that it is the mean of the sums of shorter buckets. Nothing stands in for what is missing.
   */
  mean: Float64Array;
  /** mean × windows for one device; the sum of these for several. */
  sum: Float64Array;
  /**
   * Extremes of single readings. Of several devices it can't be known what they had in sum at one instant: NaN in a bucket longer than a
   * window, else the extremes of the sum of their window means.
   */
  min: Float64Array;
  max: Float64Array;
  /** The newest reading, and its event time. Of several devices: the sum of the newest readings, and the time of the newest. */
  last: Float64Array;
  lastMs: Float64Array;
  /** Σ over the windows of mean × window length; NaN for fields that are not a power. */
  energyKwh: Float64Array;
}

/** What is still kept at each length of bucket; the first one is that of the windows. */
export interface KeptLevel {
  levelMs: number;
  /** Buckets that start before were forgotten; Number.MIN_SAFE_INTEGER when none was. */
  fromMs: number;
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
 * A gap: one or more whole windows missing between two windows of a device. What is before its first or after its last
 * window is none, and neither is a window with fewer readings than usual. Where windows were forgotten the stored buckets tell of gaps:
 * between two of them to the window, inside one as a sum (`missingMs`).
 */
export interface GapRow {
  device: string;
  /** End of the window before, start of the window after. */
  fromMs: number;
  toMs: number;
  /** `no readings`, or `declared: …` when seqs that lie in it were declared missing. */
  reason: string;
  /** Seqs declared missing in it; 0 where windows were forgotten, which is known no more. */
  declared: number;
  /**
   * Time of the windows that are missing: the whole gap. Less where its windows were forgotten, and only a longer bucket tells how many are
   * missing somewhere in it.
   */
  missingMs: number;
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

/** What a hello is told of a household. */
export interface StoredHousehold extends HelloHousehold {
  /** Its records are damaged and can't be mended: nothing else here is true, and nothing of it is taken. For the edge's operator. */
  refusal?: string;
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
  hello(request: HelloRequest): Promise<StoredHousehold[]>;

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

  /**
   * One answer per series, in their order, read in one go; each bucket from the longest stored buckets that tile it. Throws OperatingError
   * FORGOTTEN where only forgotten ones would tile it (ask `kept` first), PART_DAMAGED as `range` does.
   */
  buckets(query: BucketsQuery): Promise<SeriesBuckets[]>;
  /** Shortest buckets first. */
  kept(): Promise<KeptLevel[]>;

  /** In order of device, start; none for a household that is not known. */
  gaps(query: GapQuery): AsyncIterable<GapRow>;

  /**
   * Forgets buckets of one length that start before, in small transactions; windows (and the ranges and digests in them) when no length
   * is given. Longer buckets, totals and covered stay. Returns how many were deleted.
   */
  deleteBefore(timeMs: number, options?: ForgetOptions): Promise<number>;
}

export interface ForgetOptions {
  /** One of those that `kept` names. */
  levelMs?: number;
  /** Ends it between two transactions: what was deleted is counted. */
  signal?: AbortSignal;
}
