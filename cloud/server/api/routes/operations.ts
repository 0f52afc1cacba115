/** What operators' tools ask: liveness, readiness, metrics. */
import type { RequestHandler } from 'express';
import { z } from 'zod';
import type { ApiParts } from '../api-parts.ts';
import type { ApiRoute } from '../api-route.ts';
import { Problem } from '../problem.ts';

/** A store that takes longer to answer is not ready. */
const READY_DEADLINE_MS = 2_000;
/** An answer of the store counts as current for so long. */
const READY_MAX_AGE_MS = 1_000;

/** The process runs. Says nothing of the store: a restart would not mend that. */
const answerLive: RequestHandler = (_request, response) => {
  response.json({ status: 'live' });
};

export const LIVEZ: ApiRoute = {
  path: '/livez',
  operationId: 'livez',
  group: 'Operations',
  summary: 'The process runs',
  replies: { 'application/json': z.object({ status: z.literal('live') }) },
  isOpen: true,
  example: '/livez',
  handler: () => answerLive,
};

export const READYZ: ApiRoute = {
  path: '/readyz',
  operationId: 'readyz',
  group: 'Operations',
  summary: 'The store answers, so requests can be served, and the gRPC door serves where one is set. Redis is told of, not waited for',
  replies: {
    'application/json': z.object({ status: z.literal('ready'), grpc: z.enum(['serving', 'off']), redis: z.enum(['up', 'down', 'off']) }),
  },
  example: '/readyz',
  handler: (parts) => readyHandler(parts),
};

export const METRICS: ApiRoute = {
  path: '/metrics',
  operationId: 'metrics',
  group: 'Operations',
  summary: 'Figures of the process in the text format of Prometheus',
  replies: { 'text/plain': null },
  example: '/metrics',
  handler: (parts) => metricsHandler(parts),
};

/** The store answers, and all doors are open. Without Redis this process serves its own newest windows: that is ready too. */
function readyHandler({ overview, latest, clock, grpcState }: ApiParts): RequestHandler {
  return async (_request, response) => {
    const giveUp = new AbortController();
    try {
      const late = clock.sleep(READY_DEADLINE_MS, giveUp.signal).then(() => 'late' as const);
      if ((await Promise.race([overview.recent(READY_MAX_AGE_MS), late])) === 'late') {
        throw new Problem(503, 'store-unavailable', `the store did not answer within ${READY_DEADLINE_MS} ms; its log says why`);
      }
      const grpc = grpcState();
      if (grpc === 'stopped') throw new Problem(503, 'store-unavailable', 'the gRPC door does not serve yet, or does not any more');
      response.json({ status: 'ready', grpc, redis: latest.shared() });
    } finally {
      giveUp.abort();
    }
  };
}

function metricsHandler({ metrics }: ApiParts): RequestHandler {
  return async (_request, response) => {
    response.type(metrics.contentType).send(await metrics.text());
  };
}
