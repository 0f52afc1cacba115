/**
 * The seal of a part: a CRC-32 of all that its row says and of whose it is. A bit that flips in a number leaves the file well-formed,
 * and only the seal shows it. Rows without a seal are of the first schema and are taken as they are.
 */
import { crc32 } from 'node:zlib';
import type Database from 'better-sqlite3';
import { OperatingError } from '../../../common/errors.ts';
import { isoTime } from '../../../common/iso-time.ts';
import type { Part } from '../../../common/messages.ts';
import { windowStartMs } from '../../../common/units.ts';
import type { PartRow } from './part-rows.ts';
import { STATS_BYTES_MAX, writeStats } from './stats-codec.ts';

/** A row whose seal does not hold, as far as it can be told whose it is: any of this may be what was damaged. */
export interface DamagedPart {
  household: string;
  device: string;
  startMs: number;
  fromSeq: number;
  toSeq: number;
}

/** Sources and field sets whose half of the seal is remembered: some 2 MB. */
const OWNERS_REMEMBERED_MAX = 20_000;
const UNKNOWN = '?';

const NUMBERS = 7;
const BYTES_PER_NUMBER = 8;
const NUMBERS_BYTES = NUMBERS * BYTES_PER_NUMBER;
/** The numbers of a part's row, then its statistics: what the seal is of. */
const scratch = Buffer.alloc(NUMBERS_BYTES + STATS_BYTES_MAX);
const scratchView = new DataView(scratch.buffer, scratch.byteOffset, scratch.length);
const numbersOnly = scratch.subarray(0, NUMBERS_BYTES);
/** Parts of scratch by their end: a request has hundreds of rows, and few lengths. */
const upTo: Buffer[] = [];
const statsUpTo: Buffer[] = [];

/** The first half: whose a row is, and the names of its fields. The same for all parts of a source. */
export function sealOfOwner(household: string, device: string, src: string, fields: readonly string[]): number {
  return crc32(`${household}/${device}/${src} ${fields.join()}`);
}

/** The whole seal, going on from that of the owner. */
export function sealOf(
  owner: number,
  startMs: number,
  fromSeq: number,
  toSeq: number,
  firstMs: number,
  lastMs: number,
  digestHigh: number,
  digestLow: number,
  stats: Buffer,
): number {
  writeNumbers(startMs, fromSeq, toSeq, firstMs, lastMs, digestHigh, digestLow);
  return crc32(stats, crc32(numbersOnly, owner));
}

export interface SealedStats {
  stats: Buffer;
  seal: number;
}

/** A part's statistics as they are stored, with sealOf of its row. */
export function sealPart(owner: number, part: Part, digestHigh: number, digestLow: number): SealedStats {
  writeNumbers(part.windowStartMs, part.fromSeq, part.toSeq, part.firstMs, part.lastMs, digestHigh, digestLow);
  const end = writeStats(part.stats, scratchView, NUMBERS_BYTES);
  return {
    stats: Buffer.from((statsUpTo[end] ??= scratch.subarray(NUMBERS_BYTES, end))),
    seal: crc32((upTo[end] ??= scratch.subarray(0, end)), owner),
  };
}

function writeNumbers(a: number, b: number, c: number, d: number, e: number, f: number, g: number): void {
  scratchView.setFloat64(0, a, true);
  scratchView.setFloat64(BYTES_PER_NUMBER, b, true);
  scratchView.setFloat64(2 * BYTES_PER_NUMBER, c, true);
  scratchView.setFloat64(3 * BYTES_PER_NUMBER, d, true);
  scratchView.setFloat64(4 * BYTES_PER_NUMBER, e, true);
  scratchView.setFloat64(5 * BYTES_PER_NUMBER, f, true);
  scratchView.setFloat64(6 * BYTES_PER_NUMBER, g, true);
}

/** What to throw where an answer would need the row. */
export function damageError({ household, device, startMs, fromSeq, toSeq }: DamagedPart, windowMs: number): OperatingError {
  const message = `the checksum of seqs ${fromSeq} to ${toSeq} of ${household}, ${device}, window ${isoTime(startMs)} does not hold`;
  // A flipped bit never makes another window of a window's start: this row's own window is not known then.
  const around =
    windowStartMs(startMs, windowMs) === startMs
      ? `ask for the time before ${isoTime(startMs)} and from ${isoTime(startMs + windowMs)} on, or for a coarser resolution`
      : 'ask for a coarser resolution';
  return new OperatingError('PART_DAMAGED', message, {
    retryable: false,
    hint: `${around}; fogline audit names every such row, a backup of series.db mends them`,
  });
}

