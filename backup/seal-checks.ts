/**
 * The checksums that rows carry, looked at once more, by code of this room's own. A bit that flips in a number leaves a file that SQLite
 * finds sound. Buckets are left out: a damaged one is added up again from its parts.
 */
import { crc32 } from 'node:zlib';
import type Database from 'better-sqlite3';
import { isoTime } from '../common/iso-time.ts';
import { DamagedBatch, decodeBatch } from '../common/broker/record-batch.ts';
import { sealOfRow } from '../common/row-seal.ts';

type Value = string | number | null;
type Row = Record<string, Value>;
type BatchRow = [string, number, number, number, number, Buffer];
type PartRow = [number, number, number, number, number, number, number, number, number, Buffer, number | null];

interface Source {
  owner: string;
  src: string;
}

/** Between two of these the caller may let others have the thread. */
export const PAUSE = '';
const ROWS_BETWEEN_PAUSES = 5_000;
/** Schemas in which the rows have seals. */
const SEALED = { outbox: 2, edgeNames: 3, parts: 2, records: 3 } as const;

/** What each damaged row is, and PAUSE now and then. */
export function* damagedRows(database: Database.Database, path: string, schema: number): Generator<string> {
  if (path === 'broker/broker.db') yield* damagedBatches(database);
  if (path === 'edge/outbox.db' && schema >= SEALED.outbox) yield* damagedOutbox(database);
  if (path === 'edge/outbox.db' && schema >= SEALED.edgeNames) yield* damagedEdgeNames(database);
  if (path === 'cloud/series.db' && schema >= SEALED.parts) yield* damagedParts(database);
  if (path === 'cloud/series.db' && schema >= SEALED.records) yield* damagedRecords(database);
}

function* damagedBatches(database: Database.Database): Generator<string> {
  const batches =
    'SELECT log_id, base_offset, count, appended_ms, seal, bytes FROM batch LEFT JOIN log ON log.id = batch.log ORDER BY batch.id';
  for (const row of eachOf<BatchRow>(database, batches)) {
    if (row === PAUSE) {
      yield PAUSE;
      continue;
    }
    const [logId, baseOffset, count, appendedMs, seal, bytes] = row;
    try {
      decodeBatch(bytes, seal, { logId, baseOffset, count, appendedMs }, 0, 0, []);
    } catch (error) {
      if (!(error instanceof DamagedBatch)) throw error;
      yield `${count} records from offset ${baseOffset} of log ${logId}: ${error.message}`;
    }
  }
}

function* damagedOutbox(database: Database.Database): Generator<string> {
  const sources = `SELECT household, device, src, seen, covered, declared, gapped, kept, readings, digest_high, digest_low, seal
    FROM sources`;
  yield* unsealed(database, sources, ([household, device]) => `what is known of ${household}, ${device}`);
  const open = 'SELECT household, device, partition, "offset", part, seal FROM open_parts';
  yield* unsealed(database, open, ([household, device]) => `the open part of ${household}, ${device}`);
  const rows = `SELECT household, device, src, from_seq, to_seq, window_start_ms, first_ms, last_ms, digest, fields, stats, reason, b.seal
    FROM outbox o LEFT JOIN outbox_bodies b ON b.id = o.id LEFT JOIN sources s ON s.id = source_id ORDER BY o.id`;
  for (const row of eachOf<Value[]>(database, rows)) {
    if (row === PAUSE) {
      yield PAUSE;
      continue;
    }
    const [household, device, src, from, to, ...others] = row;
    const seal = others.pop();
    const [windowStartMs, , , , , stats] = others;
    const isSound =
      seal === null
        ? windowStartMs === null || stats !== null
        : seal === crc32(`${household}/${device}/${src} ${from} ${to} ${others.map(String).join(' ')}`);
    if (!isSound) yield `a row of the outbox: seqs ${from} to ${to} of ${household}, ${device}`;
  }
}

function* damagedEdgeNames(database: Database.Database): Generator<string> {
  const households = 'SELECT household, generation, postal_code, parked, seal FROM households';
  yield* unsealed(database, households, ([household]) => `what the edge knows of household ${household}`);
  const positions = 'SELECT partition, next_offset, log_id, record_hash, seal FROM positions';
  yield* unsealed(database, positions, ([partition]) => `how far partition ${partition} was read`);
  yield* unsealed(database, 'SELECT run, partition, last, seal FROM runs', ([run]) => `an end mark of run ${run}`);
  yield* unsealed(database, 'SELECT key, value, seal FROM meta', ([key]) => `${key} of the edge`);
}

