/**
 * The ledger, the topic positions and the runs in the outbox's database: read at start, written with every checkpoint in the same
 * transaction as the rows (R2).
 */
import type Database from 'better-sqlite3';
import { deviceKey, sourceKey } from '../../common/ids.ts';
import type { Mark } from '../../common/messages.ts';
import { EdgeLedger, isRunComplete, type OpenEntry, type SourceLedger } from '../../common/protocol/edge-ledger.ts';
import { SeqIntervals } from '../../common/protocol/seq-intervals.ts';
import { sealOfRow } from '../../common/row-seal.ts';
import { type CheckedOutbox, DamageFound } from './outbox-check.ts';

/** How far a partition is taken in, and how its last taken record looked. */
export interface TopicPosition {
  partition: number;
  nextOffset: number;
  logId: string;
  /** Hash of the record at nextOffset - 1. */
  recordHash: string;
}

export interface UnreadableTopicRecord {
  partition: number;
  offset: number;
  reason: string;
  /** Its beginning. */
  record: Buffer;
}

type LastSeqs = Mark['last'];

/** Unreadable records kept, at most 4 kB each: a broken producer must not fill the outbox. */
const UNREADABLE_KEPT_MAX = 1_000;
const UNREADABLE_COUNT = 'unreadable';

/** R10, of the end marks by run and partition. */
export function runStatesOf(runs: ReadonlyMap<string, ReadonlyMap<number, LastSeqs>>, ledger: EdgeLedger, partitions: number) {
  const isComplete = ({ household, device, src, seq }: LastSeqs[number]) =>
    ledger.parked.has(household) || isRunComplete(ledger.sources.get(sourceKey(household, device, src)), seq);
  return [...runs].map(([run, lastByPartition]) => {
    const ended = lastByPartition.size === partitions;
    return { run, ended, done: ended && [...lastByPartition.values()].every((last) => last.every(isComplete)) };
  });
}

export class LedgerStore {
  private readonly windowMs: number;
  private readonly statements: ReturnType<typeof prepare>;
  ledger: EdgeLedger;
  /** By partition. */
  readonly positions = new Map<number, TopicPosition>();
  readonly postalCodes = new Map<string, string>();
  /** Households of which something was damaged: the cloud is asked for them, whether readings of theirs come or not. */
  readonly toBeAsked = new Set<string>();
  private readonly setAside: string[] = [];
  /** Sources that `load` found damaged. */
  private damageFound: { id: number; whose: string }[] = [];
  /** Households of open parts that are gone. What these held counts as taken, and is nowhere: the next hello finds it missing (R9). */
  private readonly openPartsGone: string[];
  /** Last seqs by partition, by run. */
  readonly runs = new Map<string, Map<number, LastSeqs>>();

  constructor(database: Database.Database, windowMs: number, checked: CheckedOutbox) {
    this.setAside.push(...checked.lines);
    this.openPartsGone = [...checked.openPartsOf];
    this.windowMs = windowMs;
    this.statements = prepare(database);
    this.ledger = new EdgeLedger(windowMs);
  }

  /**
   * Reads everything anew; what was only in memory is forgotten.
   * @throws DamageFound
   */
  load(): void {
    try {
      this.read();
    } catch (error) {
      if (/^SQLITE_/.test(String((error as { code?: unknown }).code))) throw error;
      throw new DamageFound(`what lies in it is not what was written: ${(error as Error).message}`, { cause: error });
    }
  }

