/** The 16 states. */
import { z } from 'zod';
import { dataLabel, isoTimeText, zoneName } from './time.ts';

export const stateCode = z
  .string()
  .regex(/^DE-[A-Z]{2}$/)
  .meta({ description: 'ISO 3166-2', example: 'DE-BB' });

const watt = z.number().nullable();

export const stateRow = z
  .object({
    state: stateCode,
    name: z.string().meta({ example: 'Brandenburg' }),
    households: z.int().meta({ description: 'Households known in the state' }),
    drawn: z
      .int()
      .meta({ description: 'Of these, those whose postal code was drawn and not read from households.json: their place is not real' }),
    reporting: z.int().meta({ description: 'Households with at least one power window: the figures are made of these' }),
    meanW: z
      .number()
      .nullable()
      .meta({ description: "Mean of the reporting households' mean power. Null where no household reports; never 0 for nobody" }),
    annualKwh: z
      .number()
      .nullable()
      .meta({ description: "A typical household's year: mean W × 8.76 of each reporting household, divided by their number" }),
    annualEur: z.number().nullable(),
    coveredHours: z.number().meta({ description: 'Hours of windows the mean is made of, averaged over the reporting households' }),
    rough: z.boolean().meta({ description: 'True below one hour of data: show "~"' }),
  })
  .meta({ id: 'State', description: 'One of the 16 states, also those without a household' });

/** GET /api/v1/states */
export const statesReply = z
  .object({
    states: z.array(stateRow),
    priceEurPerKwh: z.number(),
    extrapolation: z.string().meta({ description: 'How the annual figures are made, in words' }),
    from: isoTimeText.nullable().meta({ description: 'Begin of the range the figures are made of; null = all windows there are' }),
    to: isoTimeText.nullable().meta({ description: 'End of the range; null = all windows there are' }),
    dataLabel,
    newestAt: isoTimeText.nullable().meta({ description: "Event time of the newest window's end, null before the first window" }),
  })
  .meta({ id: 'StatesReply' });

/** GET /api/v1/states/:code: the row, the hours of its range and its households. */
export const stateDetailReply = z
  .object({
    state: stateRow,
    households: z
      .array(z.string())
      .meta({ description: 'Ids of the households of the state, in order, the first 1,000 of `state.households`' }),
    from: isoTimeText.nullable(),
    to: isoTimeText.nullable(),
    tz: zoneName,
    hourOfDay: z
      .array(
        z
          .object({
            hour: z.int().min(0).max(23),
            weekdayMeanW: watt,
            weekdayMinW: watt.meta({ description: 'Least mean of a single such hour' }),
            weekdayMaxW: watt.meta({ description: 'Greatest mean of a single such hour' }),
            weekendMeanW: watt,
            weekendMinW: watt,
            weekendMaxW: watt,
          })
          .meta({ id: 'HourOfDay', description: 'Mean power of the state in one local hour, Monday to Friday and Saturday with Sunday' }),
      )
      .meta({ description: '24 rows; the sum over the households that have data in each hour' }),
    energyKwh: z.number().nullable().meta({ description: 'Of all its households in the range, of the windows that are there' }),
    coverage: z.number().min(0).max(1).nullable().meta({ description: 'Share of the windows of the range that are there' }),
    priceEurPerKwh: z.number(),
    extrapolation: z.string(),
    dataLabel,
  })
  .meta({ id: 'StateDetailReply' });
