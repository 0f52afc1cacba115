/**
 * One process's way to the broker's file: opens it, waits for locks without blocking the thread, and notices when the file is
 * taken away.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { Clock } from '../clock.ts';
import { OperatingError } from '../errors.ts';
import {
  DATABASE_NAME,
  DISK_RESERVE_BYTES,
  errorOf,
  fileIdentity,
  freeBytes,
  full,
  isBusy,
  isDamage,
  openDatabase,
  prepareFolder,
  type SqliteDatabase,
} from './embedded-database.ts';
import { EmbeddedGate } from './embedded-gate.ts';
import { EmbeddedSalvage, type Salvaged } from './embedded-salvage.ts';
import { EmbeddedStore, type LogHandle, type TopicHandle } from './embedded-store.ts';
import { EmbeddedTables } from './embedded-tables.ts';
import { EmbeddedTrimming, pagesOfQuota } from './embedded-trimming.ts';

/** How long a call waits for a lock that another process holds before it is refused. */
const LOCK_WAIT_MS = 5_000;
/** Between two tries for the lock: other processes hold it for some milliseconds. */
const LOCK_POLL_MS = 2;

export interface Opened {
  database: SqliteDatabase;
  store: EmbeddedStore;
  trimming: EmbeddedTrimming;
  identity: string | undefined;
}

export class EmbeddedConnection {
  private readonly folder: string;
  private readonly file: string;
  private readonly quotaBytes: number;
  private readonly clock: Clock;
  private readonly gate: EmbeddedGate;
  private readonly salvage: EmbeddedSalvage;
  private readonly running = new Set<Promise<unknown>>();
  private opened: Opened | undefined;
  private isSuspect = false;

  constructor(folder: string, quotaBytes: number, clock: Clock) {
    this.gate = new EmbeddedGate(folder, clock);
    this.salvage = new EmbeddedSalvage(folder);
    this.folder = folder;
    this.file = join(folder, DATABASE_NAME);
    this.quotaBytes = quotaBytes;
    this.clock = clock;
  }

  /**
   * @param onSalvaged called when the file was damaged, before the one that holds what is sound of it is used; without, damage is an error
   * @returns the tables whose indexes were damaged and made anew
   * @throws ConfigError, OperatingError
   */
  async open(onSalvaged: ((salvaged: Salvaged) => void) | undefined): Promise<string[]> {
    prepareFolder(this.folder);
    await this.gate.enter();
    try {
      this.isSuspect = false;
      if (onSalvaged !== undefined) await this.salvageDamaged(onSalvaged);
      else this.salvage.refuseUnfinished();
      return await this.openFile();
    } finally {
      this.gate.leave();
    }
  }

  private async salvageDamaged(onSalvaged: (salvaged: Salvaged) => void): Promise<void> {
    const finding = await this.patiently(() => this.salvage.finding());
    if (finding === undefined) return;
    try {
      await this.salvage.run(finding, onSalvaged);
    } catch (error) {
      throw errorOf(error, this.folder);
    }
  }

  private async openFile(): Promise<string[]> {
    const database = await this.patiently(() => openDatabase(this.file, pagesOfQuota(this.quotaBytes)));
    try {
      let mended: string[] = [];
      this.opened = await this.patiently(() => {
        const tables = new EmbeddedTables(database, this.folder);
        const store = new EmbeddedStore(database, this.folder);
        // Before an index is made anew: the tables must be right.
        tables.check();
        store.checkEnds();
        mended = tables.mendIndexes();
        return { database, store, trimming: new EmbeddedTrimming(database, this.quotaBytes), identity: fileIdentity(this.file) };
      });
      return mended;
    } catch (error) {
      database.close();
      throw error;
    }
  }

  /** Closes when no call is waiting for a lock any more. */
  async close(): Promise<void> {
    while (this.running.size > 0) await Promise.allSettled(this.running);
    const opened = this.opened;
    this.opened = undefined;
    opened?.database.close();
  }

  get now(): Opened {
    assert(this.opened !== undefined, 'the broker is used before start() or after stop()');
    return this.opened;
  }

  /**
   * Does the work, again and again while another process holds the lock. The thread is free in between.
   * @throws OperatingError, ConfigError (`errorOf`)
   */
  call<T>(work: (opened: Opened) => T): Promise<T> {
    return this.patiently(() => work(this.now));
  }

  /**
   * The same for work that writes: not into a file that nobody else can see any more. Done is what was committed before the file was taken
   * away, for whoever sets it aside reads it afterwards.
   */
  write<T>(work: (opened: Opened) => T): Promise<T> {
    return this.patiently(() => {
      this.checkIdentity();
      const result = work(this.now);
      this.checkIdentity();
      return result;
    });
  }

  private patiently<T>(work: () => T): Promise<T> {
    const result = this.tryUntilDone(work);
    const settled: Promise<unknown> = result
      .catch(() => {})
      .finally(() => {
        this.running.delete(settled);
      });
    this.running.add(settled);
    return result;
  }

  private async tryUntilDone<T>(work: () => T): Promise<T> {
    const deadlineMs = this.clock.monotonicMs() + LOCK_WAIT_MS;
    for (;;) {
      try {
        return work();
      } catch (error) {
        if (!isBusy(error) || this.clock.monotonicMs() >= deadlineMs) throw this.noted(errorOf(error, this.folder));
      }
      await this.clock.sleep(LOCK_POLL_MS);
    }
  }

  /** The next start salvages a file in which damage was met. */
  private noted(error: unknown): unknown {
    if (!isDamage(error) || this.isSuspect) return error;
    this.isSuspect = true;
    this.salvage.suspect(this.opened?.identity ?? fileIdentity(this.file), (error as Error).message);
    return error;
  }

  /**
   * A file that was moved or deleted under a running process takes appends nobody will ever see.
   * @throws OperatingError BROKER_UNREACHABLE
   */
  checkIdentity(): void {
    if (fileIdentity(this.file) === this.now.identity) return;
    throw new OperatingError('BROKER_UNREACHABLE', `the broker's file ${this.file} was moved or replaced while in use`, {
      retryable: false,
      hint: 'start the part again: another has set a damaged file aside, or somebody has changed this --state folder under running parts',
    });
  }

  /**
   * Refuses appends that make the file grow while the disk still has room for everything that makes it shrink: on a disk that is
   * full to the last byte SQLite can neither commit nor delete any more.
   * @throws OperatingError BROKER_FULL
   */
  checkDisk(pages: number): void {
    const { trimming } = this.now;
    if (!trimming.mustGrow(pages) || freeBytes(this.folder) >= DISK_RESERVE_BYTES) return;
    // Space that was freed in the file may not have reached the disk yet.
    trimming.copyWal();
    const free = freeBytes(this.folder);
    if (free < DISK_RESERVE_BYTES) throw full(`${free} bytes are free, below ${DISK_RESERVE_BYTES} the file does not grow`, this.folder);
  }

  /** @throws OperatingError BROKER_UNREACHABLE when there is no such topic */
  topic(name: string): TopicHandle {
    const topic = this.now.store.topic(name);
    if (topic !== undefined) return topic;
    throw new OperatingError('BROKER_UNREACHABLE', `the broker in ${this.folder} has no topic ${name}`, {
      retryable: true,
      hint: 'start the part that makes it (fogline simulate or fogline edge), or check --state',
    });
  }

  log(topic: string, partition: number): LogHandle {
    const log = this.topic(topic).logs[partition];
    assert(log !== undefined, `topic ${topic} has no partition ${partition}`);
    return log;
  }
}
