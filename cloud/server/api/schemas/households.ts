/** Households, their devices and fields. */
import { z } from 'zod';
import { stateCode } from './states.ts';
import { dataLabel, isoTimeText, nextCursor } from './time.ts';

export const householdId = z.string().meta({ description: 'Id of a household: up to 128 of A-Z a-z 0-9 _ -', example: 'home-01' });
export const deviceName = z.string().meta({ description: 'Name of a device, unique in its household', example: 'meter' });
export const fieldName = z.string().meta({ description: 'Name of a measurement', example: 'power' });
export const unit = z.string().meta({ description: 'Unit of the values: W, kWh or %; empty when it is not known', example: 'W' });

export const household = z
  .object({
    household: householdId,
    postalCode: z.string(),
    postalCodeFrom: z.enum(['file', 'drawn']).meta({ description: 'Read from households.json, or drawn: then the place is not real' }),
    state: stateCode,
    edge: z.string().nullable().meta({ description: 'The edge that owns it now; null when none does' }),
    firstAt: isoTimeText.nullable().meta({ description: 'Event time of its first reading' }),
    lastAt: isoTimeText.nullable().meta({ description: 'Event time of its newest reading that is stored' }),
    readings: z.int(),
    declaredMissing: z.int().meta({ description: 'Readings declared missing' }),
    intervalSeconds: z.number().meta({ description: 'What usually lies between two of its readings, the window where they come oftener' }),
    windowsMissing: z.number().nullable().meta({
      description: 'Windows expected and not there, one for each of its intervals; null when nothing is expected of it',
    }),
    powerW: z.number().nullable().meta({ description: 'Newest window mean of `power`, all devices of the household added' }),
    powerAt: isoTimeText
      .nullable()
      .meta({ description: 'End of that window. Later than `lastAt` while a backlog drains: it is shown before it is stored' }),
  })
  .meta({ id: 'Household' });

/** GET /api/v1/households?state&limit&cursor, in order of household. */
export const householdsReply = z.object({ households: z.array(household), nextCursor, dataLabel }).meta({ id: 'HouseholdsReply' });

/** GET /api/v1/households/:id */
export const householdDetailReply = z
  .object({
    household,
    edge: z.string().nullable().meta({ description: 'The edge that owns it now' }),
    stateName: z.string(),
    dataLabel,
  })
  .meta({ id: 'HouseholdDetailReply' });

export const deviceField = z
  .object({
    field: fieldName,
    unit,
    series: z.string().meta({ description: 'Reference for /api/v1/series', example: 'home-01/meter.power' }),
    firstAt: isoTimeText.nullable().meta({ description: 'Start of its first window' }),
    lastAt: isoTimeText.nullable().meta({ description: 'Start of its newest window' }),
  })
  .meta({ id: 'DeviceField' });

/** GET /api/v1/households/:id/devices */
export const devicesReply = z
  .object({
    household: householdId,
    intervalSeconds: z.number().meta({
      description:
        'What usually lies between two of its readings, the window where they come oftener. A line of a chart may cross three of it; ' +
        'what is longer is a gap',
      example: 900,
    }),
    devices: z.array(z.object({ device: deviceName, fields: z.array(deviceField) }).meta({ id: 'Device' })),
    dataLabel,
  })
  .meta({ id: 'DevicesReply' });
