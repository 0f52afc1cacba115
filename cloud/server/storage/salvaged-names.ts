/** Names and numbers of a damaged store on their way into a new one (salvage.ts). */
import type Database from 'better-sqlite3';
import { isId } from '../../../common/ids.ts';
import { sealOfRow } from '../../../common/row-seal.ts';
import type { DamagedFileReader, NamedRow } from './damaged-file-reader.ts';
import { type MenderOptions, readForgotten } from './household-mender.ts';
import { isConstraint } from './open-database.ts';
import { NAMED_TABLES, type Names } from './record-check.ts';
import { type Owner, sealOfDevice, sealOfHousehold, sealOfSeriesName, sealOfTotals, type SourceRecord } from './record-seals.ts';
import { type ForgottenParts, NOTHING_FORGOTTEN } from './source-rebuild.ts';

export interface SourceNames extends Owner {
  deviceId: number;
  src: string;
}

/**
 * Households, devices, sources, series and sets of fields, as their rows say or as the index over their names does. Whose row is not sound
 * stays only where a part vouches for the name, or where nothing is but its device's.
 */
export class SalvagedNames {
  private readonly reader: DamagedFileReader;
  private readonly database: Database.Database;
  private readonly assignPostalCode: MenderOptions['assignPostalCode'];
  readonly devices = new Map<number, Owner>();
  readonly sources = new Map<number, SourceNames>();
  /** Sealed names of the series. */
  readonly series = new Map<number, number>();
  /** What the sources had of readings, where that is known. */
  readonly readingsOf = new Map<number, number>();
  readonly forgotten = new Map<number, ForgottenParts>();
  private readonly unsealed = new Map<string, number[]>();
  private readonly inserts = new Map<string, Database.Statement>();
  /** A row or an entry of the index was read of a name that is not in the new store. */
  hasLostNames = false;

  constructor(reader: DamagedFileReader, database: Database.Database, assignPostalCode: MenderOptions['assignPostalCode']) {
    this.reader = reader;
    this.database = database;
    this.assignPostalCode = assignPostalCode;
  }

  take(): void {
    const columnsOf = (table: string) =>
      (this.database.pragma(`table_info(${table})`) as { name: string }[]).map(({ name }) => name).filter((name) => name !== 'id');
    const households: Names = new Map();
    const devices: Names = this.devices as Names;
    for (const { table, key, holds } of NAMED_TABLES) {
      const above = table === 'devices' ? households : devices;
      const { rows, entries } = this.reader.named(table, key, columnsOf(table));
      const byId = new Map(entries.map((entry) => [entry.id, entry]));
      const keyOf = (row: NamedRow) => JSON.stringify(key.map((column) => row[column]));
      const byKey = new Map(entries.map((entry) => [keyOf(entry), entry]));
      const rowsById = new Map(rows.map((row) => [row.id, row]));
      const unsealed: NamedRow[] = [];
      const taken = new Set<number>();
      for (const id of [...new Set([...rowsById.keys(), ...byId.keys()])].sort((a, b) => a - b)) {
        const [row, entry] = [rowsById.get(id), byId.get(id)];
        // The name may be damaged in one of the two, or the number.
        const told = row === undefined ? [] : [row, { ...row, ...entry }, { ...row, ...byKey.get(keyOf(row)) }];
        const sound = told.find((each) => this.isSound(each, above, holds));
        if (sound === undefined) unsealed.push({ ...row, ...entry, id } as NamedRow);
        else if (this.insert(table, sound, households, true)) taken.add(sound.id);
        else this.hasLostNames = true;
      }
      // The entry of a name whose row is damaged has its number; the row's may be what is damaged.
      const ofEntries = unsealed.filter(({ id }) => !rowsById.has(id) && !taken.has(id));
      const ofRows = unsealed.filter(({ id }) => rowsById.has(id));
      const guessed = [...ofEntries, ...ofRows];
      const inserted = guessed.filter((row) => this.insert(table, row, households, false));
      this.hasLostNames ||= inserted.length < guessed.length;
      this.unsealed.set(
        table,
        inserted.map(({ id }) => id),
      );
    }
  }

  private isSound(row: NamedRow, above: Names, holds: (typeof NAMED_TABLES)[number]['holds']): boolean {
    try {
      return !this.reader.hasRecordSeals || holds(row as never, above);
    } catch {
      return false;
    }
  }

  /** @returns false for a name or a number that is none, or whose owner is not there */
  private insert(table: string, row: NamedRow, households: Names, isSound: boolean): boolean {
    // SQLite counts from 1; 0 is what the writer takes for a name without a row.
    if (row.id < 1) return false;
    switch (table) {
      case 'field_sets':
        return (
          isListOfNames(row['fields']) &&
          this.add(table, { id: row.id, fields: row['fields'] as string, seal: sealOfRow([row.id, row['fields'] as string]) })
        );
      case 'households':
        return this.addHousehold(row, households, isSound);
      case 'devices':
        return this.addDevice(row, households);
      case 'sources':
        return this.addSource(row, isSound);
      default:
        return this.addSeries(row);
    }
  }

