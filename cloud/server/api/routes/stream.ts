/** GET /api/v1/stream: what changes, as server-sent events. */
import { z } from 'zod';
import type { ApiRoute } from '../api-route.ts';
import { readQuery } from '../query.ts';
import { STREAM_CLIENTS_MAX, STREAMS_PER_ADDRESS_MAX } from '../live-sse.ts';
import { TOPICS } from '../schemas/live.ts';

type Topic = (typeof TOPICS)[number];

const QUERY = z.object({
  topics: z
    .string()
    .transform((text, context): Topic[] => {
      const names = text.split(',');
      const wrong = names.find((name) => !(TOPICS as readonly string[]).includes(name));
      if (wrong !== undefined)
        context.addIssue({ code: 'custom', message: `holds ${JSON.stringify(wrong.slice(0, 40))}: take of ${TOPICS.join(', ')}` });
      return TOPICS.filter((topic) => names.includes(topic));
    })
    .optional()
    .meta({ description: `Of ${TOPICS.join(', ')}, with commas between; all when left out`, example: 'live' }),
});

export const STREAM: ApiRoute = {
  path: '/api/v1/stream',
  operationId: 'getStream',
  group: 'Live',
  summary: 'Live figures, edges and alerts as server-sent events',
  description:
    'Events `live` (a LiveMessage: the whole picture first, then what changed, at most once a second), `edge` (an Edge that fell silent ' +
    'or came back), `alert` (an AlertEvent) and `gap` (a StreamGap). Each has an id, but for those ' +
    'before the first whole picture; who comes back with the header Last-Event-ID, as a ' +
    'browser does by itself, hears what came after it, each once. Where that is no longer held `gap` says so and the whole picture ' +
    'follows. A client that does not read is cut off. A comment every few seconds keeps the line. ' +
    `${STREAM_CLIENTS_MAX} streams at once, ${STREAMS_PER_ADDRESS_MAX} from one address. Try it: curl -N ORIGIN/api/v1/stream`,
  query: QUERY,
  replies: { 'text/event-stream': null },
  example: '/api/v1/stream?topics=live',
  handler: (parts) => (request, response) => parts.live.serve(request, response, readQuery(request, QUERY).topics ?? TOPICS),
};
