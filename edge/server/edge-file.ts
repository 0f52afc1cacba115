/**
 * What an edge store stands on: outbox, ledger and the wishes of people in one place that is changed by whole transactions.
 * In production that is one SQLite file; storms have one in memory that keeps to the same contract (tests/contract/edge-file-suite.ts).
 */
import { LedgerStore } from './ledger-store.ts';
import { Outbox } from './outbox.ts';
import { openOutboxFile } from './outbox-schema.ts';
import { hasResumeRequests, takeResumeRequests } from './parked-households.ts';

export type OutboxContract = Pick<Outbox, keyof Outbox>;
export type LedgerContract = Pick<LedgerStore, keyof LedgerStore>;

export interface EdgeFile {
  readonly outbox: OutboxContract;
  readonly ledgerStore: LedgerContract;
  /** One durable transaction outside of the outbox's own, for the start. */
  transaction(change: () => void): void;
  hasResumeRequests(): boolean;
  /** What was asked since the last call. Inside a transaction. */
  takeResumeRequests(): string[];
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
  const database = openOutboxFile(folder, quotaBytes);
  return {
    outbox: new Outbox(database, quotaBytes),
    ledgerStore: new LedgerStore(database, windowMs),
    transaction: (change) => database.transaction(change)(),
    hasResumeRequests: () => hasResumeRequests(database),
    takeResumeRequests: () => takeResumeRequests(database),
    close: () => void database.close(),
  };
}
