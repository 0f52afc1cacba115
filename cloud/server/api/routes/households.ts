/** GET /api/v1/households: who reports, in pages. */
import type { RequestHandler } from 'express';
import { z } from 'zod';
import { isoTime } from '../../../../common/iso-time.ts';
import type { HouseholdRow } from '../../storage/series-store.ts';
import type { ApiParts } from '../api-parts.ts';
import type { HouseholdReply, HouseholdsReply } from '../api-types.ts';
import type { HouseholdPower } from '../figures.ts';
import { cursorOf, encodeCursor, id, LIMIT_DEFAULT, limit, readQuery } from '../query.ts';

export function householdsRoute({ overview, watch, settings, stateNames }: ApiParts): RequestHandler {
  const query = z.object({
    state: z
      .string()
      .refine((state) => stateNames.has(state), `is not a state: one of ${[...stateNames.keys()].join(', ')}`)
      .optional(),
    limit: limit.optional(),
    cursor: cursorOf(id).optional(),
  });
  return async (request, response) => {
    const { state, limit: rowsMax = LIMIT_DEFAULT, cursor } = readQuery(request, query);
    const { households, powers } = await overview.current();
    const page: HouseholdRow[] = [];
    for (const row of households.values()) {
      if (cursor !== undefined && row.household <= cursor) continue;
      if (state !== undefined && row.state !== state) continue;
      page.push(row);
      if (page.length > rowsMax) break;
    }
    const shown = page.slice(0, rowsMax);
    const reply: HouseholdsReply = {
      households: shown.map((row) => householdReply(row, powers.get(row.household), watch.missingOf(row.household), settings.windowMs)),
      nextCursor: page.length > rowsMax ? encodeCursor(shown.at(-1)?.household) : null,
      dataLabel: settings.dataLabel,
    };
    response.json(reply);
  };
}

function householdReply(
  row: HouseholdRow,
  power: HouseholdPower | undefined,
  windowsMissing: number | null,
  windowMs: number,
): HouseholdReply {
  return {
    household: row.household,
    postalCode: row.postalCode,
    postalCodeFrom: row.postalCodeFrom,
    state: row.state,
    firstAt: row.firstMs === null ? null : isoTime(row.firstMs),
    lastAt: row.lastMs === null ? null : isoTime(row.lastMs),
    readings: row.readings,
    declaredMissing: row.declared,
    windowsMissing,
    powerW: power?.powerW ?? null,
    powerAt: power === undefined ? null : isoTime(power.startMs + windowMs),
  };
}
