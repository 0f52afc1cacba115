/**
 * One cloud server at a time on a state directory; several where `latest` is shared through Redis. The lock is SQLite's own on a file
 * without a row: the system lets go of it however the process ends. A note beside it says who has it, for whoever is refused.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import type { Clock } from '../../../common/clock.ts';
import { ConfigError, OperatingError } from '../../../common/errors.ts';
import { makeFolder } from '../../../common/folders.ts';
import { isoTime } from '../../../common/iso-time.ts';
import { refuseUnfinishedRestore } from '../../../common/unfinished-restore.ts';
import { explainDatabaseError, isBusy, isFileDamaged } from './open-database.ts';

const FOLDER = 'cloud';
const LOCK_FILE = 'process.lock';
const HOLDER_FILE = 'process.json';
/** One that has been told to stop lets go so soon; a service manager starts the next when the last has ended. */
const WAIT_MAX_MS = 2_000;
const LOOK_EVERY_MS = 50;

export interface StateLockOptions {
  stateDir: string;
  /** Others may have the directory too, if all say so. */
  isShared: boolean;
  clock: Clock;
}

export class StateLock {
  private readonly options: StateLockOptions;
  private database: Database.Database | undefined;

  constructor(options: StateLockOptions) {
    this.options = options;
  }

  /**
   * Before anything of the directory is touched.
   * @returns whether no other cloud server has the directory
   * @throws ConfigError naming the one that has it, or for a state that is half restored
   */
  async take(): Promise<{ isAlone: boolean }> {
    const { stateDir, isShared, clock } = this.options;
    refuseUnfinishedRestore(stateDir);
    makeFolder(join(stateDir, FOLDER));
    const database = new Database(this.file(LOCK_FILE), { timeout: 0 });
    this.database = database;
    const deadlineMs = clock.monotonicMs() + WAIT_MAX_MS;
    let isAlone = false;
    for (;;) {
      isAlone = this.begin('BEGIN EXCLUSIVE');
      if (isAlone && isShared) database.exec('COMMIT');
      if (isShared ? this.beginShared() : isAlone) break;
      if (clock.monotonicMs() >= deadlineMs) {
        this.release();
        throw this.heldElsewhere();
      }
      await clock.sleep(LOOK_EVERY_MS);
    }
    this.note('');
    return { isAlone };
  }

  /** Where its page is, for whoever is refused. A full disk costs them that and nobody else anything. */
  note(url: string): void {
    const holder = { pid: process.pid, host: hostname(), since: isoTime(this.options.clock.nowMs()), url };
    const aside = this.file(`${HOLDER_FILE}.${process.pid}`);
    try {
      writeFileSync(aside, `${JSON.stringify(holder)}\n`);
      renameSync(aside, this.file(HOLDER_FILE));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    }
  }

  /**
   * While the work is under way no other cloud server has the directory, or is let in.
   * @throws OperatingError STORE_DAMAGED where another has it
   */
  readonly alone = async <T>(work: () => Promise<T>): Promise<T> => {
    if (!this.options.isShared) return work();
    if (this.database?.inTransaction === true) this.database.exec('COMMIT');
    const isAlone = this.begin('BEGIN EXCLUSIVE');
    try {
      if (isAlone) return await work();
      throw new OperatingError('STORE_DAMAGED', `the store in ${this.options.stateDir} is damaged, and another cloud server has it`, {
        retryable: false,
        hint: 'stop all cloud servers on it and start one: what can be read is taken over when that one is alone',
      });
    } finally {
      if (isAlone) this.database?.exec('COMMIT');
      while (!this.beginShared()) await this.options.clock.sleep(LOOK_EVERY_MS);
    }
  };

  release(): void {
    this.database?.close();
    this.database = undefined;
  }

  private begin(statement: string): boolean {
    try {
      this.database?.exec(statement);
      return true;
    } catch (error) {
      if (isBusy(error)) return false;
      throw explainLockError(error, this.file(LOCK_FILE));
    }
  }

  /** A transaction that has read holds the lock that many may hold. */
  private beginShared(): boolean {
    if (this.begin('BEGIN; SELECT count(*) FROM sqlite_schema')) return true;
    if (this.database?.inTransaction === true) this.database.exec('ROLLBACK');
    return false;
  }

  private heldElsewhere(): ConfigError {
    const its = this.holder();
    const who =
      its === undefined ? '' : ` (process ${its.pid} on ${its.host}, since ${its.since}${its.url === '' ? '' : `, page at ${its.url}`})`;
    return new ConfigError(
      `another cloud server has ${this.options.stateDir}${who}`,
      'stop it, or give another --state; several on one store all need redis.url',
    );
  }

  /** Undefined when the note can't be read: that only costs the sentence its names. */
  private holder(): { pid: number; host: string; since: string; url: string } | undefined {
    try {
      const its = JSON.parse(readFileSync(this.file(HOLDER_FILE), 'utf8')) as Record<string, unknown>;
      const { pid, host, since, url } = its;
      if (typeof pid !== 'number' || typeof host !== 'string' || typeof since !== 'string' || typeof url !== 'string') return undefined;
      return { pid, host, since, url };
    } catch {
      return undefined;
    }
  }

  private file(name: string): string {
    return join(this.options.stateDir, FOLDER, name);
  }
}

/** Nothing is ever written to the file: what is in it is of no use, also where it is damaged. */
function explainLockError(error: unknown, path: string): unknown {
  const explained = explainDatabaseError(error, path);
  if (!isFileDamaged(explained)) return explained;
  const hint = 'delete it while no cloud server runs on this state: nothing is kept in it; look at the disk';
  return new OperatingError('STORE_DAMAGED', (explained as Error).message, { retryable: false, hint, cause: error });
}
