/** The edge's outbox.db, opened read-only by the audit and read as one snapshot, whether an edge is running or not. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type Database from 'better-sqlite3';
import { sourceKey } from '../common/ids.ts';
import type { Mark } from '../common/messages.ts';
import { type Digest, digestFromHex } from '../common/protocol/digest.ts';
import { SeqIntervals } from '../common/protocol/seq-intervals.ts';
import { openSnapshot, type PartNumbers } from './cloud-file.ts';
import { explainReadError } from './damage.ts';

/** Schemas whose tables are known here. The third has more checksums, which are not looked at here. */
const SCHEMAS_KNOWN = [2, 3];
/** States of a row in the file. */
const STATE_NAMES: Readonly<Record<number, 'queued' | 'sent' | 'acked'>> = { 2: 'queued', 3: 'sent', 4: 'acked' };
/** Order of a field's numbers in a part. */
const NUMBERS = ['sum', 'min', 'max', 'first', 'last'] as const;

export interface EdgeSource {
  id: number;
  household: string;
  device: string;
  src: string;
  seen: SeqIntervals;
  covered: SeqIntervals;
  declared: SeqIntervals;
  gapped: SeqIntervals;
  /** What ever became a row, and the running totals of it. */
  kept: SeqIntervals;
  readings: number;
  digest: Digest;
}

/** A part of the outbox, or the open part. */
export interface EdgePart {
  fromSeq: number;
  toSeq: number;
  windowStartMs: number;
  firstMs: number;
  lastMs: number;
  digest: Digest;
  fields: Map<string, PartNumbers>;
}

export interface EdgeRow {
  id: number;
  state: 'queued' | 'sent' | 'acked';
  fromSeq: number;
  toSeq: number;
  /** Undefined for a declared gap. */
  part: EdgePart | undefined;
  reason: string | null;
}

interface SetsText {
  seen: string;
  covered: string;
  declared: string;
  gapped: string;
  kept: string;
}

interface RowText {
  id: number;
  state: number;
  fromSeq: number;
  toSeq: number;
  windowStartMs: number | null;
  reason: string | null;
  fields: string;
  stats: string;
  firstMs: number;
  lastMs: number;
  digest: string;
}

export class EdgeFile {
  private readonly database: Database.Database;

  constructor(database: Database.Database) {
    this.database = database;
  }

  close(): void {
    this.database.close();
  }

  /** @throws OperatingError DATA_UNREADABLE, as everything that reads here */
  sources(): EdgeSource[] {
    const set = (json: string) => SeqIntervals.of(JSON.parse(json) as [number, number][]);
    return this.reading(() => {
      const rows = this.database
        .prepare(
          `SELECT id, household, device, src, seen, covered, declared, gapped, kept, readings, digest_high AS high, digest_low AS low
           FROM sources ORDER BY id`,
        )
        .all() as (SetsText & Omit<EdgeSource, keyof SetsText | 'digest'> & { high: number; low: number })[];
      return rows.map(({ id, household, device, src, readings, high, low, seen, covered, declared, gapped, kept }) => ({
        ...{ id, household, device, src, readings, digest: { high, low } },
        ...{ seen: set(seen), covered: set(covered), declared: set(declared), gapped: set(gapped), kept: set(kept) },
      }));
    });
  }

  /** In order of seq. */
  *rows(sourceId: number): Generator<EdgeRow> {
    try {
      const rows = this.database.prepare(
        `SELECT o.id, state, from_seq AS fromSeq, to_seq AS toSeq, window_start_ms AS windowStartMs, reason, fields, stats,
           first_ms AS firstMs, last_ms AS lastMs, digest
         FROM outbox o LEFT JOIN outbox_bodies b ON b.id = o.id WHERE source_id = ? ORDER BY from_seq, o.id`,
      );
      for (const row of rows.iterate(sourceId) as IterableIterator<RowText>) {
        const { id, fromSeq, toSeq, windowStartMs, reason } = row;
        const part = windowStartMs === null || row.digest === null ? undefined : partOf({ ...row, windowStartMs });
        yield { id, state: STATE_NAMES[row.state] ?? 'queued', fromSeq, toSeq, part, reason };
      }
    } catch (error) {
      throw explainReadError(error, this.database.name);
    }
  }

