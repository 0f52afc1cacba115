/**
 * The edge's outbox and ledger in memory, for storms that are to run fast: the same contract and the same suite as on SQLite
 * (tests/contract/edge-file-suite.ts). A transaction that fails is undone step by step, last step first.
 */
import { deviceKey } from '../../common/ids.ts';
import type { Mark } from '../../common/messages.ts';
import { EdgeLedger, type OpenEntry, type SourceLedger } from '../../common/protocol/edge-ledger.ts';
import { isRunComplete } from '../../common/protocol/edge-ledger.ts';
import { sourceKey } from '../../common/ids.ts';
import type { EdgeFile, EdgeFileOptions, LedgerContract } from '../../edge/server/edge-file.ts';
import type { TopicPosition, UnreadableTopicRecord } from '../../edge/server/ledger-store.ts';
import { MemoryOutbox, type MemoryRow } from './memory-outbox.ts';

type LastSeqs = Mark['last'];

const UNREADABLE_KEPT_MAX = 1_000;

/** What a household's row holds. */
interface HeldHousehold {
  generation: number | null;
  postalCode: string | null;
  parked: string | null;
}

/** A source's row; sets as they were saved. */
export type HeldSource = SourceLedger & { id: number };

/** One database. */
export class MemoryEdgeFile {
  meta = new Map<string, string>();
  households = new Map<string, HeldHousehold>();
  sources = new Map<string, HeldSource>();
  open = new Map<string, { partition: number; offset: number; part: string }>();
  positions = new Map<number, TopicPosition>();
  runs = new Map<string, Map<number, LastSeqs>>();
  unreadable = new Set<string>();
  resumeRequests = new Set<string>();
  /** By id, which is also the order of insertion. */
  rows = new Map<number, MemoryRow>();
  /** Of each source, in the order of their first seqs. */
  rowsBySource = new Map<number, MemoryRow[]>();
  rowsMade = 0;
  usedBytes = 0;
  /** Nothing can be added any more; what is there can be changed and deleted, as in a file that can't grow. */
  isFull = false;
  private undo: (() => void)[] | undefined;
  /** The running transaction needs more room than there was. */
  grew = false;

  copy(): MemoryEdgeFile {
    const copy = new MemoryEdgeFile();
    copy.meta = new Map(this.meta);
    copy.households = new Map([...this.households].map(([key, held]) => [key, { ...held }]));
    copy.sources = new Map([...this.sources].map(([key, held]) => [key, copySource(held)]));
    copy.open = new Map(this.open);
    copy.positions = new Map([...this.positions].map(([key, position]) => [key, { ...position }]));
    copy.runs = new Map([...this.runs].map(([key, last]) => [key, new Map(last)]));
    copy.unreadable = new Set(this.unreadable);
    copy.resumeRequests = new Set(this.resumeRequests);
    copy.rows = new Map([...this.rows].map(([id, row]) => [id, { ...row }]));
    copy.rowsBySource = new Map([...this.rowsBySource].map(([id, rows]) => [id, rows.map((row) => copy.rows.get(row.id) as MemoryRow)]));
    copy.rowsMade = this.rowsMade;
    copy.usedBytes = this.usedBytes;
    return copy;
  }

  /** All of it or nothing. Reads inside see what was written before. */
  transaction(change: () => void): void {
    this.undo = [];
    this.grew = false;
    try {
      change();
      if (this.isFull && this.grew) throw Object.assign(new Error('database or disk is full'), { code: 'SQLITE_FULL' });
    } catch (error) {
      for (const step of this.undo.reverse()) step();
      throw error;
    } finally {
      this.undo = undefined;
    }
  }

  /** To be called with each change. @param back takes it back */
  did(back: () => void): void {
    this.undo?.push(back);
  }

  put<K, V>(map: Map<K, V>, key: K, value: V): void {
    const had = map.has(key);
    const before = map.get(key);
    map.set(key, value);
    if (!had) this.grew = true;
    this.undo?.push(() => (had ? map.set(key, before as V) : map.delete(key)));
  }

  remove<K, V>(map: Map<K, V>, key: K): void {
    if (!map.has(key)) return;
    const before = map.get(key) as V;
    map.delete(key);
    this.undo?.push(() => map.set(key, before));
  }

  sourceId(range: { household: string; device: string; src: string }): number {
    const key = sourceKey(range.household, range.device, range.src);
    const held = this.sources.get(key);
    if (held !== undefined) return held.id;
    const id = this.sources.size + 1;
    this.put(this.sources, key, { ...new EdgeLedger(1).source(range), id });
    return id;
  }
}

export function openMemoryEdge(file: MemoryEdgeFile, { quotaBytes, windowMs }: EdgeFileOptions): EdgeFile {
  return {
    outbox: new MemoryOutbox(file, quotaBytes),
    ledgerStore: new MemoryLedger(file, windowMs),
    transaction: (change) => file.transaction(change),
    hasResumeRequests: () => file.resumeRequests.size > 0,
    takeResumeRequests: () => {
      const asked = [...file.resumeRequests];
      file.resumeRequests.clear();
      file.did(() => asked.forEach((household) => file.resumeRequests.add(household)));
      return asked;
    },
    close: () => undefined,
  };
}