  private addHousehold(row: NamedRow, households: Names, isSound: boolean): boolean {
    const { id, household } = row;
    if (!isId(household)) return false;
    const { postalCode, state, from } = this.assignPostalCode(household);
    const fresh = { id, household, postal_code: postalCode, postal_code_from: from, state, generation: 0, claim: '', edge: '' };
    const record = isSound ? (row as never as typeof fresh) : fresh;
    if (!this.add('households', { ...record, seal: sealOfHousehold(record) })) return false;
    households.set(id, { household, device: '' });
    return true;
  }

  private addDevice({ id, household_id: householdId, device }: NamedRow, households: Names): boolean {
    const household = households.get(householdId as number)?.household;
    if (household === undefined || !isId(device)) return false;
    const owner = { household, device };
    if (!this.add('devices', { id, household_id: householdId, device, seal: sealOfDevice(id, owner) })) return false;
    this.devices.set(id, owner);
    return true;
  }

  private addSource(row: NamedRow, isSound: boolean): boolean {
    const { id, device_id: deviceId, src } = row;
    const owner = this.devices.get(deviceId as number);
    if (owner === undefined || !isId(src)) return false;
    const bare = { id, device_id: deviceId, src, covered: '[]', readings: 0, digest_high: 0, digest_low: 0 };
    if (!this.add('sources', bare)) return false;
    this.sources.set(id, { ...owner, deviceId: deviceId as number, src });
    this.forgotten.set(id, forgottenIn(owner, row));
    if (isSound) this.readingsOf.set(id, (row as never as SourceRecord).readings);
    return true;
  }

  private addSeries({ id, device_id: deviceId, field }: NamedRow): boolean {
    const owner = this.devices.get(deviceId as number);
    if (owner === undefined || !isId(field)) return false;
    const name = sealOfSeriesName(id, owner, field);
    const totals = { count: 0, energy_ws: 0, window_count: 0, last_ms: 0, seal: sealOfTotals(name, 0, 0, 0, 0) };
    if (!this.add('series', { id, device_id: deviceId, field, ...totals })) return false;
    this.series.set(id, name);
    return true;
  }

  /** False also for a value of another kind than its column's: files of earlier programs have no seal that would have told it. */
  private add(table: string, record: Record<string, unknown>): boolean {
    const columns = Object.keys(record);
    const sql = `INSERT OR IGNORE INTO ${table} (${columns.join()}) VALUES (${columns.map((column) => `@${column}`).join()})`;
    const insert = this.inserts.get(sql) ?? this.database.prepare(sql);
    this.inserts.set(sql, insert);
    try {
      return insert.run(record).changes === 1;
    } catch (error) {
      if (isConstraint(error)) return false;
      throw error;
    }
  }

  /** Forgets names that nothing sound speaks of, and series of which nothing is left. */
  clean(): void {
    const unsealed = (table: string) => JSON.stringify(this.unsealed.get(table) ?? []);
    const { database } = this;
    const among = 'id IN (SELECT value FROM json_each(?))';
    database.exec('DELETE FROM series WHERE count = 0');
    database
      .prepare(
        `DELETE FROM sources WHERE device_id IN (
           SELECT id FROM devices WHERE ${among} AND NOT EXISTS (
             SELECT 1 FROM sources s
             WHERE s.device_id = devices.id AND (s.readings > 0 OR EXISTS (SELECT 1 FROM gaps WHERE source_id = s.id))))`,
      )
      .run(unsealed('devices'));
    database
      .prepare(`DELETE FROM devices WHERE ${among} AND id NOT IN (SELECT device_id FROM sources UNION SELECT device_id FROM series)`)
      .run(unsealed('devices'));
    database.prepare(`DELETE FROM households WHERE ${among} AND id NOT IN (SELECT household_id FROM devices)`).run(unsealed('households'));
    // Few sets, and no index leads from one to its parts: those of unknown text are looked for only where there are some.
    if ((this.unsealed.get('field_sets') ?? []).length > 0)
      database.prepare(`DELETE FROM field_sets WHERE ${among} AND id NOT IN (SELECT field_set_id FROM parts)`).run(unsealed('field_sets'));
  }
}

function forgottenIn(owner: Owner, { forgotten }: NamedRow): ForgottenParts {
  if (typeof forgotten !== 'string') return NOTHING_FORGOTTEN;
  try {
    return readForgotten(owner, forgotten) ?? NOTHING_FORGOTTEN;
  } catch {
    return NOTHING_FORGOTTEN;
  }
}

function isListOfNames(text: unknown): boolean {
  try {
    const names = JSON.parse(text as string) as unknown;
    return Array.isArray(names) && names.length > 0 && names.every(isId);
  } catch {
    return false;
  }
}
