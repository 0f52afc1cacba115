/**
 * Writes what a transaction stores: parts as they come; covered, totals and rollups once at its end, so that a bucket that
 * 500 parts lie in is written once. To be used inside a transaction only.
 */
import type Database from 'better-sqlite3';
import type { Gap, Part, ShippedRow } from '../../../common/messages.ts';
import { addDigest, digestFromHex } from '../../../common/protocol/digest.ts';
import { applyStored } from '../../../common/protocol/receiver-rules.ts';
import { missingFromAll } from '../../../common/protocol/seq-intervals.ts';
import { addToBuckets, addUp, type Aggregate, countWindow, emptyRollup, ROLLUP_LEVELS_MS, type Rollup } from '../analytics/rollup.ts';
import { BucketRebuilder, type DamagedBucket } from './bucket-rows.ts';
import { BucketWriter } from './bucket-writer.ts';
import { FieldSets } from './field-sets.ts';
import type { DamagedRecord } from './household-mender.ts';
import type { KnownDevice, KnownHouseholds, KnownSeries, KnownSource } from './known-households.ts';
import { takenOverBeforeMs } from './kept-levels.ts';
import { PART_COLUMNS, type PartRow, readWindow } from './part-rows.ts';
import { type PartSeals, sealPart } from './part-seals.ts';
import { pendingAt, type PendingWindow, readAdded } from './pending-windows.ts';
import { sealOfGap } from './record-seals.ts';
import type { RowBatch } from './row-batch.ts';
import { addToTotals, forgottenOf, totalsOf } from './source-rebuild.ts';

/** The window that is being looked at. */
const change = emptyRollup();
const NOTHING_BEFORE: readonly undefined[] = [];

export interface OldWindows {
  /** Where the last call has stopped; -Infinity at first. */
  afterMs: number;
  beforeMs: number;
  /** No window that starts later was deleted before the first call. */
  wholeFromMs: number;
  windowsMax: number;
}

export interface ForgottenWindows {
  deleted: number;
  /** Start of the last window looked at. */
  lastMs: number;
  isDone: boolean;
}

export class PartWriter {
  private readonly newParts: RowBatch;
  private readonly known: KnownHouseholds;
  private readonly windowMs: number;
  private readonly seals: PartSeals;
  private readonly buckets: BucketWriter;
  private readonly statements: ReturnType<typeof prepare>;
  private readonly fieldSets: FieldSets;
  private readonly takenOverBeforeMs: number;
  private readonly changedSources = new Set<KnownSource>();
  private readonly changedDevices = new Set<KnownDevice>();

  constructor(
    database: Database.Database,
    newParts: RowBatch,
    known: KnownHouseholds,
    seals: PartSeals,
    windowMs: number,
    onDamaged: (record: DamagedRecord) => void,
  ) {
    this.buckets = new BucketWriter(database, new BucketRebuilder(database, seals, windowMs), onDamaged);
    this.newParts = newParts;
    this.known = known;
    this.seals = seals;
    this.windowMs = windowMs;
    this.fieldSets = new FieldSets(database);
    this.statements = prepare(database);
    this.takenOverBeforeMs = takenOverBeforeMs(database);
  }

  /** After a failed transaction. */
  forget(): void {
    this.newParts.forget();
    this.fieldSets.forget();
    this.changedSources.clear();
    this.changedDevices.clear();
  }

  /** Stores a row that was judged 'stored'. */
  store(source: KnownSource, row: ShippedRow): void {
    this.known.keep(source);
    this.changedSources.add(source);
    if (row.kind === 'part') this.storePart(source, row.part);
    else this.storeGap(source, row.gap);
    applyStored(source, row);
  }

  /**
   * Deletes the oldest windows of a device after `afterMs` that begin before. What covered and totals have of them stays, and is noted
   * apart: no part vouches for it any more. A damaged bucket over them is added up again first; windows of one that can't be are kept,
   * because nothing else tells what was in it. Nothing of a household whose records are damaged.
   */
  forgetWindows(household: string, deviceName: string, { afterMs, beforeMs, wholeFromMs, windowsMax }: OldWindows): ForgottenWindows {
    const holder = this.known.find(household);
    const device = holder?.devices.get(deviceName);
    // What a damaged source has in those windows could not be noted, and would be taken for new when it comes again.
    if (device === undefined || holder?.refusal !== undefined) return { deleted: 0, lastMs: afterMs, isDone: true };
    const starts = this.statements.oldStarts.all(device.id, afterMs, beforeMs, windowsMax) as number[];
    const goneMs = Math.max(wholeFromMs, afterMs + 1);
    let deleted = 0;
    for (const run of runsBetween(starts, this.buckets.lostOver(device, starts, goneMs))) {
      this.forgetRun(device, run[0] as number, run.at(-1) as number);
      deleted += run.length;
    }
    return { deleted, lastMs: starts.at(-1) ?? afterMs, isDone: starts.length < windowsMax };
  }

