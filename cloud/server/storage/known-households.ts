/**
 * What the writer knows of the households, read from the file at first use and kept while nobody else writes. Inside a
 * transaction it runs ahead of the file; when the transaction fails, or another connection has committed, all of it is
 * forgotten and read anew. So memory is never ahead of the disk, and never behind it.
 */
import type Database from 'better-sqlite3';
import { type Digest, digestToHex } from '../../../common/protocol/digest.ts';
import type { SourceView } from '../../../common/protocol/receiver-rules.ts';
import { type Interval, SeqIntervals } from '../../../common/protocol/seq-intervals.ts';
import { type Aggregate, isPower, type Rollup } from '../analytics/rollup.ts';
import { PART_COLUMNS, type PartRow } from './part-rows.ts';
import { type PartSeals, sealOfOwner } from './part-seals.ts';
import type { HouseholdRow } from './series-store.ts';

/** Beyond it everything is forgotten and read again when needed: at some 500 bytes each, 50 MB. */
const SOURCES_REMEMBERED_MAX = 100_000;

export interface KnownHousehold {
  readonly id: number;
  readonly household: string;
  readonly postalCode: string;
  generation: number;
  claim: string;
  readonly devices: Map<string, KnownDevice>;
}

export interface KnownSeries {
  readonly id: number;
  readonly field: string;
  /** Place in KnownDevice.series and in the lists of a PendingWindow. */
  readonly index: number;
  readonly power: boolean;
  /** Event time of the newest reading stored before the running transaction. */
  lastMs: number;
}

/** A window that the running transaction adds to, by series index. */
export interface PendingWindow {
  readonly startMs: number;
  /** What was stored of it before; undefined when some of that is damaged. */
  readonly before: readonly (Aggregate | undefined)[] | undefined;
  readonly added: (Rollup | undefined)[];
}

export class KnownDevice {
  readonly household: KnownHousehold;
  readonly device: string;
  /** 0 until the first row of it is stored. */
  id: number;
  readonly sources = new Map<string, KnownSource>();
  readonly series: KnownSeries[] = [];
  readonly seriesByFieldSet = new Map<number, readonly KnownSeries[]>();
  /** Start of the newest window stored before the running transaction; later windows are certainly new. */
  newestWindowMs: number;
  /** Windows of the running transaction, by start. */
  readonly pending = new Map<number, PendingWindow>();

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
  readonly digest: Digest;
  /** 0 until the first row of it is stored. */
  id: number;
  firstMs: number | undefined;
  greatestMs: number | undefined;
  readings: number;
  private readonly findDigest: FindDigest;
  private readonly ownerSeals = new Map<number, number>();

