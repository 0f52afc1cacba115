/**
 * Keeps a copy of the newest windows where other cloud processes read them, and takes theirs in. All waiting happens in loops of
 * its own: who puts a window in never waits, and whatever is wrong with the copy, the windows in this process are right.
 *
 * States: `out` (not reached), `refusing` (it answers, but takes nothing), `filling`, `up`. Each way into trouble and out of it is one
 * line in the log, not one per command. Only `up` means that the copy is whole.
 */
import { type Clock, yieldToEventLoop } from '../../../common/clock.ts';
import type { Logger } from '../../../common/logger.ts';
import type { Counter, Metrics } from '../../../common/metrics.ts';
import { Waker } from '../../../common/waker.ts';
import { LatestQueue } from './latest-queue.ts';
import type { MemoryLatest } from './memory-latest.ts';
import type { Bucket } from './series-store.ts';

/** One connection to the copy, until it is lost. */
export interface MirrorConnection {
  /**
   * Renews this process's mark in the copy, and sees whether writing and publishing are allowed.
   * @returns false when the mark was gone: then other things may be gone too
   */
  renewMark(): Promise<boolean>;
  /** Windows older than those in the copy change nothing. */
  write(windows: readonly Bucket[]): Promise<void>;
  publish(windows: readonly Bucket[]): Promise<void>;
  /** @param after where the last page ended. @returns no `next` after the last page */
  readPage(after: string | undefined): Promise<{ windows: Bucket[]; unusable: number; next: string | undefined }>;
  close(): void;
}

/** What other processes say, and that the connection is lost. */
export interface MirrorListener {
  onWindows(windows: readonly Bucket[], unusable: number): void;
  onLost(error: Error): void;
}

/** The server answered and would not. Every other error means that the connection is lost. */
export class MirrorRefusal extends Error {
  override readonly name = 'MirrorRefusal';
  /** First word of the server's answer, e.g. OOM, WRONGPASS, READONLY. */
  readonly code: string;
  constructor(message: string) {
    super(message);
    this.code = message.split(' ', 1)[0] ?? '';
  }
}

export interface LatestMirrorOptions {
  memory: MemoryLatest;
  /** Gives up after a deadline of its own, and when the signal aborts. */
  connect: (listener: MirrorListener, signal: AbortSignal) => Promise<MirrorConnection>;
  /** The newest windows of the store: what is right when nobody else tells. */
  newest: () => Promise<Bucket[]>;
  clock: Clock;
  logger: Logger;
  metrics: Metrics;
  /** Told once of each way into trouble, beside the log. */
  onTrouble?: ((message: string, hint: string) => void) | undefined;
}

export type MirrorState = 'out' | 'refusing' | 'filling' | 'up';
const STATES: readonly MirrorState[] = ['out', 'refusing', 'filling', 'up'];

/** Between two looks whether the copy takes writes and was not emptied: a refill begins within it. */
export const CHECK_EVERY_MS = 5_000;
/** Between two tries to connect. */
const RECONNECT_EVERY_MS = 2_000;
/** Windows are gathered for so long before they are sent: pages are told once a second. */
const GATHER_MS = 100;
/** Windows in one command: below 2 ms of the server's time, below 100 kB. */
const WINDOWS_PER_WRITE = 500;
/** Windows of the store looked at in one turn: about 1 ms. */
const WINDOWS_PER_TURN = 2_000;
/** Households that wait while the copy is slow: 20 MB at five series each. */
const QUEUE_HOUSEHOLDS_MAX = 20_000;
/** The store is read so often while the copy tells nothing … */
export const STORE_EVERY_MS = 5_000;
/** … and so often while it does: another process may be cut off from it. */
export const STORE_EVERY_UP_MS = 30_000;

export class LatestMirror {
  private readonly options: LatestMirrorOptions;
  private readonly queue = new LatestQueue(QUEUE_HOUSEHOLDS_MAX);
  private readonly stopping = new AbortController();
  private readonly windows: Counter;
  private readonly refills: Counter;
  private state: MirrorState = 'out';
  /** What the log was told last: undefined while all is well. `never reached` until the first time. */
  private trouble: string | undefined = 'never reached';
  private troubleAtMs = 0;
  private connection: MirrorConnection | undefined;
  private lost: Error | undefined;
  private checkAtMs = 0;
  /** The queue had no place for some: the next check refills. */
  private isIncomplete = false;
  /** Windows to be written anew; undefined when none are. */
  private refill: Bucket[] | undefined;
  /** Where the next page of the copy begins; null when all was read. */
  private loadFrom: string | undefined | null;
  private wake: () => void = () => undefined;
  private loops: Promise<unknown> = Promise.resolve();

