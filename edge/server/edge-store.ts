/**
 * Outbox and ledger behind one lock and one transaction: whatever changes either goes through `exclusive` and `commit`, so
 * memory and file agree after every step, whichever step fails.
 */
import { ConfigError, OperatingError } from '../../common/errors.ts';
import { PARKED_REASONS } from '../../common/parked-reason.ts';
import { randomId } from '../../common/random.ts';
import { type EdgeFile, type EdgeFileOptions, type LedgerContract, openEdgeFile, type OutboxContract } from './edge-file.ts';
import { OutboxFull } from './outbox.ts';
import { isDamage, isFull, noSpace, type SetAside } from './outbox-schema.ts';

/** Why a household is parked that another claim owns: it is claimed again only at a restart (R5). */
export const FENCED = PARKED_REASONS.say('taken-over');

export interface EdgeStoreOptions extends EdgeFileOptions {
  /** Another place than the SQLite file; for storms. */
  open?: (options: EdgeFileOptions) => EdgeFile;
  /** Where epoch and claims come from; storms give the same ones again. */
  makeId?: () => string;
}

export class EdgeStore {
  private readonly options: EdgeStoreOptions;
  private tail: Promise<unknown> = Promise.resolve();
  private locked = false;
  private roomWanted = false;
  private file: EdgeFile | undefined;
  /** Born with the database file. */
  epoch = '';
  /** R5: new per start. */
  claim = '';
  /** What was found damaged, or gone, at the start. */
  setAside: SetAside | undefined;

  constructor(options: EdgeStoreOptions) {
    this.options = options;
  }

  get outbox(): OutboxContract {
    return this.opened.outbox;
  }

  get ledgerStore(): LedgerContract {
    return this.opened.ledgerStore;
  }

  /** @throws ConfigError, OperatingError STORE_DAMAGED, OUTBOX_DAMAGED, DISK_FULL */
  start(): void {
    const { open = openEdgeFile, folder } = this.options;
    const file = open(this.options);
    this.file = file;
    this.setAside = file.setAside;
    try {
      file.outbox.load();
      file.ledgerStore.load();
      file.transaction(() => {
        this.beginClaim();
        file.ledgerStore.save();
      });
    } catch (error) {
      throw isFull(error) ? noSpace(folder, error) : this.ended(error);
    }
    if (file.isOtherThanBefore(this.epoch)) this.setAside ??= { folder: '', finding: 'it is gone, or empty' };
  }

  /** After an error that ended the edge: a file with damage in it is not used again. */
  ended(error: unknown): unknown {
    if (!isDamage(error)) return error;
    const { folder } = this.options;
    this.opened.suspect();
    return new OperatingError('OUTBOX_DAMAGED', `the outbox in ${folder} is damaged: ${(error as Error).message}`, {
      retryable: false,
      hint: 'start the edge again: it sets the file aside, and asks the cloud and the topic; look at the disk',
      cause: error,
    });
  }

  /**
   * Sets aside the rows of the outbox that were found damaged, in one transaction.
   * @returns a line for each thing set aside since the last call, of the ledger too
   */
  async setAsideDamaged(): Promise<string[]> {
    const { outbox, ledgerStore } = this.opened;
    let rows: string[] = [];
    if (outbox.hasDamaged) {
      await this.exclusive(async () =>
        this.commit(false, () => {
          rows = outbox.setAsideDamaged();
        }),
      );
    }
    return [...rows, ...ledgerStore.takeSetAside()];
  }

  stop(): void {
    this.file?.close();
    this.file = undefined;
  }

  /** Runs one change at a time, in order of the calls. A failed one does not stop the next. */
  exclusive<T>(change: () => Promise<T>): Promise<T> {
    const result = this.tail.then(async () => {
      this.locked = true;
      try {
        return await change();
      } finally {
        this.locked = false;
      }
    });
    this.tail = result.catch(() => undefined);
    return result;
  }

  /**
   * One durable transaction that also writes what changed in the ledger; only inside `exclusive`, because another change may
   * have half of its own in the ledger. When it throws, ledger and counts are as on disk.
   * @param grows true when rows are added: refused at the quota with OutboxFull
   */
  commit(grows: boolean, change: () => void): void {
    const { ledgerStore } = this.opened;
    this.commitRows(grows, () => {
      // Before the rows too: sources get their ids in the order in which they were first seen.
      ledgerStore.save();
      change();
      ledgerStore.save();
    });
  }

  /**
   * As `commit`, of rows alone: what changed in the ledger is not written, and stays in memory. For one change in several transactions.
   */
  commitRows(grows: boolean, change: () => void): void {
    if (!this.locked) throw new Error('commit outside of exclusive');
    const { outbox, ledgerStore } = this.opened;
    try {
      outbox.write(grows, change);
    } catch (error) {
      ledgerStore.load();
      this.roomWanted ||= error instanceof OutboxFull;
      throw error;
    }
  }

  /**
   * Takes up the households that a person asked to go on with (parked-households.ts).
   * @returns those that were parked
   */
  async resumeParked(): Promise<string[]> {
    const { file } = this;
    if (file === undefined || !file.hasResumeRequests()) return [];
    let resumed: string[] = [];
    await this.exclusive(async () =>
      this.commit(false, () => {
        const { ledgerStore } = this.opened;
        resumed = file.takeResumeRequests().filter((household) => ledgerStore.ledger.parked.delete(household));
        for (const household of resumed) ledgerStore.saveHousehold(household);
      }),
    );
    return resumed;
  }

  /** True when something was refused for want of room since it was last asked: acked rows may go early. */
  takeRoomWanted(): boolean {
    const { roomWanted } = this;
    this.roomWanted = false;
    return roomWanted;
  }

  /** Forgets what of the ledger is only in memory. */
  reload(): void {
    this.opened.ledgerStore.load();
  }

  private get opened(): EdgeFile {
    if (this.file === undefined) throw new Error('the edge store is not started');
    return this.file;
  }

  private beginClaim(): void {
    const { ledgerStore } = this.opened;
    const { makeId = randomId } = this.options;
    const windowMs = String(this.options.windowMs);
    const heldWindowMs = ledgerStore.meta('window_ms') ?? windowMs;
    if (heldWindowMs !== windowMs) {
      throw new ConfigError(
        `this edge's windows are ${heldWindowMs} ms long, the settings ask for ${windowMs} ms`,
        'set edge.window_seconds back, or start with another --state',
      );
    }
    ledgerStore.setMeta('window_ms', windowMs);
    this.epoch = ledgerStore.meta('epoch') ?? makeId();
    ledgerStore.setMeta('epoch', this.epoch);
    const counter = Number(ledgerStore.meta('claims') ?? '0') + 1;
    ledgerStore.setMeta('claims', String(counter));
    for (const [household, reason] of ledgerStore.ledger.parked) {
      if (reason !== FENCED) continue;
      ledgerStore.ledger.parked.delete(household);
      ledgerStore.saveHousehold(household);
    }
    this.claim = `${counter}-${makeId()}`;
  }
}
