/** What there is: the entry of the API. */
import { z } from 'zod';
import { dataLabel, isoTimeText, zoneName } from './time.ts';

/** GET /api/v1 */
export const metaReply = z
  .object({
    name: z.literal('fogline'),
    version: z.string(),
    links: z.array(
      z
        .object({ rel: z.string(), href: z.string().meta({ description: 'Path; {…} is to be filled in' }), summary: z.string() })
        .meta({ id: 'ApiLink' }),
    ),
    firstAt: isoTimeText.nullable().meta({ description: 'Start of the first window stored' }),
    newestAt: isoTimeText.nullable().meta({ description: 'End of the newest window stored: what `latest` means in `from` and `to`' }),
    nowAt: isoTimeText.meta({ description: 'Wall clock of the cloud: what `now` means' }),
    simulatedSpeed: z
      .number()
      .nullable()
      .meta({ description: 'Event time that passes in a second of wall time, over the last minute; null while it is not known' }),
    dataLabel,
    tz: zoneName,
    windowSeconds: z.number(),
    households: z.int(),
    fields: z.array(z.string()),
    kept: z
      .array(
        z
          .object({ bucketSeconds: z.number(), from: isoTimeText.nullable().meta({ description: 'Null when none was forgotten' }) })
          .meta({ id: 'Kept' }),
      )
      .meta({ description: 'What is kept: windows first, then buckets of each length, and since when' }),
    priceEurPerKwh: z.number(),
  })
  .meta({ id: 'MetaReply' });