  constructor(device: KnownDevice, src: string, findDigest: FindDigest, row?: SourceRow, declared?: SeqIntervals) {
    this.device = device;
    this.src = src;
    this.findDigest = findDigest;
    this.id = row?.id ?? 0;
    this.covered = SeqIntervals.of(row === undefined ? [] : (JSON.parse(row.covered) as Interval[]));
    this.declared = declared ?? new SeqIntervals();
    this.digest = { high: row?.digest_high ?? 0, low: row?.digest_low ?? 0 };
    this.firstMs = row?.first_ms ?? undefined;
    this.greatestMs = row?.greatest_ms ?? undefined;
    this.readings = row?.readings ?? 0;
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

interface SourceRow {
  id: number;
  device_id: number;
  src: string;
  covered: string;
  first_ms: number | null;
  greatest_ms: number | null;
  readings: number;
  digest_high: number;
  digest_low: number;
}

export class KnownHouseholds {
  private readonly statements: ReturnType<typeof prepare>;
  private readonly seals: PartSeals;
  private readonly byName = new Map<string, KnownHousehold>();
  private sourcesRemembered = 0;
  private dataVersion = -1;

  constructor(database: Database.Database, seals: PartSeals) {
    this.statements = prepare(database);
    this.seals = seals;
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
    const { household, postalCode } = row;
    const known: KnownHousehold = { id: Number(lastInsertRowid), household, postalCode, generation: 0, claim: '', devices: new Map() };
    this.byName.set(household, known);
    return known;
  }

  setOwner(known: KnownHousehold, generation: number, claim: string, edge: string): void {
    known.generation = generation;
    known.claim = claim;
    this.statements.setOwner.run(generation, claim, edge, known.id);
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
      device.household.devices.set(device.device, device);
    }
    source.id = Number(this.statements.addSource.run(device.id, source.src).lastInsertRowid);
    device.sources.set(source.src, source);
    this.sourcesRemembered++;
  }

  /** Writes covered and totals. */
  saveSource(source: KnownSource): void {
    const { covered, firstMs, greatestMs, readings, digest } = source;
    this.statements.saveSource.run(
      JSON.stringify(covered),
      firstMs ?? null,
      greatestMs ?? null,
      readings,
      digest.high,
      digest.low,
      source.id,
    );
  }

  /** The device's series of these fields, in their order. */
  series(device: KnownDevice, fieldSetId: number, fields: readonly string[]): readonly KnownSeries[] {
    let list = device.seriesByFieldSet.get(fieldSetId);
    if (list === undefined) {
      list = fields.map((field) => device.series.find((series) => series.field === field) ?? this.addSeries(device, field));
      device.seriesByFieldSet.set(fieldSetId, list);
    }
    return list;
  }

  private addSeries(device: KnownDevice, field: string): KnownSeries {
    const id = Number(this.statements.addSeries.run(device.id, field).lastInsertRowid);
    return rememberSeries(device, { id, field, last_ms: 0 });
  }

  private load(household: string): KnownHousehold | undefined {
    const row = this.statements.household.get(household) as
      | { id: number; postal_code: string; generation: number; claim: string }
      | undefined;
    if (row === undefined) return undefined;
    const { id, postal_code: postalCode, generation, claim } = row;
    const known: KnownHousehold = { id, household, postalCode, generation, claim, devices: new Map() };
    for (const { id: deviceId, device, newest } of this.statements.devices.all(id) as {
      id: number;
      device: string;
      newest: number | null;
    }[]) {
      const knownDevice = new KnownDevice(known, device, deviceId, newest ?? Number.NEGATIVE_INFINITY);
      for (const source of this.statements.sources.all(deviceId) as SourceRow[]) this.loadSource(knownDevice, source);
      for (const series of this.statements.series.all(deviceId) as SeriesRow[]) rememberSeries(knownDevice, series);
      known.devices.set(device, knownDevice);
    }
    this.byName.set(household, known);
    return known;
  }

  private loadSource(device: KnownDevice, row: SourceRow): void {
    const declared = SeqIntervals.of(this.statements.gaps.all(row.id) as [number, number][]);
    device.sources.set(row.src, new KnownSource(device, row.src, this.findDigest, row, declared));
    this.sourcesRemembered++;
  }

  /** Not of a damaged row: it must not make a conflict of what was once stored and comes again. */
  private readonly findDigest: FindDigest = ({ id, device }, fromSeq, toSeq) => {
    const row = this.statements.part.get(id, fromSeq, toSeq) as PartRow | undefined;
    if (row === undefined || this.seals.damageOf(row, device.id) !== undefined) return undefined;
    return digestToHex({ high: row[8], low: row[9] });
  };
}

interface SeriesRow {
  id: number;
  field: string;
  last_ms: number;
}

function rememberSeries(device: KnownDevice, { id, field, last_ms: lastMs }: SeriesRow): KnownSeries {
  const series: KnownSeries = { id, field, index: device.series.length, power: isPower(field), lastMs };
  device.series.push(series);
  return series;
}

function prepare(database: Database.Database) {
  return {
    dataVersion: database.prepare('PRAGMA data_version').pluck(),
    household: database.prepare('SELECT id, postal_code, generation, claim FROM households WHERE household = ?'),
    devices: database.prepare(
      `SELECT id, device, (SELECT max(window_start_ms) FROM parts WHERE device_id = devices.id) AS newest
       FROM devices WHERE household_id = ? ORDER BY id`,
    ),
    sources: database.prepare('SELECT * FROM sources WHERE device_id = ? ORDER BY id'),
    series: database.prepare('SELECT id, field, last_ms FROM series WHERE device_id = ? ORDER BY id'),
    gaps: database.prepare('SELECT from_seq, to_seq FROM gaps WHERE source_id = ? ORDER BY from_seq').raw(),
    part: database.prepare(`SELECT ${PART_COLUMNS} FROM parts WHERE source_id = ? AND from_seq = ? AND to_seq = ?`).raw(),
    addHousehold: database.prepare(
      "INSERT INTO households (household, postal_code, postal_code_from, state, generation, claim, edge) VALUES (?, ?, ?, ?, 0, '', '')",
    ),
    setOwner: database.prepare('UPDATE households SET generation = ?, claim = ?, edge = ? WHERE id = ?'),
    addDevice: database.prepare('INSERT INTO devices (household_id, device) VALUES (?, ?)'),
    addSource: database.prepare(
      "INSERT INTO sources (device_id, src, covered, readings, digest_high, digest_low) VALUES (?, ?, '[]', 0, 0, 0)",
    ),
    saveSource: database.prepare(
      'UPDATE sources SET covered = ?, first_ms = ?, greatest_ms = ?, readings = ?, digest_high = ?, digest_low = ? WHERE id = ?',
    ),
    addSeries: database.prepare('INSERT INTO series (device_id, field, count, energy_ws, window_count, last_ms) VALUES (?, ?, 0, 0, 0, 0)'),
  };
}
