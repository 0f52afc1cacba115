/**
 * Reads what decides about a household - who owns it, what is covered and declared, totals - row by row, and mends what is damaged
 * from what is not, inside the transaction that has read it. Nothing is acknowledged that no sound row vouches for. A damaged row is
 * set aside, byte for byte, in the table `damaged`. What can't be mended ends this household alone: its reason is told to the edge,
 * which parks it.
 */
import type Database from 'better-sqlite3';
import { PARKED_REASONS } from '../../../common/parked-reason.ts';
import { MS_PER_HOUR } from '../../../common/units.ts';
import { type Interval, SeqIntervals } from '../../../common/protocol/seq-intervals.ts';
import { sealOfRow } from '../../../common/row-seal.ts';
import type { Rollup } from '../analytics/rollup.ts';
import { BUCKET_COLUMNS, BucketRebuilder, type BucketRow, isBucketSound, rollupIn } from './bucket-rows.ts';
import { PART_COLUMNS, type PartRow } from './part-rows.ts';
import type { PartSeals } from './part-seals.ts';
import {
  type DeviceRecord,
  type GapRecord,
  type HouseholdRecord,
  type Owner,
  sealOfDevice,
  sealOfGap,
  sealOfHousehold,
  sealOfSeriesName,
  sealOfSource,
  sealOfTotals,
  type SeriesRecord,
  type SourceRecord,
} from './record-seals.ts';
import { type ForgottenParts, NOTHING_FORGOTTEN, rebuildSource, type SealedPart, type SourceTotals } from './source-rebuild.ts';

export type RecordTable = 'households' | 'devices' | 'sources' | 'gaps' | 'series' | 'rollups' | 'parts' | 'meta';

/** A row beside the parts that was found damaged, and what became of it. */
export interface DamagedRecord {
  household: string;
  table: RecordTable;
  outcome: 'mended' | 'refused';
  /** For a person. */
  what: string;
}

/** What the mender needs of the store. */
export interface MenderOptions {
  windowMs: number;
  assignPostalCode: (household: string) => { postalCode: string; state: string; from: 'file' | 'drawn' };
  nowMs: () => number;
  onDamaged: (record: DamagedRecord) => void;
}

export interface SourceState extends SourceTotals {
  declared: SeqIntervals;
  forgotten: ForgottenParts;
}

type SeriesSums = Pick<SeriesRecord, 'count' | 'energy_ws' | 'window_count' | 'last_ms'>;

export class HouseholdMender {
  private readonly options: MenderOptions;
  private readonly seals: PartSeals;
  private readonly rebuilder: BucketRebuilder;
  private readonly statements: ReturnType<typeof prepare>;

  constructor(database: Database.Database, seals: PartSeals, options: MenderOptions) {
    this.options = options;
    this.seals = seals;
    this.rebuilder = new BucketRebuilder(database, seals, options.windowMs);
    this.statements = prepare(database);
  }

  /** Without an owner when the row is damaged: the next hello claims it. */
  household(row: HouseholdRecord): HouseholdRecord {
    if (sealOfHousehold(row) === row.seal) return row;
    const { postalCode, state, from } = this.options.assignPostalCode(row.household);
    const fresh = { ...row, postal_code: postalCode, postal_code_from: from, state, generation: 0, claim: '', edge: '' };
    this.setAside('households', row.id);
    this.statements.saveHousehold.run({ ...fresh, seal: sealOfHousehold(fresh) });
    this.tell(row.household, 'households', 'mended', 'who owns it: the next hello claims it anew');
    return fresh;
  }

  /** Why the household can't be served because of this row; undefined when all is well. */
  device(household: string, { id, device, seal }: DeviceRecord): string | undefined {
    if (sealOfDevice(id, { household, device }) === seal) return undefined;
    return this.refuse('device-damaged', household, 'devices', `the record of device ${device}`);
  }

  /** What is held of a source; a text says why that can't be told. */
  source(owner: Owner, row: SourceRecord): SourceState | string {
    const declared = this.declared(owner, row);
    if (sealOfSource(owner, row) === row.seal) return { ...stateOf(owner, row), declared };
    const what = `what is known of source ${row.src} of ${owner.device}`;
    const forgotten = this.forgottenIn(owner, row);
    const totals = forgotten === undefined ? { why: 'deleted parts can not be counted' } : rebuildSource(forgotten, this.parts(row));
    if ('why' in totals) return this.refuse('records-damaged', owner.household, 'sources', `${what}: ${totals.why}`);
    this.setAside('sources', row.id);
    const state = { ...totals, declared, forgotten: forgotten as ForgottenParts };
    this.tell(owner.household, 'sources', 'mended', `${what}: made anew from its parts`);
    this.saveSource(owner, row, state);
    return state;
  }

