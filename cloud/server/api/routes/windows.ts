/** GET /api/v1/households/:id/windows: the windows or buckets of one household, in pages. */
import { z } from 'zod';
import { isoTime } from '../../../../common/iso-time.ts';
import { shownBucket } from '../../analytics/shown-number.ts';
import type { Bucket } from '../../storage/series-store.ts';
import type { ApiRoute } from '../api-route.ts';
import type { WindowRow, WindowsReply } from '../api-types.ts';
import { checkField, checkKnown } from '../known.ts';
import { cursorOf, encodeCursor, id, LIMIT_DEFAULT, limit, linkNext, numbers, pathWord, readQuery, resolution, time } from '../query.ts';
import { askedRange, rangeQuery } from '../range.ts';
import { householdId } from '../schemas/households.ts';
import { windowsReply } from '../schemas/windows.ts';

/** The last row given: [device, field, start]. */
const POSITION = z.tuple([id, id, z.int()]);

const QUERY = z.object({
  field: id.optional(),
  from: time.optional(),
  to: time.optional(),
  resolution: resolution.optional(),
  numbers: numbers.optional(),
  limit: limit.optional(),
  cursor: cursorOf(POSITION).optional(),
});

export const WINDOWS: ApiRoute = {
  path: '/api/v1/households/:id/windows',
  operationId: 'listWindows',
  group: 'Data',
  summary: 'Windows or buckets that are there, in full precision unless told otherwise, in pages',
  description: 'In order of device, field, start. What is missing has no row: /api/v1/series has every bucket.',
  params: z.object({ id: householdId }),
  query: QUERY,
  replies: { 'application/json': windowsReply },
  problems: [404],
  example: '/api/v1/households/{id}/windows?field=power&from=latest-1m',
  handler: (parts) => async (request, response) => {
    const household = pathWord(request);
    const query = readQuery(request, QUERY);
    const range = await askedRange(parts, query);
    await checkKnown(parts, household);
    await checkField(parts, query.field);
    const { limit: rowsMax = LIMIT_DEFAULT, cursor } = query;
    const asked = rangeQuery({ ...range, household, field: query.field, resolution: query.resolution });
    const after = cursor === undefined ? {} : { after: { household, device: cursor[0], field: cursor[1], startMs: cursor[2] } };
    const rows: Bucket[] = [];
    for await (const bucket of parts.store.range({ ...asked, ...after })) {
      rows.push(bucket);
      if (rows.length > rowsMax) break;
    }
    const shown = rows.slice(0, rowsMax);
    const last = shown.at(-1);
    const reply: WindowsReply = {
      windows: shown.map((bucket) => windowRow(shownBucket(bucket, query.numbers ?? 'full'))),
      nextCursor: rows.length > rowsMax && last !== undefined ? encodeCursor([last.device, last.field, last.startMs]) : null,
      dataLabel: parts.settings.dataLabel,
    };
    linkNext(request, response, reply.nextCursor);
    response.json(reply);
  },
};

function windowRow({ device, field, startMs, mean, min, max, last, count }: Bucket): WindowRow {
  return { device, field, windowStart: isoTime(startMs), mean, min, max, last, count };
}
