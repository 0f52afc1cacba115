/** Windows or buckets of one household that are there. */
import { z } from 'zod';
import { deviceName, fieldName } from './households.ts';
import { dataLabel, isoTimeText, nextCursor } from './time.ts';

export const windowRow = z
  .object({
    device: deviceName,
    field: fieldName,
    windowStart: isoTimeText,
    mean: z.number(),
    min: z.number(),
    max: z.number(),
    last: z.number(),
    count: z.int().meta({ description: 'Readings' }),
  })
  .meta({ id: 'Window' });

/** GET /api/v1/households/:id/windows?field&from&to&resolution&limit&cursor, in order of device, field, start. */
export const windowsReply = z.object({ windows: z.array(windowRow), nextCursor, dataLabel }).meta({ id: 'WindowsReply' });
