/**
 * Writes what a transaction stores: parts as they come; covered, totals and rollups once at its end, so that a bucket that
 * 500 parts lie in is written once. To be used inside a transaction only.
 */
import type Database from 'better-sqlite3';
import type { Gap, Part, ShippedRow } from '../../../common/messages.ts';
import { addDigest, digestFromHex } from '../../../common/protocol/digest.ts';
import { applyStored } from '../../../common/protocol/receiver-rules.ts';
import { missingFromAll } from '../../../common/protocol/seq-intervals.ts';
import { addAggregate, addUp, type Aggregate, countWindow, ROLLUP_LEVELS_MS, type Rollup, rollupOf } from '../analytics/rollup.ts';
import type { KnownDevice, KnownHouseholds, KnownSeries, KnownSource, PendingWindow } from './known-households.ts';
import { PART_COLUMNS, type PartRow, readWindow } from './part-rows.ts';
import { type PartSeals, sealOf } from './part-seals.ts';
import { encodeStats } from './stats-codec.ts';

export class PartWriter {
  private readonly known: KnownHouseholds;
  private readonly windowMs: number;
  private readonly seals: PartSeals;
  private readonly statements: ReturnType<typeof prepare>;
  /** Ids of the field sets, by the fields joined. Sets are few and never change. */
  private readonly fieldSetIds = new Map<string, number>();
  private readonly changedSources = new Set<KnownSource>();
  private readonly changedDevices = new Set<KnownDevice>();

  constructor(database: Database.Database, known: KnownHouseholds, seals: PartSeals, windowMs: number) {
    this.known = known;
    this.seals = seals;
    this.windowMs = windowMs;
    this.statements = prepare(database);
  }

