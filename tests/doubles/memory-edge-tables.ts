/**
 * What an edge file in memory holds: what the tables of the real one do. A transaction that fails is undone step by step,
 * last step first.
 */
import { sourceKey } from '../../common/ids.ts';
import type { Mark, SeqRange } from '../../common/messages.ts';
import { EdgeLedger, type NewRow, type SourceLedger } from '../../common/protocol/edge-ledger.ts';
import type { TopicPosition } from '../../edge/server/ledger-store.ts';
import { MemoryRows } from './memory-rows.ts';

/** Of a row in the file. */
const ROW_FILE_BYTES = 300;

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
  /** Ids are the order of insertion. */
  rows = new MemoryRows();
  /** Ids of each source, in the order of their first seqs. */
  rowsBySource = new Map<number, number[]>();
  /** By id of the source. */
  names: Pick<SeqRange, 'household' | 'device' | 'src'>[] = [];
  usedBytes = 0;
  /** Ids of `sources` that were asked for, by household. */
  private readonly knownIds = new Map<string, { device: string; src: string; id: number }[]>();
  /** Nothing can be added any more; what is there can be changed and deleted, as in a file that can't grow. */
  isFull = false;
  /** What takes each change back; a number is the id of a row that was put in. */
  private undo: (number | (() => void))[] | undefined;
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
    copy.rows = this.rows.copy();
    copy.rowsBySource = new Map([...this.rowsBySource].map(([id, rows]) => [id, [...rows]]));
    copy.names = [...this.names];
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
      this.knownIds.clear();
      for (const step of this.undo.reverse()) {
        if (typeof step === 'function') step();
        else this.takeOut(step);
      }
      throw error;
    } finally {
      this.undo = undefined;
    }
  }

  /** To be called with each change. @param back takes it back */
  did(back: () => void): void {
    this.undo?.push(back);
  }

  rowsOf(sourceId: number): number[] {
    let rows = this.rowsBySource.get(sourceId);
    if (rows === undefined) this.rowsBySource.set(sourceId, (rows = []));
    return rows;
  }

  /** @returns its place among the rows of its source */
  putIn(row: NewRow, sourceId: number, nowMs: number): number {
    const id = this.rows.add(row, sourceId, nowMs);
    const ids = this.rowsOf(sourceId);
    const at = this.placeOf(ids, this.rows.fromSeq[id] as number);
    if (at === ids.length) ids.push(id);
    else ids.splice(at, 0, id);
    this.usedBytes += ROW_FILE_BYTES;
    this.grew = true;
    this.undo?.push(id);
    return at;
  }

  /** @returns where it was among the rows of its source */
  takeOut(id: number): number {
    const { rows } = this;
    rows.delete(id);
    const ids = this.rowsOf(rows.sourceId[id] as number);
    const at = ids.indexOf(id, this.placeOf(ids, rows.fromSeq[id] as number));
    ids.splice(at, 1);
    this.usedBytes -= ROW_FILE_BYTES;
    return at;
  }

  /** As takeOut, and is taken back with its transaction. */
  remove(id: number): number {
    const { rows } = this;
    const state = rows.state[id] as number;
    const at = this.takeOut(id);
    this.did(() => {
      rows.state[id] = state;
      const ids = this.rowsOf(rows.sourceId[id] as number);
      ids.splice(this.placeOf(ids, rows.fromSeq[id] as number), 0, id);
      this.usedBytes += ROW_FILE_BYTES;
    });
    return at;
  }

  /** Place of the first row at or above the seq. */
  placeOf(ids: readonly number[], seq: number): number {
    const { fromSeq } = this.rows;
    let low = 0;
    let high = ids.length;
    if (high === 0 || (fromSeq[ids[high - 1] as number] as number) < seq) return high;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((fromSeq[ids[middle] as number] as number) < seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  put<K, V>(map: Map<K, V>, key: K, value: V): void {
    const had = map.has(key);
    const before = map.get(key);
    map.set(key, value);
    if (!had) this.grew = true;
    this.undo?.push(() => (had ? map.set(key, before as V) : map.delete(key)));
  }

  unset<K, V>(map: Map<K, V>, key: K): void {
    if (!map.has(key)) return;
    const before = map.get(key) as V;
    map.delete(key);
    this.undo?.push(() => map.set(key, before));
  }

  sourceId(range: { household: string; device: string; src: string }): number {
    const known = this.knownIds.get(range.household);
    if (known !== undefined) for (const { device, src, id } of known) if (src === range.src && device === range.device) return id;
    const id = this.newOrHeldId(range);
    const { household, device, src } = range;
    if (known === undefined) this.knownIds.set(household, [{ device, src, id }]);
    else known.push({ device, src, id });
    return id;
  }

  private newOrHeldId(range: { household: string; device: string; src: string }): number {
    const key = sourceKey(range.household, range.device, range.src);
    const held = this.sources.get(key);
    if (held !== undefined) return held.id;
    const id = this.sources.size + 1;
    this.put(this.sources, key, { ...new EdgeLedger(1).source(range), id });
    const { household, device, src } = range;
    this.names[id] = { household, device, src };
    return id;
  }
}

export function copySource<T extends SourceLedger>(source: T): T {
  const { seen, covered, declared, gapped, kept, keptDigest } = source;
  const sets = { seen: seen.clone(), covered: covered.clone(), declared: declared.clone(), gapped: gapped.clone(), kept: kept.clone() };
  return { ...source, ...sets, keptDigest: { ...keptDigest } };
}