function* damagedParts(database: Database.Database): Generator<string> {
  const sources = sourcesOf(database);
  const fieldSets = new Map<number, string>();
  for (const [id, text] of database.prepare('SELECT id, fields FROM field_sets').raw().all() as [number, string][])
    fieldSets.set(id, (JSON.parse(text) as string[]).join());
  const owners = new Map<string, number>();
  const numbers = Buffer.alloc(7 * 8);
  const parts = `SELECT source_id, field_set_id, window_start_ms, from_seq, to_seq, first_ms, last_ms, digest_high, digest_low, stats, seal
    FROM parts ORDER BY device_id, window_start_ms, source_id, from_seq`;
  for (const row of eachOf<PartRow>(database, parts)) {
    if (row === PAUSE) {
      yield PAUSE;
      continue;
    }
    const [sourceId, fieldSetId, startMs, fromSeq, toSeq, ...others] = row;
    const [firstMs, lastMs, high, low, stats, seal] = others;
    if (seal === null) continue;
    const source = sources.get(sourceId);
    const key = `${sourceId}/${fieldSetId}`;
    let owner = owners.get(key);
    if (owner === undefined) owners.set(key, (owner = crc32(`${source?.owner}/${source?.src} ${fieldSets.get(fieldSetId)}`)));
    [startMs, fromSeq, toSeq, firstMs, lastMs, high, low].forEach((number, i) => numbers.writeDoubleLE(number, i * 8));
    if (crc32(stats, crc32(numbers, owner)) !== seal)
      yield `seqs ${fromSeq} to ${toSeq} of ${source?.owner ?? 'nobody'}, window ${isoTime(startMs)}`;
  }
}

function* damagedRecords(database: Database.Database): Generator<string> {
  const households = 'SELECT id, household, postal_code, postal_code_from, state, generation, claim, edge, seal FROM households';
  yield* unsealed(database, households, ([, household]) => `household ${household}`);
  const named = 'LEFT JOIN households h ON h.id = d.household_id';
  yield* unsealed(
    database,
    `SELECT d.id, household, device, d.seal FROM devices d ${named}`,
    ([, household, device]) => `${household}, ${device}`,
  );
  const ofDevice = `LEFT JOIN devices d ON d.id = device_id ${named}`;
  const sources = `SELECT s.id, household, device, src, covered, first_ms, greatest_ms, readings, digest_high, digest_low, forgotten, s.seal
    FROM sources s ${ofDevice}`;
  yield* unsealed(database, sources, ([, household, device, src]) => `source ${src} of ${household}, ${device}`);
  const gaps = `SELECT source_id, household, device, src, from_seq, to_seq, reason, g.seal
    FROM gaps g LEFT JOIN sources s ON s.id = source_id ${ofDevice}`;
  yield* unsealed(database, gaps, ([, household, device, , from, to]) => `the gap ${from} to ${to} of ${household}, ${device}`);
  const series = `SELECT s.id, household, device, field, count, energy_ws, window_count, last_ms, s.seal FROM series s ${ofDevice}`;
  const totals = new Float64Array(4);
  for (const row of database.prepare(series).all() as Row[]) {
    const { id, household, device, field, count, energy_ws: energy, window_count: windows, last_ms: last, seal } = row;
    totals.set([count, energy, windows, last] as number[]);
    if (seal !== null && crc32(totals, sealOfRow([id, household, device, field] as Value[])) !== seal)
      yield `the totals of ${household}, ${device}, ${field}`;
  }
}

/** Rows whose last column is the seal of the others. One without a seal was written before there were any. */
function* unsealed(database: Database.Database, sql: string, nameOf: (row: Value[]) => string): Generator<string> {
  for (const row of eachOf<Value[]>(database, sql)) {
    if (row === PAUSE) yield PAUSE;
    else if (row.at(-1) !== null && sealOfRow(row.slice(0, -1)) !== row.at(-1)) yield nameOf(row);
  }
}

function sourcesOf(database: Database.Database): Map<number, Source> {
  const sql = `SELECT s.id, household, device, src FROM sources s JOIN devices d ON d.id = s.device_id
    JOIN households h ON h.id = d.household_id`;
  const rows = database.prepare(sql).raw().all() as [number, string, string, string][];
  return new Map(rows.map(([id, household, device, src]) => [id, { owner: `${household}/${device}`, src }]));
}

function* eachOf<T>(database: Database.Database, sql: string): Generator<T | typeof PAUSE> {
  let count = 0;
  for (const row of database.prepare(sql).raw().iterate()) {
    yield row as T;
    if (++count % ROWS_BETWEEN_PAUSES === 0) yield PAUSE;
  }
}
