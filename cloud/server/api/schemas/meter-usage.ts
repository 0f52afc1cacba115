/** GET /meter-usage: the shape that clients of the earlier consumption server read. */
import { z } from 'zod';

export const meterUsageReply = z
  .object({
    data: z.array(
      z.object({
        timestamp: z.int().meta({ description: 'Begin of the quarter of an hour, Unix time in s UTC', example: 1546398000 }),
        value: z.number().nullable().meta({ description: 'Mean power, W; null where there is no reading', example: 58.68 }),
      }),
    ),
  })
  .meta({ id: 'MeterUsage' });
