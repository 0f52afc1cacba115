/**
 * Long answers, read in a thread of their own (reading-worker.ts). It is started by the first question and again by the first one after
 * it has died; the answers it then owed fail with READING_FAILED. Few are read at once, the others wait, and more than so many are refused.
 */
import { Worker, type WorkerOptions } from 'node:worker_threads';
import type { Clock } from '../../../common/clock.ts';
import { OperatingError } from '../../../common/errors.ts';
import type { DamagedBucket } from './bucket-rows.ts';
import type { DamagedPart } from './part-seals.ts';
import { type Asked, type ReadingWork, type Told, unpackBuckets, unpackError } from './reading-messages.ts';
import type { Bucket, BucketsQuery, GapQuery, GapRow, RangeQuery, SeriesBuckets } from './series-store.ts';

export interface ReadingThreadOptions extends ReadingWork {
  clock: Clock;
  onDamaged: (part: DamagedPart) => void;
  onBucket: (bucket: DamagedBucket) => void;
  /** The thread has ended without having been told to. */
  onDied: (cause: Error) => void;
}

/** Answers of buckets read at once: they are held whole, up to some 15 MB each. */
export const BUCKETS_AT_ONCE = 4;
/** Further ones that wait for their turn. */
export const BUCKETS_WAITING_MAX = 60;
/** Ranges and lists of gaps read at once: each holds two pages. */
export const STREAMS_MAX = 64;
/** Of its own objects; columns of numbers are not in it. More than so much is a mistake, and ends the thread instead of the server. */
const THREAD_MEMORY_MAX_MB = 256;
/** A page takes milliseconds: a thread that does not end in so long never will. */
const STOP_WAIT_MS = 2_000;

type Answer = Exclude<Told, { kind: 'damaged' | 'damagedBucket' }>;

/** What one question has been told, until somebody takes it. */
class Inbox {
  private readonly told: Answer[] = [];
  private wake: (() => void) | undefined;
  private failure: Error | undefined;

  put(told: Answer): void {
    this.told.push(told);
    this.wake?.();
  }

  fail(error: Error): void {
    this.failure ??= error;
    this.wake?.();
  }

  /** What was told before a failure is not given out any more. */
  async take(): Promise<Answer> {
    while (this.failure === undefined && this.told.length === 0) await new Promise<void>((resolve) => (this.wake = resolve));
    if (this.failure !== undefined) throw this.failure;
    const told = this.told.shift() as Answer;
    if (told.kind === 'failed') throw unpackError(told.error);
    return told;
  }
}

export class ReadingThread {
  private readonly options: ReadingThreadOptions;
  private worker: Worker | undefined;
  private readonly inboxes = new Map<number, Inbox>();
  private lastId = 0;
  private streams = 0;
  private reading = 0;
  private readonly waiting: (() => void)[] = [];
  private isStopped = false;

  constructor(options: ReadingThreadOptions) {
    this.options = options;
  }

  /** Ends what is being read. */
  async stop(): Promise<void> {
    this.isStopped = true;
    const { worker } = this;
    this.worker = undefined;
    this.failAll(stopped());
    for (const go of this.waiting.splice(0)) go();
    if (worker === undefined) return;
    const ended = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
    worker.postMessage({ kind: 'stop' } satisfies Asked);
    const waited = new AbortController();
    await Promise.race([ended, this.options.clock.sleep(STOP_WAIT_MS, waited.signal)]);
    waited.abort();
    await worker.terminate();
  }

  /** @throws OperatingError READING_FAILED, STORE_BUSY, and what the readers throw */
  async buckets({ signal, ...query }: BucketsQuery): Promise<SeriesBuckets[]> {
    signal?.throwIfAborted();
    await this.turn(signal);
    const { id, inbox } = this.open();
    const leave = () => inbox.fail(signal?.reason as Error);
    signal?.addEventListener('abort', leave, { once: true });
    try {
      signal?.throwIfAborted();
      this.ask({ kind: 'buckets', id, query });
      const told = await inbox.take();
      return told.kind === 'answer' ? told.buckets : [];
    } finally {
      signal?.removeEventListener('abort', leave);
      this.forget(id);
      this.reading--;
      this.waiting.shift()?.();
    }
  }

  async *range(query: RangeQuery): AsyncGenerator<Bucket> {
    for await (const told of this.stream((id) => ({ kind: 'range', id, query }))) {
      if (told.kind === 'buckets') yield* unpackBuckets(told.page);
    }
  }

