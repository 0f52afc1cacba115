/** The newest window of each series, in memory of one process or shared (Redis). Never on the ack path. */
import type { Bucket } from './series-store.ts';

export interface Latest {
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Keeps a window unless a later one of the same series is held. Never throws and never delays the caller. */
  put(windows: readonly Bucket[]): void;
  /** As put, for windows that are not stored yet: one of the same start replaces the one held only when it has more readings. */
  putNewer(windows: readonly Bucket[]): void;
  all(): Promise<Bucket[]>;
  /** Calls back with what `put` accepted, at most every `everyMs`; returns the function that ends it. */
  subscribe(everyMs: number, onWindows: (windows: readonly Bucket[]) => void): () => void;
}
