/** GET /api/v1/prices: what a kilowatt hour costs. */
import { z } from 'zod';
import { MS_PER_DAY } from '../../../../common/units.ts';
import { isoTime } from '../../../../common/iso-time.ts';
import { SITE_TIME_ZONE } from '../../analytics/local-time.ts';
import type { ApiRoute } from '../api-route.ts';
import type { PricesReply } from '../api-types.ts';
import { badParameters, readQuery, time } from '../query.ts';
import { askedRange } from '../range.ts';
import { pricesReply } from '../schemas/prices.ts';
import { stateCode } from '../schemas/states.ts';

const QUERY = z.object({ from: time.optional(), to: time.optional(), state: stateCode.optional() });

const INCLUDED =
  'one price for all times and places, set by dashboard.price_eur_per_kwh: per kWh, gross as a household pays it (procurement, grid, ' +
  'levies, taxes), without a base fee';

export const PRICES: ApiRoute = {
  path: '/api/v1/prices',
  operationId: 'listPrices',
  group: 'Places',
  summary: 'Prices of a range, and what they include',
  description: 'The last 24 h of the data when no range is given. The price is fixed: one slot, the same in every state.',
  query: QUERY,
  replies: { 'application/json': pricesReply },
  example: '/api/v1/prices?from=latest-24h',
  handler: (parts) => async (request, response) => {
    const { from: fromWord, to: toWord, state } = readQuery(request, QUERY);
    if (state !== undefined && !parts.stateNames.has(state))
      throw badParameters([{ parameter: 'state', detail: `is not a state: one of ${[...parts.stateNames.keys()].join(', ')}` }]);
    const { from = 0, to = 0 } = await askedRange(parts, {
      from: fromWord ?? { base: 'latest', offsetMs: -MS_PER_DAY },
      to: toWord ?? { base: 'latest', offsetMs: 0 },
    });
    const slot = { from: isoTime(from), to: isoTime(to), priceEurPerKwh: parts.settings.priceEurPerKwh, kind: 'fixed' as const };
    const reply: PricesReply = {
      currency: 'EUR',
      state: state ?? null,
      tz: SITE_TIME_ZONE,
      slots: to > from ? [slot] : [],
      included: INCLUDED,
    };
    response.json(reply);
  },
};