  private read(): void {
    const ledger = new EdgeLedger(this.windowMs);
    this.damageFound = [];
    for (const row of this.statements.sources.all() as never as SourceText[]) {
      const source = ledger.source(row);
      if (row.seal === null || row.seal === sealOfSource(row)) read(row, source);
      else this.rebuild(source, row.id);
    }
    for (const row of this.statements.openParts.all() as OpenText[]) {
      if (row.seal !== sealOfOpen(row)) throw new DamageFound('the checksum of an open part does not hold');
      const entry: OpenEntry = { partition: row.partition, offset: row.offset, part: JSON.parse(row.part) };
      ledger.openIn(row.partition).set(deviceKey(entry.part.household, entry.part.device), entry);
      ledger.sources
        .get(sourceKey(entry.part.household, entry.part.device, entry.part.src))
        ?.seen.add(entry.part.fromSeq, entry.part.toSeq);
    }
    this.postalCodes.clear();
    for (const row of this.statements.households.all() as HouseholdText[]) {
      if (row.generation !== null) ledger.generations.set(row.household, row.generation);
      if (row.parked !== null) ledger.parked.set(row.household, row.parked);
      if (row.postal_code !== null) this.postalCodes.set(row.household, row.postal_code);
    }
    this.positions.clear();
    for (const row of this.statements.positions.all() as TopicPosition[]) this.positions.set(row.partition, row);
    this.runs.clear();
    for (const row of this.statements.runs.all() as { run: string; partition: number; last: string }[]) {
      this.rememberRun(row.run, row.partition, JSON.parse(row.last));
    }
    // Nothing more of these is taken in before the cloud has told what it holds (R5).
    for (const whose of [...this.damageFound.map((found) => found.whose), ...this.householdsOfOpenPartsGone(ledger)]) {
      ledger.generations.delete(whose);
      this.toBeAsked.add(whose);
    }
    if (this.damageFound.length === 0) {
      ledger.changedSources.clear();
      ledger.changedOpen.clear();
    }
    this.ledger = ledger;
  }

  /** All, where the name that was in the row may be what was damaged. */
  private householdsOfOpenPartsGone(ledger: EdgeLedger): string[] {
    const gone = this.openPartsGone.splice(0);
    const known = new Set([...ledger.sources.values()].map(({ household }) => household));
    return gone.every((household) => known.has(household)) ? gone : [...known];
  }

  /**
   * Of a source whose row is damaged only the rows of the outbox are known. The next hello tells what the cloud holds, and what is neither
   * there nor here is searched in the log.
   */
  private rebuild(source: SourceLedger, id: number): void {
    this.damageFound.push({ id, whose: source.household });
    for (const { from, to, isGap } of this.statements.rowsOf.all(id) as { from: number; to: number; isGap: number }[]) {
      if (from >= 1 && from <= to) (isGap === 1 ? source.gapped : source.seen).add(from, to);
    }
  }

  /** What was damaged and is set aside, since it was last asked. */
  takeSetAside(): string[] {
    return this.setAside.splice(0);
  }

  /** Keeps what was found damaged byte for byte, before it is written over. */
  private keepDamaged(): void {
    for (const { id, whose } of this.damageFound.splice(0)) {
      this.statements.keepSource.run(id);
      this.setAside.push(`what was known of a source of ${whose}: its checksum does not hold`);
    }
  }

  /** Writes what changed in the ledger since the last call. Inside a transaction. */
  save(): void {
    const { ledger, statements } = this;
    this.keepDamaged();
    for (const key of ledger.changedSources) {
      const source = ledger.sources.get(key);
      if (source === undefined) continue;
      const { household, device, src, seen, covered, declared, gapped, kept, keptDigest } = source;
      const sets = [text(seen), text(covered), text(declared), text(gapped), text(kept)];
      const totals = [kept.size, keptDigest.high, keptDigest.low] as const;
      const seal = sealOfRow([household, device, src, ...sets, ...totals]);
      statements.saveSource.run(household, device, src, ...sets, ...totals, seal);
    }
    for (const [key, partition] of ledger.changedOpen) {
      const entry = ledger.openIn(partition).get(key);
      const [household, device] = key.split('/') as [string, string];
      if (entry === undefined) statements.removeOpen.run(household, device);
      else {
        const part = JSON.stringify(entry.part);
        const seal = sealOfRow([household, device, partition, entry.offset, part]);
        statements.saveOpen.run(household, device, partition, entry.offset, part, seal);
      }
    }
    ledger.changedSources.clear();
    ledger.changedOpen.clear();
  }

