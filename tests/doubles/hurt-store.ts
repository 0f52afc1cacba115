/**
 * A real series.db with two households, to be damaged bit by bit, and the only outcomes that damage may have: refused at the start,
 * mended, or one household declared. Never a seq acknowledged that is not there, a wrong number, or a household that can't go on.
 */
import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import type { DamagedRecord } from '../../cloud/server/storage/household-mender.ts';
import { SERIES_FILE } from '../../cloud/server/storage/open-database.ts';
import type { Bucket, Resolution } from '../../cloud/server/storage/series-store.ts';
import { SqliteSeriesStore } from '../../cloud/server/storage/sqlite-series-store.ts';
import { systemClock } from '../../common/clock.ts';
import { ConfigError, OperatingError } from '../../common/errors.ts';
import { type ShippedRow, rangeOf } from '../../common/messages.ts';
import { SeqIntervals } from '../../common/protocol/seq-intervals.ts';
import { Edge, part, WINDOW_MS } from '../contract/series-store-probes.ts';

export const HOMES = ['home-a', 'home-b'] as const;
const DEVICES = ['heat-pump', 'meter'] as const;
const SEQS = 30;
/** Declared missing, of each source. */
const GAP = [11, 13] as const;
/** What comes after the damage. */
const MORE = 12;
const RESOLUTIONS: readonly Resolution[] = ['raw', '1m', '15m', '1h'];

export type Outcome = 'unseen' | 'salvaged' | 'refused at the start' | 'mended' | 'declared' | 'part';

const rowOf = (household: string, device: string, seq: number): ShippedRow =>
  part(seq, seq, { household, device, values: { power: 100 + seq / 3, energy: seq * 1.7 } });

const SOURCES = HOMES.flatMap((household) => DEVICES.map((device) => ({ household, device })));

/** Rows of all sources, in order. */
function rowsUpTo(from: number, to: number): ShippedRow[] {
  const rows: ShippedRow[] = [];
  for (let seq = from; seq <= to; seq++) {
    for (const { household, device } of SOURCES) {
      if (seq >= GAP[0] && seq <= GAP[1]) {
        if (seq === GAP[0])
          rows.push({ kind: 'gap', gap: { household, device, src: 'src1', fromSeq: GAP[0], toSeq: GAP[1], reason: 'lost' } });
      } else rows.push(rowOf(household, device, seq));
    }
  }
  return rows;
}

const postalCodes = { assign: () => ({ postalCode: '12529', state: 'DE-BB', from: 'file' as const }) };

export class HurtStore {
  private readonly folder = mkdtempSync(join(tmpdir(), 'fogline-hurt-'));
  /** The undamaged file. */
  private readonly whole = join(this.folder, 'whole.db');
  private truth = new Map<Resolution, Bucket[]>();
  bytes = Buffer.alloc(0);

