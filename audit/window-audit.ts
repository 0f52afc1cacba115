/**
 * Every window that the cloud holds of a device against the audit's own, each part's digest against that of its readings, and the
 * buckets of every level against the windows. One device at a time: nothing of another one is held.
 */
import { MS_PER_HOUR } from '../common/units.ts';
import { isoTime } from '../common/iso-time.ts';
import type { CloudFile, CloudPart, CloudRollup, CloudSeries, PartNumbers } from './cloud-file.ts';
import type { Findings } from './findings.ts';
import { SEQS_PER_SOURCE, type Stats, sameDigest, timesOf, type TruthSource } from './truth.ts';
import { addStats, differenceOf, type FieldStats, sumTolerance, timeDifferenceOf } from './window-stats.ts';

const LEVELS_MS = [60_000, 900_000, MS_PER_HOUR] as const;
/** Fields in W: mean times length is an energy. */
const POWER_FIELDS: ReadonlySet<string> = new Set([
  ...['power', 'power1', 'power2', 'power3'],
  ...['base_power', 'pv_power', 'battery_power', 'ev_power', 'heat_pump_power'],
]);

export interface WindowsAudited {
  windows: number;
  buckets: number;
  /** Σ mean × window length of `power`, as the windows of the cloud say. */
  energyWs: number;
  newest: { startMs: number; meanW: number } | undefined;
  /** Means of `power` by start, of the newest windows: after each part in turn, the last one of the whole window. */
  recentMeansW: Map<number, readonly number[]>;
}

interface Energy {
  energyWs: number;
  energyMagnitude: number;
  windows: number;
}

/** A bucket as it must be. */
interface Bucket extends Energy {
  stats: FieldStats;
}

/** All hours of a series. */
interface Totals extends Energy {
  count: number;
  lastMs: number;
}

/** Windows whose mean a running cloud may be showing. */
const RECENT_MAX = 100_000;

export interface DeviceToAudit {
  household: string;
  deviceId: number;
  /** In the order of the statistics. */
  fields: readonly string[];
  /** By the cloud's source id, with its place among the device's sources. */
  sources: ReadonlyMap<number, { truth: TruthSource | undefined; rank: number }>;
  /** The audit's own windows of what the cloud says it has stored; undefined where nothing but the cloud is here. */
  truth: ReadonlyMap<number, Stats> | undefined;
}

export class WindowAudit {
  private readonly cloud: CloudFile;
  private readonly findings: Findings;
  private readonly device: DeviceToAudit;
  /** By level, start of the bucket, field. */
  private readonly levels = new Map(LEVELS_MS.map((levelMs) => [levelMs as number, new Map<number, Map<string, Bucket>>()]));
  /** Windows before this one were forgotten. */
  private readonly keptFromMs: number;
  /** What lies in windows before this one nobody knows: the cloud has forgotten them, and nothing else is here. */
  private readonly knownFromMs: number;
  /** Starts of the windows that the cloud has. */
  private readonly seen = new Set<number>();
  private readonly result: WindowsAudited = { windows: 0, buckets: 0, energyWs: 0, newest: undefined, recentMeansW: new Map() };

  constructor(cloud: CloudFile, findings: Findings, device: DeviceToAudit) {
    this.cloud = cloud;
    this.findings = findings;
    this.device = device;
    this.keptFromMs = cloud.keptFromMs(cloud.windowMs);
    this.knownFromMs = device.truth === undefined ? this.keptFromMs : Number.MIN_SAFE_INTEGER;
  }

