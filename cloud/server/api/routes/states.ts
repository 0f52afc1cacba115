/** GET /api/v1/states: the 16 states. */
import type { RequestHandler } from 'express';
import { z } from 'zod';
import { isoTime } from '../../../../common/iso-time.ts';
import type { ApiParts } from '../api-parts.ts';
import type { StatesReply } from '../api-types.ts';
import { EXTRAPOLATION } from '../figures.ts';
import { readQuery } from '../query.ts';

const QUERY = z.object({});

export function statesRoute({ overview, settings }: ApiParts): RequestHandler {
  return async (request, response) => {
    readQuery(request, QUERY);
    const { states, total } = await overview.current();
    const reply: StatesReply = {
      states: [...states],
      priceEurPerKwh: settings.priceEurPerKwh,
      extrapolation: EXTRAPOLATION,
      dataLabel: settings.dataLabel,
      newestAt: total.newestMs === null ? null : isoTime(total.newestMs),
    };
    response.json(reply);
  };
}