  async make(): Promise<this> {
    const { store, stop } = await this.open(join(this.folder, 'first'));
    const edge = new Edge(store);
    await edge.hello(HOMES);
    await send(edge, rowsUpTo(1, SEQS));
    const { path } = store;
    await stop();
    copyFileSync(path, this.whole);
    this.bytes = readFileSync(this.whole);
    const later = await this.open(join(this.folder, 'first'));
    const again = new Edge(later.store);
    await again.hello(HOMES);
    await send(again, rowsUpTo(SEQS + 1, SEQS + MORE));
    for (const resolution of RESOLUTIONS) this.truth.set(resolution, await read(later.store, resolution));
    await later.stop();
    return this;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** First page of each table and index. */
  roots(): Map<string, number> {
    const database = new Database(this.whole, { readonly: true });
    const rows = database.prepare("SELECT name, rootpage FROM sqlite_schema WHERE type IN ('table', 'index')").raw().all();
    database.close();
    return new Map(rows as [string, number][]);
  }

  /**
   * Starts a store on the changed file and lets an edge do what it does.
   * @param isKey a row of parts or buckets may lie where no reader of its time comes by: then only what is acknowledged is looked at
   * @throws AssertionError when the outcome is none that may be
   */
  async outcome(changed: Buffer, what: string, isKey = false): Promise<Outcome> {
    const stateDir = join(this.folder, 'hurt');
    rmSync(stateDir, { recursive: true, force: true });
    mkdirSync(join(stateDir, dirname(SERIES_FILE)), { recursive: true });
    writeFileSync(join(stateDir, SERIES_FILE), changed);
    let opened: Awaited<ReturnType<HurtStore['open']>>;
    try {
      opened = await this.open(stateDir);
    } catch (error) {
      assert.ok(error instanceof OperatingError || error instanceof ConfigError, `${what}: ${String((error as Error).stack)}`);
      return 'refused at the start';
    }
    try {
      return await this.judge(opened, isKey);
    } catch (error) {
      (error as Error).message = `${what}: ${(error as Error).message} (told: ${JSON.stringify(opened.records)})`;
      throw error;
    } finally {
      await opened.stop();
    }
  }

  private async judge({ store, records, parts, salvages }: Awaited<ReturnType<HurtStore['open']>>, isKey: boolean): Promise<Outcome> {
    const edge = new Edge(store);
    const answer = await edge.hello(HOMES);
    const declared = new Set(answer.flatMap((each) => ('refusal' in each ? [each.household] : [])));
    assert.ok(declared.size <= 1, 'one flipped bit, one household');
    for (const { household, sources } of answer) {
      if (declared.has(household)) continue;
      for (const { covered } of sources) {
        const taken = SeqIntervals.of(covered);
        assert.ok(taken.max <= SEQS && !taken.overlaps(...GAP), `acknowledged: ${JSON.stringify(covered)}`);
      }
    }
    // An edge brings again what the cloud does not say that it has, and what comes next.
    const rows = rowsUpTo(1, SEQS + MORE).filter((row) => !declared.has(rangeOf(row).household));
    for (const [i, verdict] of (await edge.verdicts(...rows)).entries())
      assert.ok(verdict === 'stored' || verdict === 'duplicate', `${verdict} of ${JSON.stringify(rangeOf(rows[i]!))}`);
    for (const { household, sources } of await edge.hello(HOMES)) {
      if (declared.has(household)) continue;
      assert.equal(sources.length, DEVICES.length);
      for (const { covered, declared: gaps } of sources) {
        assert.deepEqual(covered, [
          [1, GAP[0] - 1],
          [GAP[1] + 1, SEQS + MORE],
        ]);
        assert.deepEqual(gaps, [[...GAP]]);
      }
    }
    if (!isKey) await this.assertTrue(store, declared);
    if (declared.size > 0) return 'declared';
    if (salvages.length > 0) return 'salvaged';
    return records.length > 0 ? 'mended' : parts.length > 0 ? 'part' : 'unseen';
  }

  /** Every number that is given out is right, and where one is not given out, the reader is told. */
  private async assertTrue(store: SqliteSeriesStore, declared: ReadonlySet<string>): Promise<void> {
    for (const resolution of RESOLUTIONS) {
      const truth = (this.truth.get(resolution) as Bucket[]).filter(({ household }) => !declared.has(household));
      try {
        const got = (await read(store, resolution)).filter(({ household }) => !declared.has(household));
        assert.deepEqual(got.map(rounded), truth.map(rounded), resolution);
      } catch (error) {
        if ((error as { code?: string }).code !== 'PART_DAMAGED') throw error;
      }
    }
  }

  private async open(stateDir: string) {
    const records: DamagedRecord[] = [];
    const parts: object[] = [];
    const salvages: object[] = [];
    const store = new SqliteSeriesStore({
      stateDir,
      windowMs: WINDOW_MS,
      postalCodes,
      clock: systemClock,
      onDamaged: (damaged) => parts.push(damaged),
      onRecordDamaged: (record) => records.push(record),
      onSalvage: (told) => told.step === 'done' && salvages.push(told),
    });
    await store.start();
    return { store, records, parts, salvages, stop: () => store.stop() };
  }
}

async function send(edge: Edge, rows: readonly ShippedRow[]): Promise<void> {
  for (const verdict of await edge.verdicts(...rows)) assert.equal(verdict, 'stored');
}

async function read(store: SqliteSeriesStore, resolution: Resolution): Promise<Bucket[]> {
  const buckets: Bucket[] = [];
  for await (const bucket of store.range({ resolution })) buckets.push(bucket);
  return buckets;
}

/** Sums that were added in another order differ in their last digits. */
function rounded({ mean, energyKwh, ...bucket }: Bucket): object {
  return { ...bucket, mean: mean.toPrecision(12), energyKwh: energyKwh?.toPrecision(12) ?? null };
}