/** Looks at the seals of rows that one connection has read. */
export class PartSeals {
  private readonly onDamaged: (part: DamagedPart) => void;
  private readonly statements: ReturnType<typeof prepare>;
  private readonly owners = new Map<string, number>();
  private readonly fieldSets = new Map<number, readonly string[]>();
  /** Rows lie side by side by device and source: mostly the owner is the one before. */
  private last = { device: 0, source: 0, fieldSet: 0, owner: 0 };

  /** @param onDamaged called each time that such a row is read */
  constructor(database: Database.Database, onDamaged: (part: DamagedPart) => void) {
    this.onDamaged = onDamaged;
    this.statements = prepare(database);
  }

  /** After a failed transaction: its ids will be given to others. */
  forget(): void {
    this.owners.clear();
    this.fieldSets.clear();
    this.last = { device: 0, source: 0, fieldSet: 0, owner: 0 };
  }

  /** Undefined when there is no such set or its text is none, which only damage can bring about. */
  fieldsOf(fieldSetId: number): readonly string[] | undefined {
    let fields = this.fieldSets.get(fieldSetId);
    if (fields === undefined) {
      const text = this.statements.fieldSet.get(fieldSetId) as string | undefined;
      if (text === undefined) return undefined;
      fields = namesIn(text);
      if (fields === undefined) return undefined;
      this.fieldSets.set(fieldSetId, fields);
    }
    return fields;
  }

  /** What is wrong with a row of the device, undefined for one that may be shown. */
  damageOf(row: PartRow, deviceId: number): DamagedPart | undefined {
    const [startMs, sourceId, fromSeq, toSeq, firstMs, lastMs, fieldSetId, stats, high, low, seal] = row;
    if (seal === null && this.fieldsOf(fieldSetId) !== undefined) return undefined;
    const owner = this.ownerOf(deviceId, sourceId, fieldSetId);
    if (owner !== undefined && sealOf(owner, startMs, fromSeq, toSeq, firstMs, lastMs, high, low, stats) === seal) return undefined;
    const device = this.statements.device.get(deviceId) as { household: string; device: string } | undefined;
    const damaged = { household: UNKNOWN, device: UNKNOWN, ...device, startMs, fromSeq, toSeq };
    this.onDamaged(damaged);
    return damaged;
  }

  private ownerOf(deviceId: number, sourceId: number, fieldSetId: number): number | undefined {
    const { last } = this;
    if (last.device === deviceId && last.source === sourceId && last.fieldSet === fieldSetId) return last.owner;
    const key = `${deviceId}/${sourceId}/${fieldSetId}`;
    let owner = this.owners.get(key);
    if (owner === undefined) {
      const fields = this.fieldsOf(fieldSetId);
      const names = this.statements.owner.get(deviceId, sourceId) as [string, string, string] | undefined;
      if (fields === undefined || names === undefined) return undefined;
      owner = sealOfOwner(...names, fields);
      if (this.owners.size >= OWNERS_REMEMBERED_MAX) this.owners.clear();
      this.owners.set(key, owner);
    }
    this.last = { device: deviceId, source: sourceId, fieldSet: fieldSetId, owner };
    return owner;
  }
}

/** Undefined for a damaged text. */
function namesIn(text: string): readonly string[] | undefined {
  try {
    return JSON.parse(text) as string[];
  } catch {
    return undefined;
  }
}

function prepare(database: Database.Database) {
  return {
    fieldSet: database.prepare('SELECT fields FROM field_sets WHERE id = ?').pluck(),
    device: database.prepare('SELECT household, device FROM devices d JOIN households h ON h.id = d.household_id WHERE d.id = ?'),
    owner: database
      .prepare(
        `SELECT household, device, src FROM devices d JOIN households h ON h.id = d.household_id JOIN sources s ON s.device_id = d.id
         WHERE d.id = ? AND s.id = ?`,
      )
      .raw(),
  };
}
