/** The one door to compression: bodies of 1 kB and more are gzipped for who accepts it, event streams never. */
import compression from 'compression';
import type { RequestHandler } from 'express';

/** Below it the packet is no smaller. */
const COMPRESS_FROM_BYTES = 1_024;

export function compressed(): RequestHandler {
  return compression({
    threshold: COMPRESS_FROM_BYTES,
    filter: (request, response) => !isEventStream(response.getHeader('Content-Type')) && compression.filter(request, response),
  });
}

/** It would be held back until there is enough to compress. */
function isEventStream(type: unknown): boolean {
  return String(type).startsWith('text/event-stream');
}
