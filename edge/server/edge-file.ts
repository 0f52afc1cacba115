/**
 * What an edge store stands on: outbox, ledger and the wishes of people in one place that is changed by whole transactions.
 * In production that is one SQLite file; storms have one in memory that keeps to the same contract (tests/contract/edge-file-suite.ts).
 */
import { LedgerStore } from './ledger-store.ts';
import { Outbox } from './outbox.ts';
import { isOtherEpoch, openOutboxFile, type SetAside, suspectOutboxFile } from './outbox-schema.ts';
import { hasResumeRequests, takeResumeRequests } from './parked-households.ts';

export type OutboxContract = Pick<Outbox, keyof Outbox>;
export type LedgerContract = Pick<LedgerStore, keyof LedgerStore>;

export interface EdgeFile {
  /** Where a damaged file was put at the opening, and what was wrong with it. */
  readonly setAside: SetAside | undefined;
  readonly outbox: OutboxContract;
  readonly ledgerStore: LedgerContract;
  /** One durable transaction outside of the outbox's own, for the start. */
  transaction(change: () => void): void;
  hasResumeRequests(): boolean;
  /** What was asked since the last call. Inside a transaction. */
  takeResumeRequests(): string[];
  /** True when there was another database in this place, which is gone or empty. Remembers this one's epoch. */
  isOtherThanBefore(epoch: string): boolean;
  /** For damage that is met while it is in use: the next opening sets the file aside. */
  suspect(): void;
  close(): void;
}

export interface EdgeFileOptions {
  /** `:memory:` for none. */
  folder: string;
  quotaBytes: number;
  windowMs: number;
}

/** @throws ConfigError, OperatingError STORE_DAMAGED */
export function openEdgeFile({ folder, quotaBytes, windowMs }: EdgeFileOptions): EdgeFile {
  const { database, setAside, checked } = openOutboxFile(folder, quotaBytes);
  return {
    setAside,
    outbox: new Outbox(database, quotaBytes),
    ledgerStore: new LedgerStore(database, windowMs, checked),
    transaction: (change) => database.transaction(change)(),
    hasResumeRequests: () => hasResumeRequests(database),
    takeResumeRequests: () => takeResumeRequests(database),
    isOtherThanBefore: (epoch) => isOtherEpoch(folder, epoch) && !checked.isEpochGone,
    suspect: () => suspectOutboxFile(folder),
    close: () => void database.close(),
  };
}
