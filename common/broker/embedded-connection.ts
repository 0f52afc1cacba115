/**
 * One process's way to the broker's file: opens it, waits for locks without blocking the thread, and notices when the file is
 * taken away.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { Clock } from '../clock.ts';
import { OperatingError } from '../errors.ts';
import { errorOf, fileIdentity, freeBytes, full, isBusy, openDatabase, prepareFolder, type SqliteDatabase } from './embedded-database.ts';
import { EmbeddedStore, type LogHandle, type TopicHandle } from './embedded-store.ts';
import { EmbeddedTables } from './embedded-tables.ts';
import { EmbeddedTrimming, pagesOfQuota } from './embedded-trimming.ts';

/** Name of the file in the folder. */
export const DATABASE_NAME = 'broker.db';
/** Below this the file does not grow: the space is for commits, for deleting and for copying the WAL into the file. */
const DISK_RESERVE_BYTES = 16 << 20;
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
  private readonly running = new Set<Promise<unknown>>();
  private opened: Opened | undefined;

  constructor(folder: string, quotaBytes: number, clock: Clock) {
    this.folder = folder;
    this.file = join(folder, DATABASE_NAME);
    this.quotaBytes = quotaBytes;
    this.clock = clock;
  }

  /**
   * @returns the tables whose indexes were damaged and made anew
   * @throws ConfigError, OperatingError
   */
  async open(): Promise<string[]> {
    prepareFolder(this.folder);
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

  /** The same for work that writes: not into a file that nobody else can see any more. */
  write<T>(work: (opened: Opened) => T): Promise<T> {
    return this.patiently(() => {
      this.checkIdentity();
      return work(this.now);
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
        if (!isBusy(error) || this.clock.monotonicMs() >= deadlineMs) throw errorOf(error, this.folder);
      }
      await this.clock.sleep(LOCK_POLL_MS);
    }
  }

  /**
   * A file that was moved or deleted under a running process takes appends nobody will ever see.
   * @throws OperatingError BROKER_UNREACHABLE
   */
  checkIdentity(): void {
    if (fileIdentity(this.file) === this.now.identity) return;
    throw new OperatingError('BROKER_UNREACHABLE', `the broker's file ${this.file} was moved or replaced while in use`, {
      retryable: false,
      hint: 'stop every process that uses this --state folder before changing it, then start them again',
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