  savePosition(position: TopicPosition): void {
    const { partition, nextOffset, logId, recordHash } = position;
    this.positions.set(partition, position);
    this.statements.savePosition.run(partition, nextOffset, logId, recordHash, sealOfRow([partition, nextOffset, logId, recordHash]));
  }

  /** The log that the position was in is gone. */
  removePosition(partition: number): void {
    this.positions.delete(partition);
    this.statements.removePosition.run(partition);
  }

  saveRun(run: string, partition: number, last: LastSeqs): void {
    this.rememberRun(run, partition, last);
    const lastText = JSON.stringify(last);
    this.statements.saveRun.run(run, partition, lastText, sealOfRow([run, partition, lastText]));
  }

  /**
   * Counts the record; the first UNREADABLE_KEPT_MAX of them are kept for study.
   * @param logId of the log that the offset is in: a topic made anew counts its offsets from 0 again
   */
  saveUnreadable(logId: string, { partition, offset, reason, record }: UnreadableTopicRecord): void {
    const { saveUnreadable } = this.statements;
    if (this.unreadableKept() < UNREADABLE_KEPT_MAX && saveUnreadable.run(logId, partition, offset, reason, record).changes === 0) return;
    this.setMeta(UNREADABLE_COUNT, String(this.unreadableCount() + 1));
  }

  saveHousehold(household: string): void {
    const generation = this.ledger.generations.get(household) ?? null;
    const parked = this.ledger.parked.get(household) ?? null;
    const postalCode = this.postalCodes.get(household) ?? null;
    const seal = sealOfRow([household, generation, postalCode, parked]);
    this.statements.saveHousehold.run(household, generation, postalCode, parked, seal);
  }

  unreadableCount(): number {
    return Number(this.meta(UNREADABLE_COUNT) ?? '0');
  }

  unreadableKept(): number {
    return this.statements.unreadableKept.pluck().get() as number;
  }

  meta(key: string): string | undefined {
    return this.statements.meta.pluck().get(key) as string | undefined;
  }

  setMeta(key: string, value: string): void {
    this.statements.setMeta.run(key, value, sealOfRow([key, value]));
  }

  /** R10: the end mark is there in every partition; done when also every source is stored or declared up to its last seq. */
  runStates(partitions: number): { run: string; ended: boolean; done: boolean }[] {
    return runStatesOf(this.runs, this.ledger, partitions);
  }

  private rememberRun(run: string, partition: number, last: LastSeqs): void {
    let partitions = this.runs.get(run);
    if (partitions === undefined) this.runs.set(run, (partitions = new Map()));
    partitions.set(partition, last);
  }
}

interface SourceText {
  id: number;
  household: string;
  device: string;
  src: string;
  seen: string;
  covered: string;
  declared: string;
  gapped: string;
  kept: string;
  readings: number;
  digest_high: number;
  digest_low: number;
  seal: number | null;
}

interface OpenText {
  household: string;
  device: string;
  partition: number;
  offset: number;
  part: string;
  seal: number | null;
}

function sealOfSource(row: SourceText): number {
  const { household, device, src, seen, covered, declared, gapped, kept, readings, digest_high, digest_low } = row;
  return sealOfRow([household, device, src, seen, covered, declared, gapped, kept, readings, digest_high, digest_low]);
}

function sealOfOpen({ household, device, partition, offset, part }: OpenText): number {
  return sealOfRow([household, device, partition, offset, part]);
}

interface HouseholdText {
  household: string;
  generation: number | null;
  postal_code: string | null;
  parked: string | null;
}

