/** fogline.v1.SeriesService/ReadSeries: what GET /api/v1/series answers, in messages instead of one body, and of any length. */
import { MS_PER_DAY } from '../../../common/units.ts';
import type { ApiParts } from '../api/api-parts.ts';
import { badParameters, isTimeZone } from '../api/query.ts';
import { askedRange } from '../api/range.ts';
import { COLUMNS, SERIES_RESOLUTIONS } from '../api/schemas/series.ts';
import { type AskedSeries, type Column, POINTS_MAX, SERIES_MAX, type SeriesAnswer } from '../api/series-answer.ts';
import { parseSeriesRef, SERIES_REMEDY } from '../api/series-ref.ts';
import { seriesSlices } from '../api/series-slices.ts';
import { parseTimeWord, type TimeWord } from '../api/time-word.ts';

export interface ReadSeriesRequest {
  series: readonly string[];
  from: string;
  to: string;
  tz: string;
  resolution?: string;
  points?: number;
}

type SeriesMessage = Partial<Record<Column, number>> & { series: string; unit: string; startMs: number; endMs: number };

/** @throws Problem 400, 404, 410 */
export async function* readSeries(parts: ApiParts, request: ReadSeriesRequest, signal: AbortSignal): AsyncGenerator<SeriesMessage> {
  const { points } = request;
  const resolution = SERIES_RESOLUTIONS.find((its) => its === request.resolution);
  if (request.resolution !== undefined && resolution === undefined)
    throw badParameters([{ parameter: 'resolution', detail: `must be one of ${SERIES_RESOLUTIONS.join(', ')}` }]);
  if (points !== undefined && !(points >= 2 && points <= POINTS_MAX))
    throw badParameters([{ parameter: 'points', detail: `must be 2 to ${POINTS_MAX}` }]);
  if (request.tz !== '' && !isTimeZone(request.tz))
    throw badParameters([{ parameter: 'tz', detail: 'is not a time zone: write its IANA name, e.g. Europe/Berlin or UTC' }]);
  const series = askedSeries(request.series);
  const from = timeOf('from', request.from, { base: 'latest', offsetMs: -MS_PER_DAY });
  const to = timeOf('to', request.to, { base: 'latest', offsetMs: 0 });
  const { from: fromMs = 0, to: toMs = 0 } = await askedRange(parts, { from, to });
  const timeZone = request.tz === '' ? undefined : request.tz;
  for await (const slice of seriesSlices(parts, { series, fromMs, toMs, timeZone, resolution, points, columns: COLUMNS, signal }))
    yield* messagesOf(slice);
}

/** @throws Problem 400 */
export function askedSeries(texts: readonly string[]): AskedSeries[] {
  if (texts.length === 0 || texts.length > SERIES_MAX)
    throw badParameters([{ parameter: 'series', detail: `must be 1 to ${SERIES_MAX}, and ${texts.length} are given` }]);
  return texts.map((text) => {
    const ref = parseSeriesRef(text);
    if (ref === undefined)
      throw badParameters([{ parameter: 'series', detail: `holds no series at ${JSON.stringify(text.slice(0, 80))}: ${SERIES_REMEDY}` }]);
    return { text, ref };
  });
}

function timeOf(parameter: string, text: string, otherwise: TimeWord): TimeWord {
  if (text === '') return otherwise;
  const word = parseTimeWord(text);
  if (typeof word === 'string') throw badParameters([{ parameter, detail: word }]);
  return word;
}

function* messagesOf({ edges, series }: SeriesAnswer): Generator<SeriesMessage> {
  for (let i = 0; i + 1 < edges.length; i++) {
    for (const { text, unit, columns } of series) {
      const message: SeriesMessage = { series: text, unit, startMs: edges[i] as number, endMs: edges[i + 1] as number };
      for (const [column, values] of columns) {
        const value = values[i];
        if (value !== null && value !== undefined) message[column] = value;
      }
      yield message;
    }
  }
}
