/**
 * Sets a damaged file of the embedded broker aside, byte for byte, and puts one in its place that holds what is sound of it, in logs with
 * new ids: so edge and simulator compare anew (R2), and what is lost is said again or declared.
 *
 * The damaged file goes first. What another process commits to it afterwards is read here too, or was never told as done: whoever writes
 * looks at the path again after each commit (embedded-connection.ts). Killed at any place, the next start goes on from there.
 *
 * What does not happen: nobody finds a half-made file, or an empty one without a word; a failure (a full disk) leaves everything as it was.
 * Called by one process at a time (embedded-gate.ts).
 */
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { yieldToEventLoop } from '../clock.ts';
import type { OperatingError } from '../errors.ts';
import { reach } from '../failpoints.ts';
import { isEmptied, makeFolder, syncFolder, writeSmallFile } from '../folders.ts';
import { randomId } from '../random.ts';
import { asideFolders, DATABASE_FILES, SET_ASIDE_FOLDER } from '../set-aside.ts';
import { MIGRATIONS } from './broker-schema.ts';
import {
  connect,
  damaged,
  DATABASE_NAME,
  DISK_RESERVE_BYTES,
  fileIdentity,
  freeBytes,
  full,
  isBusy,
  isUnreadable,
  PAGE_BYTES,
  type SqliteDatabase,
  versionOf,
} from './embedded-database.ts';
import { EmbeddedRemains } from './embedded-remains.ts';
import { EmbeddedStore } from './embedded-store.ts';
import { EmbeddedTables } from './embedded-tables.ts';

/** What the folders of damaged files are called. */
export const BROKER_NAME = 'broker';
/** In the folder of one of them until its successor is in place. Says what was wrong. */
const UNFINISHED = 'unfinished';
/** Names the file in which a running process met damage, so that no other is taken for it, and says what it met. */
const SUSPECT_FILE = 'broker-suspect';
/** The new file until it is whole. */
const NEW_NAME = `${DATABASE_NAME}-new`;
/** Of the new file beyond what the damaged one had: that may lack pages of its own. */
const SPARE_PAGES = 256;
/** Copied in one transaction. */
const STEP_BYTES = 4 << 20;

export interface Salvaged {
  /** Where the damaged file lies. */
  folder: string;
  /** What was wrong with it. */
  finding: string;
  /** Appends and records taken over. */
  batches: number;
  records: number;
  /** Appends of which the file tells, and that are not sound. Undefined where it does not tell how many there were. */
  lostBatches: number | undefined;
}

export class EmbeddedSalvage {
  private readonly folder: string;
  private readonly file: string;

  constructor(folder: string) {
    this.folder = folder;
    this.file = join(folder, DATABASE_NAME);
  }

  /**
   * For damage that is met beside a start: the next one salvages the file. Where that can't be written down (a full disk, a user who may
   * only read) whoever reads there again meets it again.
   * @param identity of the file in which it was met
   */
  suspect(identity: string | undefined, finding: string): void {
    try {
      writeSmallFile(join(this.folder, SUSPECT_FILE), `${identity}\n${finding}\n`);
      syncFolder(this.folder);
    } catch {
      // As above.
    }
  }

  /**
   * What is wrong with the file; undefined when nothing is, as far as a start looks. Looks through a connection that can't write: one that
   * can would copy the WAL into the file when it is closed.
   * @throws SQLite's own error while another process holds the file (`isBusy`)
   */
  finding(): string | undefined {
    const unfinished = unfinishedIn(this.folder);
    if (unfinished !== undefined) return readFileSync(join(unfinished, UNFINISHED), 'utf8').trim();
    if (isEmptied(this.file)) return 'it is empty';
    // There is none, or one that was just begun.
    if (sizeOf(this.file) === 0) return undefined;
    return this.damageIn();
  }

  /**
   * For who opens the file without salvaging: an empty one would be begun in the place of the new one.
   * @throws OperatingError BROKER_DAMAGED
   */
  refuseUnfinished(): void {
    const unfinished = unfinishedIn(this.folder);
    if (unfinished !== undefined) throw damaged(`the broker's file in ${this.folder} is being set aside in ${unfinished}`, this.folder);
  }

  /** None where it can't be read: what was met is met again. */
  private suspicion(): string | undefined {
    let text: string;
    try {
      text = readFileSync(join(this.folder, SUSPECT_FILE), 'utf8');
    } catch {
      return undefined;
    }
    const [identity, ...finding] = text.trim().split('\n');
    return identity === fileIdentity(this.file) ? finding.join('; ') : undefined;
  }

  private damageIn(): string | undefined {
    let database: SqliteDatabase | undefined;
    try {
      database = new Database(this.file, { readonly: true });
      // What it is else (somebody's, of a newer layout, half made) is told, or mended, by the opening for writing, whatever was met in it.
      if (versionOf(database, this.file) !== MIGRATIONS.length) return undefined;
      const met = this.suspicion();
      if (met !== undefined) return met;
      const tables = new EmbeddedTables(database, this.folder);
      tables.check();
      new EmbeddedStore(database, this.folder).checkEnds();
      tables.checkMendable();
      return undefined;
    } catch (error) {
      if (isBusy(error)) throw error;
      return isUnreadable(error) ? (this.suspicion() ?? (error as Error).message) : undefined;
    } finally {
      database?.close();
    }
  }

