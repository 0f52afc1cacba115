/**
 * The state directory of a run: one live run at a time, kept aside by --fresh, and remembered when its replay has finished.
 * What data it belongs to is the simulator's knowledge, not ours.
 */
import { existsSync, linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../common/clock.ts';
import { ConfigError } from '../common/errors.ts';
import { makeFolder } from '../common/folders.ts';
import { randomId } from '../common/random.ts';
import { refuseUnfinishedRestore } from '../common/unfinished-restore.ts';
import { identityOf, isAlive, type ProcessIdentity } from '../common/process-identity.ts';

const LOCK_FILE = 'run.lock';
const FINISHED_FILE = 'finished.json';
/** Parts of a killed run end by themselves within 5 s; after this they are ended. */
const LEFTOVER_WAIT_MS = 7_000;
const LEFTOVER_LOOK_MS = 100;
/** Two runs that find the same dead lock take it one after the other; more attempts mean something else is wrong. */
const LOCK_ATTEMPTS = 5;
/** A live run writes its lock anew within a look (replay-run.ts) when somebody has damaged it: so long, and some more. */
const DAMAGED_LOCK_WAIT_MS = 4_000;

export interface LockContent {
  run: ProcessIdentity;
  /** Empty until the page's address is known. */
  url: string;
  children: readonly ProcessIdentity[];
}

export interface FinishedRun {
  run: string;
  /** Wall time, ISO-8601. */
  finishedAt: string;
}

export class StateDir {
  readonly path: string;
  private readonly clock: Clock;
  private content: LockContent = { run: identityOf(process.pid), url: '', children: [] };
  private held = false;

  constructor(path: string, clock: Clock) {
    this.path = path;
    this.clock = clock;
  }

  /**
   * Takes the directory for this process, after parts that a killed run left behind have ended.
   * @param fresh renames what is there to `<path>.old-<time>` first
   * @returns where the old state was put, undefined when there was none or it was not asked for
   * @throws ConfigError when another run holds it
   */
  async open(fresh: boolean): Promise<string | undefined> {
    const hadState = existsSync(this.path);
    await this.lock();
    if (!fresh) this.refuseHalfRestored();
    if (!fresh || !hadState) return undefined;
    const aside = `${this.path}.old-${compactTime(this.clock.nowMs())}`;
    renameSync(this.path, aside);
    rmSync(join(aside, LOCK_FILE), { force: true });
    await this.lock();
    return aside;
  }

  private refuseHalfRestored(): void {
    try {
      refuseUnfinishedRestore(this.path);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /**
   * Written into the lock, so that others can say where this run is and end what it leaves. A full disk costs them that, it
   * does not end this run.
   */
  note(changes: Partial<Pick<LockContent, 'url' | 'children'>>): void {
    this.content = { ...this.content, ...changes };
    if (!this.held) return;
    try {
      renameSync(this.writeAside(), this.file(LOCK_FILE));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    }
  }

  /**
   * Writes the lock anew when it is gone or can't be read: called again and again while the run lives.
   * @throws ConfigError when another run has taken the directory, or it is gone: this run must end
   */
  keep(): void {
    if (!this.held) return;
    const holder = readLock(this.file(LOCK_FILE));
    if (holder === undefined) return this.noteAgain();
    if (isSame(holder.run, this.content.run)) return;
    this.held = false;
    throw runningElsewhere(this.path, holder);
  }

  /** What fails while the directory is there is tried again at the next look. */
  private noteAgain(): void {
    try {
      this.note({});
    } catch (cause) {
      if (existsSync(this.path)) return;
      throw new ConfigError(`${this.path} was taken away while the run used it`, 'put it back, or begin anew', { cause });
    }
  }

  close(): void {
    if (this.held) rmSync(this.file(LOCK_FILE), { force: true });
    this.held = false;
  }

  rememberFinished(finished: FinishedRun): void {
    const aside = this.file(`${FINISHED_FILE}.${randomId()}`);
    writeFileSync(aside, `${JSON.stringify(finished)}\n`);
    renameSync(aside, this.file(FINISHED_FILE));
  }

  /** The replay that finished here last. A file that can't be read only costs this sentence. */
  finishedRun(): FinishedRun | undefined {
    const finished = readJson(this.file(FINISHED_FILE)) as Partial<FinishedRun> | null | undefined;
    const isWhole = typeof finished?.run === 'string' && typeof finished.finishedAt === 'string';
    return isWhole ? (finished as FinishedRun) : undefined;
  }

  private async lock(): Promise<void> {
    makeFolder(this.path);
    for (let attempt = 0; attempt < LOCK_ATTEMPTS; attempt++) {
      if (this.tryLink()) {
        this.held = true;
        return;
      }
      const holder = await this.holder();
      if (holder !== undefined && isAlive(holder.run)) throw runningElsewhere(this.path, holder);
      await this.endLeftovers(holder?.children ?? []);
      this.removeDeadLock(holder);
    }
    throw new ConfigError(`${this.path} is being taken by several runs`, 'start again, or name another folder with --state');
  }

  /** Who holds the lock; undefined when it says nothing, and went on to say nothing for longer than a live run leaves it so. */
  private async holder(): Promise<LockContent | undefined> {
    const file = this.file(LOCK_FILE);
    const deadlineMs = this.clock.monotonicMs() + DAMAGED_LOCK_WAIT_MS;
    for (;;) {
      const holder = readLock(file);
      if (holder !== undefined || !existsSync(file) || this.clock.monotonicMs() > deadlineMs) return holder;
      await this.clock.sleep(LEFTOVER_LOOK_MS);
    }
  }

  /** A link either makes the lock with its whole content, or fails because there is one. */
  private tryLink(): boolean {
    const aside = this.writeAside();
    try {
      linkSync(aside, this.file(LOCK_FILE));
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      return false;
    } finally {
      rmSync(aside, { force: true });
    }
  }

  /** Puts the lock away only if it is still the dead one: another run may have taken over since. */
  private removeDeadLock(dead: LockContent | undefined): void {
    const grave = this.file(`${LOCK_FILE}.${randomId()}`);
    try {
      renameSync(this.file(LOCK_FILE), grave);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      throw error;
    }
    const taken = readLock(grave);
    if (JSON.stringify(taken) === JSON.stringify(dead)) rmSync(grave, { recursive: true });
    else renameSync(grave, this.file(LOCK_FILE));
  }

  private async endLeftovers(children: readonly ProcessIdentity[]): Promise<void> {
    const deadlineMs = this.clock.monotonicMs() + LEFTOVER_WAIT_MS;
    while (children.some(isAlive)) {
      if (this.clock.monotonicMs() > deadlineMs) for (const child of children) if (isAlive(child)) process.kill(child.pid, 'SIGKILL');
      await this.clock.sleep(LEFTOVER_LOOK_MS);
    }
  }

  private writeAside(): string {
    const aside = this.file(`${LOCK_FILE}.${randomId()}`);
    writeFileSync(aside, JSON.stringify(this.content));
    return aside;
  }

  private file(name: string): string {
    return join(this.path, name);
  }
}

function runningElsewhere(path: string, holder: LockContent): ConfigError {
  const where = holder.url === '' ? `as process ${holder.run.pid}` : `at ${holder.url}`;
  return new ConfigError(`already running ${where} (state ${path})`, 'open that page, end that run, or name another folder with --state');
}

/** Undefined when there is no lock, or none that names a process. */
function readLock(path: string): LockContent | undefined {
  const content = readJson(path) as Partial<LockContent> | null | undefined;
  if (!isIdentity(content?.run)) return undefined;
  const children = Array.isArray(content?.children) ? content.children.filter(isIdentity) : [];
  return { run: content.run, url: typeof content.url === 'string' ? content.url : '', children };
}

/** A number that is no process of ours (0, -1) would mean many processes to `kill`. */
function isIdentity(value: unknown): value is ProcessIdentity {
  const { pid, startedAt } = (value ?? {}) as Partial<ProcessIdentity>;
  return Number.isSafeInteger(pid) && (pid as number) > 1 && (startedAt === null || typeof startedAt === 'string');
}

function isSame(one: ProcessIdentity, other: ProcessIdentity): boolean {
  return one.pid === other.pid && one.startedAt === other.startedAt;
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

/** 20191224T000000Z */
function compactTime(timeMs: number): string {
  return new Date(timeMs).toISOString().replace(/[-:]|\.\d+/g, '');
}
