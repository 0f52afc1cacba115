/** Range queries: every bucket of a range, of up to a hundred series. */
import { z } from 'zod';
import { unit } from './households.ts';
import { dataLabel, isoTimeText, zoneName } from './time.ts';

/** `raw` = windows. */
export const SERIES_RESOLUTIONS = ['raw', '10s', '1m', '5m', '15m', '30m', '1h', '3h', '6h', '1d', '1w', '1M', '1y'] as const;
/** What may be asked of each bucket; `energy` is the column `energyKwh`. */
export const STATS = ['mean', 'min', 'max', 'last', 'sum', 'count', 'energy', 'coverage', 'households'] as const;
/** Names of the columns, in the order in which they are written. */
export const COLUMNS = ['mean', 'min', 'max', 'last', 'sum', 'count', 'energyKwh', 'coverage', 'households'] as const;

const column = z.array(z.number().nullable());

export const seriesColumns = z
  .object({
    mean: column.optional().meta({
      description:
        'Weighted by time: the sum of the window means divided by the windows. Of several series the mean of their sum: all window means ' +
        'by the windows of the one that has most. Nothing stands in for what is missing: see `coverage` and `households`',
    }),
    min: column.optional().meta({
      description: 'Least single reading. Null throughout for a sum of several series coarser than raw: it cannot be known',
    }),
    max: column.optional().meta({ description: 'Greatest single reading; null as `min`' }),
    last: column.optional().meta({ description: 'Last reading; null as `min`' }),
    sum: column.optional().meta({ description: 'Sum of the window means' }),
    count: column.optional().meta({ description: 'Readings' }),
    energyKwh: column.optional().meta({ description: 'Of fields in W: mean × length of the windows that are there. Null for other units' }),
    coverage: column.optional().meta({
      description: "Share of the bucket's windows that are there, 0 to 1; 0 where there is no data, null where nobody measures the field",
    }),
    households: column.optional().meta({
      description: 'How many of its households have data in the bucket; less than `households` of the series: the sum lacks some',
    }),
  })
  .meta({ id: 'SeriesColumns', description: 'One number or null for each of `starts`; only the columns that were asked for' });

const SERIES = {
  series: z.string().meta({ description: 'The reference as it was asked for', example: 'home-01.power' }),
  household: z.string().nullable().meta({ description: 'Null for a state and for all' }),
  device: z.string().nullable().meta({ description: 'Null for a sum over devices' }),
  state: z.string().nullable().meta({ description: 'Only for `state:CODE.FIELD`' }),
  field: z.string(),
  unit,
  members: z.int().meta({ description: 'Series of single devices that it is made of' }),
  households: z.int().meta({ description: 'Households that it is made of' }),
};

const RANGE = {
  from: isoTimeText.meta({ description: 'Begin of the first bucket' }),
  to: isoTimeText.meta({ description: 'End of the last bucket' }),
  tz: zoneName,
  resolution: z.enum(SERIES_RESOLUTIONS),
  windowSeconds: z.number(),
  dataLabel,
};

export const seriesOfReply = z.object({ ...SERIES, columns: seriesColumns }).meta({ id: 'Series' });

/** GET /api/v1/series, layout=columns (default) */
export const seriesReply = z
  .object({
    ...RANGE,
    starts: z.array(isoTimeText).meta({ description: 'Start of every bucket of the range, also of those without data' }),
    series: z.array(seriesOfReply),
  })
  .meta({ id: 'SeriesReply' });

const cell = z.number().nullable().optional();

export const seriesRow = z
  .object({
    start: isoTimeText,
    series: z.string(),
    mean: cell,
    min: cell,
    max: cell,
    last: cell,
    sum: cell,
    count: cell,
    energyKwh: cell,
    coverage: cell,
    households: cell,
  })
  .meta({ id: 'SeriesRow', description: 'One bucket of one series; a line of NDJSON is one of these' });

/** GET /api/v1/series, layout=rows */
export const seriesRowsReply = z
  .object({ ...RANGE, series: z.array(z.object(SERIES).meta({ id: 'SeriesHead' })), rows: z.array(seriesRow) })
  .meta({ id: 'SeriesRowsReply' });