  openPart(household: string, device: string, src: string): EdgePart | undefined {
    const statement = this.database.prepare('SELECT part FROM open_parts WHERE household = ? AND device = ?').pluck();
    return this.reading(() => {
      const text = statement.get(household, device);
      if (text === undefined) return undefined;
      const open = JSON.parse(text as string) as Omit<EdgePart, 'fields'> & { src: string; fields: string[]; stats: number[] };
      return open.src === src ? { ...open, fields: numbersOf(open.fields, open.stats) } : undefined;
    });
  }

  /** Reason by household. */
  parked(): Map<string, string> {
    return this.ofHouseholds('parked');
  }

  /** By household, as far as the cloud has told the edge. */
  postalCodes(): Map<string, string> {
    return this.ofHouseholds('postal_code');
  }

  private ofHouseholds(column: 'parked' | 'postal_code'): Map<string, string> {
    const rows = this.database.prepare(`SELECT household, ${column} FROM households WHERE ${column} IS NOT NULL`).raw();
    return new Map(this.reading(() => rows.all() as [string, string][]));
  }

  /** Last seq by household/device/src, over the runs whose end mark was taken in from every partition; undefined without one. */
  lastSeqs(): Map<string, number> | undefined {
    return this.reading(() => {
      const runs = this.database
        .prepare('SELECT json_group_array(json(last)) FROM runs GROUP BY run HAVING count(*) = (SELECT count(*) FROM positions)')
        .pluck()
        .all() as string[];
      if (runs.length === 0) return undefined;
      const lastSeqs = new Map<string, number>();
      for (const { household, device, src, seq } of runs.flatMap((text) => (JSON.parse(text) as Mark['last'][]).flat())) {
        const key = sourceKey(household, device, src);
        lastSeqs.set(key, Math.max(seq, lastSeqs.get(key) ?? 0));
      }
      return lastSeqs;
    });
  }

  /** Offset of the next record to take, by partition, with the log that it is of. */
  positions(): Map<number, { nextOffset: number; logId: string }> {
    const positions = this.database.prepare('SELECT partition, next_offset AS nextOffset, log_id AS logId FROM positions');
    const rows = this.reading(() => positions.all() as { partition: number; nextOffset: number; logId: string }[]);
    return new Map(rows.map((row) => [row.partition, row]));
  }

  private reading<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      throw explainReadError(error, this.database.name);
    }
  }
}

/**
 * One snapshot, until close(); undefined where no edge keeps its outbox here.
 * @throws OperatingError DATA_UNREADABLE
 */
export function openEdgeFile(stateDir: string): EdgeFile | undefined {
  const path = join(stateDir, 'edge', 'outbox.db');
  if (!existsSync(path)) return undefined;
  return openSnapshot(path, SCHEMAS_KNOWN, 'outbox', (database) => new EdgeFile(database));
}

function partOf(row: RowText & { windowStartMs: number }): EdgePart {
  const { fromSeq, toSeq, windowStartMs, firstMs, lastMs } = row;
  const fields = numbersOf(JSON.parse(row.fields) as string[], JSON.parse(row.stats) as number[]);
  return { fromSeq, toSeq, windowStartMs, firstMs, lastMs, digest: digestFromHex(row.digest), fields };
}

function numbersOf(fields: readonly string[], stats: readonly number[]): Map<string, PartNumbers> {
  return new Map(
    fields.map((field, i) => {
      const numbers = {} as PartNumbers;
      NUMBERS.forEach((name, at) => (numbers[name] = stats[i * NUMBERS.length + at] as number));
      return [field, numbers];
    }),
  );
}