  /** Writes covered and totals with their seal. */
  saveSource(owner: Owner, { id, src }: { id: number; src: string }, state: Omit<SourceState, 'declared'>): void {
    const { covered, digest, readings, firstMs, greatestMs, forgotten } = state;
    const row = {
      id,
      src,
      covered: JSON.stringify(covered),
      first_ms: firstMs ?? null,
      greatest_ms: greatestMs ?? null,
      readings,
      digest_high: digest.high,
      digest_low: digest.low,
      forgotten: textOfForgotten(owner, forgotten),
    };
    const { saveSource } = this.statements;
    const seal = sealOfSource(owner, row);
    const { covered: text, first_ms: first, greatest_ms: greatest, digest_high: high, digest_low: low, forgotten: gone } = row;
    saveSource.run(text, first, greatest, readings, high, low, gone, seal, id);
  }

  /** Totals of a series, for its states page; damaged ones are added up again from its hours. */
  series(owner: Owner, row: SeriesRecord): SeriesRecord {
    const name = sealOfSeriesName(row.id, owner, row.field);
    if (sealOfTotals(name, row.count, row.energy_ws, row.window_count, row.last_ms) === row.seal) return row;
    const { sums, lost } = this.sumOfHours(name, row);
    this.setAside('series', row.id);
    const { count, energy_ws: energyWs, window_count: windows, last_ms: lastMs } = sums;
    this.statements.saveSeries.run(count, energyWs, windows, lastMs, sealOfTotals(name, count, energyWs, windows, lastMs), row.id);
    const what = `totals of ${owner.device}, ${row.field}: added up again from its hours`;
    if (lost === 0) this.tell(owner.household, 'series', 'mended', what);
    else this.tell(owner.household, 'series', 'refused', `${what}, without ${lost} that are damaged too; a backup of series.db has them`);
    return { ...row, ...sums };
  }

  /** Each hour by its seal; a damaged one as its parts tell it, and where they can't it is left out and counted. */
  private sumOfHours(name: number, { id, device_id: deviceId, field }: SeriesRecord): { sums: SeriesSums; lost: number } {
    const sums = noSums();
    let lost = 0;
    for (const row of this.statements.hours.iterate(id) as IterableIterator<BucketRow>) {
      const bucket = rollupIn(row);
      const { startMs } = bucket;
      const isSound = isBucketSound(name, MS_PER_HOUR, row, bucket);
      const hour = isSound ? bucket : this.rebuilder.rebuild({ deviceId, field, levelMs: MS_PER_HOUR, startMs });
      if (hour === 'lost') lost++;
      if (hour !== undefined && hour !== 'lost') addHour(sums, hour);
    }
    return { sums, lost };
  }

  /** A damaged gap declares nothing: its edge finds the seqs missing at the next hello, and says again what is known of them (R9). */
  private declared(owner: Owner, { id, src }: SourceRecord): SeqIntervals {
    const sound: Interval[] = [];
    for (const row of this.statements.gaps.all(id) as GapRecord[]) {
      if (sealOfGap(owner, src, row) === row.seal) {
        sound.push([row.from_seq, row.to_seq]);
        continue;
      }
      this.setAside('gaps', id, row.from_seq);
      this.statements.removeGap.run(id, row.from_seq);
      this.tell(owner.household, 'gaps', 'mended', `a gap of source ${src} of ${owner.device}: taken back, the edge declares it again`);
    }
    return SeqIntervals.of(sound);
  }

  /** What is still believed of a damaged row about deleted parts: it has a seal of its own. */
  private forgottenIn(owner: Owner, row: SourceRecord): ForgottenParts | undefined {
    if (sealOfSource(owner, { ...row, forgotten: '' }) === row.seal) return NOTHING_FORGOTTEN;
    return readForgotten(owner, row.forgotten);
  }

  private *parts({ id, device_id: deviceId }: SourceRecord): Generator<SealedPart> {
    for (const row of this.statements.parts.iterate(deviceId, id) as IterableIterator<PartRow>) {
      const [, , fromSeq, toSeq, firstMs, lastMs, , , high, low] = row;
      const isDamaged = this.seals.damageOf(row, deviceId) !== undefined;
      yield { fromSeq, toSeq, firstMs, lastMs, digest: { high, low }, isDamaged };
    }
  }

  private refuse(code: 'device-damaged' | 'records-damaged', household: string, table: RecordTable, what: string): string {
    this.tell(household, table, 'refused', what);
    return PARKED_REASONS.say(code, { fault: what });
  }

