/** GET /api/v1/alerts: what is raised now. GET /api/v1/events: what was raised and cleared, newest first. */
import { z } from 'zod';
import type { ApiRoute } from '../api-route.ts';
import type { AlertsReply, EventsReply } from '../api-types.ts';
import { cursorOf, encodeCursor, limit, linkNext, readQuery } from '../query.ts';
import { alertsReply, eventsReply } from '../schemas/alerts.ts';

const EVENTS_DEFAULT = 100;
const NO_QUERY = z.object({});
const QUERY = z.object({ limit: limit.optional(), cursor: cursorOf(z.number().int().positive()).optional() });

export const ALERTS: ApiRoute = {
  path: '/api/v1/alerts',
  operationId: 'listAlerts',
  group: 'Fleet',
  summary: 'Alerts that are raised now, critical ones first',
  query: NO_QUERY,
  replies: { 'application/json': alertsReply },
  example: '/api/v1/alerts',
  handler:
    ({ watch }) =>
    (request, response) => {
      readQuery(request, NO_QUERY);
      const reply: AlertsReply = { alerts: watch.open() };
      response.json(reply);
    },
};

export const EVENTS: ApiRoute = {
  path: '/api/v1/events',
  operationId: 'listEvents',
  group: 'Fleet',
  summary: 'Alerts raised and cleared, newest first, in pages',
  query: QUERY,
  replies: { 'application/json': eventsReply },
  example: '/api/v1/events?limit=20',
  handler:
    ({ events, eventReply }) =>
    async (request, response) => {
      const { limit: rows = EVENTS_DEFAULT, cursor } = readQuery(request, QUERY);
      const found = await events.recent(rows + 1, cursor);
      const shown = found.slice(0, rows);
      const reply: EventsReply = {
        events: shown.map(eventReply),
        nextCursor: found.length > rows ? encodeCursor(shown.at(-1)?.id) : null,
      };
      linkNext(request, response, reply.nextCursor);
      response.json(reply);
    },
};
