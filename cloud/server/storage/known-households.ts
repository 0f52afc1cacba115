/**
 * What the writer knows of the households, read from the file at first use and kept while nobody else writes. Inside a
 * transaction it runs ahead of the file; when the transaction fails, or another connection has committed, all of it is
 * forgotten and read anew. So memory is never ahead of the disk, and never behind it.
 */
import type Database from 'better-sqlite3';
import { digestToHex } from '../../../common/protocol/digest.ts';
import type { SourceView } from '../../../common/protocol/receiver-rules.ts';
import { SeqIntervals } from '../../../common/protocol/seq-intervals.ts';
import { bucketStartMs, isPower, type Rollup, ROLLUP_LEVELS_MS } from '../analytics/rollup.ts';
import { HouseholdMender, type MenderOptions, type SourceState } from './household-mender.ts';
import { PART_COLUMNS, type PartRow } from './part-rows.ts';
import { type PartSeals, sealOfOwner } from './part-seals.ts';
import {
  type DeviceRecord,
  type HouseholdRecord,
  type Owner,
  sealOfDevice,
  sealOfHousehold,
  sealOfSeriesName,
  sealOfTotals,
  type SeriesRecord,
  type SourceRecord,
} from './record-seals.ts';
import type { FieldPlaces, PendingWindow } from './pending-windows.ts';
import type { RowBatch } from './row-batch.ts';
import type { HouseholdRow } from './series-store.ts';
import { emptyTotals, NOTHING_FORGOTTEN } from './source-rebuild.ts';

/** Beyond it everything is forgotten and read again when needed: at some 500 bytes each, 50 MB. */
const SOURCES_REMEMBERED_MAX = 100_000;

export interface KnownHousehold {
  readonly id: number;
  readonly household: string;
  readonly postalCode: string;
  readonly state: string;
  readonly postalCodeFrom: 'file' | 'drawn';
  generation: number;
  claim: string;
  readonly devices: Map<string, KnownDevice>;
  /** Why nothing of it is told or taken: its records are damaged, and could not be mended. */
  refusal: string | undefined;
}

export interface KnownSeries {
  readonly id: number;
  readonly field: string;
  /** Place in KnownDevice.series and in the lists by series. */
  readonly index: number;
  readonly power: boolean;
  /** Totals since its first window, before the running transaction. */
  count: number;
  energyWs: number;
  windowCount: number;
  /** Event time of the newest reading. */
  lastMs: number;
  /** The half of its seal that stays. */
  readonly sealOfName: number;
  /** Start of the newest bucket that may have been stored when this was read, by level. */
  readonly newestStartsMs: readonly number[];
  /** Newest bucket of each level, as far as it was written since. */
  readonly newest: (Rollup | undefined)[];
}

export class KnownDevice {
  readonly household: KnownHousehold;
  readonly device: string;
  /** 0 until the first row of it is stored. */
  id: number;
  readonly sources = new Map<string, KnownSource>();
  readonly series: KnownSeries[] = [];
  readonly fieldPlaces = new Map<number, FieldPlaces>();
  /** Start of the newest window stored before the running transaction; later windows are certainly new. */
  newestWindowMs: number;
  /** Windows of the running transaction, in the order of their first parts. */
  readonly pending: PendingWindow[] = [];

  constructor(household: KnownHousehold, device: string, id = 0, newestWindowMs = Number.NEGATIVE_INFINITY) {
    this.household = household;
    this.device = device;
    this.id = id;
    this.newestWindowMs = newestWindowMs;
  }
}

export class KnownSource implements SourceView {
  readonly device: KnownDevice;
  readonly src: string;
  readonly covered: SeqIntervals;
  readonly declared: SeqIntervals;
  readonly digest: SourceState['digest'];
  /** Replaced when parts are deleted. */
  forgotten: SourceState['forgotten'];
  /** 0 until the first row of it is stored. */
  id: number;
  firstMs: number | undefined;
  greatestMs: number | undefined;
  readings: number;
  private readonly findDigest: FindDigest;
  private readonly ownerSeals = new Map<number, number>();

  constructor(device: KnownDevice, src: string, findDigest: FindDigest, id = 0, state = emptySource()) {
    this.device = device;
    this.src = src;
    this.findDigest = findDigest;
    this.id = id;
    this.covered = state.covered;
    this.declared = state.declared;
    this.digest = state.digest;
    this.forgotten = state.forgotten;
    this.firstMs = state.firstMs;
    this.greatestMs = state.greatestMs;
    this.readings = state.readings;
  }

  digestOf(fromSeq: number, toSeq: number): string | undefined {
    // The usual row is above everything stored: no look-up.
    if (fromSeq > this.covered.max) return undefined;
    return this.findDigest(this, fromSeq, toSeq);
  }

  /** The half of a part's seal that says whose it is. */
  sealOfOwner(fieldSetId: number, fields: readonly string[]): number {
    let seal = this.ownerSeals.get(fieldSetId);
    if (seal === undefined) {
      seal = sealOfOwner(this.device.household.household, this.device.device, this.src, fields);
      this.ownerSeals.set(fieldSetId, seal);
    }
    return seal;
  }

