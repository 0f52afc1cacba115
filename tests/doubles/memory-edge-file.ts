/**
 * The edge's outbox and ledger in memory, for storms that are to run fast: the same contract and the same suite as on SQLite
 * (tests/contract/edge-file-suite.ts).
 */
import { deviceKey } from '../../common/ids.ts';
import type { Mark } from '../../common/messages.ts';
import { EdgeLedger, type OpenEntry } from '../../common/protocol/edge-ledger.ts';
import type { EdgeFile, EdgeFileOptions, LedgerContract } from '../../edge/server/edge-file.ts';
import { runStatesOf, type TopicPosition, type UnreadableTopicRecord } from '../../edge/server/ledger-store.ts';
import { copySource, type MemoryEdgeFile } from './memory-edge-tables.ts';
import { MemoryOutbox } from './memory-outbox.ts';

export { MemoryEdgeFile } from './memory-edge-tables.ts';

type LastSeqs = Mark['last'];

const UNREADABLE_KEPT_MAX = 1_000;

export function openMemoryEdge(file: MemoryEdgeFile, { quotaBytes, windowMs }: EdgeFileOptions): EdgeFile {
  return {
    setAside: undefined,
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
    isOtherThanBefore: () => false,
    suspect: () => undefined,
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
  readonly toBeAsked = new Set<string>();

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
      file.put(file.sources, key, copySource({ ...source, id }));
    }
    for (const [key, partition] of ledger.changedOpen) {
      const entry = ledger.openIn(partition).get(key);
      if (entry === undefined) file.unset(file.open, key);
      else file.put(file.open, key, { partition, offset: entry.offset, part: JSON.stringify(entry.part) });
    }
    ledger.changedSources.clear();
    ledger.changedOpen.clear();
  }

  takeSetAside(): string[] {
    return [];
  }

  savePosition(position: TopicPosition): void {
    this.positions.set(position.partition, position);
    this.file.put(this.file.positions, position.partition, { ...position });
  }

  removePosition(partition: number): void {
    this.positions.delete(partition);
    this.file.unset(this.file.positions, partition);
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
    return runStatesOf(this.runs, this.ledger, partitions);
  }
}
