/** GET /api/openapi.json: the document. GET /docs: the same for people, without script and without another origin. */
import { z } from 'zod';
import type { ApiRoute, RouteWords } from '../api-route.ts';
import { DOCS_MARK, DOCS_STYLE, docsPage } from '../docs-page.ts';
import { type OpenApiDocument, openApiDocument } from '../openapi-document.ts';

/** They change with the program only; a browser asks again by ETag. */
const CACHE = 'private, max-age=60';

/** @param listed every route there is, these among them */
export function docsRoutes(listed: () => readonly RouteWords[]): ApiRoute[] {
  /** Made when first asked for: it is the same as long as the program runs. */
  let made: OpenApiDocument | undefined;
  const documentFor = (demandsToken: boolean) => (made ??= openApiDocument(listed(), demandsToken));
  return [
    {
      path: '/api/openapi.json',
      operationId: 'getOpenApi',
      group: 'Operations',
      summary: 'This description as OpenAPI 3.1',
      replies: { 'application/json': z.record(z.string(), z.unknown()) },
      example: '/api/openapi.json',
      handler:
        ({ doors }) =>
        (_request, response) => {
          response.set('Cache-Control', CACHE).json(documentFor(doors.demandsToken));
        },
    },
    {
      path: '/docs',
      operationId: 'getDocs',
      group: 'Operations',
      summary: 'This description as a page',
      replies: { 'text/html': null },
      example: '/docs',
      handler:
        ({ doors }) =>
        (_request, response) => {
          response
            .set('Cache-Control', CACHE)
            .type('html')
            .send(docsPage(documentFor(doors.demandsToken), listed()));
        },
    },
    {
      path: '/docs.css',
      operationId: 'getDocsStyle',
      group: 'Operations',
      summary: 'Style of that page',
      replies: { 'text/css': null },
      example: '/docs.css',
      handler: () => (_request, response) => {
        response.set('Cache-Control', CACHE).type('css').send(DOCS_STYLE);
      },
    },
    {
      path: '/docs.svg',
      operationId: 'getDocsMark',
      group: 'Operations',
      summary: 'Mark of that page',
      replies: { 'image/svg+xml': null },
      example: '/docs.svg',
      handler: () => (_request, response) => {
        response.set('Cache-Control', CACHE).type('svg').send(DOCS_MARK);
      },
    },
  ];
}
