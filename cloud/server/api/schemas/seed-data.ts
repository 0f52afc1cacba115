/** GET /api/data: the shape that older clients of the dashboard read. */
import { z } from 'zod';

export const seedDataRow = z
  .object({ cityName: z.string(), cost: z.number(), key: z.string(), powerAverage: z.number() })
  .meta({ id: 'SeedDataRow', description: 'One household: name of its state, EUR of a year at its power now, id, power now in W' });
