/**
 * The one door to zod-to-openapi: the OpenAPI 3.1 document, made of what the routes say of themselves and of the schemas that they read
 * and answer by.
 */
import { OpenAPIRegistry, OpenApiGeneratorV31, type RouteConfig } from '@asteasolutions/zod-to-openapi';
import { VERSION } from '../../../common/version.ts';
import type { RouteWords } from './api-route.ts';
import { LIMIT_MAX } from './query.ts';
import { REFUSALS_PER_ADDRESS_PER_MINUTE, REQUESTS_PER_ADDRESS_PER_MINUTE, REQUESTS_PER_TOKEN_PER_MINUTE } from './rate-limits.ts';
import { problemReply } from './schemas/problem.ts';
import { templateOf } from './routes/meta.ts';

export type OpenApiDocument = ReturnType<OpenApiGeneratorV31['generateDocument']>;

const LIMITS =
  `${REQUESTS_PER_ADDRESS_PER_MINUTE} from one address, ${REQUESTS_PER_TOKEN_PER_MINUTE} with one token, ` +
  `${REFUSALS_PER_ADDRESS_PER_MINUTE} without a good one`;

const ABOUT = `Power readings of households: windows, buckets, gaps, and the fleet that brings them.

- The API only reads: GET and HEAD. Times are ISO-8601 in UTC with Z; states are ISO 3166-2; a name ends in its unit (\`meanW\`).
- Missing is null, never 0. \`coverage\` is the share of a bucket's windows that are there.
- Every error is \`application/problem+json\` (RFC 9457) and says how to mend it. An unknown parameter is an error.
- Lists come in pages of up to ${LIMIT_MAX} rows: give \`nextCursor\` back as \`cursor\`, or follow the header \`Link: <…>; rel="next"\`.
- Answers have a weak ETag; a request with If-None-Match hears 304 when nothing changed. Bodies of 1 kB and more are gzipped on demand.
- Limits: ${LIMITS} requests a minute; beyond it 429 with Retry-After. The headers RateLimit and RateLimit-Policy tell what is left.`;

const STATUS_WORDS: Readonly<Record<number, string>> = {
  400: 'A parameter is wrong; `errors` says which and how to mend it',
  401: 'A token is demanded here, and there was none or a wrong one',
  403: 'The form was sent by another site',
  404: 'What the address names is not there',
  405: 'Another method than GET or HEAD',
  410: 'So fine buckets of that time are not kept any more; take a coarser resolution',
  413: 'The body is too large',
  415: 'The body is of another content type than a form',
  421: 'This server is not asked for by that name',
  429: 'Too many requests; come back after Retry-After',
  500: 'A fault of the server, or a damaged window',
  503: 'The store does not answer, or as many as may be are served already; come back after Retry-After',
};

/** May come of every route. */
const OF_EVERY_ROUTE = [421, 429, 500];

/** @param demandsToken whether this server does; the document says how either way */
export function openApiDocument(routes: readonly RouteWords[], demandsToken: boolean): OpenApiDocument {
  const registry = new OpenAPIRegistry();
  registry.registerComponent('securitySchemes', 'token', {
    type: 'http',
    scheme: 'bearer',
    description: 'A token of `fogline token new`. Demanded wherever the server is open to more than its own machine',
  });
  registry.registerComponent('securitySchemes', 'session', {
    type: 'apiKey',
    in: 'cookie',
    name: 'fogline',
    description: 'What a browser has after /login; behind TLS its name is __Host-fogline',
  });
  for (const route of routes) registry.registerPath(pathOf(route, demandsToken));
  return new OpenApiGeneratorV31(registry.definitions).generateDocument({
    openapi: '3.1.0',
    info: { title: 'Fogline', version: VERSION, description: ABOUT, license: { name: 'MIT', identifier: 'MIT' } },
    servers: [{ url: '/', description: 'This server' }],
    tags: ['Data', 'Places', 'Fleet', 'Live', 'Operations', 'Page'].map((name) => ({ name })),
  });
}

function pathOf(route: RouteWords, demandsToken: boolean): RouteConfig {
  const {
    method = 'get',
    path,
    operationId,
    group,
    summary,
    description,
    params,
    query,
    status = 200,
    problems = [],
    texts = {},
    isOpen = false,
  } = route;
  const hasParameters = params !== undefined || Object.keys(query?.shape ?? {}).length > 0;
  const guarded = demandsToken && !isOpen;
  const statuses = [
    ...(hasParameters || query !== undefined ? [400] : []),
    ...(isOpen ? [] : [401]),
    ...problems,
    ...OF_EVERY_ROUTE,
    ...(isOpen ? [] : [503]),
  ];
  return {
    method,
    path: templateOf(path),
    operationId,
    tags: [group],
    summary,
    ...(description === undefined ? {} : { description }),
    security: guarded ? [{ token: [] }, { session: [] }] : [],
    ...(hasParameters ? { request: { ...(params === undefined ? {} : { params }), ...(query === undefined ? {} : { query }) } } : {}),
    responses: {
      [status]: { description: status === 303 ? 'Goes on to another page' : summary, ...contentOf(route) },
      ...Object.fromEntries([...new Set(statuses)].sort((a, b) => a - b).map((code) => [code, problemResponse(code)])),
      ...Object.fromEntries(Object.entries(texts).map(([code, words]) => [code, textResponse(words)])),
    },
  };
}

function contentOf({ replies }: RouteWords) {
  const types = Object.entries(replies);
  if (types.length === 0) return {};
  return {
    content: Object.fromEntries(types.map(([type, schema]) => [type, { schema: schema ?? ({ type: 'string' } as const) }])),
  };
}

function textResponse(description: string) {
  return { description, content: { 'text/plain': { schema: { type: 'string' as const } } } };
}

function problemResponse(code: number) {
  return {
    description: STATUS_WORDS[code] ?? 'A problem',
    content: { 'application/problem+json': { schema: problemReply } },
    ...(code === 429 || code === 503
      ? { headers: { 'Retry-After': { description: 'Seconds', schema: { type: 'integer' as const } } } }
      : {}),
  };
}
