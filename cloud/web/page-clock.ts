/** The page's one door to the browser's clock and timers, as common/clock.ts is for the servers. */

/** Milliseconds since the page was opened; never goes back. */
export function nowMs(): number {
  return performance.now();
}

/** Calls back every `ms` for as long as the page is open. */
export function every(ms: number, callback: () => void): void {
  setInterval(callback, ms);
}

/** Calls back once after `ms`; returns the function that prevents it. */
export function after(ms: number, callback: () => void): () => void {
  const handle = setTimeout(callback, ms);
  return () => clearTimeout(handle);
}