  async *gaps(query: GapQuery): AsyncGenerator<GapRow> {
    for await (const told of this.stream((id) => ({ kind: 'gaps', id, query }))) if (told.kind === 'gaps') yield* told.page;
  }

  private async *stream(question: (id: number) => Asked): AsyncGenerator<Answer> {
    if (this.streams >= STREAMS_MAX) throw busy(`${STREAMS_MAX} long answers are being read`);
    this.streams++;
    const { id, inbox } = this.open();
    try {
      this.ask(question(id));
      for (;;) {
        const told = await inbox.take();
        if (told.kind === 'end') return;
        yield told;
        this.worker?.postMessage({ kind: 'more', id } satisfies Asked);
      }
    } finally {
      this.streams--;
      this.forget(id);
    }
  }

  /** Resolves when one more may be read. */
  private async turn(signal: AbortSignal | undefined): Promise<void> {
    if (this.reading < BUCKETS_AT_ONCE) {
      this.reading++;
      return;
    }
    if (this.waiting.length >= BUCKETS_WAITING_MAX) throw busy(`${BUCKETS_AT_ONCE + BUCKETS_WAITING_MAX} answers are being read or wait`);
    await new Promise<void>((resolve, reject) => {
      const go = () => {
        signal?.removeEventListener('abort', leave);
        this.reading++;
        resolve();
      };
      const leave = () => {
        this.waiting.splice(this.waiting.indexOf(go), 1);
        reject(signal?.reason as Error);
      };
      this.waiting.push(go);
      signal?.addEventListener('abort', leave, { once: true });
    });
  }

  private open(): { id: number; inbox: Inbox } {
    const [id, inbox] = [++this.lastId, new Inbox()];
    this.inboxes.set(id, inbox);
    return { id, inbox };
  }

  private ask(asked: Asked): void {
    if (this.isStopped) throw stopped();
    this.started().postMessage(asked);
  }

  /** The thread is told too: what has ended there already it does not know any more. */
  private forget(id: number): void {
    this.inboxes.delete(id);
    this.worker?.postMessage({ kind: 'cancel', id } satisfies Asked);
  }

  private started(): Worker {
    if (this.worker !== undefined) return this.worker;
    const { path, windowMs, onDied } = this.options;
    const worker = startReadingWorker({ path, windowMs });
    this.worker = worker;
    worker.on('message', (told: Told) => {
      if (told.kind === 'damaged') this.options.onDamaged(told.part);
      else if (told.kind === 'damagedBucket') this.options.onBucket(told.bucket);
      else this.inboxes.get(told.id)?.put(told);
    });
    let cause = new Error('it ended by itself');
    worker.on('error', (error) => {
      cause = error;
    });
    worker.on('exit', () => {
      if (this.worker !== worker) return;
      this.worker = undefined;
      this.failAll(died(cause));
      onDied(cause);
    });
    return worker;
  }

  private failAll(error: Error): void {
    for (const inbox of this.inboxes.values()) inbox.fail(error);
  }
}

/** From the sources a thread needs the TypeScript loader that the process has: threads do not inherit it. */
export function startReadingWorker(work: ReadingWork): Worker {
  const program = new URL('./reading-worker.ts', import.meta.url);
  const resourceLimits = { maxOldGenerationSizeMb: THREAD_MEMORY_MAX_MB };
  const options: WorkerOptions = { name: 'reading', workerData: work, execArgv: [], resourceLimits };
  if (!program.pathname.endsWith('.ts')) return new Worker(program, options);
  const [loader, source] = [import.meta.resolve('tsx/esm/api'), program.href].map((its) => JSON.stringify(its));
  return new Worker(`import(${loader}).then(({ register }) => { register(); return import(${source}); });`, { ...options, eval: true });
}

function died(cause: Error): OperatingError {
  return new OperatingError('READING_FAILED', `the reading thread has ended: ${cause.message}`, {
    retryable: true,
    hint: 'ask again: a new thread is started; when it ends again, the cause says why',
    cause,
  });
}

function stopped(): OperatingError {
  return new OperatingError('READING_FAILED', 'the store is being closed', { retryable: true, hint: 'ask again when it is open' });
}

function busy(what: string): OperatingError {
  return new OperatingError('STORE_BUSY', `${what}, which is all there may be`, { retryable: true, hint: 'ask again in some seconds' });
}
