/** /api/v1/edges, …/:id, …/:id/outbox, /api/v1/outages: who brings the readings, and when it was not heard. */
import { z } from 'zod';
import { isoTime } from '../../../../common/iso-time.ts';
import type { ApiParts } from '../api-parts.ts';
import type { ApiRoute } from '../api-route.ts';
import type { EdgeDetailReply, EdgeReply, EdgesReply, OutagesReply, OutboxReply } from '../api-types.ts';
import { outageReply, outboxSlots } from '../outage-list.ts';
import { PROBLEM_DETAILS } from '../problem-details.ts';
import { Problem, shortened } from '../problem.ts';
import { cursorOf, encodeCursor, id, limit, linkNext, pathWord, readQuery, time } from '../query.ts';
import { askedRange } from '../range.ts';
import { RANGE_QUERY, slotOf, wallRange } from '../wall-range.ts';
import { edgesReply } from '../schemas/edges.ts';
import { edgeDetailReply, outagesReply, outboxReply } from '../schemas/outages.ts';

/** Ids of households in one answer. */
const OWNED_MAX = 1_000;
/** Outages told of beside one edge. */
const OUTAGES_OF_EDGE = 20;
const OUTAGES_DEFAULT = 100;
/** Points of an outbox's course, and how often it is looked at. */
const OUTBOX_SLOTS = 480;
const OUTBOX_SLOT_MS_MIN = 30_000;

const NO_QUERY = z.object({});
const OUTAGES_QUERY = z.object({
  edge: id.optional(),
  from: time.optional(),
  to: time.optional(),
  limit: limit.optional(),
  cursor: cursorOf(z.object({ fromMs: z.number().int(), id: z.number().int().positive() })).optional(),
});
const EDGE_ID = z.object({ id: id.meta({ example: 'edge-1' }) });

export const EDGES: ApiRoute = {
  path: '/api/v1/edges',
  operationId: 'listEdges',
  group: 'Fleet',
  summary: 'Edges as they were last heard',
  query: NO_QUERY,
  replies: { 'application/json': edgesReply },
  example: '/api/v1/edges',
  handler:
    ({ liveness }) =>
    (request, response) => {
      readQuery(request, NO_QUERY);
      const reply: EdgesReply = { edges: liveness.edges() };
      response.json(reply);
    },
};

export const EDGE: ApiRoute = {
  path: '/api/v1/edges/:id',
  operationId: 'getEdge',
  group: 'Fleet',
  summary: 'One edge, the households that it owns and its newest outages',
  params: EDGE_ID,
  query: NO_QUERY,
  replies: { 'application/json': edgeDetailReply },
  problems: [404],
  handler: (parts) => async (request, response) => {
    readQuery(request, NO_QUERY);
    const edge = knownEdge(parts, pathWord(request));
    const owned = [...(await parts.store.owners())].flatMap(([household, owner]) => (owner === edge.edge ? [household] : [])).sort();
    const outages = await parts.fleet.outages({ edge: edge.edge, limit: OUTAGES_OF_EDGE });
    const { silentAfterMs, unstoredAfterMs } = parts.liveness.limits;
    const reply: EdgeDetailReply = {
      edge,
      ownedCount: owned.length,
      owned: owned.slice(0, OWNED_MAX),
      outages: outages.map((outage) => outageReply(outage, parts.clock.nowMs())),
      silentAfterSeconds: silentAfterMs / 1_000,
      unstoredAfterSeconds: unstoredAfterMs / 1_000,
    };
    response.json(reply);
  },
};

export const OUTBOX: ApiRoute = {
  path: '/api/v1/edges/:id/outbox',
  operationId: 'getOutbox',
  group: 'Fleet',
  summary: "Course of the depth of one edge's outbox, and of the age of what waits",
  description:
    `In wall clock. Looked at every ${OUTBOX_SLOT_MS_MIN / 1_000} s while the edge is heard and kept for a day; the last 24 h when no ` +
    `range is given. The most of each of up to ${OUTBOX_SLOTS} slots.`,
  params: EDGE_ID,
  query: RANGE_QUERY,
  replies: { 'application/json': outboxReply },
  problems: [404],
  handler: (parts) => async (request, response) => {
    const { fromMs, toMs } = await wallRange(parts, readQuery(request, RANGE_QUERY));
    const { edge } = knownEdge(parts, pathWord(request));
    const slotMs = slotOf(fromMs, toMs, OUTBOX_SLOTS, OUTBOX_SLOT_MS_MIN);
    const samples = await parts.fleet.samples(edge, fromMs, toMs);
    const slots = outboxSlots(samples, { fromMs, toMs, slotMs });
    const reply: OutboxReply = { edge, from: isoTime(fromMs), to: isoTime(toMs), slotSeconds: slotMs / 1_000, ...slots };
    response.json(reply);
  },
};

export const OUTAGES: ApiRoute = {
  path: '/api/v1/outages',
  operationId: 'listOutages',
  group: 'Fleet',
  summary: 'When edges could not be heard or stored of, and when the cloud was away; newest first, in pages',
  description:
    'In wall clock, not in event time; `latest` and `first` still mean the data. Outages that reach into from ≤ t < to. Those of the ' +
    'cloud (edge: null) are of every edge, and come with each. They are kept over restarts, the newest 10,000.',
  query: OUTAGES_QUERY,
  replies: { 'application/json': outagesReply },
  example: '/api/v1/outages?from=now-7d',
  handler: (parts) => async (request, response) => {
    const { edge, limit: rowsMax = OUTAGES_DEFAULT, cursor, ...query } = readQuery(request, OUTAGES_QUERY);
    const { from, to } = await askedRange(parts, query);
    const rows = await parts.fleet.outages({
      limit: rowsMax + 1,
      ...(edge === undefined ? {} : { edge }),
      ...(from === undefined ? {} : { fromMs: from }),
      ...(to === undefined ? {} : { toMs: to }),
      ...(cursor === undefined ? {} : { after: cursor }),
    });
    const shown = rows.slice(0, rowsMax);
    const last = shown.at(-1);
    const reply: OutagesReply = {
      outages: shown.map((outage) => outageReply(outage, parts.clock.nowMs())),
      nextCursor: rows.length > rowsMax && last !== undefined ? encodeCursor({ fromMs: last.fromMs, id: last.id }) : null,
    };
    linkNext(request, response, reply.nextCursor);
    response.json(reply);
  },
};

/** @throws Problem 404 */
export function knownEdge({ liveness }: ApiParts, its: string): EdgeReply {
  const edge = liveness.edges().find((known) => known.edge === its);
  if (edge !== undefined) return edge;
  throw new Problem(404, 'no-such-edge', PROBLEM_DETAILS.say('edge-unknown', { edge: shortened(its) }));
}
