/** All households, taken in as many pages of the API as they have. */
import type { HouseholdReply, HouseholdsReply } from '../../../server/api/api-types.ts';
import { getJson } from '../../data/request.ts';
import { useBeat } from '../../data/use-fresh.ts';
import { type Data, useData } from '../../data/use-data.ts';

/** Rows of one answer: the API gives up to ten times as many. */
const ROWS_AT_ONCE = 1_000;
/** Of so many the figures are asked for often, of more seldom: each time they come over the wire again. */
const OFTEN_MAX = 1_000;
const OFTEN_MS = 10_000;
const SELDOM_MS = 60_000;

export function useHouseholds(): Data<readonly HouseholdReply[]> {
  const often = useBeat(true, OFTEN_MS);
  const isMany = counted.households > OFTEN_MAX;
  const beat = isMany ? Math.floor((often * OFTEN_MS) / SELDOM_MS) : often;
  return useData(`households ${beat}`, askAll, true);
}

/** How many there were the last time. */
const counted = { households: 0 };

async function askAll(signal: AbortSignal): Promise<readonly HouseholdReply[]> {
  const all: HouseholdReply[] = [];
  let cursor: string | null = null;
  do {
    const query = new URLSearchParams({ limit: String(ROWS_AT_ONCE), ...(cursor === null ? {} : { cursor }) });
    const reply: HouseholdsReply = await getJson(`/api/v1/households?${query}`, signal);
    all.push(...reply.households);
    cursor = reply.nextCursor;
  } while (cursor !== null);
  counted.households = all.length;
  return all;
}
