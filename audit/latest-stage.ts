/** What a running cloud server shows as the newest power of each household: the last stage, after the store. */
import { bearer, TOKEN_REMEDY } from '../common/bearer.ts';
import { systemClock } from '../common/clock.ts';
import { ConfigError, OperatingError } from '../common/errors.ts';

/** For the whole list. A cloud server that takes longer is taken as none. */
const DEADLINE_MS = 10_000;
const PAGE_ROWS = 1_000;
/** More pages are no list of households. */
const PAGES_MAX = 10_000;

/** Of one household. */
export interface Shown {
  powerW: number | null;
  /** End of the window that it is of; null before the first, and from a cloud server that does not say. */
  atMs: number | null;
}

interface Page {
  households: { household: string; powerW: number | null; powerAt?: string | null }[];
  nextCursor: string | null;
}

/**
 * @throws OperatingError CLOUD_UNREACHABLE; ConfigError when the cloud demands a token
 * @param token dashboard.token, empty for none
 */
export async function readLatest(url: string, token: string): Promise<Map<string, Shown>> {
  const shown = new Map<string, Shown>();
  let cursor: string | null = null;
  const giveUp = new AbortController();
  const timer = systemClock.timer('list of households', DEADLINE_MS, () => giveUp.abort());
  try {
    for (let page = 0; page < PAGES_MAX; page++) {
      const address = new URL('/api/v1/households', url);
      address.searchParams.set('limit', String(PAGE_ROWS));
      if (cursor !== null) address.searchParams.set('cursor', cursor);
      const response = await fetch(address, { signal: giveUp.signal, headers: bearer(token) });
      if (response.status === 401) throw new ConfigError(`${url} demands a token`, TOKEN_REMEDY);
      if (!response.ok) throw new Error(`status ${response.status}`);
      const { households, nextCursor } = (await response.json()) as Page;
      for (const { household, powerW, powerAt } of households)
        shown.set(household, { powerW, atMs: typeof powerAt === 'string' ? Date.parse(powerAt) : null });
      if (nextCursor === null) break;
      cursor = nextCursor;
    }
    return shown;
  } catch (cause) {
    if (cause instanceof ConfigError) throw cause;
    throw new OperatingError('CLOUD_UNREACHABLE', `no list of households from ${url}: ${(cause as Error).message}`, {
      retryable: true,
      hint: 'is the cloud server running there? Without --url the store alone is compared',
      cause,
    });
  } finally {
    timer.cancel();
  }
}
