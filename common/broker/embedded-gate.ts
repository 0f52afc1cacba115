/**
 * One process at a time opens the broker's file, so that a damaged one is set aside by one alone, and nobody begins an empty one meanwhile.
 * The lock is SQLite's own on a file without a row: the system lets go of it however the process ends.
 */
import { join } from 'node:path';
import Database from 'better-sqlite3';
import type { Clock } from '../clock.ts';
import { OperatingError } from '../errors.ts';
import { errorOf, isBusy, isDamage, type SqliteDatabase } from './embedded-database.ts';

const GATE_FILE = 'opening.lock';
/** Setting aside a file of the whole quota takes some seconds on a slow disk. */
const WAIT_MAX_MS = 120_000;
const LOOK_EVERY_MS = 20;

export class EmbeddedGate {
  private readonly folder: string;
  private readonly clock: Clock;
  private database: SqliteDatabase | undefined;

  constructor(folder: string, clock: Clock) {
    this.folder = folder;
    this.clock = clock;
  }

  /** @throws OperatingError BROKER_UNREACHABLE when another process does not come to an end; ConfigError */
  async enter(): Promise<void> {
    const deadlineMs = this.clock.monotonicMs() + WAIT_MAX_MS;
    while (!this.isTaken()) {
      if (this.clock.monotonicMs() >= deadlineMs) {
        this.leave();
        throw new OperatingError('BROKER_UNREACHABLE', `another process is opening the broker in ${this.folder} for too long`, {
          retryable: true,
          hint: 'look which process hangs, and at the disk (dmesg, df)',
        });
      }
      await this.clock.sleep(LOOK_EVERY_MS);
    }
  }

  leave(): void {
    this.database?.close();
    this.database = undefined;
  }

  private isTaken(): boolean {
    try {
      this.database ??= new Database(join(this.folder, GATE_FILE), { timeout: 0 });
      this.database.exec('BEGIN EXCLUSIVE');
      return true;
    } catch (error) {
      if (isBusy(error)) return false;
      this.leave();
      if (!isDamage(error)) throw errorOf(error, this.folder);
      throw new OperatingError('BROKER_DAMAGED', `${join(this.folder, GATE_FILE)} is damaged: ${(error as Error).message}`, {
        retryable: false,
        hint: 'stop the parts of this --state folder and delete that file: it holds nothing, and the next start makes it anew',
        cause: error,
      });
    }
  }
}