  get otherGreatestMs(): number | undefined {
    let greatest: number | undefined;
    for (const other of this.device.sources.values()) {
      if (other === this || other.greatestMs === undefined) continue;
      // A source that was declared missing before the other one came, and turns up now, is no second source.
      if (this.id !== 0 && other.id > this.id) continue;
      if (greatest === undefined || other.greatestMs > greatest) greatest = other.greatestMs;
    }
    return greatest;
  }
}

type FindDigest = (source: KnownSource, fromSeq: number, toSeq: number) => string | undefined;

function emptySource(): SourceState {
  return { ...emptyTotals(), declared: new SeqIntervals(), forgotten: NOTHING_FORGOTTEN };
}

export class KnownHouseholds {
  private readonly statements: ReturnType<typeof prepare>;
  private readonly seals: PartSeals;
  private readonly newParts: RowBatch;
  private readonly mender: HouseholdMender;
  private readonly byName = new Map<string, KnownHousehold>();
  private sourcesRemembered = 0;
  private dataVersion = -1;

  /** @param newParts of the running transaction */
  constructor(database: Database.Database, seals: PartSeals, newParts: RowBatch, mending: MenderOptions) {
    this.newParts = newParts;
    this.statements = prepare(database);
    this.seals = seals;
    this.mender = new HouseholdMender(database, seals, mending);
  }

  /** To be called first in every transaction. */
  refresh(): void {
    const dataVersion = this.statements.dataVersion.get() as number;
    if (dataVersion !== this.dataVersion || this.sourcesRemembered > SOURCES_REMEMBERED_MAX) this.forget();
    this.dataVersion = dataVersion;
  }

  forget(): void {
    this.byName.clear();
    this.seals.forget();
    this.sourcesRemembered = 0;
  }

  /** Undefined for a household that never said hello. */
  find(household: string): KnownHousehold | undefined {
    return this.byName.get(household) ?? this.load(household);
  }

  add(row: Pick<HouseholdRow, 'household' | 'postalCode' | 'postalCodeFrom' | 'state'>): KnownHousehold {
    const { lastInsertRowid } = this.statements.addHousehold.run(row.household, row.postalCode, row.postalCodeFrom, row.state);
    const known = { ...row, id: Number(lastInsertRowid), generation: 0, claim: '', devices: new Map(), refusal: undefined };
    this.setOwner(known, 0, '', '');
    this.byName.set(row.household, known);
    return known;
  }

  setOwner(known: KnownHousehold, generation: number, claim: string, edge: string): void {
    known.generation = generation;
    known.claim = claim;
    const { id, household, postalCode, postalCodeFrom, state } = known;
    const row = { id, household, postal_code: postalCode, postal_code_from: postalCodeFrom, state, generation, claim, edge };
    this.statements.setOwner.run(generation, claim, edge, sealOfHousehold(row), id);
  }

  /** The source as far as it is known; one that nothing is stored of is not remembered until `keep`. */
  source(household: KnownHousehold, device: string, src: string): KnownSource {
    const known = household.devices.get(device) ?? new KnownDevice(household, device);
    return known.sources.get(src) ?? new KnownSource(known, src, this.findDigest);
  }

  /** Gives source and device their rows, if they have none. */
  keep(source: KnownSource): void {
    if (source.id !== 0) return;
    const { device } = source;
    if (device.id === 0) {
      device.id = Number(this.statements.addDevice.run(device.household.id, device.device).lastInsertRowid);
      this.statements.sealDevice.run(sealOfDevice(device.id, ownerOf(device)), device.id);
      device.household.devices.set(device.device, device);
    }
    source.id = Number(this.statements.addSource.run(device.id, source.src).lastInsertRowid);
    device.sources.set(source.src, source);
    this.sourcesRemembered++;
  }

  /** Writes covered and totals. */
  saveSource(source: KnownSource): void {
    this.mender.saveSource(ownerOf(source.device), source, source);
  }

  /** Writes the totals. */
  saveSeries({ id, count, energyWs, windowCount, lastMs, sealOfName }: KnownSeries): void {
    this.statements.saveSeries.run(
      count,
      energyWs,
      windowCount,
      lastMs,
      sealOfTotals(sealOfName, count, energyWs, windowCount, lastMs),
      id,
    );
  }

  /** Gives the fields their series, if they have none. @returns where the series are in these fields */
  fieldPlaces(device: KnownDevice, fieldSetId: number, fields: readonly string[]): FieldPlaces {
    let places = device.fieldPlaces.get(fieldSetId);
    if (places === undefined) {
      const list = fields.map((field) => device.series.find((series) => series.field === field) ?? this.addSeries(device, field));
      places = device.series.map((series) => list.indexOf(series));
      device.fieldPlaces.set(fieldSetId, places);
    }
    return places;
  }

