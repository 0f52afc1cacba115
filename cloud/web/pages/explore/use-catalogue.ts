/** What can be chosen, asked for when the reader looks for something; devices of the households that are being typed. */
import { useEffect, useState } from 'preact/hooks';
import type { DevicesReply, HouseholdsReply, MetaReply, StatesReply } from '../../../server/api/api-types.ts';
import { getJson } from '../../data/request.ts';
import { useData } from '../../data/use-data.ts';
import { type Catalogue, NO_CATALOGUE, openedHouseholds } from './catalogue.ts';

/** One page of the list of households is as long as the API allows; beyond ten of them the search would be a burden to the browser. */
const HOUSEHOLDS_PER_PAGE = 1_000;
const PAGES_MAX = 10;

export interface KnownCatalogue {
  catalogue: Catalogue;
  isLoading: boolean;
  failure: string | undefined;
}

/** @param text what the reader types */
export function useCatalogue(isWanted: boolean, text: string): KnownCatalogue {
  const { value = NO_CATALOGUE, isLoading, failure } = useData(isWanted ? 'catalogue' : null, askCatalogue, true);
  const [devices, setDevices] = useState<ReadonlyMap<string, readonly string[]>>(new Map());
  const missing = isWanted ? openedHouseholds(value, text).filter((household) => !devices.has(household)) : [];
  const key = missing.join(',');
  useEffect(() => {
    if (key === '') return undefined;
    const given = new AbortController();
    Promise.all(missing.map(async (household) => [household, await askDevices(household, given.signal)] as const)).then(
      (found) => setDevices((before) => new Map([...before, ...found])),
      () => {
        // Without them the household's sums are still there to choose.
      },
    );
    return () => given.abort();
  }, [key]);
  return { catalogue: { ...value, devices }, isLoading, failure: failure?.message };
}

async function askCatalogue(signal: AbortSignal): Promise<Catalogue> {
  const [{ fields }, { states }, households] = await Promise.all([
    getJson<MetaReply>('/api/v1', signal),
    getJson<StatesReply>('/api/v1/states', signal),
    askHouseholds(signal),
  ]);
  const inhabited = states.filter((row) => row.households > 0);
  return { fields, households, states: inhabited.map(({ state }) => state), devices: new Map() };
}

async function askHouseholds(signal: AbortSignal): Promise<Catalogue['households']> {
  const found: { household: string; state: string }[] = [];
  let cursor: string | null = null;
  for (let page = 0; page < PAGES_MAX; page++) {
    const from: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    const reply: HouseholdsReply = await getJson<HouseholdsReply>(`/api/v1/households?limit=${HOUSEHOLDS_PER_PAGE}${from}`, signal);
    found.push(...reply.households.map(({ household, state }) => ({ household, state })));
    cursor = reply.nextCursor;
    if (cursor === null) break;
  }
  return found;
}

async function askDevices(household: string, signal: AbortSignal): Promise<readonly string[]> {
  const { devices } = await getJson<DevicesReply>(`/api/v1/households/${encodeURIComponent(household)}/devices`, signal);
  return devices.flatMap(({ fields }) => fields.map(({ series }) => series));
}
