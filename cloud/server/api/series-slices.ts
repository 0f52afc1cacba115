/** A range query of any length, answered piece by piece: each is read when the one before was taken, and none is held. */
import { SITE_TIME_ZONE } from '../analytics/local-time.ts';
import { usualLengthMs } from '../analytics/bucket-edges.ts';
import type { ApiParts } from './api-parts.ts';
import { answerSeries, CELLS_MAX, type SeriesAnswer, type SeriesQuery } from './series-answer.ts';

/** Buckets of each series in one piece: some 20 ms of the store's time. */
const SLICE_BUCKETS_MAX = 1_000;

/** Pieces with their resolution, in order of time, whose buckets follow each other. @throws Problem as answerSeries does */
export async function* seriesSlices(
  parts: ApiParts,
  query: Omit<SeriesQuery, 'timeZone'> & { timeZone: string | undefined },
): AsyncGenerator<SeriesAnswer> {
  const { series, columns, resolution, fromMs, toMs } = query;
  const timeZone = query.timeZone ?? SITE_TIME_ZONE;
  // So few as `points` asks for are one piece.
  if (resolution === undefined) {
    yield await answerSeries(parts, { ...query, timeZone });
    return;
  }
  const buckets = Math.min(SLICE_BUCKETS_MAX, Math.max(1, Math.floor(CELLS_MAX / (series.length * columns.length))));
  const lengthMs = usualLengthMs(resolution, parts.settings.windowMs) * buckets;
  let atMs = fromMs;
  do {
    const slice = await answerSeries(parts, { ...query, timeZone, fromMs: atMs, toMs: Math.min(toMs, atMs + lengthMs) });
    yield slice;
    atMs = slice.edges.at(-1) ?? toMs;
  } while (atMs < toMs && query.signal?.aborted !== true);
}
