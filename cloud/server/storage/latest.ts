/** The newest window of each series, in memory of one process or shared (Redis). Never on the ack path. */
import type { Bucket } from './series-store.ts';

/** What is not stored has no other limit: ten devices of six fields. */
export const AHEAD_SERIES_MAX = 64;
/** A device that shows nothing new for so long is not current either. */
export const AHEAD_KEPT_MS = 600_000;

/** A window that is not stored yet, and whose it is. */
export interface AheadWindow {
  window: Bucket;
  src: string;
}

export type SharedState = 'off' | 'up' | 'down';

export interface Latest {
  start(): Promise<void>;
  stop(): Promise<void>;
  /**
   * Stored windows: keeps one unless a later one of the same series is held. One that was shown ahead and of which nothing came
   * for AHEAD_KEPT_MS gives way. Never throws and never delays the caller.
   */
  put(windows: readonly Bucket[]): void;
  /**
   * Windows that are not stored yet, as put. Where the one held was shown ahead too, and is of the same source, the newer word holds
   * whatever its start: a wrong one does not stay.
   * @returns how many series were left out: nothing of them was ever stored, and the household has AHEAD_SERIES_MAX of such
   */
  show(windows: readonly AheadWindow[]): { series: number };
  all(): Promise<Bucket[]>;
  /** Whether other processes are told: `off` where it is in this memory alone, `down` while the shared copy is not whole. */
  shared(): SharedState;
  /** Calls back with what was accepted, at most every `everyMs`; returns the function that ends it. */
  subscribe(everyMs: number, onWindows: (windows: readonly Bucket[]) => void): () => void;
}