  private forgetRun(device: KnownDevice, firstMs: number, lastMs: number): void {
    for (const source of device.sources.values()) {
      const totals = totalsOf(source.forgotten);
      for (const row of this.statements.oldParts.all(device.id, firstMs, lastMs, source.id) as PartRow[]) {
        if (this.seals.damageOf(row, device.id) !== undefined) continue;
        const [, , fromSeq, toSeq, firstOfPartMs, lastOfPartMs, , , high, low] = row;
        addToTotals(totals, { fromSeq, toSeq, firstMs: firstOfPartMs, lastMs: lastOfPartMs, digest: { high, low } });
      }
      source.forgotten = forgottenOf(totals);
      this.known.saveSource(source);
    }
    this.statements.deleteParts.run(device.id, firstMs, lastMs);
  }

  /** The devices that parts were added to, with their pending windows; to be looked at before `flush`. */
  devices(): Iterable<KnownDevice> {
    return this.changedDevices;
  }

  /** Writes what was gathered, at the end of the transaction; uses up the pending windows. */
  flush(): void {
    this.newParts.write();
    for (const source of this.changedSources) this.known.saveSource(source);
    for (const device of this.changedDevices) this.flushDevice(device);
  }

  /** Adds up again the buckets that were found damaged. Before any row is stored: what they add is not in the parts yet. */
  mendBuckets(places: Iterable<DamagedBucket>): void {
    for (const { household, device, field, levelMs, startMs } of places) {
      const held = this.known.find(household)?.devices.get(device);
      const series = held?.series.find((each) => each.field === field);
      const level = ROLLUP_LEVELS_MS.findIndex((each) => each === levelMs);
      if (held !== undefined && series !== undefined && level !== -1) this.buckets.mend(held, series, level, startMs);
    }
  }

  /** After the commit. */
  finish(): void {
    for (const device of this.changedDevices) {
      for (const { startMs } of device.pending) if (startMs > device.newestWindowMs) device.newestWindowMs = startMs;
      device.pending.length = 0;
    }
    this.changedSources.clear();
    this.changedDevices.clear();
  }

  private storePart(source: KnownSource, part: Part): void {
    const { device } = source;
    const fieldSetId = this.fieldSets.idOf(part.fields);
    // Before the part is there: what was stored is read from the file. Buckets that were taken over have it already.
    const window = part.windowStartMs < this.takenOverBeforeMs ? undefined : this.pendingWindow(device, part.windowStartMs);
    const { high, low } = digestFromHex(part.digest);
    const { windowStartMs, fromSeq, toSeq, firstMs, lastMs } = part;
    const { stats, seal } = sealPart(source.sealOfOwner(fieldSetId, part.fields), part, high, low);
    this.newParts.add(device.id, windowStartMs, source.id, fromSeq, toSeq, firstMs, lastMs, fieldSetId, high, low, stats, seal);
    this.takeDeclaredOut(source, fromSeq, toSeq);

    window?.parts.push({ part, source: source.id, places: this.known.fieldPlaces(device, fieldSetId, part.fields) });
    addDigest(source.digest, high, low);
    source.readings += part.count;
    if (source.firstMs === undefined || firstMs < source.firstMs) source.firstMs = firstMs;
    if (source.greatestMs === undefined || lastMs > source.greatestMs) source.greatestMs = lastMs;
  }

  /** Only what is neither stored nor declared, so that the ranges stay disjoint. */
  private storeGap(source: KnownSource, gap: Gap): void {
    for (const [from, to] of missingFromAll(gap.fromSeq, gap.toSeq, [source.covered, source.declared])) {
      this.addGap(source, from, to, gap.reason);
    }
  }

  private addGap({ id, src, device }: KnownSource, from: number, to: number, reason: string): void {
    const owner = { household: device.household.household, device: device.device };
    this.statements.addGap.run(id, from, to, reason, sealOfGap(owner, src, { source_id: id, from_seq: from, to_seq: to, reason }));
  }

