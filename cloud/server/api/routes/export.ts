/** GET /api/v1/export: everything the query matches, streamed. */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { RequestHandler, Response } from 'express';
import { z } from 'zod';
import type { Bucket } from '../../storage/series-store.ts';
import type { ApiParts } from '../api-parts.ts';
import { Problem } from '../problem.ts';
import { checkRange, id, oneOf, rangeQuery, readQuery, resolution, time } from '../query.ts';
import { checkField, checkKnown } from './windows.ts';

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
  format: oneOf(FORMATS).optional(),
});

export function exportRoute(parts: ApiParts): RequestHandler {
  const { store, formatRows } = parts;
  let exporting = 0;
  return async (request, response) => {
    const query = readQuery(request, QUERY);
    checkRange(query);
    if (query.household !== undefined) await checkKnown(parts, query.household);
    await checkField(parts, query.field);
    if (exporting >= EXPORTS_MAX) {
      throw new Problem(503, 'busy', `${EXPORTS_MAX} exports are running, which is all there may be; ask again when one is done`, {
        headers: { 'Retry-After': '10' },
      });
    }
    exporting++;
    const { format = 'csv' } = query;
    const buckets = store.range(rangeQuery(query))[Symbol.asyncIterator]();
    try {
      // Waited for before anything is sent, so that a store which does not answer is a problem with a status.
      const first = await buckets.next();
      response.type(CONTENT_TYPES[format]).set('Content-Disposition', `attachment; filename="fogline-export.${format}"`);
      if (request.method === 'HEAD') response.end();
      else await send(formatRows(rejoin(first, buckets), format), response);
    } finally {
      exporting--;
      await buckets.return?.();
    }
  };
}

async function* rejoin(first: IteratorResult<Bucket>, rest: AsyncIterator<Bucket>): AsyncGenerator<Bucket> {
  for (let next = first; next.done !== true; next = await rest.next()) yield next.value;
}

/** A failure cuts the connection: the missing end of the chunked body tells the client that the export is not whole. */
async function send(pieces: AsyncIterable<string>, response: Response): Promise<void> {
  try {
    await pipeline(Readable.from(pieces, { highWaterMark: 1 }), response);
  } catch (error) {
    if (!isClientGone(error)) throw error;
  }
}

function isClientGone(error: unknown): boolean {
  return (
    error instanceof Error &&
    'code' in error &&
    (error.code === 'ERR_STREAM_PREMATURE_CLOSE' || error.code === 'ECONNRESET' || error.code === 'EPIPE')
  );
}