  /** After a failed transaction. */
  forget(): void {
    this.fieldSetIds.clear();
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

  /** The devices that parts were added to, with their pending windows; to be looked at before `flush`. */
  devices(): Iterable<KnownDevice> {
    return this.changedDevices;
  }

  /** Writes what was gathered, at the end of the transaction; uses up the pending windows. */
  flush(): void {
    for (const source of this.changedSources) this.known.saveSource(source);
    for (const device of this.changedDevices) this.flushDevice(device);
  }

  /** After the commit. */
  finish(): void {
    for (const device of this.changedDevices) {
      for (const startMs of device.pending.keys()) device.newestWindowMs = Math.max(device.newestWindowMs, startMs);
      device.pending.clear();
    }
    this.changedSources.clear();
    this.changedDevices.clear();
  }

  private storePart(source: KnownSource, part: Part): void {
    const { device } = source;
    const fieldSetId = this.fieldSetIdOf(part.fields);
    // Before the insert: what was there is read from the file.
    const window = this.pendingWindow(device, part.windowStartMs);
    const { high, low } = digestFromHex(part.digest);
    const { windowStartMs, fromSeq, toSeq, firstMs, lastMs } = part;
    const stats = encodeStats(part.stats);
    const owner = source.sealOfOwner(fieldSetId, part.fields);
    this.statements.addPart.run(
      device.id,
      windowStartMs,
      source.id,
      fromSeq,
      toSeq,
      firstMs,
      lastMs,
      fieldSetId,
      high,
      low,
      stats,
      sealOf(owner, windowStartMs, fromSeq, toSeq, firstMs, lastMs, high, low, stats),
    );
    this.takeDeclaredOut(source, fromSeq, toSeq);

    const series = this.known.series(device, fieldSetId, part.fields);
    for (let i = 0; i < series.length; i++) {
      const { index } = series[i] as KnownSeries;
      const added = window.added[index];
      const rollup = rollupOf(part, i, source.id);
      if (added === undefined) window.added[index] = rollup;
      else addAggregate(added, rollup);
    }
    addDigest(source.digest, high, low);
    source.readings += part.count;
    if (source.firstMs === undefined || firstMs < source.firstMs) source.firstMs = firstMs;
    if (source.greatestMs === undefined || lastMs > source.greatestMs) source.greatestMs = lastMs;
  }

  /** Only what is neither stored nor declared, so that the ranges stay disjoint. */
  private storeGap(source: KnownSource, gap: Gap): void {
    for (const [from, to] of missingFromAll(gap.fromSeq, gap.toSeq, [source.covered, source.declared])) {
      this.statements.addGap.run(source.id, from, to, gap.reason);
    }
  }

  private takeDeclaredOut(source: KnownSource, fromSeq: number, toSeq: number): void {
    if (!source.declared.overlaps(fromSeq, toSeq)) return;
    const gaps = this.statements.gapsTouching.all(source.id, toSeq, fromSeq) as [number, number, string][];
    for (const [from, to, reason] of gaps) {
      this.statements.removeGap.run(source.id, from);
      if (from < fromSeq) this.statements.addGap.run(source.id, from, fromSeq - 1, reason);
      if (to > toSeq) this.statements.addGap.run(source.id, toSeq + 1, to, reason);
    }
  }

  private pendingWindow(device: KnownDevice, startMs: number): PendingWindow {
    this.changedDevices.add(device);
    let window = device.pending.get(startMs);
    if (window === undefined) {
      const before = startMs > device.newestWindowMs ? [] : this.readWindow(device, startMs);
      window = { startMs, before, added: [] };
      device.pending.set(startMs, window);
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
      let changes = this.windowChanges(device, series);
      if (changes.length === 0) continue;
      this.saveTotals(series, changes);
      for (const levelMs of ROLLUP_LEVELS_MS) {
        changes = addUp(changes, levelMs);
        for (const change of changes) this.saveBucket(levelMs, series, change);
      }
    }
  }

  private windowChanges(device: KnownDevice, series: KnownSeries): Rollup[] {
    const changes: Rollup[] = [];
    for (const { before, added } of device.pending.values()) {
      const change = added[series.index];
      if (change === undefined) continue;
      // A window that is damaged was counted, with its energy, when it was whole: its readings now are all that is added.
      if (before !== undefined) countWindow(change, before[series.index], this.windowMs, series.power);
      changes.push(change);
    }
    return changes;
  }

  private saveTotals(series: KnownSeries, changes: readonly Rollup[]): void {
    let count = 0;
    let energyWs = 0;
    let windowCount = 0;
    let lastMs = 0;
    for (const change of changes) {
      count += change.count;
      energyWs += change.energyWs;
      windowCount += change.windowCount;
      if (change.lastMs > lastMs) lastMs = change.lastMs;
    }
    if (lastMs > series.lastMs) series.lastMs = lastMs;
    this.statements.addTotals.run(count, energyWs, windowCount, lastMs, series.id);
  }

  private saveBucket(levelMs: number, series: KnownSeries, change: Rollup): void {
    const {
      startMs,
      count,
      sum,
      min,
      max,
      first,
      firstMs,
      firstSource,
      firstSeq,
      last,
      lastMs,
      lastSource,
      lastSeq,
      energyWs,
      windowCount,
    } = change;
    const { addBucket } = this.statements;
    addBucket.run(
      levelMs,
      startMs,
      series.id,
      count,
      sum,
      min,
      max,
      first,
      firstMs,
      firstSource,
      firstSeq,
      last,
      lastMs,
      lastSource,
      lastSeq,
      energyWs,
      windowCount,
    );
  }

  private fieldSetIdOf(fields: readonly string[]): number {
    const key = fields.join();
    let id = this.fieldSetIds.get(key);
    if (id === undefined) {
      const json = JSON.stringify(fields);
      id = (this.statements.fieldSetId.get(json) as number | undefined) ?? Number(this.statements.addFieldSet.run(json).lastInsertRowid);
      this.fieldSetIds.set(key, id);
    }
    return id;
  }
}

/** first and last go by (time, source, seq), as in addAggregate. */
const IS_EARLIER = '(excluded.first_ms, excluded.first_source, excluded.first_seq) < (first_ms, first_source, first_seq)';
const IS_LATER = '(excluded.last_ms, excluded.last_source, excluded.last_seq) > (last_ms, last_source, last_seq)';

function prepare(database: Database.Database) {
  const replacedIf = (condition: string, columns: readonly string[]) =>
    columns.map((column) => `${column} = CASE WHEN ${condition} THEN excluded.${column} ELSE ${column} END`).join(', ');
  return {
    addPart: database.prepare(
      `INSERT INTO parts (device_id, window_start_ms, source_id, from_seq, to_seq, first_ms, last_ms, field_set_id,
                          digest_high, digest_low, stats, seal)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    windowParts: database
      .prepare(`SELECT ${PART_COLUMNS} FROM parts WHERE device_id = ? AND window_start_ms = ? ORDER BY source_id, from_seq`)
      .raw(),
    addGap: database.prepare('INSERT INTO gaps (source_id, from_seq, to_seq, reason) VALUES (?, ?, ?, ?)'),
    removeGap: database.prepare('DELETE FROM gaps WHERE source_id = ? AND from_seq = ?'),
    gapsTouching: database.prepare('SELECT from_seq, to_seq, reason FROM gaps WHERE source_id = ? AND from_seq <= ? AND to_seq >= ?').raw(),
    fieldSetId: database.prepare('SELECT id FROM field_sets WHERE fields = ?').pluck(),
    addFieldSet: database.prepare('INSERT INTO field_sets (fields) VALUES (?)'),
    addTotals: database.prepare(
      `UPDATE series SET count = count + ?, energy_ws = energy_ws + ?, window_count = window_count + ?, last_ms = max(last_ms, ?)
       WHERE id = ?`,
    ),
    addBucket: database.prepare(
      `INSERT INTO rollups VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET count = count + excluded.count, sum = sum + excluded.sum,
         min = min(min, excluded.min), max = max(max, excluded.max),
         ${replacedIf(IS_EARLIER, ['first', 'first_ms', 'first_source', 'first_seq'])},
         ${replacedIf(IS_LATER, ['last', 'last_ms', 'last_source', 'last_seq'])},
         energy_ws = energy_ws + excluded.energy_ws, window_count = window_count + excluded.window_count`,
    ),
  };
}
