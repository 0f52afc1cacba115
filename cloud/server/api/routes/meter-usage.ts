/** GET /meter-usage: quarter hours of one household, or of all, in the shape that clients of the earlier consumption server read. */
import type { RequestHandler } from 'express';
import { z } from 'zod';
import type { ApiParts } from '../api-parts.ts';
import type { ApiRoute } from '../api-route.ts';
import { type MeterUsageRow, meterUsageRows } from '../meter-usage-rows.ts';
import { readQuery, time } from '../query.ts';
import { askedRange } from '../range.ts';
import { meterUsageReply } from '../schemas/meter-usage.ts';
import { rejoin, sendPieces } from '../send-pieces.ts';

/** Rows of one piece of the body: some 20 kB. */
const ROWS_PER_PIECE = 500;

const QUERY = z.object({ from: time.optional(), to: time.optional() });

export const METER_USAGE: ApiRoute = {
  path: '/meter-usage',
  operationId: 'getMeterUsage',
  group: 'Data',
  summary: 'Mean power of each quarter of an hour, in the shape that clients of the earlier consumption server read',
  description:
    'Rows of one household: the one that `cloud.meter_usage_household` names, else the one called `meterusage`, as an import names it; ' +
    'else of all households together. From the first reading to the newest, or from ≤ timestamp < to; quarters of UTC; a quarter without ' +
    'a reading is null. Streamed: when it fails on the way the connection is cut, and the missing end tells that it is not whole.',
  query: QUERY,
  replies: { 'application/json': meterUsageReply },
  problems: [404, 410],
  example: '/meter-usage?from=latest-24h',
  handler: (parts) => meterUsageHandler(parts),
};

function meterUsageHandler(parts: ApiParts): RequestHandler {
  return async (request, response) => {
    const { from, to } = await askedRange(parts, readQuery(request, QUERY));
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const rows = meterUsageRows(parts, { series: undefined, fromMs: from, toMs: to, signal: gone.signal });
    try {
      // Waited for before anything is sent, so that a store which does not answer is a problem with a status.
      const first = await rows.next();
      response.type('json');
      if (request.method === 'HEAD') response.end();
      else await sendPieces(jsonOf(rejoin(first, rows)), response, parts.clock);
    } catch (error) {
      if (!gone.signal.aborted) throw error;
    } finally {
      await rows.return(undefined);
    }
  };
}

async function* jsonOf(rows: AsyncIterable<MeterUsageRow>): AsyncGenerator<string> {
  let piece = '{"data":[';
  let count = 0;
  for await (const row of rows) {
    piece += `${count++ === 0 ? '' : ','}${JSON.stringify(row)}`;
    if (count % ROWS_PER_PIECE !== 0) continue;
    yield piece;
    piece = '';
  }
  yield `${piece}]}`;
}