  private addSeries(device: KnownDevice, field: string): KnownSeries {
    const id = Number(this.statements.addSeries.run(device.id, field).lastInsertRowid);
    return rememberSeries(device, { id, field, count: 0, energy_ws: 0, window_count: 0, last_ms: 0 });
  }

  private load(household: string): KnownHousehold | undefined {
    const row = this.statements.household.get(household) as HouseholdRecord | undefined;
    if (row === undefined) return undefined;
    const { id, postal_code: postalCode, postal_code_from: postalCodeFrom, state, generation, claim } = this.mender.household(row);
    const devices = new Map<string, KnownDevice>();
    const known: KnownHousehold = { id, household, postalCode, postalCodeFrom, state, generation, claim, devices, refusal: undefined };
    for (const device of this.statements.devices.all(id) as (DeviceRecord & { newest: number | null })[]) {
      known.refusal ??= this.mender.device(household, device);
      devices.set(device.device, this.loadDevice(known, device));
    }
    this.byName.set(household, known);
    return known;
  }

  private loadDevice(household: KnownHousehold, { id, device, newest }: DeviceRecord & { newest: number | null }): KnownDevice {
    const known = new KnownDevice(household, device, id, newest ?? Number.NEGATIVE_INFINITY);
    const owner = ownerOf(known);
    for (const row of this.statements.sources.all(id) as SourceRecord[]) {
      const state = this.mender.source(owner, row);
      if (typeof state === 'string') household.refusal ??= state;
      else known.sources.set(row.src, new KnownSource(known, row.src, this.findDigest, row.id, state));
      this.sourcesRemembered++;
    }
    for (const row of this.statements.series.all(id) as SeriesRecord[]) rememberSeries(known, this.mender.series(owner, row));
    return known;
  }

  /** Not of a damaged row: it must not make a conflict of what was once stored and comes again. */
  private readonly findDigest: FindDigest = ({ id, device }, fromSeq, toSeq) => {
    this.newParts.write();
    const row = this.statements.part.get(id, fromSeq, toSeq) as PartRow | undefined;
    if (row === undefined || this.seals.damageOf(row, device.id) !== undefined) return undefined;
    return digestToHex({ high: row[8], low: row[9] });
  };
}

function ownerOf({ household, device }: KnownDevice): Owner {
  return { household: household.household, device };
}

function rememberSeries(device: KnownDevice, row: Omit<SeriesRecord, 'device_id' | 'seal'>): KnownSeries {
  const { id, field, count, energy_ws: energyWs, window_count: windowCount, last_ms: lastMs } = row;
  const sealOfName = sealOfSeriesName(id, ownerOf(device), field);
  const newestStartsMs = ROLLUP_LEVELS_MS.map((levelMs) => (count === 0 ? Number.NEGATIVE_INFINITY : bucketStartMs(lastMs, levelMs)));
  const totals = { count, energyWs, windowCount, lastMs, sealOfName, newestStartsMs, newest: [] };
  const series: KnownSeries = { id, field, index: device.series.length, power: isPower(field), ...totals };
  device.series.push(series);
  return series;
}

function prepare(database: Database.Database) {
  return {
    dataVersion: database.prepare('PRAGMA data_version').pluck(),
    household: database.prepare('SELECT * FROM households WHERE household = ?'),
    devices: database.prepare(
      `SELECT *, (SELECT max(window_start_ms) FROM parts WHERE device_id = devices.id) AS newest
       FROM devices WHERE household_id = ? ORDER BY id`,
    ),
    sources: database.prepare('SELECT * FROM sources WHERE device_id = ? ORDER BY id'),
    series: database.prepare('SELECT * FROM series WHERE device_id = ? ORDER BY id'),
    part: database.prepare(`SELECT ${PART_COLUMNS} FROM parts WHERE source_id = ? AND from_seq = ? AND to_seq = ?`).raw(),
    addHousehold: database.prepare(
      "INSERT INTO households (household, postal_code, postal_code_from, state, generation, claim, edge) VALUES (?, ?, ?, ?, 0, '', '')",
    ),
    setOwner: database.prepare('UPDATE households SET generation = ?, claim = ?, edge = ?, seal = ? WHERE id = ?'),
    addDevice: database.prepare('INSERT INTO devices (household_id, device) VALUES (?, ?)'),
    sealDevice: database.prepare('UPDATE devices SET seal = ? WHERE id = ?'),
    addSource: database.prepare(
      "INSERT INTO sources (device_id, src, covered, readings, digest_high, digest_low) VALUES (?, ?, '[]', 0, 0, 0)",
    ),
    saveSeries: database.prepare('UPDATE series SET count = ?, energy_ws = ?, window_count = ?, last_ms = ?, seal = ? WHERE id = ?'),
    addSeries: database.prepare('INSERT INTO series (device_id, field, count, energy_ws, window_count, last_ms) VALUES (?, ?, 0, 0, 0, 0)'),
  };
}
