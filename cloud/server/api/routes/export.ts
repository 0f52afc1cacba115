/** GET /api/v1/export: everything the query matches, streamed. */
import type { RequestHandler } from 'express';
import { z } from 'zod';
import type { ApiParts } from '../api-parts.ts';
import { Problem } from '../problem.ts';
import type { ApiRoute } from '../api-route.ts';
import { checkField, checkKnown } from '../known.ts';
import { id, numbers, oneOf, readQuery, resolution, time } from '../query.ts';
import { askedRange, rangeQuery } from '../range.ts';
import { rejoin, sendPieces } from '../send-pieces.ts';

/** Exports at once. Each reads the store for as long as its client takes the rows. */
export const EXPORTS_MAX = 4;

const FORMATS = ['csv', 'ndjson'] as const;
const CONTENT_TYPES = { csv: 'text/csv; charset=utf-8', ndjson: 'application/x-ndjson; charset=utf-8' };

const QUERY = z.object({
  household: id.optional(),
  field: id.optional(),
  from: time.optional(),
  to: time.optional(),
  resolution: resolution.optional(),
  numbers: numbers.optional(),
  format: oneOf(FORMATS).optional(),
});

export const EXPORT: ApiRoute = {
  path: '/api/v1/export',
  operationId: 'export',
  group: 'Data',
  summary: 'Everything the query matches, in full precision unless told otherwise, streamed as CSV or NDJSON',
  description:
    `Windows or buckets that are there, in order of household, device, field, start; their means are those of ` +
    `/api/v1/series. Up to ${EXPORTS_MAX} exports at once. When it fails ` +
    'on the way the connection is cut: the missing end of the body tells that it is not whole.',
  query: QUERY,
  replies: { 'text/csv': null, 'application/x-ndjson': null },
  problems: [404],
  example: '/api/v1/export?field=power&resolution=15m',
  handler: (parts) => exportHandler(parts),
};

function exportHandler(parts: ApiParts): RequestHandler {
  const { store, formatRows } = parts;
  let exporting = 0;
  return async (request, response) => {
    const query = readQuery(request, QUERY);
    const { from, to, household, field, resolution: step, format = 'csv' } = query;
    const range = await askedRange(parts, { from, to });
    if (household !== undefined) await checkKnown(parts, household);
    await checkField(parts, field);
    if (exporting >= EXPORTS_MAX) {
      throw new Problem(503, 'busy', `${EXPORTS_MAX} exports are running, which is all there may be; ask again when one is done`, {
        headers: { 'Retry-After': '10' },
      });
    }
    exporting++;
    const buckets = store.range(rangeQuery({ ...range, household, field, resolution: step }))[Symbol.asyncIterator]();
    try {
      // Waited for before anything is sent, so that a store which does not answer is a problem with a status.
      const first = await buckets.next();
      response.type(CONTENT_TYPES[format]).set('Content-Disposition', `attachment; filename="fogline-export.${format}"`);
      if (request.method === 'HEAD') response.end();
      else await sendPieces(formatRows(rejoin(first, buckets), format, query.numbers), response, parts.clock);
    } finally {
      exporting--;
      await buckets.return?.();
    }
  };
}
