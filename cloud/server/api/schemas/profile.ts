/** What the power of one household looks like over a range. */
import { z } from 'zod';
import { fieldName, householdId } from './households.ts';
import { dataLabel, isoTimeText, zoneName } from './time.ts';

const watt = z.number().nullable();

/** GET /api/v1/households/:id/profile?field&from&to&tz */
export const profileReply = z
  .object({
    household: householdId,
    field: fieldName,
    from: isoTimeText,
    to: isoTimeText,
    tz: zoneName,
    energyKwh: z.number().nullable().meta({ description: 'Of the windows that are there; null without any' }),
    meanW: watt,
    minW: watt.meta({ description: 'Least single reading; null for a sum of several devices' }),
    maxW: watt.meta({ description: 'Greatest single reading; null for a sum of several devices' }),
    maxAt: isoTimeText.nullable().meta({ description: 'Start of the quarter of an hour with the greatest reading' }),
    peakW: watt.meta({ description: 'Greatest mean of a quarter of an hour' }),
    peakAt: isoTimeText.nullable().meta({ description: 'Start of that quarter' }),
    baseLoadW: watt.meta({ description: 'What the quarter-hour means exceed in 95 % of the time that is covered' }),
    coverage: z.number().min(0).max(1).meta({ description: "Share of the range's windows that are there" }),
    quarters: z.int().meta({ description: 'Quarters of an hour that load duration, base load and peak are made of' }),
    loadDuration: z.array(z.object({ percent: z.number().min(0).max(100), w: z.number() }).meta({ id: 'LoadDurationPoint' })).meta({
      description: 'Quarter-hour mean that is reached or exceeded in so many percent of the covered time, 0 to 100; empty without data',
    }),
    hourByDay: z
      .array(z.array(watt).min(24).max(24))
      .min(7)
      .max(7)
      .meta({ description: 'Mean power by weekday (Monday first) and local hour; null where there is no data' }),
    hours: z.number().meta({ description: 'Hours of windows that are there, of one device' }),
    gapCount: z.int().meta({ description: 'Gaps that reach into the range, all devices' }),
    gapSeconds: z.number().meta({ description: 'Their length inside the range' }),
    dataLabel,
  })
  .meta({ id: 'ProfileReply' });