  private setAside(table: 'households' | 'sources' | 'gaps' | 'series', ...key: readonly number[]): void {
    this.statements.setAside[table].run(this.options.nowMs(), ...key);
  }

  private tell(household: string, table: RecordTable, outcome: DamagedRecord['outcome'], what: string): void {
    this.options.onDamaged({ household, table, outcome, what });
  }
}

/** Totals of a series without a window. */
export function noSums(): SeriesSums {
  return { count: 0, energy_ws: 0, window_count: 0, last_ms: 0 };
}

export function addHour(sums: SeriesSums, { count, energyWs, windowCount, lastMs }: Rollup): void {
  sums.count += count;
  sums.energy_ws += energyWs;
  sums.window_count += windowCount;
  sums.last_ms = Math.max(sums.last_ms, lastMs);
}

function stateOf(owner: Owner, row: SourceRecord): Omit<SourceState, 'declared'> {
  return {
    covered: SeqIntervals.of(JSON.parse(row.covered) as Interval[]),
    digest: { high: row.digest_high, low: row.digest_low },
    readings: row.readings,
    firstMs: row.first_ms ?? undefined,
    greatestMs: row.greatest_ms ?? undefined,
    forgotten: readForgotten(owner, row.forgotten) ?? NOTHING_FORGOTTEN,
  };
}

/** Nothing is the empty text, in which no bit can flip. */
function textOfForgotten({ household, device }: Owner, forgotten: ForgottenParts): string {
  if (forgotten.seqs.length === 0) return '';
  const text = JSON.stringify(forgotten);
  return `${sealOfRow([household, device, text])} ${text}`;
}

/** Undefined where its seal does not hold. */
export function readForgotten({ household, device }: Owner, sealed: string): ForgottenParts | undefined {
  if (sealed === '') return NOTHING_FORGOTTEN;
  const at = sealed.indexOf(' ');
  const text = sealed.slice(at + 1);
  return Number(sealed.slice(0, at)) === sealOfRow([household, device, text]) ? (JSON.parse(text) as ForgottenParts) : undefined;
}

const COLUMNS = {
  households: ['id', 'household', 'postal_code', 'postal_code_from', 'state', 'generation', 'claim', 'edge', 'seal'],
  sources: [
    ...['id', 'device_id', 'src', 'covered', 'first_ms', 'greatest_ms', 'readings', 'digest_high', 'digest_low', 'forgotten', 'seal'],
  ],
  gaps: ['source_id', 'from_seq', 'to_seq', 'reason', 'seal'],
  series: ['id', 'device_id', 'field', 'count', 'energy_ws', 'window_count', 'last_ms', 'seal'],
};

function prepare(database: Database.Database) {
  const setAside = (table: keyof typeof COLUMNS, key = 'id = ?') => {
    const values = COLUMNS[table].map((column) => `quote(${column})`).join(", ',', ");
    return database.prepare(
      `INSERT INTO damaged (found_ms, place, row) SELECT ?, '${table}', CAST(concat(${values}) AS BLOB) FROM ${table} WHERE ${key}`,
    );
  };
  return {
    setAside: {
      households: setAside('households'),
      sources: setAside('sources'),
      gaps: setAside('gaps', 'source_id = ? AND from_seq = ?'),
      series: setAside('series'),
    },
    saveHousehold: database.prepare(
      `UPDATE households SET postal_code = @postal_code, postal_code_from = @postal_code_from, state = @state, generation = @generation,
         claim = @claim, edge = @edge, seal = @seal WHERE id = @id`,
    ),
    saveSource: database.prepare(
      `UPDATE sources SET covered = ?, first_ms = ?, greatest_ms = ?, readings = ?, digest_high = ?, digest_low = ?, forgotten = ?, seal = ?
       WHERE id = ?`,
    ),
    saveSeries: database.prepare('UPDATE series SET count = ?, energy_ws = ?, window_count = ?, last_ms = ?, seal = ? WHERE id = ?'),
    gaps: database.prepare('SELECT * FROM gaps WHERE source_id = ? ORDER BY from_seq'),
    removeGap: database.prepare('DELETE FROM gaps WHERE source_id = ? AND from_seq = ?'),
    // Of the table itself: an index may be what is damaged.
    parts: database
      .prepare(`SELECT ${PART_COLUMNS} FROM parts NOT INDEXED WHERE device_id = ? AND source_id = ? ORDER BY window_start_ms, from_seq`)
      .raw(),
    hours: database
      .prepare(`SELECT ${BUCKET_COLUMNS} FROM rollups WHERE level_ms = ${MS_PER_HOUR} AND series_id = ? ORDER BY start_ms`)
      .raw(),
  };
}
