/** fogline.v1.HouseholdService: who reports. */
import { windowStartMs } from '../../../common/units.ts';
import type { ApiParts } from '../api/api-parts.ts';
import { badParameters } from '../api/query.ts';

interface HouseholdMessage {
  household: string;
  postalCode: string;
  state: string;
  firstMs?: number;
  lastMs?: number;
  readings: number;
  powerW?: number;
}

export async function* listHouseholds(parts: ApiParts, { state }: { state?: string }): AsyncGenerator<HouseholdMessage> {
  const { overview, stateNames } = parts;
  const { windowMs } = parts.settings;
  if (state !== undefined && !stateNames.has(state))
    throw badParameters([{ parameter: 'state', detail: `is not a state: one of ${[...stateNames.keys()].join(', ')}` }]);
  const { households, powers } = await overview.current();
  for (const row of households.values()) {
    if (state !== undefined && row.state !== state) continue;
    const { household, postalCode, firstMs, lastMs, readings } = row;
    const power = powers.get(household);
    yield {
      household,
      postalCode,
      state: row.state,
      readings,
      ...(firstMs === null ? {} : { firstMs: windowStartMs(firstMs, windowMs) }),
      ...(lastMs === null ? {} : { lastMs: windowStartMs(lastMs, windowMs) }),
      ...(power === undefined ? {} : { powerW: power.powerW }),
    };
  }
}