  run(): WindowsAudited {
    let open: { startMs: number; parts: CloudPart[] } | undefined;
    for (const part of this.cloud.parts(this.device.deviceId, this.keptFromMs)) {
      if (open?.startMs === part.windowStartMs) {
        open.parts.push(part);
        continue;
      }
      if (open !== undefined) this.window(open.startMs, open.parts);
      open = { startMs: part.windowStartMs, parts: [part] };
    }
    if (open !== undefined) this.window(open.startMs, open.parts);
    for (const [startMs, stats] of this.device.truth ?? []) {
      if (startMs < this.keptFromMs) this.addForgotten(startMs, stats);
      else if (!this.seen.has(startMs)) this.refuse(startMs, 'the window is missing');
    }
    this.compareBuckets();
    return this.result;
  }

  /** A window that the cloud has forgotten because of its age: its buckets must hold what was in it. */
  private addForgotten(startMs: number, truth: Stats): void {
    for (const [i, field] of this.device.fields.entries()) {
      const stats = truth[i];
      if (stats === undefined || stats.count === 0) continue;
      this.addToBuckets(startMs, field, stats);
      if (field === 'power') this.addPower(startMs, [stats.sum / stats.count]);
    }
  }

  private window(startMs: number, parts: readonly CloudPart[]): void {
    this.seen.add(startMs);
    this.result.windows++;
    const held = this.add(startMs, parts);
    if (this.device.truth === undefined) return;
    const truth = this.device.truth.get(startMs);
    if (truth === undefined) return this.refuse(startMs, 'the source has no reading in this window that is counted as stored');
    for (const [i, field] of this.device.fields.entries()) {
      const stats = held.get(field);
      const difference = stats === undefined ? 'is missing' : differenceOf(stats, truth[i] as FieldStats);
      if (difference !== undefined) return this.refuse(startMs, `${field}: ${difference}`);
    }
    const extra = [...held.keys()].find((field) => !this.device.fields.includes(field));
    if (extra !== undefined) this.refuse(startMs, `the field ${extra} is not in its source`);
  }

  /** The window as the sum of its parts; also adds it to its buckets. */
  private add(startMs: number, parts: readonly CloudPart[]): Map<string, FieldStats> {
    const held = new Map<string, FieldStats>();
    const meansW: number[] = [];
    for (const part of parts) {
      if (part.isDamaged) this.refuse(startMs, `the checksum of seqs ${part.fromSeq} to ${part.toSeq} does not hold`);
      const source = this.device.sources.get(part.sourceId);
      if (source === undefined) this.refuse(startMs, `a part of another source (${part.sourceId}) lies in it`);
      else if (source.truth !== undefined) this.checkPart(startMs, part, source.truth);
      const rank = (source?.rank ?? 0) * SEQS_PER_SOURCE;
      for (const [field, numbers] of part.fields) {
        const count = part.toSeq - part.fromSeq + 1;
        const magnitude = count * Math.max(Math.abs(numbers.min), Math.abs(numbers.max));
        const stats = statsOf(numbers, part, magnitude, rank);
        const before = held.get(field);
        if (before === undefined) held.set(field, stats);
        else addStats(before, stats);
      }
      const power = held.get('power');
      if (power !== undefined) meansW.push(power.sum / power.count);
    }
    for (const [field, stats] of held) this.addToBuckets(startMs, field, stats);
    this.addPower(startMs, meansW);
    return held;
  }

  private addPower(startMs: number, meansW: readonly number[]): void {
    const meanW = meansW.at(-1);
    if (meanW === undefined) return;
    this.result.energyWs += (meanW * this.cloud.windowMs) / 1_000;
    this.result.newest = { startMs, meanW };
    this.result.recentMeansW.set(startMs, meansW);
    if (this.result.recentMeansW.size > RECENT_MAX) this.result.recentMeansW.delete(this.result.recentMeansW.keys().next().value as number);
  }

