/** Times as the API writes them. */
import { z } from 'zod';

/** Every time of a reply. */
export const isoTimeText = z.iso.datetime().meta({ description: 'ISO-8601 in UTC, with Z', example: '2019-12-24T06:00:00.000Z' });

/** Zone in which days, weeks and months of a reply begin. */
export const zoneName = z
  .string()
  .meta({ description: 'Time zone (IANA) in which days, weeks and months begin', example: 'Europe/Berlin' });

export const dataLabel = z.string().meta({ description: 'Label of the data, e.g. "synthetic"; empty when none', example: 'synthetic' });

export const nextCursor = z.string().nullable().meta({
  description: 'Give it back as `cursor` for the next page; null at the end. The header `Link` has the whole address as rel="next"',
});
