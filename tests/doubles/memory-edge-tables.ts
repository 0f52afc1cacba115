/**
 * What an edge file in memory holds: what the tables of the real one do. A transaction that fails is undone step by step,
 * last step first.
 */
import { sourceKey } from '../../common/ids.ts';
import type { Mark } from '../../common/messages.ts';
import { EdgeLedger, type SourceLedger } from '../../common/protocol/edge-ledger.ts';
import type { RowToShip } from '../../common/wire.ts';
import type { TopicPosition } from '../../edge/server/ledger-store.ts';

export interface MemoryRow {
  id: number;
  sourceId: number;
  state: number;
  changedMs: number;
  fromSeq: number;
  toSeq: number;
  windowStartMs: number | null;
  partition: number;
  offset: number;
  row: RowToShip;
}

type LastSeqs = Mark['last'];

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

export function copySource<T extends SourceLedger>(source: T): T {
  const { seen, covered, declared, gapped, kept, keptDigest } = source;
  const sets = { seen: seen.clone(), covered: covered.clone(), declared: declared.clone(), gapped: gapped.clone(), kept: kept.clone() };
  return { ...source, ...sets, keptDigest: { ...keptDigest } };
}