  constructor(options: LatestMirrorOptions) {
    this.options = options;
    const { metrics } = options;
    metrics.gauge('fogline_redis_up', '1 while Redis holds all newest windows and takes more.', [], (gauge) =>
      gauge.set(this.isUp ? 1 : 0),
    );
    metrics.gauge('fogline_redis_state', '1 for the state that Redis is in.', ['state'], (gauge) => {
      for (const state of STATES) gauge.set(state === this.state ? 1 : 0, { state });
    });
    metrics.gauge('fogline_redis_queue_windows', 'Windows waiting for Redis.', [], (gauge) => gauge.set(this.queue.size));
    metrics.gauge('fogline_redis_coalesced_windows', 'Windows replaced by later ones while they waited.', [], (gauge) =>
      gauge.set(this.queue.coalesced),
    );
    metrics.gauge('fogline_redis_dropped_windows', 'Windows that found no place in the queue; the next refill brings them.', [], (gauge) =>
      gauge.set(this.queue.dropped),
    );
    this.windows = metrics.counter('fogline_redis_windows_total', 'Windows written, published, received, skipped, unusable.', ['outcome']);
    this.refills = metrics.counter('fogline_redis_refills_total', 'Times that all newest windows were written anew.');
  }

  /** The copy is whole and takes more. */
  get isUp(): boolean {
    return this.state === 'up';
  }

  start(): void {
    this.troubleAtMs = this.options.clock.monotonicMs();
    this.loops = Promise.all([this.mirror(), this.watchStore()]);
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    this.connection?.close();
    this.wake();
    await this.loops;
  }

  /** Hands over windows that `memory` has taken. While there is no connection they are left out: the refill brings them. */
  add(windows: readonly Bucket[]): void {
    if (windows.length === 0) return;
    if (this.connection === undefined) {
      this.windows.add(windows.length, { outcome: 'skipped' });
      return;
    }
    const before = this.queue.dropped;
    this.queue.add(windows);
    this.isIncomplete ||= this.queue.dropped > before;
    this.wake();
  }

  private async mirror(): Promise<void> {
    const { clock } = this.options;
    while (!this.isOver()) {
      try {
        await this.connect();
        while (!this.isOver()) await this.work();
      } catch (error) {
        this.disconnect();
        if (!this.isOver()) this.enterTrouble(error as Error);
      }
      await clock.sleep(RECONNECT_EVERY_MS, this.stopping.signal);
    }
    this.disconnect();
  }

  private async connect(): Promise<void> {
    const { connect } = this.options;
    this.lost = undefined;
    const listener: MirrorListener = {
      onWindows: (windows, unusable) => this.takeIn(windows, unusable),
      onLost: (error) => {
        this.lost ??= error;
        this.wake();
      },
    };
    this.connection = await connect(listener, this.stopping.signal);
    this.loadFrom = undefined;
    this.checkAtMs = 0;
    this.state = 'refusing';
  }

  private disconnect(): void {
    this.connection?.close();
    this.connection = undefined;
    this.refill = undefined;
    this.queue.clear();
  }

  /** One round: what is due, then live windows, then a piece of the refill or of the reading, so that none holds up the others. */
  private async work(): Promise<void> {
    const { connection } = this;
    if (this.lost !== undefined || connection === undefined) throw this.lost ?? new Error('not connected');
    if (this.options.clock.monotonicMs() >= this.checkAtMs) await this.check(connection);
    await this.sendQueued(connection);
    if (this.refill !== undefined) await this.refillPiece(connection, this.refill);
    else if (this.loadFrom !== null) await this.loadPiece(connection, this.loadFrom);
    else await this.rest();
  }

  private async check(connection: MirrorConnection): Promise<void> {
    const { clock, memory, logger } = this.options;
    this.checkAtMs = clock.monotonicMs() + CHECK_EVERY_MS;
    const wasThere = await this.ifTaken(() => connection.renewMark());
    if (wasThere === undefined || (wasThere && this.state !== 'refusing' && !this.isIncomplete)) return;
    if (this.state === 'up' && !wasThere) logger.warn({}, 'redis was emptied: all newest windows are written anew');
    this.state = 'filling';
    this.isIncomplete = false;
    this.refill = await memory.all();
    this.refills.add();
  }

  private async sendQueued(connection: MirrorConnection): Promise<void> {
    const windows = this.queue.take(WINDOWS_PER_WRITE);
    if (windows.length === 0) return;
    // Published also when nothing can be written: other pages stay live.
    await this.ifTaken(() => connection.publish(windows), 'publish');
    if (this.state !== 'refusing') await this.write(connection, windows);
  }

  private async refillPiece(connection: MirrorConnection, refill: Bucket[]): Promise<void> {
    if (refill.length > 0) {
      await this.write(connection, refill.splice(-WINDOWS_PER_WRITE));
      return;
    }
    this.refill = undefined;
    this.state = 'up';
    if (this.trouble !== undefined) {
      const seconds = Math.round((this.options.clock.monotonicMs() - this.troubleAtMs) / 1_000);
      this.options.logger.info({ seconds, before: this.trouble }, 'redis holds the newest windows');
    }
    this.trouble = undefined;
  }