function read(row: SourceText, source: SourceLedger): void {
  source.seen = intervals(row.seen);
  source.covered = intervals(row.covered);
  source.declared = intervals(row.declared);
  source.gapped = intervals(row.gapped);
  source.kept = intervals(row.kept);
  source.keptDigest = { high: row.digest_high, low: row.digest_low };
}

function intervals(json: string): SeqIntervals {
  return SeqIntervals.of(JSON.parse(json) as [number, number][]);
}

function text(set: SeqIntervals): string {
  return JSON.stringify(set.ranges());
}

function prepare(database: Database.Database) {
  return {
    sources: database.prepare(
      `SELECT id, household, device, src, seen, covered, declared, gapped, kept, readings, digest_high, digest_low, seal
       FROM sources ORDER BY id`,
    ),
    rowsOf: database.prepare(
      'SELECT from_seq AS "from", to_seq AS "to", window_start_ms IS NULL AS isGap FROM outbox WHERE source_id = ? ORDER BY from_seq',
    ),
    keepSource: database.prepare(
      `INSERT INTO damaged (place, row)
       SELECT 'sources', CAST(concat_ws(',', quote(id), quote(household), quote(device), quote(src), quote(seen), quote(covered),
         quote(declared), quote(gapped), quote(kept), quote(readings), quote(digest_high), quote(digest_low), quote(seal)) AS BLOB)
       FROM sources WHERE id = ?`,
    ),
    saveSource: database.prepare(
      `INSERT INTO sources (household, device, src, seen, covered, declared, gapped, kept, readings, digest_high, digest_low, seal)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (household, device, src) DO UPDATE SET
         seen = excluded.seen, covered = excluded.covered, declared = excluded.declared, gapped = excluded.gapped,
         kept = excluded.kept, readings = excluded.readings, digest_high = excluded.digest_high, digest_low = excluded.digest_low,
         seal = excluded.seal`,
    ),
    openParts: database.prepare('SELECT household, device, partition, "offset", part, seal FROM open_parts'),
    saveOpen: database.prepare(
      `INSERT INTO open_parts (household, device, partition, "offset", part, seal) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (household, device) DO UPDATE SET
         partition = excluded.partition, "offset" = excluded."offset", part = excluded.part, seal = excluded.seal`,
    ),
    removeOpen: database.prepare('DELETE FROM open_parts WHERE household = ? AND device = ?'),
    households: database.prepare('SELECT household, generation, postal_code, parked FROM households'),
    saveHousehold: database.prepare(
      `INSERT INTO households (household, generation, postal_code, parked, seal) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (household) DO UPDATE SET
         generation = excluded.generation, postal_code = excluded.postal_code, parked = excluded.parked,
         seal = excluded.seal`,
    ),
    positions: database.prepare('SELECT partition, next_offset AS nextOffset, log_id AS logId, record_hash AS recordHash FROM positions'),
    savePosition: database.prepare(
      `INSERT INTO positions (partition, next_offset, log_id, record_hash, seal) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (partition) DO UPDATE SET
         next_offset = excluded.next_offset, log_id = excluded.log_id, record_hash = excluded.record_hash,
         seal = excluded.seal`,
    ),
    removePosition: database.prepare('DELETE FROM positions WHERE partition = ?'),
    runs: database.prepare('SELECT run, partition, last FROM runs'),
    saveRun: database.prepare('INSERT OR REPLACE INTO runs (run, partition, last, seal) VALUES (?, ?, ?, ?)'),
    saveUnreadable: database.prepare(
      'INSERT OR IGNORE INTO unreadable (log_id, partition, "offset", reason, record) VALUES (?, ?, ?, ?, ?)',
    ),
    unreadableKept: database.prepare('SELECT count(*) FROM unreadable'),
    meta: database.prepare('SELECT value FROM meta WHERE key = ?'),
    setMeta: database.prepare('INSERT OR REPLACE INTO meta (key, value, seal) VALUES (?, ?, ?)'),
  };
}
