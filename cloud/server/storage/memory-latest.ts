/** The newest windows in the memory of this process, filled from the store at a start and by the receiver afterwards. */
import type { Clock, Timer } from '../../../common/clock.ts';
import { AHEAD_KEPT_MS, AHEAD_SERIES_MAX, type AheadWindow, type Latest } from './latest.ts';
import type { Bucket } from './series-store.ts';

interface Subscriber {
  everyMs: number;
  onWindows: (windows: readonly Bucket[]) => void;
  /** Accepted since it was last called, by series. */
  waiting: Map<string, Bucket>;
  calledAtMs: number;
  timer: Timer | undefined;
}

interface Held {
  window: Bucket;
  /** Of one that is not stored: its source, and when it was shown (monotonic). */
  ahead: { src: string; atMs: number } | undefined;
}

export class MemoryLatest implements Latest {
  private readonly clock: Clock;
  /** By household/device/field. */
  private readonly windows = new Map<string, Held>();
  /** Series that were shown and of which nothing was stored, by household. */
  private readonly neverStored = new Map<string, Set<string>>();
  private readonly subscribers = new Set<Subscriber>();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  start(): Promise<void> {
    return Promise.resolve();
  }

  /** Subscribers are not called any more. */
  stop(): Promise<void> {
    for (const subscriber of this.subscribers) subscriber.timer?.cancel();
    this.subscribers.clear();
    return Promise.resolve();
  }

  /** A window of the same start replaces the one held: more of its readings came. */
  put(windows: readonly Bucket[]): void {
    for (const window of windows) {
      const key = keyOf(window);
      const held = this.windows.get(key);
      this.noteStored(window.household, key);
      if (held !== undefined && held.window.startMs > window.startMs && !this.isStale(held)) continue;
      this.keep(key, window);
    }
    this.scheduleAll();
  }

  /** As `Latest` says, with those that were kept. */
  show(windows: readonly AheadWindow[]): { series: number; kept: Bucket[] } {
    const atMs = this.clock.monotonicMs();
    const kept: Bucket[] = [];
    let series = 0;
    for (const { window, src } of windows) {
      const key = keyOf(window);
      const held = this.windows.get(key);
      if (held === undefined && !this.mayBegin(window.household, key)) series++;
      else if (held === undefined || isNewerWord(window, src, held)) {
        this.keep(key, window, { src, atMs });
        kept.push(window);
      }
    }
    this.scheduleAll();
    return { series, kept };
  }

  /**
   * As put, for windows read elsewhere a while ago: one of the same start replaces the one held only when it has more readings.
   * @returns those that were kept
   */
  putNewer(windows: readonly Bucket[]): Bucket[] {
    const kept = windows.filter((window) => {
      const key = keyOf(window);
      const held = this.windows.get(key);
      this.noteStored(window.household, key);
      if (held !== undefined && !this.isStale(held) && !isNewer(window, held.window)) return false;
      this.keep(key, window);
      return true;
    });
    this.scheduleAll();
    return kept;
  }

  all(): Promise<Bucket[]> {
    return Promise.resolve([...this.windows.values()].map(({ window }) => window));
  }

  shared(): 'off' {
    return 'off';
  }

  subscribe(everyMs: number, onWindows: (windows: readonly Bucket[]) => void): () => void {
    const subscriber: Subscriber = { everyMs, onWindows, waiting: new Map(), calledAtMs: Number.NEGATIVE_INFINITY, timer: undefined };
    this.subscribers.add(subscriber);
    return () => {
      subscriber.timer?.cancel();
      this.subscribers.delete(subscriber);
    };
  }

  /** False for a series too many of what was never stored. */
  private mayBegin(household: string, key: string): boolean {
    const its = this.neverStored.get(household) ?? new Set();
    if (its.size >= AHEAD_SERIES_MAX) return false;
    this.neverStored.set(household, its.add(key));
    return true;
  }

  private noteStored(household: string, key: string): void {
    const its = this.neverStored.get(household);
    if (its?.delete(key) === true && its.size === 0) this.neverStored.delete(household);
  }

  private isStale({ ahead }: Held): boolean {
    return ahead !== undefined && this.clock.monotonicMs() - ahead.atMs >= AHEAD_KEPT_MS;
  }

  private keep(key: string, window: Bucket, ahead?: Held['ahead']): void {
    this.windows.set(key, { window, ahead });
    for (const subscriber of this.subscribers) subscriber.waiting.set(key, window);
  }

  private scheduleAll(): void {
    for (const subscriber of this.subscribers) this.schedule(subscriber);
  }

  /** The caller of `put` never waits for a subscriber: it is called from a timer. */
  private schedule(subscriber: Subscriber): void {
    if (subscriber.timer !== undefined || subscriber.waiting.size === 0) return;
    const waitMs = Math.max(0, subscriber.calledAtMs + subscriber.everyMs - this.clock.monotonicMs());
    subscriber.timer = this.clock.timer('latest windows', waitMs, () => {
      const windows = [...subscriber.waiting.values()];
      subscriber.waiting.clear();
      subscriber.timer = undefined;
      subscriber.calledAtMs = this.clock.monotonicMs();
      subscriber.onWindows(windows);
    });
  }
}

function isNewer(window: Bucket, held: Bucket): boolean {
  return window.startMs > held.startMs || (window.startMs === held.startMs && window.count > held.count);
}

function isNewerWord(window: Bucket, src: string, held: Held): boolean {
  return held.ahead?.src === src && window.startMs !== held.window.startMs ? true : isNewer(window, held.window);
}

function keyOf({ household, device, field }: Bucket): string {
  return `${household}/${device}/${field}`;
}
