/** What a kilowatt hour costs. */
import { z } from 'zod';
import { stateCode } from './states.ts';
import { isoTimeText, zoneName } from './time.ts';

/** GET /api/v1/prices?from&to&state */
export const pricesReply = z
  .object({
    currency: z.literal('EUR'),
    state: stateCode.nullable().meta({ description: 'Null when none was asked for' }),
    tz: zoneName,
    slots: z.array(
      z
        .object({ from: isoTimeText, to: isoTimeText, priceEurPerKwh: z.number(), kind: z.enum(['fixed']) })
        .meta({ id: 'PriceSlot', description: 'One price from `from` until before `to`' }),
    ),
    included: z.string().meta({ description: 'What the price is made of, in words' }),
  })
  .meta({ id: 'PricesReply' });