class MemoryLedger implements LedgerContract {
  private readonly file: MemoryEdgeFile;
  private readonly windowMs: number;
  ledger: EdgeLedger;
  readonly positions = new Map<number, TopicPosition>();
  readonly postalCodes = new Map<string, string>();
  readonly runs = new Map<string, Map<number, LastSeqs>>();

  constructor(file: MemoryEdgeFile, windowMs: number) {
    this.file = file;
    this.windowMs = windowMs;
    this.ledger = new EdgeLedger(windowMs);
  }

  load(): void {
    const { file } = this;
    const ledger = new EdgeLedger(this.windowMs);
    for (const [key, held] of file.sources) ledger.sources.set(key, copySource(held));
    for (const { partition, offset, part } of file.open.values()) {
      const entry: OpenEntry = { partition, offset, part: JSON.parse(part) };
      ledger.openIn(partition).set(deviceKey(entry.part.household, entry.part.device), entry);
    }
    this.postalCodes.clear();
    for (const [household, { generation, postalCode, parked }] of file.households) {
      if (generation !== null) ledger.generations.set(household, generation);
      if (parked !== null) ledger.parked.set(household, parked);
      if (postalCode !== null) this.postalCodes.set(household, postalCode);
    }
    this.positions.clear();
    for (const [partition, position] of file.positions) this.positions.set(partition, { ...position });
    this.runs.clear();
    for (const [run, last] of file.runs) this.runs.set(run, new Map(last));
    this.ledger = ledger;
  }

  save(): void {
    const { ledger, file } = this;
    for (const key of ledger.changedSources) {
      const source = ledger.sources.get(key);
      if (source === undefined) continue;
      const id = file.sourceId(source);
      file.put(file.sources, key, { ...copySource({ ...source, id }) });
    }
    for (const [key, partition] of ledger.changedOpen) {
      const entry = ledger.openIn(partition).get(key);
      if (entry === undefined) file.remove(file.open, key);
      else file.put(file.open, key, { partition, offset: entry.offset, part: JSON.stringify(entry.part) });
    }
    ledger.changedSources.clear();
    ledger.changedOpen.clear();
  }

  savePosition(position: TopicPosition): void {
    this.positions.set(position.partition, position);
    this.file.put(this.file.positions, position.partition, { ...position });
  }

  removePosition(partition: number): void {
    this.positions.delete(partition);
    this.file.remove(this.file.positions, partition);
  }

  saveRun(run: string, partition: number, last: LastSeqs): void {
    this.runs.set(run, new Map([...(this.runs.get(run) ?? []), [partition, last]]));
    this.file.put(this.file.runs, run, new Map([...(this.file.runs.get(run) ?? []), [partition, last]]));
  }

  saveUnreadable(logId: string, { partition, offset }: UnreadableTopicRecord): void {
    const { file } = this;
    const key = `${logId} ${partition} ${offset}`;
    if (file.unreadable.size < UNREADABLE_KEPT_MAX) {
      if (file.unreadable.has(key)) return;
      file.unreadable.add(key);
      file.did(() => file.unreadable.delete(key));
    }
    this.setMeta('unreadable', String(this.unreadableCount() + 1));
  }

  saveHousehold(household: string): void {
    const generation = this.ledger.generations.get(household) ?? null;
    const parked = this.ledger.parked.get(household) ?? null;
    this.file.put(this.file.households, household, { generation, postalCode: this.postalCodes.get(household) ?? null, parked });
  }

  unreadableCount(): number {
    return Number(this.meta('unreadable') ?? '0');
  }

  unreadableKept(): number {
    return this.file.unreadable.size;
  }

  meta(key: string): string | undefined {
    return this.file.meta.get(key);
  }

  setMeta(key: string, value: string): void {
    this.file.put(this.file.meta, key, value);
  }

  runStates(partitions: number): { run: string; ended: boolean; done: boolean }[] {
    return [...this.runs].map(([run, lastByPartition]) => {
      const ended = lastByPartition.size === partitions;
      return { run, ended, done: ended && [...lastByPartition.values()].every((last) => last.every((entry) => this.isComplete(entry))) };
    });
  }

  private isComplete(last: LastSeqs[number]): boolean {
    if (this.ledger.parked.has(last.household)) return true;
    return isRunComplete(this.ledger.sources.get(sourceKey(last.household, last.device, last.src)), last.seq);
  }
}

function copySource<T extends SourceLedger>(source: T): T {
  const { seen, covered, declared, gapped, kept, keptDigest } = source;
  const sets = { seen: seen.clone(), covered: covered.clone(), declared: declared.clone(), gapped: gapped.clone(), kept: kept.clone() };
  return { ...source, ...sets, keptDigest: { ...keptDigest } };
}