  private async write(connection: MirrorConnection, windows: readonly Bucket[]): Promise<void> {
    await this.ifTaken(() => connection.write(windows));
    this.windows.add(windows.length, { outcome: this.state === 'refusing' ? 'skipped' : 'written' });
  }

  private async loadPiece(connection: MirrorConnection, after: string | undefined): Promise<void> {
    const page = await this.ifTaken(() => connection.readPage(after), 'read');
    this.loadFrom = page?.next ?? null;
    if (page !== undefined) this.takeIn(page.windows, page.unusable);
  }

  private takeIn(windows: readonly Bucket[], unusable: number): void {
    this.windows.add(windows.length, { outcome: 'received' });
    this.windows.add(unusable, { outcome: 'unusable' });
    this.options.memory.putNewer(windows);
  }

  /** Until something comes or is due; then a moment longer, for what comes with it. Not while a whole write is waiting. */
  private async rest(): Promise<void> {
    const { clock } = this.options;
    if (this.queue.size >= WINDOWS_PER_WRITE) return;
    const waker = new Waker();
    this.wake = () => waker.wake();
    if (this.queue.size === 0 && this.lost === undefined) await clock.sleep(this.checkAtMs - clock.monotonicMs(), waker);
    this.wake = () => undefined;
    if (this.queue.size > 0) await clock.sleep(GATHER_MS, this.stopping.signal);
  }

  /** A refusal is a state, not a failure of the round. @returns undefined when it was refused */
  private async ifTaken<T>(command: () => Promise<T>, kind?: 'publish' | 'read'): Promise<T | undefined> {
    try {
      const result = await command();
      return result;
    } catch (error) {
      if (!(error instanceof MirrorRefusal)) throw error;
      this.enterTrouble(error, kind);
      return undefined;
    }
  }

  private enterTrouble(error: Error, kind?: 'publish' | 'read'): void {
    const isRefusal = error instanceof MirrorRefusal;
    this.state = isRefusal ? 'refusing' : 'out';
    this.refill = undefined;
    const trouble = isRefusal ? error.code : 'out';
    if (trouble === this.trouble) return;
    if (this.trouble === undefined) this.troubleAtMs = this.options.clock.monotonicMs();
    this.trouble = trouble;
    const hint = hintFor(trouble);
    const fields = { reason: error.message, ...(kind === undefined ? {} : { command: kind }), hint };
    const what = isRefusal ? 'redis refuses' : 'redis is out';
    const goesOn = 'this process goes on with its own newest windows and tries again';
    this.options.logger.warn(fields, `${what}: ${goesOn}`);
    this.options.onTrouble?.(`${what} (${error.message}): ${goesOn}`, hint);
  }

  private async watchStore(): Promise<void> {
    const { clock, newest, memory, logger } = this.options;
    let readAtMs = clock.monotonicMs();
    while (!this.isOver()) {
      await clock.sleep(STORE_EVERY_MS, this.stopping.signal);
      const isDue = this.state !== 'up' || clock.monotonicMs() - readAtMs >= STORE_EVERY_UP_MS;
      if (this.isOver() || !isDue) continue;
      readAtMs = clock.monotonicMs();
      try {
        const windows = await newest();
        for (let at = 0; at < windows.length; at += WINDOWS_PER_TURN) {
          this.add(memory.putNewer(windows.slice(at, at + WINDOWS_PER_TURN)));
          await yieldToEventLoop();
        }
      } catch (error) {
        // Nothing is lost: what was shown stays, and readyz says that the store does not answer.
        logger.debug({ reason: (error as Error).message }, 'the newest windows could not be read from the store');
      }
    }
  }

  private isOver(): boolean {
    return this.stopping.signal.aborted;
  }
}

const HINTS: Readonly<Record<string, string>> = {
  out: 'see whether Redis runs and can be reached at the host and port of redis.url',
  OOM: 'Redis is full: raise its maxmemory, or give Fogline a Redis of its own',
  WRONGPASS: 'the password in redis.url is not the one of Redis',
  NOAUTH: 'Redis wants a password: redis://:PASSWORD@HOST:PORT',
  NOPERM: 'the user of redis.url may not do this; see the commands in cloud/server/storage/DESIGN.md',
  READONLY: 'redis.url names a replica; name the master',
  MISCONF: 'Redis cannot save its snapshot and takes no writes; its log says why',
  LOADING: 'Redis is reading its file; it will be ready soon',
};

function hintFor(trouble: string): string {
  return HINTS[trouble] ?? 'the reason is what Redis answered';
}
