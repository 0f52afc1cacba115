/** GET /api/v1/households/:id/gaps: where windows are missing between two of a device, in pages. */
import type { RequestHandler } from 'express';
import { z } from 'zod';
import { isoTime } from '../../../../common/iso-time.ts';
import type { GapRow } from '../../storage/series-store.ts';
import type { ApiParts } from '../api-parts.ts';
import type { GapReply, GapsReply } from '../api-types.ts';
import { checkRange, cursorOf, encodeCursor, id, LIMIT_DEFAULT, limit, readQuery, time } from '../query.ts';
import { checkKnown } from './windows.ts';

/** The last gap given: [device, from]. */
const POSITION = z.tuple([id, z.int()]);

const QUERY = z.object({
  from: time.optional(),
  to: time.optional(),
  limit: limit.optional(),
  cursor: cursorOf(POSITION).optional(),
});

export function gapsRoute(parts: ApiParts): RequestHandler<{ id: string }> {
  return async (request, response) => {
    const household = request.params.id;
    const query = readQuery(request, QUERY);
    checkRange(query);
    await checkKnown(parts, household);
    const { from, to, limit: rowsMax = LIMIT_DEFAULT, cursor } = query;
    const rows: GapRow[] = [];
    const asked = {
      household,
      ...(from === undefined ? {} : { fromMs: from }),
      ...(to === undefined ? {} : { toMs: to }),
      ...(cursor === undefined ? {} : { after: { device: cursor[0], fromMs: cursor[1] } }),
    };
    for await (const gap of parts.store.gaps(asked)) {
      rows.push(gap);
      if (rows.length > rowsMax) break;
    }
    const shown = rows.slice(0, rowsMax);
    const last = shown.at(-1);
    const reply: GapsReply = {
      gaps: shown.map(gapReply),
      nextCursor: rows.length > rowsMax && last !== undefined ? encodeCursor([last.device, last.fromMs]) : null,
      dataLabel: parts.settings.dataLabel,
    };
    response.json(reply);
  };
}

function gapReply({ device, fromMs, toMs, reason, declared }: GapRow): GapReply {
  return { device, from: isoTime(fromMs), to: isoTime(toMs), seconds: (toMs - fromMs) / 1_000, reason, declared };
}
