/** GET /api/v1/series: every bucket of a range, of up to a hundred series, as JSON, CSV or NDJSON with the same numbers. */
import type { Request, RequestHandler, Response } from 'express';
import { z } from 'zod';
import { MS_PER_DAY } from '../../../../common/units.ts';
import { isoTime } from '../../../../common/iso-time.ts';
import { SITE_TIME_ZONE } from '../../analytics/local-time.ts';
import type { ApiParts } from '../api-parts.ts';
import type { ApiRoute } from '../api-route.ts';
import { badParameters, oneOf, readQuery, time, timeZone } from '../query.ts';
import { askedRange, cacheControl, timeBases } from '../range.ts';
import { COLUMNS, SERIES_RESOLUTIONS, seriesReply, seriesRowsReply, STATS } from '../schemas/series.ts';
import { BUCKETS_READ_MAX } from '../read-sums.ts';
import {
  type AskedSeries,
  answerSeries,
  CELLS_MAX,
  type Column,
  POINTS_DEFAULT,
  POINTS_MAX,
  SERIES_BUCKETS_MAX,
  SERIES_MAX,
  type SeriesAnswer,
} from '../series-answer.ts';
import { parseSeriesRef, SERIES_REMEDY } from '../series-ref.ts';
import { SERIES_TYPES, type SeriesFormat, type SeriesHead, seriesText } from '../series-text.ts';
import type { TimeWord } from '../time-word.ts';

/** A hundred references with ids of 64 digits and names of devices. */
const REFERENCES_CHARACTERS_MAX = 20_000;
const COLUMN_OF: Readonly<Record<string, Column>> = { energy: 'energyKwh' };

const QUERY = z.object({
  series: z
    .string()
    .transform((text, context): AskedSeries[] => {
      const asked = text.split(',').map((its) => ({ text: its, ref: parseSeriesRef(its) }));
      const problem = countProblem(asked);
      if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
      for (const [i, { text: its, ref }] of asked.entries()) {
        if (ref !== undefined || problem !== undefined) continue;
        context.addIssue({
          code: 'custom',
          path: [i],
          message: `holds no series at ${JSON.stringify(its.slice(0, 80))}: ${SERIES_REMEDY}`,
        });
      }
      return asked as AskedSeries[];
    })
    .meta({
      description:
        `What to read, up to ${SERIES_MAX}, with commas between: HOUSEHOLD.FIELD (sum over its devices), HOUSEHOLD/DEVICE.FIELD, ` +
        'state:DE-BB.FIELD, all.FIELD',
      example: 'all.power',
    }),
  from: time.optional().meta({ ...time.meta(), description: `${String(time.meta()?.description)}. \`latest-24h\` when left out` }),
  to: time.optional().meta({ ...time.meta(), description: 'As `from`, not included. `latest` when left out', example: 'latest' }),
  tz: timeZone.optional(),
  resolution: oneOf(SERIES_RESOLUTIONS)
    .optional()
    .meta({
      description:
        'Width of the buckets; `raw` = windows. Up to 15m they follow UTC, longer ones the clocks of `tz`: days have 23, 24 or 25 hours, ' +
        `weeks begin on Monday. Up to ${SERIES_BUCKETS_MAX} buckets. Not together with \`points\``,
    }),
  points: z
    .string()
    .regex(/^\d{1,6}$/, `must be a whole number, 2 to ${POINTS_MAX}`)
    .transform(Number)
    .refine((points) => points >= 2 && points <= POINTS_MAX, `must be 2 to ${POINTS_MAX}`)
    .optional()
    .meta({ description: `The finest resolution with so many buckets or fewer is taken, ${POINTS_DEFAULT} when left out`, example: '500' }),
  stats: z
    .string()
    .transform((text, context): Column[] => {
      const names = text.split(',');
      const wrong = names.find((name) => !(STATS as readonly string[]).includes(name));
      if (wrong !== undefined)
        context.addIssue({ code: 'custom', message: `holds ${JSON.stringify(wrong.slice(0, 40))}: take of ${STATS.join(', ')}` });
      return COLUMNS.filter((column) => names.some((name) => (COLUMN_OF[name] ?? name) === column));
    })
    .optional()
    .meta({
      description: `Of ${STATS.join(', ')}, with commas between. \`mean,min,max,coverage\` when left out`,
      example: 'mean,coverage',
    }),
  unknown: oneOf(['refuse', 'null'])
    .optional()
    .meta({
      description:
        'What becomes of a series that is not stored. `refuse`, when left out: a problem whose `errors` name each, with its place in the ' +
        'list. `null`: its columns are null and its `members` 0, the others are answered, as a saved link wants it',
    }),
  layout: oneOf(['columns', 'rows'])
    .optional()
    .meta({
      description:
        '`columns`: one column per series and stat, one line per bucket (JSON unless told otherwise). `rows`: one row per bucket and ' +
        'series (CSV and NDJSON unless told otherwise)',
    }),
  format: oneOf(['json', 'csv', 'ndjson'])
    .optional()
    .meta({ description: 'When left out the header Accept tells: text/csv, application/x-ndjson, else JSON' }),
});

