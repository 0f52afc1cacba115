/**
 * Requests one after the other, with a turn of the event loop before each: heartbeats are answered between two. Those of one owner in the
 * order in which they came (R4 judges a source's rows in that order), owners in turn (fair-order.ts). What is above the limits is
 * turned away before it is looked at, and no owner can fill what others need.
 */
import { type Clock, yieldToEventLoop } from '../../common/clock.ts';
import { FairOrder } from './fair-order.ts';

export interface WorkLimits {
  /** Requests waiting. A full one takes some 10 ms, so the last is answered within 3 s: well inside an edge's deadline of 10 s. */
  requestsMax: number;
  /** Bytes of them as they came; a few times as much when they are worked on, one at a time. */
  bytesMax: number;
  /** Of one certificate: what two connections of an honest edge have on their way, the new one and its dead predecessor. */
  identityRequestsMax: number;
  identityBytesMax: number;
  /** Beyond the limits of all, only for those who have nothing waiting: a hello gets in however many others fill the queue. */
  firstRequestsMax: number;
  firstBytesMax: number;
}

const MIB = 1 << 20;

export const WORK_LIMITS: WorkLimits = {
  requestsMax: 256,
  bytesMax: 32 * MIB,
  identityRequestsMax: 32,
  identityBytesMax: 8 * MIB,
  firstRequestsMax: 64,
  firstBytesMax: 8 * MIB,
};

/** Whose request it is. */
export interface Owner {
  name: string;
  /** By a certificate. An address may be a tunnel that many edges come through, and has no share of its own. */
  isProved: boolean;
}

export interface Load {
  requests: number;
  bytes: number;
}

/** Pure: why nothing more of so many bytes is taken of an owner who has `own` of `all` that waits. An empty queue takes any. */
export function isTurnedAway(bytes: number, all: Load, own: Load, isProved: boolean, limits: WorkLimits): boolean {
  if (all.requests === 0) return false;
  const isFirst = own.requests === 0;
  if (isProved && !isFirst) {
    if (own.requests >= limits.identityRequestsMax || own.bytes + bytes > limits.identityBytesMax) return true;
  }
  const requestsMax = limits.requestsMax + (isFirst ? limits.firstRequestsMax : 0);
  const bytesMax = limits.bytesMax + (isFirst ? limits.firstBytesMax : 0);
  return all.requests >= requestsMax || all.bytes + bytes > bytesMax;
}

/** What one request takes until the first was measured. */
const WORK_MS_GUESSED = 10;
/** Weight of the newest measurement in the mean. */
const NEWEST_WEIGHT = 0.1;
/** Who is turned away asks again no sooner: a round trip and a little room. */
const RETRY_AFTER_MS_MIN = 100;
/** … and no later: an estimate is no promise. */
const RETRY_AFTER_MS_MAX = 10_000;

const NOTHING: Load = { requests: 0, bytes: 0 };

export class WorkQueue {
  private readonly clock: Clock;
  private readonly limits: WorkLimits;
  private readonly order = new FairOrder<() => Promise<void>>();
  /** By owner. */
  private readonly loads = new Map<string, Load>();
  private readonly all: Load = { ...NOTHING };
  private isWorking = false;
  private workMs = WORK_MS_GUESSED;

  constructor(clock: Clock, limits: Partial<WorkLimits> = {}) {
    this.clock = clock;
    this.limits = { ...WORK_LIMITS, ...limits };
  }

  /** Waiting or being worked on. */
  get requests(): number {
    return this.all.requests;
  }

  get bytes(): number {
    return this.all.bytes;
  }

  /** True when one more request of so many bytes is turned away. */
  isFull({ name, isProved }: Owner, bytes: number): boolean {
    return isTurnedAway(bytes, this.all, this.loads.get(name) ?? NOTHING, isProved, this.limits);
  }

  /** How much of what all may have waiting is used. */
  get share(): number {
    return this.all.requests / this.limits.requestsMax;
  }

  /** When half of what waits will be done, by what work took lately: sooner there is no room, later the queue runs empty. */
  retryAfterMs(): number {
    return Math.min(RETRY_AFTER_MS_MAX, Math.max(RETRY_AFTER_MS_MIN, Math.ceil((this.requests * this.workMs) / 2)));
  }

  /** Runs the work in its turn. A failed one does not stop the next. */
  run<T>({ name }: Owner, bytes: number, work: () => Promise<T>): Promise<T> {
    this.note(name, 1, bytes);
    const result = new Promise<T>((resolve, reject) => {
      this.order.add(name, async () => {
        const beganMs = this.clock.monotonicMs();
        const settle = await outcomeOf(work, resolve, reject);
        const tookMs = this.clock.monotonicMs() - beganMs;
        this.workMs += NEWEST_WEIGHT * (tookMs - this.workMs);
        this.order.spent(name, tookMs);
        this.note(name, -1, -bytes);
        settle();
      });
    });
    if (!this.isWorking) void this.workOff();
    return result;
  }

  private async workOff(): Promise<void> {
    this.isWorking = true;
    for (;;) {
      await yieldToEventLoop();
      const next = this.order.next();
      if (next === undefined) break;
      await next.item();
    }
    this.isWorking = false;
  }

  private note(name: string, requests: number, bytes: number): void {
    const load = this.loads.get(name) ?? { ...NOTHING };
    for (const its of [load, this.all]) {
      its.requests += requests;
      its.bytes += bytes;
    }
    if (load.requests > 0) this.loads.set(name, load);
    else this.loads.delete(name);
  }
}

/** Does the work; what it comes to is told by calling the result. */
async function outcomeOf<T>(work: () => Promise<T>, resolve: (value: T) => void, reject: (error: unknown) => void): Promise<() => void> {
  try {
    const value = await work();
    return () => resolve(value);
  } catch (error) {
    return () => reject(error);
  }
}
