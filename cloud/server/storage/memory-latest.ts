/** The newest windows in the memory of this process, filled from the store at a start and by the receiver afterwards. */
import type { Clock, Timer } from '../../../common/clock.ts';
import type { Latest } from './latest.ts';
import type { Bucket } from './series-store.ts';

interface Subscriber {
  everyMs: number;
  onWindows: (windows: readonly Bucket[]) => void;
  /** Accepted since it was last called, by series. */
  waiting: Map<string, Bucket>;
  calledAtMs: number;
  timer: Timer | undefined;
}

export class MemoryLatest implements Latest {
  private readonly clock: Clock;
  /** By household/device/field. */
  private readonly windows = new Map<string, Bucket>();
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
      if (held !== undefined && held.startMs > window.startMs) continue;
      this.keep(key, window);
    }
    this.scheduleAll();
  }

  /**
   * As put, for windows read elsewhere a while ago: one of the same start replaces the one held only when it has more readings.
   * @returns those that were kept
   */
  putNewer(windows: readonly Bucket[]): Bucket[] {
    const kept = windows.filter((window) => {
      const key = keyOf(window);
      const held = this.windows.get(key);
      if (held !== undefined && (held.startMs > window.startMs || (held.startMs === window.startMs && held.count >= window.count)))
        return false;
      this.keep(key, window);
      return true;
    });
    this.scheduleAll();
    return kept;
  }

  all(): Promise<Bucket[]> {
    return Promise.resolve([...this.windows.values()]);
  }

  subscribe(everyMs: number, onWindows: (windows: readonly Bucket[]) => void): () => void {
    const subscriber: Subscriber = { everyMs, onWindows, waiting: new Map(), calledAtMs: Number.NEGATIVE_INFINITY, timer: undefined };
    this.subscribers.add(subscriber);
    return () => {
      subscriber.timer?.cancel();
      this.subscribers.delete(subscriber);
    };
  }

  private keep(key: string, window: Bucket): void {
    this.windows.set(key, window);
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

function keyOf({ household, device, field }: Bucket): string {
  return `${household}/${device}/${field}`;
}
