/** GET /api/v1/availability: share of the time in which each edge was heard, in pages. */
import { z } from 'zod';
import { yieldToEventLoop } from '../../../../common/clock.ts';
import { isoTime } from '../../../../common/iso-time.ts';
import type { Outage } from '../../storage/fleet-log.ts';
import type { ApiParts } from '../api-parts.ts';
import type { ApiRoute } from '../api-route.ts';
import type { AvailabilityReply } from '../api-types.ts';
import { availabilityReplyOf } from '../outage-list.ts';
import { cursorOf, encodeCursor, id, limitUpTo, linkNext, readQuery } from '../query.ts';
import { availabilityReply } from '../schemas/outages.ts';
import { RANGE_QUERY, slotOf, wallRange } from '../wall-range.ts';
import { knownEdge } from './edges.ts';

/** Outages that make an availability: as many as the fleet log keeps. */
const OUTAGES_COUNTED_MAX = 10_000;
/** A bar of an edge's day in quarters of an hour. */
const SLOTS = 96;
/** Heartbeats come every few seconds; a shorter slot would say nothing. */
const SLOT_MS_MIN = 15_000;
/** Edges of one answer: each has some 8 kB of slots, so 4 MB at most. */
const EDGES_MAX = 500;
const EDGES_DEFAULT = 100;

/** The last edge given, and the range of the first answer: `now` has moved on since, and slots of all pages are the same. */
const POSITION = z.object({ edge: id, fromMs: z.int(), toMs: z.int() });

const QUERY = RANGE_QUERY.extend({
  edge: id.optional().meta({ description: 'Only this edge' }),
  limit: limitUpTo(EDGES_MAX).optional(),
  cursor: cursorOf(POSITION).optional(),
});

export const AVAILABILITY: ApiRoute = {
  path: '/api/v1/availability',
  operationId: 'getAvailability',
  group: 'Fleet',
  summary: 'Share of the time in which each edge was heard, in pages',
  description:
    `In wall clock. The last 24 h when no range is given, in up to ${SLOTS} slots of ${SLOT_MS_MIN / 1_000} s or longer. Time in which ` +
    'the cloud was away counts for no edge and is told apart. null: nothing was recorded, as before an edge was first seen. In order of ' +
    `edge; ${EDGES_DEFAULT} of them when no limit is given. All pages have the range of the first.`,
  query: QUERY,
  replies: { 'application/json': availabilityReply },
  problems: [404],
  example: '/api/v1/availability',
  handler: (parts) => async (request, response) => {
    const { edge, limit: edgesMax = EDGES_DEFAULT, cursor, ...range } = readQuery(request, QUERY);
    const { fromMs, toMs } = cursor ?? (await wallRange(parts, range));
    const all = edge === undefined ? parts.liveness.edges() : [knownEdge(parts, edge)];
    const left = cursor === undefined ? all : all.filter((its) => its.edge > cursor.edge);
    const shown = left.slice(0, edgesMax);
    const last = shown.at(-1);
    const slotMs = slotOf(fromMs, toMs, SLOTS, SLOT_MS_MIN);
    const nextCursor = left.length > shown.length && last !== undefined ? encodeCursor({ edge: last.edge, fromMs, toMs }) : null;
    const edges = await availabilities(parts, shown, { fromMs, toMs, slotMs });
    const reply: AvailabilityReply = { from: isoTime(fromMs), to: isoTime(toMs), slotSeconds: slotMs / 1_000, edges, nextCursor };
    linkNext(request, response, nextCursor);
    response.json(reply);
  },
};

async function availabilities(
  { fleet, clock }: ApiParts,
  shown: readonly { edge: string; firstSeenAt: string | null }[],
  { fromMs, toMs, slotMs }: { fromMs: number; toMs: number; slotMs: number },
): Promise<AvailabilityReply['edges']> {
  const outages = await fleet.outages({ fromMs, toMs, limit: OUTAGES_COUNTED_MAX });
  const nowMs = clock.nowMs();
  const knownFromMs = (await fleet.beat())?.firstMs ?? nowMs;
  const byEdge = outagesByEdge(outages);
  const edges: AvailabilityReply['edges'] = [];
  for (const { edge, firstSeenAt } of shown) {
    const firstSeenMs = firstSeenAt === null ? nowMs : Date.parse(firstSeenAt);
    const its = [...(byEdge.get(edge) ?? []), ...(byEdge.get('') ?? [])];
    edges.push(availabilityReplyOf(edge, its, { fromMs, toMs, slotMs, knownFromMs: Math.max(knownFromMs, firstSeenMs), nowMs }));
    // Heartbeats come in between: of hundreds of edges it is some work.
    await yieldToEventLoop();
  }
  return edges;
}

function outagesByEdge(outages: readonly Outage[]): ReadonlyMap<string, Outage[]> {
  const byEdge = new Map<string, Outage[]>();
  for (const outage of outages) {
    const its = byEdge.get(outage.edge);
    if (its === undefined) byEdge.set(outage.edge, [outage]);
    else its.push(outage);
  }
  return byEdge;
}