  private checkPart(startMs: number, part: CloudPart, truth: TruthSource): void {
    const { fromSeq, toSeq } = part;
    const seqs = `seqs ${fromSeq} to ${toSeq}`;
    if (toSeq > truth.rows.count) return this.refuse(startMs, `${seqs}, ${truth.rows.told.whole} ends with ${truth.rows.count}`);
    if (!sameDigest(part.digest, truth.digests.of([[fromSeq, toSeq]])))
      return this.refuse(startMs, `the digest of ${seqs} is not that of ${truth.rows.told.rows}`);
    const times = timesOf(truth, [[fromSeq, toSeq]]);
    const difference = times === undefined ? undefined : timeDifferenceOf(part, times);
    if (difference !== undefined) this.refuse(startMs, `${seqs}: ${difference}`);
  }

  private addToBuckets(startMs: number, field: string, stats: FieldStats): void {
    const energyWs = POWER_FIELDS.has(field) ? (stats.sum / stats.count) * (this.cloud.windowMs / 1_000) : 0;
    for (const levelMs of LEVELS_MS) {
      const buckets = this.bucketsAt(levelMs, Math.floor(startMs / levelMs) * levelMs);
      const bucket = buckets.get(field);
      if (bucket === undefined) buckets.set(field, { stats: { ...stats }, energyWs, energyMagnitude: Math.abs(energyWs), windows: 1 });
      else {
        addStats(bucket.stats, stats);
        bucket.energyWs += energyWs;
        bucket.energyMagnitude += Math.abs(energyWs);
        bucket.windows++;
      }
    }
  }

  private bucketsAt(levelMs: number, startMs: number): Map<string, Bucket> {
    const level = this.levels.get(levelMs) as Map<number, Map<string, Bucket>>;
    let buckets = level.get(startMs);
    if (buckets === undefined) level.set(startMs, (buckets = new Map()));
    return buckets;
  }

  private compareBuckets(): void {
    const byField = new Map(this.cloud.series(this.device.deviceId).map((series) => [series.field, series]));
    const counts = new Map<string, number>();
    const totals = new Map<string, Totals>();
    for (const [levelMs, level] of this.levels) {
      const keptFromMs = Math.max(this.cloud.keptFromMs(levelMs), this.knownFromMs);
      for (const [startMs, buckets] of level) {
        for (const [field, bucket] of buckets) {
          const series = byField.get(field);
          if (series === undefined) this.refuse(startMs, `the series ${field} is missing`);
          else if (startMs >= keptFromMs) this.compareBucket(levelMs, startMs, series, bucket);
          if (levelMs === MS_PER_HOUR) addTotals(totals, field, bucket);
          if (startMs < keptFromMs) continue;
          counts.set(`${levelMs}/${field}`, (counts.get(`${levelMs}/${field}`) ?? 0) + 1);
          this.result.buckets++;
        }
      }
    }
    if (this.knownFromMs !== Number.MIN_SAFE_INTEGER) return;
    for (const series of byField.values()) {
      for (const levelMs of LEVELS_MS) this.compareCount(levelMs, series, counts.get(`${levelMs}/${series.field}`) ?? 0);
      this.compareTotals(series, totals.get(series.field) ?? noTotals());
    }
  }

  private compareBucket(levelMs: number, startMs: number, series: CloudSeries, bucket: Bucket): void {
    const rollup = this.cloud.rollup(levelMs, startMs, series.id);
    const name = `the ${levelMs / 60_000}-minute bucket of ${series.field} at ${isoTime(startMs)}`;
    if (rollup === undefined) return this.refuse(startMs, `${name} is missing`);
    const { first_ms: firstMs, last_ms: lastMs, ...numbers } = rollup;
    const ends = { firstMs, lastMs, firstOrder: 0, lastOrder: 0 };
    const difference = differenceOf({ ...numbers, ...ends, magnitude: bucket.stats.magnitude }, bucket.stats);
    if (difference !== undefined) return this.refuse(startMs, `${name}: ${difference}`);
    if (rollup.window_count !== bucket.windows)
      return this.refuse(startMs, `${name}: ${rollup.window_count} windows, not ${bucket.windows}`);
    if (!isNear(rollup.energy_ws, bucket)) return this.refuse(startMs, `${name}: ${rollup.energy_ws} Ws instead of ${bucket.energyWs}`);
    // Of forgotten windows it is not known any more which parts they had.
    const order = startMs < this.keptFromMs ? undefined : this.orderDifference(rollup, bucket.stats);
    const endsDiffer = timeDifferenceOf({ firstMs, lastMs }, bucket.stats) ?? order;
    if (endsDiffer !== undefined) this.refuse(startMs, `${name}: ${endsDiffer}`);
  }

