/**
 * The thread that long answers are read in, through a connection that can't write. Every answer is read a page at a time and the thread's
 * event loop turns between two, so that a short answer does not wait for a long one and a cancelled one ends soon.
 */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { yieldToEventLoop } from '../../../common/clock.ts';
import { BucketReader } from './bucket-reader.ts';
import type { DamagedBucket } from './bucket-rows.ts';
import { GapReader } from './gap-reader.ts';
import { explainDatabaseError, openForReading } from './open-database.ts';
import type { DamagedPart } from './part-seals.ts';
import { type Asked, memoryOf, packBuckets, packError, PAGES_AHEAD, type ReadingWork, type Told } from './reading-messages.ts';
import { SeriesReader } from './series-reader.ts';
import type { GapRow } from './series-store.ts';

/** Gaps in a page: they are found one by one. */
const GAPS_PER_PAGE = 100;

/**
 * Holds the upper pages of a table of a year: with the 2 MB of the default, look-ups all over it read those again and again. Not mapped
 * into memory: it would be somewhat faster still, but a fault of the disk would end the whole server instead of one answer.
 */
const CACHE_KIB = 16_384;

class Job {
  private isCancelled = false;
  private pagesFree = PAGES_AHEAD;
  private wake: (() => void) | undefined;

  cancel(): void {
    this.isCancelled = true;
    this.wake?.();
  }

  pageTaken(): void {
    this.pagesFree++;
    this.wake?.();
  }

  /** @throws CANCELLED */
  turn(): Promise<void> {
    if (this.isCancelled) throw CANCELLED;
    return yieldToEventLoop();
  }

  /** Resolves when a page may be told. @throws CANCELLED */
  async room(): Promise<void> {
    while (this.pagesFree === 0 && !this.isCancelled) await new Promise<void>((resolve) => (this.wake = resolve));
    if (this.isCancelled) throw CANCELLED;
    this.pagesFree--;
  }
}

const CANCELLED = new Error('cancelled');

serve(parentPort as MessagePort, workerData as ReadingWork);

function serve(port: MessagePort, { path, windowMs }: ReadingWork): void {
  const database = openForReading(path);
  database.pragma(`cache_size = -${CACHE_KIB}`);
  const tell = (told: Told, memory: ArrayBuffer[] = []) => port.postMessage(told, memory);
  const onDamaged = (part: DamagedPart) => tell({ kind: 'damaged', part });
  const onBucket = (bucket: DamagedBucket) => tell({ kind: 'damagedBucket', bucket });
  const buckets = new BucketReader(database, windowMs, onDamaged, onBucket);
  const series = new SeriesReader(database, windowMs, onDamaged, onBucket);
  const gaps = new GapReader(database, windowMs);
  const jobs = new Map<number, Job>();

  const run = async (id: number, work: (job: Job) => Promise<void>) => {
    const job = new Job();
    jobs.set(id, job);
    try {
      await work(job);
    } catch (error) {
      if (error !== CANCELLED) tell({ kind: 'failed', id, error: packError(explainDatabaseError(error, path)) });
    } finally {
      jobs.delete(id);
    }
  };

  const take = async (asked: Asked) => {
    switch (asked.kind) {
      case 'buckets':
        return run(asked.id, async (job) => {
          const pages = buckets.read(asked.query);
          for (let page = pages.next(); ; page = pages.next()) {
            await job.turn();
            if (page.done !== true) continue;
            tell({ kind: 'answer', id: asked.id, buckets: page.value }, memoryOf(page.value));
            return;
          }
        });
      case 'range':
        return run(asked.id, async (job) => {
          for await (const page of series.pages(asked.query, () => job.turn())) {
            await job.room();
            const packed = packBuckets(page);
            tell({ kind: 'buckets', id: asked.id, page: packed }, [packed.numbers.buffer as ArrayBuffer]);
          }
          tell({ kind: 'end', id: asked.id });
        });
      case 'gaps':
        return run(asked.id, async (job) => {
          let page: GapRow[] = [];
          const send = async () => {
            await job.room();
            tell({ kind: 'gaps', id: asked.id, page });
            page = [];
          };
          for await (const row of gaps.gaps(asked.query, () => job.turn())) if (page.push(row) >= GAPS_PER_PAGE) await send();
          if (page.length > 0) await send();
          tell({ kind: 'end', id: asked.id });
        });
      case 'more':
        return jobs.get(asked.id)?.pageTaken();
      case 'cancel':
        return jobs.get(asked.id)?.cancel();
      case 'stop':
        database.close();
        return port.close();
    }
  };
  port.on('message', (asked: Asked) => void take(asked));
}