function countProblem(asked: readonly { text: string }[]): string | undefined {
  if (asked.length > SERIES_MAX) return `names ${asked.length} series, and one answer has no more than ${SERIES_MAX}`;
  return new Set(asked.map(({ text }) => text)).size < asked.length ? 'names a series twice: name it once' : undefined;
}

export const SERIES: ApiRoute = {
  path: '/api/v1/series',
  operationId: 'getSeries',
  group: 'Data',
  summary: 'Range query: every bucket of a range, also those without data',
  description:
    'Whole buckets that reach into from ≤ t < to. A bucket without data is null (an empty cell in CSV), never 0 and never left out. ' +
    'Numbers are rounded to 2 decimals (W, %) or 6 (kWh), coverage to 4, in every format alike; /api/v1/export has full precision. ' +
    'CSV has a line of names in English and no other line that is not data. ' +
    `One answer has no more than ${CELLS_MAX} numbers and reads no more than ${BUCKETS_READ_MAX} buckets of single households.`,
  query: QUERY,
  replies: {
    'application/json': z.union([seriesReply, seriesRowsReply]),
    'text/csv': null,
    'application/x-ndjson': null,
  },
  problems: [404, 410],
  example: '/api/v1/series?series=all.power&from=latest-24h&resolution=15m',
  handler: (parts) => seriesHandler(parts),
};

function seriesHandler(parts: ApiParts): RequestHandler {
  return async (request, response) => {
    const query = readQuery(request, QUERY, REFERENCES_CHARACTERS_MAX);
    const { series, tz = SITE_TIME_ZONE, resolution, points, stats = DEFAULT_COLUMNS, unknown, layout } = query;
    const format = query.format ?? acceptedFormat(request, response);
    if (resolution !== undefined && points !== undefined)
      throw badParameters([{ parameter: 'points', detail: 'is given beside resolution, which says it already: give one of the two' }]);
    const from: TimeWord = query.from ?? { base: 'latest', offsetMs: -MS_PER_DAY };
    const to: TimeWord = query.to ?? { base: 'latest', offsetMs: 0 };
    const { from: fromMs = 0, to: toMs = 0 } = await askedRange(parts, { from, to });
    const signal = goneSignal(response);
    const asked = { series, fromMs, toMs, timeZone: tz, resolution, points, columns: stats, unknown, signal };
    const answer = await answerSeries(parts, asked).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
    if (answer === undefined) return;
    const head = headOf(parts, answer, { tz, fromMs, toMs });
    const { latestMs } = await timeBases(parts);
    response.set('Cache-Control', cacheControl(from.base === 'fixed' && to.base === 'fixed', toMs, latestMs));
    if (format !== 'json') response.attachment(fileName(head, format));
    response.type(SERIES_TYPES[format]);
    response.send(await seriesText(answer, head, { format, layout: layout ?? (format === 'json' ? 'columns' : 'rows') }));
  };
}

/** By the header Accept, which a link can't set; JSON for who takes anything. */
function acceptedFormat(request: Request, response: Response): SeriesFormat {
  response.vary('Accept');
  const type = request.accepts(['application/json', 'text/csv', 'application/x-ndjson']);
  return type === 'text/csv' ? 'csv' : type === 'application/x-ndjson' ? 'ndjson' : 'json';
}

const DEFAULT_COLUMNS: Column[] = ['mean', 'min', 'max', 'coverage'];

/** Aborts when the client goes before it was answered: nobody reads on for it. */
function goneSignal(response: Response): AbortSignal {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  return gone.signal;
}

function headOf(parts: ApiParts, { edges, resolution }: SeriesAnswer, asked: { tz: string; fromMs: number; toMs: number }): SeriesHead {
  const { settings } = parts;
  return {
    from: isoTime(edges[0] ?? asked.fromMs),
    to: isoTime(edges.at(-1) ?? asked.toMs),
    tz: asked.tz,
    resolution,
    windowSeconds: settings.windowMs / 1_000,
    dataLabel: settings.dataLabel,
  };
}

/** Names the range, so that two files in one folder are told apart. */
function fileName({ from, to, resolution }: SeriesHead, format: string): string {
  const short = (text: string) => text.replace(/\.000Z$/, 'Z').replaceAll(/[-:]/g, '');
  return `fogline-series-${short(from)}-${short(to)}-${resolution}.${format}`;
}
