/** GET /api/v1/alerts: what is raised now. GET /api/v1/events: what was raised and cleared, newest first. */
import type { RequestHandler } from 'express';
import { z } from 'zod';
import type { ApiParts } from '../api-parts.ts';
import type { AlertsReply, EventsReply } from '../api-types.ts';
import { cursorOf, encodeCursor, limit, readQuery } from '../query.ts';

const EVENTS_DEFAULT = 100;
const NO_QUERY = z.object({});
const QUERY = z.object({ limit: limit.optional(), cursor: cursorOf(z.number().int().positive()).optional() });

export function alertsRoute({ watch }: ApiParts): RequestHandler {
  return (request, response) => {
    readQuery(request, NO_QUERY);
    const reply: AlertsReply = { alerts: watch.open() };
    response.json(reply);
  };
}

export function eventsRoute({ events, eventReply }: ApiParts): RequestHandler {
  return async (request, response) => {
    const { limit: rows = EVENTS_DEFAULT, cursor } = readQuery(request, QUERY);
    const found = await events.recent(rows + 1, cursor);
    const shown = found.slice(0, rows);
    const reply: EventsReply = {
      events: shown.map(eventReply),
      nextCursor: found.length > rows ? encodeCursor(shown.at(-1)?.id) : null,
    };
    response.json(reply);
  };
}