  private takeDeclaredOut(source: KnownSource, fromSeq: number, toSeq: number): void {
    if (!source.declared.overlaps(fromSeq, toSeq)) return;
    const gaps = this.statements.gapsTouching.all(source.id, toSeq, fromSeq) as [number, number, string][];
    for (const [from, to, reason] of gaps) {
      this.statements.removeGap.run(source.id, from);
      if (from < fromSeq) this.addGap(source, from, fromSeq - 1, reason);
      if (to > toSeq) this.addGap(source, toSeq + 1, to, reason);
    }
  }

  private pendingWindow(device: KnownDevice, startMs: number): PendingWindow {
    this.changedDevices.add(device);
    let window = pendingAt(device.pending, startMs);
    if (window === undefined) {
      const before = startMs > device.newestWindowMs ? NOTHING_BEFORE : this.readWindow(device, startMs);
      window = { startMs, before, parts: [] };
      device.pending.push(window);
    }
    return window;
  }

  private readWindow(device: KnownDevice, startMs: number): (Aggregate | undefined)[] | undefined {
    const rows = this.statements.windowParts.all(device.id, startMs) as PartRow[];
    if (rows.some((row) => this.seals.damageOf(row, device.id) !== undefined)) return undefined;
    const byField = readWindow(rows, (fieldSetId) => this.seals.fieldsOf(fieldSetId) ?? []);
    return device.series.map((series) => byField.get(series.field));
  }

  private flushDevice(device: KnownDevice): void {
    for (const series of device.series) {
      // The levels are multiples of each other, so each is added up from the finer one.
      let changes = this.shortestBuckets(device, series);
      if (changes.length === 0) continue;
      this.known.saveSeries(series);
      for (const [level, levelMs] of ROLLUP_LEVELS_MS.entries()) {
        if (level > 0) changes = addUp(changes, levelMs);
        for (const change of changes) this.buckets.add(device, series, level, change);
      }
    }
  }

  /** What the pending windows change in the series' totals, which are added to here, and in its shortest buckets. */
  private shortestBuckets(device: KnownDevice, series: KnownSeries): Rollup[] {
    const buckets: Rollup[] = [];
    for (const window of device.pending) {
      if (!readAdded(change, window, series.index)) continue;
      // A window that is damaged was counted, with its energy, when it was whole: its readings now are all that is added.
      if (window.before !== undefined) countWindow(change, window.before[series.index], this.windowMs, series.power);
      series.count += change.count;
      series.energyWs += change.energyWs;
      series.windowCount += change.windowCount;
      if (change.lastMs > series.lastMs) series.lastMs = change.lastMs;
      addToBuckets(buckets, change, ROLLUP_LEVELS_MS[0]);
    }
    return buckets;
  }
}

/** The starts that lie in none of the spans, those beside each other together. */
function runsBetween(starts: readonly number[], spans: readonly { fromMs: number; toMs: number }[]): number[][] {
  const runs: number[][] = [[]];
  for (const startMs of starts) {
    if (!spans.some(({ fromMs, toMs }) => startMs >= fromMs && startMs < toMs)) runs.at(-1)?.push(startMs);
    else if (runs.at(-1)?.length !== 0) runs.push([]);
  }
  return runs.filter(({ length }) => length > 0);
}

function prepare(database: Database.Database) {
  return {
    windowParts: database
      .prepare(`SELECT ${PART_COLUMNS} FROM parts WHERE device_id = ? AND window_start_ms = ? ORDER BY source_id, from_seq`)
      .raw(),
    addGap: database.prepare('INSERT INTO gaps (source_id, from_seq, to_seq, reason, seal) VALUES (?, ?, ?, ?, ?)'),
    removeGap: database.prepare('DELETE FROM gaps WHERE source_id = ? AND from_seq = ?'),
    gapsTouching: database.prepare('SELECT from_seq, to_seq, reason FROM gaps WHERE source_id = ? AND from_seq <= ? AND to_seq >= ?').raw(),
    oldStarts: database
      .prepare(
        `SELECT DISTINCT window_start_ms FROM parts WHERE device_id = ? AND window_start_ms > ? AND window_start_ms < ?
         ORDER BY window_start_ms LIMIT ?`,
      )
      .pluck(),
    oldParts: database
      .prepare(
        `SELECT ${PART_COLUMNS} FROM parts WHERE device_id = ? AND window_start_ms BETWEEN ? AND ? AND source_id = ?
         ORDER BY window_start_ms`,
      )
      .raw(),
    deleteParts: database.prepare('DELETE FROM parts WHERE device_id = ? AND window_start_ms BETWEEN ? AND ?'),
  };
}
