/** Waits for what happens in another process or another turn of the event loop. */
import assert from 'node:assert/strict';
import { systemClock } from '../../common/clock.ts';

/** On a busy machine everything takes long; nothing is told from it but that it never came. */
const PATIENT_MS = 120_000;
/** A look may be a process of its own: what is not there soon is looked for less often. */
const LOOK_AGAIN_MS = { first: 5, most: 250 };

export interface UntilOptions {
  withinMs?: number;
  /** Said with the failure, for example what the process has printed. */
  more?: () => string;
}

/**
 * Looks until there is something to see.
 * @returns the first answer that is neither undefined nor false
 * @throws AssertionError when it never comes; whatever `look` throws, at once
 */
export async function until<T>(
  look: () => T | Promise<T>,
  what = String(look),
  { withinMs = PATIENT_MS, more = () => '' }: UntilOptions = {},
): Promise<Exclude<T, undefined | false>> {
  const endMs = systemClock.monotonicMs() + withinMs;
  for (let waitMs = LOOK_AGAIN_MS.first; ; waitMs = Math.min(2 * waitMs, LOOK_AGAIN_MS.most)) {
    const found = await look();
    if (found !== undefined && found !== false) return found as Exclude<T, undefined | false>;
    assert.ok(systemClock.monotonicMs() < endMs, `waited in vain for ${what} ${more()}`);
    await systemClock.sleep(waitMs);
  }
}
