/**
 * The state directory of a run: one live run at a time, kept aside by --fresh, and remembered when its replay has finished.
 * What data it belongs to is the simulator's knowledge, not ours.
 */
import { existsSync, linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../common/clock.ts';
import { ConfigError } from '../common/errors.ts';
import { randomId } from '../common/random.ts';
import { identityOf, isAlive, type ProcessIdentity } from './process-identity.ts';

const LOCK_FILE = 'run.lock';
const FINISHED_FILE = 'finished.json';
/** Parts of a killed run end by themselves within 5 s; after this they are ended. */
const LEFTOVER_WAIT_MS = 7_000;
const LEFTOVER_LOOK_MS = 100;
/** Two runs that find the same dead lock take it one after the other; more attempts mean something else is wrong. */
const LOCK_ATTEMPTS = 5;

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
    if (!fresh || !hadState) return undefined;
    const aside = `${this.path}.old-${compactTime(this.clock.nowMs())}`;
    renameSync(this.path, aside);
    rmSync(join(aside, LOCK_FILE), { force: true });
    await this.lock();
    return aside;
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
    return readJson<FinishedRun>(this.file(FINISHED_FILE));
  }

  private async lock(): Promise<void> {
    mkdirSync(this.path, { recursive: true });
    for (let attempt = 0; attempt < LOCK_ATTEMPTS; attempt++) {
      if (this.tryLink()) {
        this.held = true;
        return;
      }
      const holder = readJson<LockContent>(this.file(LOCK_FILE));
      if (holder !== undefined && isAlive(holder.run)) throw runningElsewhere(this.path, holder);
      await this.endLeftovers(holder?.children ?? []);
      this.removeDeadLock(holder);
    }
    throw new ConfigError(`${this.path} is being taken by several runs`, 'start again, or name another folder with --state');
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
    const taken = readJson<LockContent>(grave);
    if (JSON.stringify(taken) === JSON.stringify(dead)) rmSync(grave);
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

function readJson<T>(path: string): T | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as T;
  } catch {
    return undefined;
  }
}

/** 20191224T000000Z */
function compactTime(timeMs: number): string {
  return new Date(timeMs).toISOString().replace(/[-:]|\.\d+/g, '');
}
