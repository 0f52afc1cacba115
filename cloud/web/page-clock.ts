/** The page's one door to the browser's clock and timers, as common/clock.ts is for the servers. */

/** Milliseconds since the page was opened; never goes back. */
export function nowMs(): number {
  return performance.now();
}

/** Calls back every `ms`; returns the function that ends it. */
export function every(ms: number, callback: () => void): () => void {
  const handle = setInterval(callback, ms);
  return () => clearInterval(handle);
}

/** Calls back once after `ms`; returns the function that prevents it. */
export function after(ms: number, callback: () => void): () => void {
  const handle = setTimeout(callback, ms);
  return () => clearTimeout(handle);
}

/** What waits until the browser has nothing else to do waits no longer than that. */
const IDLE_WITHIN_MS = 1_000;

/** Not in every browser. */
interface IdleTimers {
  requestIdleCallback?: (callback: () => void, options: { timeout: number }) => number;
  cancelIdleCallback?: (handle: number) => void;
}

/** Calls back once, when the browser has nothing else to do; returns the function that prevents it. */
export function whenIdle(callback: () => void): () => void {
  const timers = globalThis as IdleTimers;
  if (timers.requestIdleCallback === undefined) return after(0, callback);
  const handle = timers.requestIdleCallback(callback, { timeout: IDLE_WITHIN_MS });
  return () => timers.cancelIdleCallback?.(handle);
}