  /**
   * @param tell called before the new file is in place, so that nobody uses it who was not told
   * @throws OperatingError DISK_FULL, BROKER_FULL, or SQLite's own error
   */
  async run(finding: string, tell: (salvaged: Salvaged) => void): Promise<void> {
    const aside = unfinishedIn(this.folder) ?? this.newFolder(finding);
    // One without a byte is of somebody who opened what was not there.
    const isNamed = existsSync(join(aside, DATABASE_NAME)) && sizeOf(this.file) > 0;
    if (!isNamed) {
      try {
        this.setAside(aside);
        tell({ folder: aside, finding, ...(await this.build(join(aside, DATABASE_NAME))) });
      } catch (error) {
        this.putBack(aside);
        throw error;
      }
      reach('broker_salvage_before_name');
      // Whoever had opened the old file in the moment in which it was moved may have made a WAL at the old place.
      this.setAside(aside);
      renameSync(this.newFile, this.file);
      syncFolder(this.folder);
    }
    reach('broker_salvage_after_name');
    rmSync(join(this.folder, SUSPECT_FILE), { force: true });
    rmSync(join(aside, UNFINISHED));
    syncFolder(aside);
  }

  private get newFile(): string {
    return join(this.folder, NEW_NAME);
  }

  private newFolder(finding: string): string {
    const { next: aside } = asideFolders(this.folder, BROKER_NAME);
    makeFolder(aside);
    try {
      writeSmallFile(join(aside, UNFINISHED), `${finding}\n`);
    } catch (error) {
      rmSync(aside, { recursive: true });
      throw error;
    }
    syncFolder(aside);
    return aside;
  }

  /**
   * The file itself goes first, and comes back last: at its place it always has its WAL, and whoever opens it there without asking makes
   * no other. What lies at the place of a part that is aside already is of no file of ours.
   */
  private setAside(aside: string): void {
    for (const part of DATABASE_FILES) {
      reach('broker_salvage_inside_aside');
      const [from, to] = [`${this.file}${part}`, join(aside, `${DATABASE_NAME}${part}`)];
      if (existsSync(to)) rmSync(from, { force: true });
      else this.move(from, to, aside);
    }
  }

  private putBack(aside: string): void {
    this.removeNew();
    for (const part of DATABASE_FILES.toReversed()) this.move(join(aside, `${DATABASE_NAME}${part}`), `${this.file}${part}`, aside);
    rmSync(aside, { recursive: true });
  }

  /** On the disk before the next one goes. */
  private move(from: string, to: string, aside: string): void {
    if (!existsSync(from)) return;
    renameSync(from, to);
    syncFolder(aside);
    syncFolder(this.folder);
  }

  private removeNew(): void {
    for (const part of DATABASE_FILES) rmSync(`${this.newFile}${part}`, { force: true });
  }

  /** The new file, whole and on the disk, under a name that nobody opens. */
  private async build(damaged: string): Promise<Pick<Salvaged, 'batches' | 'records' | 'lostBatches'>> {
    const bytes = sizeOf(damaged) + sizeOf(`${damaged}-wal`);
    const free = freeBytes(this.folder);
    if (free < bytes + DISK_RESERVE_BYTES) throw noRoom(this.folder, free, bytes);
    this.removeNew();
    const target = connect(this.newFile, Math.ceil(bytes / PAGE_BYTES) + SPARE_PAGES);
    // What SQLite would find beside a file without a byte it would delete.
    const remains = sizeOf(damaged) === 0 ? undefined : new EmbeddedRemains(damaged);
    try {
      const copied = remains === undefined ? { batches: 0, records: 0, lostBatches: undefined } : await this.copy(remains, target);
      target.pragma('wal_checkpoint(TRUNCATE)');
      return copied;
    } finally {
      remains?.close();
      target.close();
    }
  }

  private async copy(remains: EmbeddedRemains, target: SqliteDatabase): Promise<Pick<Salvaged, 'batches' | 'records' | 'lostBatches'>> {
    const store = new EmbeddedStore(target, this.folder);
    for (const [name, settings] of remains.topics()) store.ensureTopic(name, settings, randomId);
    const sound = remains.batches();
    const copied = { batches: 0, records: 0 };
    const step = target.transaction((): boolean => {
      for (let bytes = 0; bytes < STEP_BYTES; ) {
        const { value: batch, done } = sound.next();
        if (done === true) return false;
        const log = store.topic(batch.topic)?.logs[batch.partition];
        if (log === undefined) throw new Error(`${batch.topic}/${batch.partition} was not made`);
        store.append([{ log, batches: [batch] }], batch.appendedMs);
        bytes += batch.bytes.length;
        copied.batches++;
        copied.records += batch.count;
      }
      return true;
    });
    while (step.immediate()) {
      reach('broker_salvage_inside_copy');
      await yieldToEventLoop();
    }
    return { ...copied, lostBatches: remains.isCounted ? remains.lost : undefined };
  }
}

/**
 * True from before the damaged file leaves its place until the new one is in it. Whoever would open the file beside the broker asks first:
 * it may be away, and is not gone.
 * @param folder the broker's
 */
export function isBeingSetAside(folder: string): boolean {
  return unfinishedIn(folder) !== undefined;
}

function unfinishedIn(folder: string): string | undefined {
  const all = join(folder, SET_ASIDE_FOLDER);
  if (!existsSync(all)) return undefined;
  return readdirSync(all)
    .map((name) => join(all, name))
    .find((aside) => existsSync(join(aside, UNFINISHED)));
}

function noRoom(folder: string, free: number, bytes: number): OperatingError {
  const copies = `copies of earlier damage in ${join(folder, SET_ASIDE_FOLDER)} may be deleted`;
  return full(`${free} bytes are free, and a damaged file of ${bytes} bytes is to be copied as far as it is sound`, folder, {
    hint: `make room on the disk of ${folder} for ${bytes + DISK_RESERVE_BYTES} bytes, nothing is changed until then: ${copies}`,
  });
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}