  /** Which part the first and the last reading are of. */
  private orderDifference(rollup: CloudRollup, { firstOrder, lastOrder }: FieldStats): string | undefined {
    const orderOf = (sourceId: number, seq: number) => (this.device.sources.get(sourceId)?.rank ?? -1) * SEQS_PER_SOURCE + seq;
    if (orderOf(rollup.first_source, rollup.first_seq) !== firstOrder)
      return `the first reading is said to be of source ${rollup.first_source}, seq ${rollup.first_seq}, and is not`;
    if (orderOf(rollup.last_source, rollup.last_seq) !== lastOrder)
      return `the last reading is said to be of source ${rollup.last_source}, seq ${rollup.last_seq}, and is not`;
    return undefined;
  }

  private compareCount(levelMs: number, series: CloudSeries, expected: number): void {
    const count = this.cloud.rollupCount(levelMs, series.id);
    if (count > expected)
      this.refuse(undefined, `${series.field} has ${count} buckets of ${levelMs / 60_000} minutes, its windows make ${expected}`);
  }

  /** The totals that the states page is made of. */
  private compareTotals(series: CloudSeries, total: Totals): void {
    const held = `${series.count} readings in ${series.window_count} windows`;
    if (series.count !== total.count || series.window_count !== total.windows)
      this.refuse(undefined, `totals of ${series.field}: ${held}, not ${total.count} in ${total.windows}`);
    else if (!isNear(series.energy_ws, total))
      this.refuse(undefined, `totals of ${series.field}: ${series.energy_ws} Ws, not ${total.energyWs}`);
    else if (series.last_ms !== total.lastMs)
      this.refuse(
        undefined,
        `totals of ${series.field}: the last reading at ${isoTime(series.last_ms)} instead of ${isoTime(total.lastMs)}`,
      );
  }

  private refuse(startMs: number | undefined, what: string): void {
    const windowMs = startMs === undefined ? undefined : Math.floor(startMs / this.cloud.windowMs) * this.cloud.windowMs;
    this.findings.refuse(this.device.household, 'cloud', windowMs, what);
  }
}

/** Each late part moves a bucket's energy by a difference of two means: at most four roundings a window more. */
function isNear(energyWs: number, { energyWs: expected, energyMagnitude, windows }: Energy): boolean {
  return Math.abs(energyWs - expected) <= sumTolerance(4 * (windows + 1), energyMagnitude);
}

function noTotals(): Totals {
  return { count: 0, energyWs: 0, energyMagnitude: 0, windows: 0, lastMs: 0 };
}

function addTotals(totals: Map<string, Totals>, field: string, bucket: Bucket): void {
  const total = totals.get(field) ?? noTotals();
  total.count += bucket.stats.count;
  total.energyWs += bucket.energyWs;
  total.energyMagnitude += bucket.energyMagnitude;
  total.windows += bucket.windows;
  total.lastMs = Math.max(total.lastMs, bucket.stats.lastMs);
  totals.set(field, total);
}

function statsOf({ sum, min, max, first, last }: PartNumbers, part: CloudPart, magnitude: number, rank: number): FieldStats {
  const { firstMs, lastMs, fromSeq, toSeq } = part;
  const count = toSeq - fromSeq + 1;
  return { count, sum, magnitude, min, max, first, firstMs, firstOrder: rank + fromSeq, last, lastMs, lastOrder: rank + toSeq };
}
