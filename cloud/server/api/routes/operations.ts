/** What operators' tools ask: edges, liveness, readiness, metrics. */
import type { RequestHandler } from 'express';
import { z } from 'zod';
import type { ApiParts } from '../api-parts.ts';
import type { EdgesReply } from '../api-types.ts';
import { Problem } from '../problem.ts';
import { readQuery } from '../query.ts';

/** A store that takes longer to answer is not ready. */
const READY_DEADLINE_MS = 2_000;
/** An answer of the store counts as current for so long. */
const READY_MAX_AGE_MS = 1_000;

const NO_QUERY = z.object({});

export function edgesRoute({ liveness }: ApiParts): RequestHandler {
  return (request, response) => {
    readQuery(request, NO_QUERY);
    const reply: EdgesReply = { edges: liveness.edges() };
    response.json(reply);
  };
}

/** The process runs. Says nothing of the store: a restart would not mend that. */
export const livezRoute: RequestHandler = (_request, response) => {
  response.json({ status: 'live' });
};

/** The store answers, so requests can be served. */
export function readyzRoute({ overview, clock }: ApiParts): RequestHandler {
  return async (_request, response) => {
    const giveUp = new AbortController();
    try {
      const late = clock.sleep(READY_DEADLINE_MS, giveUp.signal).then(() => 'late' as const);
      if ((await Promise.race([overview.recent(READY_MAX_AGE_MS), late])) === 'late') {
        throw new Problem(503, 'store-unavailable', `the store did not answer within ${READY_DEADLINE_MS} ms; its log says why`);
      }
      response.json({ status: 'ready' });
    } finally {
      giveUp.abort();
    }
  };
}

export function metricsRoute({ metrics }: ApiParts): RequestHandler {
  return async (_request, response) => {
    response.type(metrics.contentType).send(await metrics.text());
  };
}
