/** GET /api/v1/households/:id/windows: the windows or buckets of one household, in pages. */
import type { RequestHandler } from 'express';
import { z } from 'zod';
import { isoTime } from '../../../../common/iso-time.ts';
import type { Bucket } from '../../storage/series-store.ts';
import type { ApiParts } from '../api-parts.ts';
import type { WindowRow, WindowsReply } from '../api-types.ts';
import { Problem, shortened } from '../problem.ts';
import { checkRange, cursorOf, encodeCursor, id, LIMIT_DEFAULT, limit, rangeQuery, readQuery, resolution, time } from '../query.ts';

/** A household that is not in figures so young is unknown; asking again and again for it reads the store no oftener. */
const UNKNOWN_MAX_AGE_MS = 100;

/** The last row given: [device, field, start]. */
const POSITION = z.tuple([id, id, z.int()]);

const QUERY = z.object({
  field: id.optional(),
  from: time.optional(),
  to: time.optional(),
  resolution: resolution.optional(),
  limit: limit.optional(),
  cursor: cursorOf(POSITION).optional(),
});

export function windowsRoute(parts: ApiParts): RequestHandler<{ id: string }> {
  return async (request, response) => {
    const household = request.params.id;
    const query = readQuery(request, QUERY);
    checkRange(query);
    await checkKnown(parts, household);
    await checkField(parts, query.field);
    const { limit: rowsMax = LIMIT_DEFAULT, cursor } = query;
    const range = { ...rangeQuery({ ...query, household }), ...(cursor === undefined ? {} : { after: positionAfter(household, cursor) }) };
    const rows: Bucket[] = [];
    for await (const bucket of parts.store.range(range)) {
      rows.push(bucket);
      if (rows.length > rowsMax) break;
    }
    const shown = rows.slice(0, rowsMax);
    const last = shown.at(-1);
    const reply: WindowsReply = {
      windows: shown.map(windowRow),
      nextCursor: rows.length > rowsMax && last !== undefined ? encodeCursor([last.device, last.field, last.startMs]) : null,
      dataLabel: parts.settings.dataLabel,
    };
    response.json(reply);
  };
}

/** @throws Problem 404 */
export async function checkKnown({ overview }: ApiParts, household: string): Promise<void> {
  if ((await overview.current()).households.has(household)) return;
  if ((await overview.recent(UNKNOWN_MAX_AGE_MS)).households.has(household)) return;
  throw new Problem(404, 'no-such-household', `no household ${shortened(household)} is known; /api/v1/households lists those that are`);
}

/** A field that nobody has sent: an empty answer would hide the slip. @throws Problem 404 */
export async function checkField({ store }: ApiParts, field: string | undefined): Promise<void> {
  if (field === undefined) return;
  const fields = await store.fields();
  if (fields.includes(field)) return;
  const known = fields.length === 0 ? 'nothing is stored yet' : `there are ${fields.join(', ')}`;
  throw new Problem(404, 'no-such-field', `no field ${shortened(field)} is stored; ${known}`);
}

function positionAfter(household: string, [device, field, startMs]: z.output<typeof POSITION>) {
  return { household, device, field, startMs };
}

function windowRow({ device, field, startMs, mean, min, max, last, count }: Bucket): WindowRow {
  return { device, field, windowStart: isoTime(startMs), mean, min, max, last, count };
}
